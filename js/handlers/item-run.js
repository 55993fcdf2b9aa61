/** Runs a batch's items one by one, in order. Each result is in shared memory before the next item begins. */
import { RESULT } from '../core/core.js';
import * as L from '../generated/layout.js';
import { STATUS } from '../generated/status.js';
import { RECORD_BYTES, skipRecords, writeRecord } from '../core/records.js';
import { dropBoxes, nextItem, setSharedArgs, transferOf } from './context.js';
import { promiseOf } from './handlers.js';
import { statusOf } from './status-of.js';

/** One batch on its worker. */
export class ItemRun {
  /** The status with which the task ends. @type {number} */
  status = STATUS.OK;
  #loop;
  #index;
  #slot;
  #handler;
  #context;
  /** @type {unknown[]} */
  #items;
  #done;
  #at;
  #end;
  #isTimed;

  /**
   * @param {import('./runner.js').Runner} loop
   * @param {number} index
   * @param {number} slot
   * @param {import('./handlers.js').Handler} handler
   * @param {any} argument the items, and the value that they share
   * @param {import('./context.js').Context} context
   */
  constructor(loop, index, slot, handler, argument, context) {
    const { core } = loop;
    const { memory } = core;
    const box = core.boxes.record(core.boxOf(slot, RESULT) - 1);
    this.#loop = loop;
    this.#index = index;
    this.#slot = slot;
    this.#handler = handler;
    this.#items = argument.items;
    this.#context = context;
    setSharedArgs(context, argument.shared);
    this.#done = core.load(slot + L.SLOT_RESULT_INLINE) & L.ITEMS_DONE; // above 0 if the task was requeued
    const at = memory.address(box + L.BOX_ADDRESS);
    this.#end = at + memory.u32[(box + L.BOX_BYTES) >>> 2];
    this.#at = skipRecords(core, at, this.#done);
    this.#isTimed = memory.u32[(slot + L.SLOT_TIMEOUT_MS) >>> 2] !== 0;
    memory.reach(this.#end);
  }

  /**
   * Runs items until one must be awaited.
   * @returns {Promise<unknown> | undefined} undefined: the task has ended, with `status`
   */
  go() {
    for (let result; this.#done < this.#items.length && this.#isWanted;) {
      try {
        result = this.#handler(this.#items[this.#done], this.#context);
        const promise = promiseOf(result);
        if (promise) return promise;
      } catch (error) {
        this.fail(error);
        return undefined;
      }
      if (!this.take(result)) return undefined;
    }
    dropBoxes(this.#context);
    return undefined;
  }

  get #isWanted() {
    return (this.#loop.core.load(this.#slot) & 0xff) === L.SLOT_RUNNING;
  }

  /**
   * Takes the value of the running item.
   * @param {unknown} value
   * @returns {boolean} false: the task has ended with it
   */
  take(value) {
    let record;
    try {
      record = writeRecord(this.#loop.core, this.#at, this.#room, value, false, transferOf(this.#context));
    } catch (error) {
      this.fail(error);
      return false;
    }
    nextItem(this.#context);
    if (record.message) return this.#close(record);
    this.#at = record.end;
    this.#done++;
    return this.#step(L.ITEM_NEXT) || this.#over();
  }

  /**
   * The running item has failed, and ends the task.
   * @param {unknown} error
   */
  fail(error) {
    if (this.#loop.insideGate()) throw error; // thrown inside the gate: this thread cannot be trusted any more
    this.status = statusOf(error);
    this.#close(writeRecord(this.#loop.core, this.#at, this.#room, error, true));
  }

  /** @param {import('../core/records.js').Written} record the last one */
  #close({ message }) {
    if (this.#step(L.ITEM_CLOSE)) {
      if (message) this.#loop.send(this.#index, this.#slot, message);
      this.#step(L.ITEM_LAST);
    }
    return this.#over();
  }

  /** Room for the next value, leaving enough for the heads of the records after it. */
  get #room() {
    return this.#end - this.#at - RECORD_BYTES * (this.#items.length - this.#done);
  }

  /** @param {number} step */
  #step(step) {
    const { core } = this.#loop;
    const now = this.#isTimed && step === L.ITEM_NEXT ? this.#loop.readClock() : 0;
    return core.exports._wp_task_item(core.pool, core.self, this.#index, step, now) !== 0;
  }

  /** Ends the run. */
  #over() {
    dropBoxes(this.#context);
    this.#items = [];
    return false;
  }
}
