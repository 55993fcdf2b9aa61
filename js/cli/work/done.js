/** The outcome of a run of a block: results as text, failures, and items that were not run. */

import { Buffer } from 'node:buffer';

/**
 * @typedef {import('../input/block.js').Block} Block
 * @typedef {import('../fault.js').Failure} Failure
 */

export class Done {
  /** @type {Map<number, Failure>} by item */
  failures = new Map();
  /** Number of bytes read. */
  bytes = 0;
  /** Number of runs that were stopped at the time limit. */
  kills = 0;
  /** Size of the results in bytes. */
  size = 0;
  /** @type {Buffer[]} */
  #pieces = [];
  /** @type {number[]} end of each item's line */
  #ends = [];
  /** @type {number[]} how long each item took */
  #ms = [];
  /** @type {Block | undefined} */
  #rest;

  /** @param {Block} block  as it was started */
  constructor(block) {
    this.block = block;
  }

  /**
   * @param {Block} block
   * @param {import('./record.js').BlockRecord} record  which its worker does not use any more
   * @param {number} count  items that are done
   */
  static fromRecord(block, record, count) {
    const done = new Done(block);
    if (count === 0) return done;
    const { text, ends, failed, ms } = record.results(count);
    for (const i of failed) done.failures.set(i, JSON.parse(text.toString('utf8', i ? ends[i - 1] : 0, ends[i])));
    done.#pieces.push(text);
    done.#ends = ends;
    done.#ms = ms;
    done.size = text.length;
    done.bytes = record.bytes;
    return done;
  }

  /**
   * The first item failed before a worker got it.
   * @param {Block} block
   * @param {Failure} failure
   */
  static failed(block, failure) {
    const done = new Done(block);
    done.addFailure(failure);
    return done;
  }

  /** Number of items that are done, successfully or not. */
  get count() {
    return this.#ends.length;
  }

  /** @returns {Block | undefined} the items that were not run */
  get rest() {
    if (this.#rest?.first === this.block.first + this.count) return this.#rest;
    return (this.#rest = this.count < this.block.count ? this.block.slice(this.count) : undefined);
  }

  get totalMs() {
    return this.#ms.reduce((sum, ms) => sum + ms, 0);
  }

  /** How long an item took, in milliseconds. */
  ms(/** @type {number} */ i) {
    return this.#ms[i];
  }

  /** All lines, if no item has failed. */
  get text() {
    if (this.#pieces.length !== 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0];
  }

  /**
   * The line of an item that has not failed.
   * @param {number} i
   */
  line(i) {
    return this.text.subarray(i ? this.#ends[i - 1] : 0, this.#ends[i]);
  }

  /** @param {import('./handler.js').Result} result  of the next item */
  add({ text, failed, bytes, ms }) {
    this.bytes += bytes;
    if (failed) this.addFailure(JSON.parse(text), ms);
    else this.addLine(Buffer.from(text), ms);
  }

  /**
   * @param {Failure} failure  of the next item
   * @param {number} [ms]
   */
  addFailure(failure, ms = 0) {
    this.failures.set(this.count, failure);
    this.addLine(Buffer.alloc(0), ms);
  }

  /**
   * @param {Buffer} line  of the next item
   * @param {number} ms
   */
  addLine(line, ms) {
    this.size += line.length;
    this.#pieces.push(line);
    this.#ends.push(this.size);
    this.#ms.push(ms);
  }
}

/** @param {import('node:stream').Readable} stream */
export async function readAll(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}
