/**
 * The items of a `wasmpool map` run, read lazily and in blocks, one for each read of an input. Lines are split here and parsed by the
 * workers; files are named here and read by the workers. An input that cannot be read becomes an item that fails, so that the rest goes
 * on.
 */

import { Buffer } from 'node:buffer';
import { createReadStream, statSync } from 'node:fs';
import { Block } from './block.js';

const LF = 0x0a;
const NUL = 0x00;

/** White space bytes are not above this. */
const SPACE = 0x20;

/** Most file names in one block. */
const NAMES = 1024;

/**
 * @param {string} path
 * @returns {import('node:fs').Stats | undefined} undefined: reading the file will fail with the reason
 */
export function statOf(path) {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Each name is an item.
 * @param {readonly string[]} names
 * @param {{ first?: number, readsStdin: boolean }} options  readsStdin: whether '-' means standard input
 * @returns {Generator<Block, void, void>}
 */
export function* nameBlocks(names, { first = 0, readsStdin }) {
  for (let at = 0; at < names.length;) {
    const isStdin = (/** @type {string} */ name) => readsStdin && name === '-';
    let end = at + 1;
    if (!isStdin(names[at])) while (end < names.length && end < at + NAMES && !isStdin(names[end])) end++;
    const paths = names.slice(at, end);
    const bounds = new Uint32Array(2 * paths.length);
    const pieces = paths.map((path) => Buffer.from(path));
    pieces.reduce((start, { length }, i) => {
      bounds[2 * i] = start;
      return (bounds[2 * i + 1] = start + length);
    }, 0);
    const block = new Block(first + at, Buffer.concat(pieces), bounds, { paths });
    block.isReadByMain = isStdin(names[at]);
    yield block;
    at = end;
  }
}

/**
 * The names in a list are the items: one per line, or separated by NUL.
 * @param {string} list  a path, or '-' for standard input
 * @param {import('node:stream').Readable} stdin
 * @param {boolean} nul
 * @returns {AsyncGenerator<Block, void, void>}
 */
export async function* listedBlocks(list, stdin, nul) {
  const separator = nul ? NUL : LF;
  const stream = list === '-' ? stdin : createReadStream(list);
  let first = 0;
  for await (const records of wholeRecords(stream, separator)) {
    const names = records.toString().split(String.fromCharCode(separator)).filter(Boolean);
    yield* nameBlocks(names, { first, readsStdin: false });
    first += names.length;
  }
}

/**
 * Each line is an item.
 * @param {readonly string[]} files  '-' is standard input
 * @param {import('node:stream').Readable} stdin
 * @param {{ skipBlank: boolean }} options
 * @returns {AsyncGenerator<Block, void, void>}
 */
export async function* lineBlocks(files, stdin, { skipBlank }) {
  let first = 0;
  for (const file of files) {
    const name = file === '-' ? 'stdin' : file;
    let number = 0;
    try {
      for await (const records of wholeRecords(file === '-' ? stdin : createReadStream(file))) {
        const found = findLines(records, number, skipBlank);
        ({ number } = found);
        if (!found.lines.length) continue;
        yield new Block(first, records, found.bounds, { name, lines: found.lines });
        first += found.lines.length;
      }
    } catch (error) {
      const block = new Block(first++, Buffer.alloc(0), new Uint32Array(2), { paths: [name] });
      block.error = error;
      yield block;
    }
  }
}

/**
 * @param {Buffer} records  whole lines
 * @param {number} number  of lines before them
 * @param {boolean} skipBlank
 */
function findLines(records, number, skipBlank) {
  const bounds = [];
  const lines = [];
  for (let start = 0; start < records.length;) {
    const found = records.indexOf(LF, start);
    const end = found < 0 ? records.length : found;
    number++;
    if (!skipBlank || !isBlank(records, start, end)) {
      bounds.push(start, end);
      lines.push(number);
    }
    start = end + 1;
  }
  return { bounds: Uint32Array.from(bounds), lines: Uint32Array.from(lines), number };
}

/**
 * @param {Buffer} records
 * @param {number} start
 * @param {number} end
 */
function isBlank(records, start, end) {
  if (start === end) return true;
  if (records[start] > SPACE) return false;
  return end - start < 80 && records.toString('latin1', start, end).trim() === '';
}

/**
 * A stream in pieces that end where a record does; a last record without a separator counts if it is not empty.
 * @param {AsyncIterable<Uint8Array>} stream
 * @param {number} [separator]  a byte
 * @returns {AsyncGenerator<Buffer, void, void>}
 */
export async function* wholeRecords(stream, separator = LF) {
  /** @type {Buffer[]} pieces of the incomplete record at the end */
  let open = [];
  for await (const chunk of stream) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const end = buffer.lastIndexOf(separator) + 1;
    if (end > 0) {
      const whole = buffer.subarray(0, end);
      yield open.length ? Buffer.concat([...open, whole]) : whole;
      open = [];
    }
    if (end < buffer.length) open.push(buffer.subarray(end));
  }
  if (open.length) yield Buffer.concat(open);
}
