/**
 * Results as NDJSON. Lines are gathered for one turn of the event loop and then written, so that a reader at the other
 * end of a pipe sees each result at once and a flood of small ones is not one system call each.
 */

import { closeSync, openSync, writeSync } from 'node:fs';
import { ItemError, UsageError, describe } from './fault.js';
import { statOf } from './input.js';

/** A closed output pipe: whoever read our results has enough of them. */
export class ClosedPipe extends Error {}

/** Results cannot be written any more: the disk is full, for instance. */
export class OutputError extends Error {}

/** Gathered text is written from this length on, without waiting for the turn's end. */
const FLUSH_LENGTH = 1 << 16;

/**
 * One result as a line of JSON. What JSON has no form for: binary data is base64, BigInt its decimal digits, a Map an
 * array of pairs, a Set an array; undefined, NaN and the infinities are null.
 * @param {unknown} value
 * @returns {string}
 */
export function toLine(value) {
  try {
    return `${JSON.stringify(value, plainJson) ?? 'null'}\n`;
  } catch (error) {
    throw new ItemError('NOT_SERIALIZABLE', `the result is no JSON: ${describe(error)}`);
  }
}

/**
 * @param {string} _key
 * @param {unknown} value
 */
function plainJson(_key, value) {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  }
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString('base64');
  if (value instanceof Map || value instanceof Set) return [...value];
  return value;
}

/**
 * Where results go.
 * @typedef {object} Sink
 * @property {(text: string) => Promise<void> | void} write  a promise when the reader is slower than we are
 * @property {() => Promise<void>} end  all has been written
 */

/** Gathers lines before a sink. Errors of the sink come out of write() and end(). */
export class Writer {
  #sink;
  #text = '';
  #scheduled = false;
  /** @type {unknown} */
  #error;

  /** @param {Sink} sink */
  constructor(sink) {
    this.#sink = sink;
  }

  /**
   * @param {string} line
   * @returns {Promise<void> | void}
   */
  write(line) {
    if (this.#error) throw this.#error;
    this.#text += line;
    if (this.#text.length >= FLUSH_LENGTH) return this.#flush();
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(async () => {
      this.#scheduled = false;
      try {
        await this.#flush();
      } catch (error) {
        this.#error = error;
      }
    });
  }

  async end() {
    await this.#flush();
    await this.#sink.end();
    if (this.#error) throw this.#error;
  }

  #flush() {
    const text = this.#text;
    this.#text = '';
    return text ? this.#sink.write(text) : undefined;
  }
}

/**
 * @param {import('node:stream').Writable} stream  standard output
 * @returns {Sink}
 */
export function streamSink(stream) {
  /** @type {Error | undefined} */
  let broken;
  stream.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
    broken ??= error.code === 'EPIPE' ? new ClosedPipe() : new OutputError(`stdout: ${describe(error)}`);
    stream.emit('drain');
  });
  return {
    async write(text) {
      if (broken) throw broken;
      if (!stream.write(text)) await new Promise((resolve) => stream.once('drain', resolve));
      if (broken) throw broken;
    },
    async end() {
      await new Promise((resolve) => stream.write('', resolve));
      if (broken) throw broken;
    },
  };
}

/**
 * Opens FILE and writes to it as results come. Not to a temporary file renamed at the end: a run that is killed, or that
 * ends early for want of disk space, then leaves all the results that it had.
 * @param {string} path
 * @param {string[]} inputs  refused as output: opening would empty them
 * @returns {Sink}
 */
export function fileSink(path, inputs) {
  const old = statOf(path);
  for (const input of old?.isFile() ? inputs : []) {
    const stat = statOf(input);
    if (stat && stat.ino === old?.ino && stat.dev === old.dev) {
      throw new UsageError(`${input}: is an input and the output file as well`);
    }
  }
  const fd = openOutput(path);
  return {
    write(text) {
      try {
        for (let bytes = Buffer.from(text); bytes.length;) {
          bytes = bytes.subarray(writeSync(fd, bytes));
        }
      } catch (error) {
        if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EPIPE') throw new ClosedPipe();
        throw new OutputError(`${path}: ${describe(error)}`);
      }
    },
    async end() {
      closeSync(fd);
    },
  };
}

/** @param {string} path */
function openOutput(path) {
  try {
    return openSync(path, 'w');
  } catch (error) {
    throw new UsageError(`${path}: cannot write: ${describe(error)}`);
  }
}
