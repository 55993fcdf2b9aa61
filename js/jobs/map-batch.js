/** A batch of a map: items that travel together, and their results. */

import { NO_VALUE } from '../task/task.js';
import { Box, holdLease, startLease } from '../task/box.js';

/**
 * @typedef {import('../task/task.js').Sink} Sink
 *
 * @typedef {object} MapPort how a map's batches get into the pool as tasks
 * @property {(items: unknown[], start: number, sink: Batch<any>, bytes: number) => import('../task/task.js').Task} submit
 *   bytes: room for the results, if they are several
 * @property {(task: import('../task/task.js').Task, kill: boolean) => void} cancel
 * @property {(task: import('../task/task.js').Task) => number} bytes of its inputs in shared memory
 * @property {() => Promise<void> | undefined} freed the next time that a task of the pool gives memory back; undefined: none is in flight
 * @property {() => void} over the map has ended
 * @property {boolean} isShared items are sent in lists, even one alone
 * @property {import('./map-window.js').Room} room what it may use
 *
 * @typedef {object} BatchOwner
 * @property {boolean} settles failures are results too
 * @property {(batch: Batch<any>) => void} ended its task has ended
 */

/** Bytes for the results of items that travel together: for each, for what is thrown, and at most. */
const ROOM_PER_ITEM = 64;
const ROOM_FOR_ERROR = 2048;
const ROOM_MOST = 1 << 20;

/** Refusals that fewer items at once may escape. */
const PARTED = new Set(['NO_MEMORY', 'TOO_LARGE', 'NOT_SERIALIZABLE']);
/** Refusals that concern every item: `settle` does not go on after them. */
const FATAL = new Set(['POOL_DESTROYED', 'SHUTTING_DOWN', 'START_FAILED', 'UNSUPPORTED', 'INVALID_ARGUMENT']);

/**
 * Sink of the tasks that carry its items: one task, or several, one after the other, when it was parted or an item failed.
 * @template R
 * @implements {Sink}
 */
export class Batch {
  /** @type {any[]} of items that are over, in order */
  results = [];
  /** @type {import('../base/errors.js').PoolError | undefined} ends the map */
  error = undefined;
  /** @type {import('../task/task.js').Task | undefined} with the pool */
  task = undefined;
  /** @type {import('../base/errors.js').PoolError | undefined} the pool had no room for it */
  refusal = undefined;
  /** The next refusal is final. */
  isLast = false;
  /** It is being given to the pool. */
  isEntering = false;
  /** Nobody wants it any more. */
  isLeft = false;
  /** Results that onItems has counted. */
  told = 0;
  /** Items for each task. */
  step;
  /** When its items must be over: the same for all of its tasks. @type {import('../options/task-options.js').Deadline | undefined} */
  deadline = undefined;
  /** What the window charges. */
  charge = 0;
  /** Bytes of the results. */
  bytes = 0;
  #owner;
  #isList = false;
  #isLoneList = false;
  /** Leased results. @type {Box[]} */
  #boxes = [];

  /**
   * @param {BatchOwner} owner
   * @param {unknown[]} items
   * @param {number} start index of its first item
   */
  constructor(owner, items, start) {
    this.#owner = owner;
    this.items = items;
    this.start = start;
    this.step = items.length;
  }

  /** Whether every item is over, or the map with it. */
  get isReady() {
    return this.error !== undefined || this.results.length === this.items.length;
  }

  /**
   * Gives the items that are not over, or as many as may travel together, to the pool.
   * @param {MapPort} port
   * @param {number} expected bytes of the results of all items
   */
  submit(port, expected) {
    const from = this.results.length;
    const items = this.items.slice(from, from + this.step);
    this.refusal = undefined;
    this.#isList = items.length > 1;
    this.#isLoneList = items.length === 1 && port.isShared;
    const task = port.submit(items, this.start + from, this, this.#roomFor(items.length, expected));
    this.task = task.settled ? undefined : task;
  }

  /**
   * What their results may need at first. Those that need more travel by message.
   * @param {number} items
   * @param {number} expected
   */
  #roomFor(items, expected) {
    const known = this.results.length > 0 ? this.bytes / this.results.length : expected / this.items.length;
    return Math.min(ROOM_MOST, Math.ceil(items * (ROOM_PER_ITEM + known * 1.25))) + ROOM_FOR_ERROR;
  }

  /** @param {number} bytes of the result that is about to be told */
  weigh(bytes) {
    this.bytes += bytes;
  }

  /**
   * @param {R[]} values of items that ran to their end, whatever became of their task
   * @param {number} bytes
   */
  partial(values, bytes) {
    this.bytes += bytes;
    for (const value of values) this.#add(value);
  }

  /**
   * @param {number} _item
   * @param {any} value
   */
  fulfil(_item, value) {
    if (value !== NO_VALUE) this.#add(this.#isLoneList ? value[0] : value);
    this.#end();
  }

  /**
   * The item that comes next has failed; what comes after it has not run.
   * @param {number} _item
   * @param {import('../base/errors.js').PoolError} error
   * @returns {false | void}
   */
  fail(_item, error) {
    if (this.isLeft) return false;
    error.index = this.start + this.results.length;
    const isFatal = error.worker === undefined && FATAL.has(error.code);
    if (this.#owner.settles && !isFatal) this.results.push({ status: 'rejected', reason: error });
    else this.error = error;
    this.#end();
  }

  /**
   * The pool did not take it.
   * @param {import('../base/errors.js').PoolError} error
   * @returns {boolean} whether it will be tried again: it has not failed yet
   */
  refused(error) {
    if (this.isLast || !(error.code === 'NO_MEMORY' || (this.#isList && PARTED.has(error.code)))) return false;
    this.refusal = error;
    return true;
  }

  /**
   * Nobody wants it any more.
   * @param {MapPort} port
   * @param {boolean} kill what runs is stopped as well
   * @returns {boolean} whether the pool had it
   */
  leave(port, kill) {
    const { task } = this;
    this.isLeft = true;
    if (task) port.cancel(task, kill);
    this.task = undefined;
    for (const box of this.#boxes) box.release();
    return task !== undefined;
  }

  /** It is read: leases begin. */
  read() {
    for (const box of this.#boxes) startLease(box);
    return this.results;
  }

  /** @param {any} value */
  #add(value) {
    if (!this.#isList && this.bytes === 0 && ArrayBuffer.isView(value)) this.bytes += value.byteLength; // it came by message
    if (value instanceof Box) {
      holdLease(value); // until it is read
      this.#boxes.push(value);
    }
    this.results.push(this.#owner.settles ? { status: 'fulfilled', value } : value);
  }

  #end() {
    this.task = undefined;
    this.isLast = false;
    this.#owner.ended(this);
  }
}
