/** A batch of a map: items that travel together, and their results. */

import { NO_VALUE } from '../task/task.js';
import { Box, holdLease, startLease } from '../task/box.js';

/**
 * @typedef {import('../task/task.js').Sink} Sink
 *
 * @typedef {object} MapPort the pool, for a map's batches
 * @property {(items: unknown[], start: number, sink: Batch<any>, bytes: number) => import('../task/task.js').Task} submit
 *   bytes: room for the results of several items
 * @property {(task: import('../task/task.js').Task, kill: boolean) => void} cancel
 * @property {(task: import('../task/task.js').Task) => number} bytes of its inputs in shared memory
 * @property {() => Promise<void> | undefined} freed settles when a task of the pool gives memory back; undefined: none is in flight
 * @property {() => void} over called when the map has ended
 * @property {boolean} isShared whether items are always sent in a list, even a single one
 * @property {import('./map-window.js').Room} room limits of the map
 *
 * @typedef {object} BatchOwner
 * @property {boolean} settles whether failures are results too
 * @property {(batch: Batch<any>) => void} ended called when a batch's task has ended
 */

/** Bytes for the results of items that travel together: per item, for an error, and most for the results. */
const ROOM_PER_ITEM = 64;
const ROOM_FOR_ERROR = 2048;
const ROOM_MOST = 1 << 20;

/** Refusals that may not occur with fewer items at once, so the batch is split. */
const PARTED = new Set(['NO_MEMORY', 'TOO_LARGE', 'NOT_SERIALIZABLE']);
/** Refusals that would occur for every item: even `settle` does not go on after them. */
const FATAL = new Set(['POOL_DESTROYED', 'SHUTTING_DOWN', 'START_FAILED', 'UNSUPPORTED', 'INVALID_ARGUMENT']);

/**
 * The sink of the tasks that carry its items: one task, or several one after the other if the batch was split or an item failed.
 * @template R
 * @implements {Sink}
 */
export class Batch {
  /** @type {any[]} results of finished items, in order */
  results = [];
  /** @type {import('../base/errors.js').PoolError | undefined} an error that ends the map */
  error = undefined;
  /** @type {import('../task/task.js').Task | undefined} its task in the pool */
  task = undefined;
  /** @type {import('../base/errors.js').PoolError | undefined} why the pool did not take it, if it will be tried again */
  refusal = undefined;
  /** Whether the next refusal is final. */
  isLast = false;
  /** Whether it is being submitted just now. */
  isEntering = false;
  /** Whether the map has given it up. */
  isLeft = false;
  /** Number of results reported to onItems. */
  told = 0;
  /** Number of items for each task. */
  step;
  /** Deadline of its items, the same for all of its tasks. @type {import('../options/task-options.js').Deadline | undefined} */
  deadline = undefined;
  /** Bytes that the window has charged for it. */
  charge = 0;
  /** Size of the results in bytes. */
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

  /** Whether all items have finished, or one has ended the map. */
  get isReady() {
    return this.error !== undefined || this.results.length === this.items.length;
  }

  /**
   * Submits the unfinished items, or as many of them as may travel together.
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
   * Room to reserve for the results. Results for which it is too small travel by message.
   * @param {number} items
   * @param {number} expected
   */
  #roomFor(items, expected) {
    const known = this.results.length > 0 ? this.bytes / this.results.length : expected / this.items.length;
    return Math.min(ROOM_MOST, Math.ceil(items * (ROOM_PER_ITEM + known * 1.25))) + ROOM_FOR_ERROR;
  }

  /** @param {number} bytes size of the result that is about to be delivered */
  weigh(bytes) {
    this.bytes += bytes;
  }

  /**
   * @param {R[]} values results of finished items, however their task ended
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
   * The next item has failed; those after it have not run.
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
   * The pool did not take the task.
   * @param {import('../base/errors.js').PoolError} error
   * @returns {boolean} whether it will be tried again, so that it has not failed yet
   */
  refused(error) {
    if (this.isLast || !(error.code === 'NO_MEMORY' || (this.#isList && PARTED.has(error.code)))) return false;
    this.refusal = error;
    return true;
  }

  /**
   * Gives the batch up.
   * @param {MapPort} port
   * @param {boolean} kill whether to stop it if it runs
   * @returns {boolean} whether the pool had its task
   */
  leave(port, kill) {
    const { task } = this;
    this.isLeft = true;
    if (task) port.cancel(task, kill);
    this.task = undefined;
    for (const box of this.#boxes) box.release();
    return task !== undefined;
  }

  /** Returns the results for delivery; leases start now. */
  read() {
    for (const box of this.#boxes) startLease(box);
    return this.results;
  }

  /** @param {any} value */
  #add(value) {
    if (!this.#isList && this.bytes === 0 && ArrayBuffer.isView(value)) this.bytes += value.byteLength; // came by message
    if (value instanceof Box) {
      holdLease(value); // until read()
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
