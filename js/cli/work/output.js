/**
 * Writes results as NDJSON. Lines are collected for one turn of the event loop and then written, so that the reader of a pipe gets
 * each result soon, and many small ones do not cost one system call each.
 */

import { Buffer } from 'node:buffer';
import { closeSync, openSync, writeSync } from 'node:fs';
import { UsageError, describe } from '../fault.js';
import { statOf } from '../input/input.js';

/** The output pipe was closed: its reader does not want more results. */
export class ClosedPipe extends Error {}

/** Results cannot be written any more: the disk is full, for instance. */
export class OutputError extends Error {}

/** Collected text of this length is written without waiting for the end of the turn. */
const FLUSH_LENGTH = 1 << 16;

/**
 * A destination for results.
 * @typedef {object} Sink
 * @property {(bytes: Uint8Array) => Promise<void> | void} write  returns a promise if the reader is slower
 * @property {() => Promise<void>} end  settles when everything has been written
 */

/** Collects lines for a sink. Errors of the sink are thrown by write() and end(). */
export class Writer {
  #sink;
  #before;
  /** @type {Uint8Array[]} */
  #pieces = [];
  #length = 0;
  #scheduled = false;
  /** @type {unknown} */
  #error;

  /**
   * @param {Sink} sink
   * @param {Writer} [before]  its lines are written first
   */
  constructor(sink, before) {
    this.#sink = sink;
    this.#before = before;
  }

  /**
   * @param {Uint8Array | string} lines
   * @returns {Promise<void> | void}
   */
  write(lines) {
    if (this.#error) throw this.#error;
    this.#pieces.push(typeof lines === 'string' ? Buffer.from(lines) : lines);
    this.#length += lines.length;
    if (this.#length >= FLUSH_LENGTH) return this.flush();
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(async () => {
      this.#scheduled = false;
      try {
        await this.flush();
      } catch (error) {
        this.#error = error;
      }
    });
  }

  async end() {
    await this.flush();
    await this.#sink.end();
    if (this.#error) throw this.#error;
  }

  async flush() {
    await this.#before?.flush();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#length = 0;
    if (pieces.length) await this.#sink.write(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces));
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
    async write(bytes) {
      if (broken) throw broken;
      if (!stream.write(bytes)) await new Promise((resolve) => stream.once('drain', resolve));
      if (broken) throw broken;
    },
    async end() {
      await new Promise((resolve) => stream.write('', resolve));
      if (broken) throw broken;
    },
  };
}

/**
 * Opens FILE and writes to it as results come, and not to a temporary file that is renamed at the end: so a run that is killed, or that
 * ends because the disk is full, leaves all the results that it had.
 * @param {string} path
 * @param {string[]} inputs  not allowed as output, because opening would empty them
 * @param {{ append?: boolean }} [how]  append: keep the file's content
 * @returns {Sink}
 */
export function fileSink(path, inputs, { append = false } = {}) {
  const old = statOf(path);
  for (const input of old?.isFile() ? inputs : []) {
    const stat = statOf(input);
    if (stat && stat.ino === old?.ino && stat.dev === old.dev) {
      throw new UsageError(`${input}: is an input and the output file as well`);
    }
  }
  const fd = openOutput(path, append ? 'a' : 'w');
  return {
    write(bytes) {
      try {
        for (let left = bytes; left.length;) left = left.subarray(writeSync(fd, left));
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

/**
 * @param {string} path
 * @param {'a' | 'w'} how
 */
function openOutput(path, how) {
  try {
    return openSync(path, how);
  } catch (error) {
    throw new UsageError(`${path}: cannot write: ${describe(error)}`);
  }
}
