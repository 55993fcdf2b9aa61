/** Bulk jobs on main: collects the results of slices, in their places. */
import { callBack, labelError, labelled } from './callback.js';

/** REQUIREMENTS TW-59, TW-25: number and size of the result buffers that are kept. */
const BUFFERS = 16;
const BUFFER_ITEMS = 1024;

/** Fills a result buffer after its callback, in development. */
const SPOILED = Object.freeze({
  wasmpool: 'results of a bulk job are valid during its callback only: copy what is to be kept',
});

/** Arrays for the results of bulk jobs: each is lent to one callback at a time. */
export class ResultBuffers {
  /** @type {unknown[][]} */
  #free = Array.from({ length: BUFFERS }, () => []);
  #spoils;

  /** @param {boolean} spoils for development: whether returned buffers are filled with SPOILED */
  constructor(spoils) {
    this.#spoils = spoils;
  }

  /** For telemetry. */
  get gauge() {
    return { free: this.#free.length, capacity: BUFFERS };
  }

  /**
   * @param {number} items
   * @returns {unknown[]} so many times undefined
   */
  take(items) {
    const buffer = items <= BUFFER_ITEMS ? this.#free.pop() : undefined;
    return (buffer && refilled(buffer, items, undefined)) ?? new Array(items).fill(undefined);
  }

  /** @param {unknown[]} buffer of take() */
  give(buffer) {
    if (this.#spoils) refilled(buffer, buffer.length, SPOILED);
    if (buffer.length <= BUFFER_ITEMS && this.#free.length < BUFFERS) this.#free.push(buffer);
  }
}

/**
 * @param {unknown[]} buffer whose borrower may have changed its elements into accessors, or frozen it
 * @param {number} length
 * @param {unknown} value
 * @returns {unknown[] | undefined} undefined: the buffer cannot be used any more
 */
function refilled(buffer, length, value) {
  try {
    buffer.length = 0;
    buffer.length = length;
    return buffer.fill(value);
  } catch {
    return undefined;
  }
}

/** The sink of one bulk job's slices. The callback runs once, with the last slice, or never. */
export class BulkSink {
  #callback;
  #port;
  #buffers;
  #results;
  #missing;
  #sliceItems;
  /** False after disconnect(). */
  connected = true;
  /** See CallbackSink.entering. */
  entering = true;

  /**
   * @param {(results: any[]) => void} callback
   * @param {import('./callback.js').CallbackPort} port
   * @param {ResultBuffers} buffers
   * @param {number} items
   * @param {number} sliceItems
   * @param {string} [label]
   */
  constructor(callback, port, buffers, items, sliceItems, label) {
    this.label = label;
    this.#callback = callback;
    this.#port = port;
    this.#buffers = buffers;
    this.#results = buffers.take(items);
    this.#missing = Math.ceil(items / sliceItems);
    this.#sliceItems = sliceItems;
  }

  /**
   * One slice's results: too few leave gaps, too many are dropped; neighbours stay as they are (TW-21).
   * @param {number} start index of its first item
   * @param {any} values
   */
  fulfil(start, values) {
    const length = Math.min(this.#sliceItems, this.#results.length - start);
    const given = Array.isArray(values) || ArrayBuffer.isView(values) ? /** @type {any} */ (values) : [];
    if (given.length !== length) {
      const text = `items ${start} to ${start + length - 1}: expected ${length} results, got ${given.length}`;
      this.#port.emit(labelled(this.label, text));
    }
    const count = Math.min(length, given.length);
    for (let i = 0; i < count; i++) this.#results[start + i] = given[i];
    this.#finishOne();
  }

  /**
   * A slice that failed leaves a gap (TW-22).
   * @param {number} _start
   * @param {Error} error
   */
  fail(_start, error) {
    labelError(this.label, error);
    const { connected } = this; // read it first: the last slice clears it
    this.#finishOne();
    return connected ? undefined : /** @type {const} */ (false);
  }

  #finishOne() {
    if (--this.#missing > 0) return;
    if (this.entering) this.#port.later(() => this.#finish());
    else this.#finish();
  }

  #finish() {
    const results = this.#results;
    if (this.connected) callBack(this.#callback, results, this.#port, this);
    this.connected = false;
    this.#buffers.give(results);
  }
}
