/**
 * The items of a `wasmpool map` run, read lazily: a source gives names and lines, the bytes of a file are read only when
 * its turn in the window comes. Whatever cannot be read is an item that fails, so that the rest goes on.
 */

import { isUtf8 } from 'node:buffer';
import { closeSync, createReadStream, openSync, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { ItemError } from './fault.js';

/**
 * @typedef {object} Item
 * @property {string} label  how messages name it: a path, or FILE:LINE
 * @property {string} [path]  of a --files item
 * @property {number} bytes  its size, as far as it is known
 * @property {() => unknown} load  the payload, or a promise of it; throws what makes the item fail
 */

/** Up to this size a regular file is read synchronously: several times faster, and workers do not wait for main. */
const SYNC_BYTES = 1 << 20;

const LF = 0x0a;
const NUL = 0x00;

/**
 * Each name is an item: { path, bytes } for a JS handler, the bytes alone for a C task. '-' is standard input.
 * @param {Iterable<string> | AsyncIterable<string>} names
 * @param {{ bare: boolean, stdin: import('node:stream').Readable }} options  bare: the bytes alone
 * @returns {AsyncGenerator<Item, void, void>}
 */
export async function* fileItems(names, { bare, stdin }) {
  for await (const path of names) {
    const stat = path === '-' ? undefined : statOf(path);
    /** @type {Item} */
    const item = {
      label: path,
      path,
      bytes: stat?.isFile() ? stat.size : 0,
      async load() {
        const bytes = await (path === '-' ? readAll(stdin) : readPath(path, stat));
        item.bytes = bytes.byteLength;
        return bare ? bytes : { path, bytes };
      },
    };
    yield item;
  }
}

/**
 * @param {string} path
 * @returns {import('node:fs').Stats | undefined} undefined: reading it will say why
 */
export function statOf(path) {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/**
 * @param {string} path
 * @param {import('node:fs').Stats | undefined} stat
 * @returns {Uint8Array | Promise<Uint8Array>}
 */
function readPath(path, stat) {
  // A pipe or a device may keep us waiting; a large file would keep main from its other work.
  if (!stat?.isFile() || stat.size > SYNC_BYTES) return readFile(path).then(plain);
  const fd = openSync(path, 'r');
  try {
    return plain(readFileSync(fd));
  } finally {
    closeSync(fd);
  }
}

/** @param {import('node:stream').Readable} stream */
async function readAll(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return plain(Buffer.concat(pieces));
}

/**
 * A handler is promised a Uint8Array, not a Buffer.
 * @param {Buffer} buffer
 */
function plain(buffer) {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/**
 * Each line is an item: a string without its line end (LF or CRLF).
 * @param {string[]} files  '-' is standard input
 * @param {import('node:stream').Readable} stdin
 * @returns {AsyncGenerator<Item, void, void>}
 */
export async function* lineItems(files, stdin) {
  for await (const { label, line } of numberedLines(files, stdin)) {
    if (line instanceof Error) yield failed(label, line);
    else yield { label, bytes: line.length + 1, load: () => text(line) };
  }
}

/**
 * Each line that is not blank is an item: one JSON value.
 * @param {string[]} files  '-' is standard input
 * @param {import('node:stream').Readable} stdin
 * @returns {AsyncGenerator<Item, void, void>}
 */
export async function* jsonItems(files, stdin) {
  for await (const { label, line } of numberedLines(files, stdin)) {
    if (line instanceof Error) yield failed(label, line);
    else if (!isBlank(line)) yield { label, bytes: line.length + 1, load: () => parse(text(line)) };
  }
}

/**
 * The pieces of a stream between separators; a last one without separator counts if it is not empty.
 * @param {AsyncIterable<Uint8Array>} stream
 * @param {number} [separator]  a byte
 * @returns {AsyncGenerator<Buffer, void, void>}
 */
export async function* split(stream, separator = LF) {
  /** @type {Buffer[]} pieces of the line that is not complete yet */
  let open = [];
  for await (const chunk of stream) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end; (end = buffer.indexOf(separator, start)) >= 0; start = end + 1) {
      const rest = buffer.subarray(start, end);
      yield open.length ? Buffer.concat([...open, rest]) : rest;
      open = [];
    }
    if (start < buffer.length) open.push(buffer.subarray(start));
  }
  if (open.length) yield Buffer.concat(open);
}

/**
 * The names in a list: one a line, or separated by NUL.
 * @param {string} list  a path, or '-' for standard input
 * @param {import('node:stream').Readable} stdin
 * @param {boolean} nul
 * @returns {AsyncGenerator<string, void, void>}
 */
export async function* namesFrom(list, stdin, nul) {
  const stream = list === '-' ? stdin : createReadStream(list);
  for await (const name of split(stream, nul ? NUL : LF)) if (name.length) yield name.toString();
}

/**
 * @param {string[]} files
 * @param {import('node:stream').Readable} stdin
 * @returns {AsyncGenerator<{ label: string, line: Buffer | Error }, void, void>}
 */
async function* numberedLines(files, stdin) {
  for (const file of files) {
    const name = file === '-' ? 'stdin' : file;
    let number = 0;
    try {
      for await (const line of split(file === '-' ? stdin : createReadStream(file))) {
        yield { label: `${name}:${++number}`, line };
      }
    } catch (error) {
      yield { label: name, line: /** @type {Error} */ (error) };
    }
  }
}

/**
 * @param {string} label
 * @param {Error} error
 * @returns {Item}
 */
function failed(label, error) {
  const load = () => {
    throw error;
  };
  return { label, bytes: 0, load };
}

/** @param {Buffer} line */
function isBlank(line) {
  return line.length < 80 && line.toString('latin1').trim() === '';
}

/** @param {Buffer} line */
function text(line) {
  if (!isUtf8(line)) throw new ItemError('INVALID_ARGUMENT', 'the line is not UTF-8');
  return line.toString('utf8', 0, line.at(-1) === 0x0d ? line.length - 1 : line.length);
}

/** @param {string} line */
function parse(line) {
  try {
    return JSON.parse(line.charCodeAt(0) === 0xfeff ? line.slice(1) : line);
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    throw new ItemError('INVALID_ARGUMENT', `not a JSON value: ${message}`);
  }
}
