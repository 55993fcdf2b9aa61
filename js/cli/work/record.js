/**
 * A worker's progress on a block of items, in memory that outlives the worker: each item's result, and how many are done. If the worker
 * dies in the middle of a block, main knows which items are done, which one was running, and which ones another worker can run: none is
 * lost, and none runs twice.
 *
 * One record serves one block at a time. TURN is the only word that both sides write, by compare-and-exchange: the worker
 * moves it past an item, or main condemns that item, and then the worker leaves the record alone.
 */

import { Buffer } from 'node:buffer';

/** Words of the header. */
const TURN = 0; // number of items done, which is the index of the current one; CONDEMNED may be added
const STARTED = 1; // items started: TURN, or one more while an item runs
const ATTEMPTS = 2; // how often the running item has failed before
const TEXT = 3; // bytes of results
const COUNT = 12; // items of the block
/** Doubles of the header. */
const BEGAN = 4; // when the running item began
const BYTES = 5; // read by the items that are done
const HEADER_BYTES = 64;

/** Words of an item: start and end of its bytes in the block, end of its result, how long it took (a float). */
const ITEM_WORDS = 4;

const CONDEMNED = 1 << 30;
const FAILED = 0x8000_0000;

/** Most items of a block, and most bytes of their results. A longer result travels by itself. */
export const BLOCK_ITEMS = 4096;
const TEXT_BYTES = 192 << 10;

const RECORD_BYTES = HEADER_BYTES + BLOCK_ITEMS * ITEM_WORDS * 4 + TEXT_BYTES;

/** One record, for main and for a worker. */
export class BlockRecord {
  #words;
  #floats;
  #doubles;
  #text;

  /** @param {SharedArrayBuffer} [memory] */
  constructor(memory = new SharedArrayBuffer(RECORD_BYTES)) {
    this.memory = memory;
    this.#words = new Uint32Array(memory);
    this.#floats = new Float32Array(memory);
    this.#doubles = new Float64Array(memory, 0, HEADER_BYTES >> 3);
    this.#text = Buffer.from(memory, RECORD_BYTES - TEXT_BYTES, TEXT_BYTES);
  }

  /**
   * Main: prepares it for a new block. `bounds`: start and end of each item's bytes, relative to `base`.
   * @param {Uint32Array} bounds
   * @param {number} base
   * @param {number} attempts  failed attempts of the first item
   */
  reset(bounds, base, attempts) {
    const words = this.#words;
    for (let i = 0, at = HEADER_BYTES >> 2; i < bounds.length; i += 2, at += ITEM_WORDS) {
      words[at] = bounds[i] - base;
      words[at + 1] = bounds[i + 1] - base;
    }
    words[COUNT] = bounds.length >> 1;
    words[ATTEMPTS] = attempts;
    words[TEXT] = 0;
    words[STARTED] = 0;
    this.#doubles[BYTES] = 0;
    Atomics.store(words, TURN, 0);
  }

  /** Number of items in the block. */
  get count() {
    return this.#words[COUNT];
  }

  /** @param {number} item */
  start(item) {
    return this.#words[this.#at(item)];
  }

  /** @param {number} item */
  end(item) {
    return this.#words[this.#at(item) + 1];
  }

  /** Number of items that are done. */
  get turn() {
    return Atomics.load(this.#words, TURN) & ~CONDEMNED;
  }

  /** Whether the current item has been started. */
  get isRunning() {
    return Atomics.load(this.#words, STARTED) > this.turn;
  }

  get attempts() {
    return this.#words[ATTEMPTS];
  }

  /** Worker: counts another attempt of the running item. */
  countAttempt() {
    this.#words[ATTEMPTS]++;
  }

  /** When the running item began, on the clock that all threads share. */
  get beganMs() {
    return this.#doubles[BEGAN];
  }

  /** Bytes that the items have read so far. */
  get bytes() {
    return this.#doubles[BYTES];
  }

  /**
   * Worker: begins an item, or another attempt of it.
   * @param {number} item
   * @param {number} nowMs
   */
  begin(item, nowMs) {
    this.#doubles[BEGAN] = nowMs;
    Atomics.store(this.#words, STARTED, item + 1);
  }

  /**
   * Main: condemns the item, so that its worker may not finish it any more.
   * @param {number} item
   * @returns {boolean} false if it has been finished
   */
  condemn(item) {
    return Atomics.compareExchange(this.#words, TURN, item, item | CONDEMNED) === item;
  }

  /**
   * Worker: whether there is room for the result of an item.
   * @param {string} text
   */
  fits(text) {
    const room = TEXT_BYTES - this.#words[TEXT];
    return text.length * 3 <= room || Buffer.byteLength(text) <= room;
  }

  /**
   * Worker: finishes an item.
   * @param {number} item
   * @param {string} text  its result; fits()
   * @param {{ failed: boolean, ms: number, bytes: number }} facts
   * @returns {boolean} false if it was condemned: then the worker must not use this record any more
   */
  commit(item, text, { failed, ms, bytes }) {
    const words = this.#words;
    const at = this.#at(item);
    const end = words[TEXT] + this.#text.write(text, words[TEXT]);
    words[at + 2] = failed ? end + FAILED : end;
    this.#floats[at + 3] = ms;
    const total = this.#doubles[BYTES] + bytes;
    if (Atomics.compareExchange(words, TURN, item, item + 1) !== item) return false;
    words[TEXT] = end;
    words[ATTEMPTS] = 0;
    this.#doubles[BYTES] = total;
    return true;
  }

  /**
   * Main, when the worker does not use the record any more: copies the results of the first items.
   * @param {number} count
   * @returns {{ text: Buffer, ends: number[], failed: number[], ms: number[] }}
   */
  results(count) {
    /** @type {number[]} */
    const ends = new Array(count);
    /** @type {number[]} */
    const ms = new Array(count);
    /** @type {number[]} */
    const failed = [];
    for (let i = 0; i < count; i++) {
      const at = this.#at(i);
      const end = this.#words[at + 2];
      if (end >= FAILED) failed.push(i);
      ends[i] = end % FAILED;
      ms[i] = this.#floats[at + 3];
    }
    const text = Buffer.from(this.#text.subarray(0, count ? ends[count - 1] : 0)); // from its own memory: a copy
    return { text, ends, failed, ms };
  }

  /** @param {number} item */
  #at(item) {
    return (HEADER_BYTES >> 2) + item * ITEM_WORDS;
  }
}

const PREFIX_BYTES = 8;

/**
 * A block as a task's payload: only bytes, which are carried as they are.
 * @param {number} index  of its record
 * @param {Uint8Array} data  the items' bytes
 * @param {Uint8Array} [content]  of the file, if its only item is one that main has read
 */
export function pack(index, data, content) {
  const bytes = new Uint8Array(PREFIX_BYTES + data.length + (content?.length ?? 0));
  const prefix = new DataView(bytes.buffer);
  prefix.setUint32(0, index);
  prefix.setUint32(4, content ? data.length + 1 : 0);
  bytes.set(data, PREFIX_BYTES);
  if (content) bytes.set(content, PREFIX_BYTES + data.length);
  return bytes;
}

/**
 * @param {Uint8Array} bytes  of pack()
 * @returns {{ index: number, data: Buffer, content?: Uint8Array }}
 */
export function unpack(bytes) {
  const prefix = new DataView(bytes.buffer, bytes.byteOffset);
  const index = prefix.getUint32(0);
  const end = prefix.getUint32(4);
  const start = bytes.byteOffset + PREFIX_BYTES;
  const length = end ? end - 1 : bytes.length - PREFIX_BYTES;
  const data = Buffer.from(bytes.buffer, start, length);
  return end ? { index, data, content: bytes.slice(PREFIX_BYTES + length) } : { index, data };
}
