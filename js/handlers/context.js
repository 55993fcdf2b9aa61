import { RESULT } from '../core/core.js';
import { integer, transferList } from '../base/check.js';
import { poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { STATUS } from '../generated/status.js';
import { callCTask } from './c-task.js';
import { CALL_C } from './call-c.js';
import { promiseOf } from './handlers.js';
import { RUNNER } from './runner.js';

/**
 * The worker's side of a context: handlers cannot reach these functions.
 * @type {(context: Context | undefined) => void} aborts its signal, if there is one and the task was given up
 */
export let tellSignal;
/** @type {(context: Context, handler: import('./handlers.js').Handler, argument: any) => unknown} runs the handler */
export let callHandler;
/** @type {(context: Context, shared: unknown) => void} sets sharedArgs, for a batch whose results are kept item by item */
export let setSharedArgs;
/** @type {(context: Context) => void} ends an item: drops its boxes and its transfer list */
export let nextItem;
/**
 * If the result is memory of alloc(), or its beginning, makes it the slot's result in place.
 * @type {(context: Context, value: unknown) => boolean} false: not so; the boxes still exist, because the result may be a view of part of
 *   them. Call dropBoxes() when it is written
 */
export let commitBox;
/** @type {(context: Context) => void} frees the memory of alloc() that the result does not use */
export let dropBoxes;
/** @type {(context: Context) => import('../base/host-types.js').Transferable[] | undefined} the objects passed to move() */
export let transferOf;
/** @type {(context: Context) => number} index of the task's slot */
export let slotOf;

/**
 * A context as handlers see it: an object type, so that tests of handlers can pass a stand-in.
 * @typedef {Pick<Context, Extract<keyof Context, string>>} Ctx
 */

/** The second argument of a handler: one run of one task. */
export class Context {
  #loop;
  #index;
  #slot;
  #serial;
  #done = false;
  /** @type {AbortController | undefined} created when the signal is first read */
  #abort;
  /** @type {Map<Uint8Array, number> | undefined} boxes of alloc(), by their bytes */
  #boxes;
  /** @type {Set<import('../base/host-types.js').Transferable> | undefined} */
  #transfer;
  /** @type {unknown} */
  #shared;

  /**
   * @param {import('./runner.js').Runner} loop
   * @param {number} index
   * @param {number} slot
   */
  constructor(loop, index, slot) {
    this.#loop = loop;
    this.#index = index;
    this.#slot = slot;
    this.#serial = loop.core.memory.f64[(slot + L.SLOT_SERIAL) >>> 3];
  }

  /** For modules of this package that run as handlers. */
  get [RUNNER]() {
    return this.#loop;
  }

  /** The worker that runs the task: `index` is its seat in the pool, from 0. */
  get worker() {
    return this.#loop.worker;
  }

  /** The task's id, as in the errors of the pool. */
  get taskId() {
    return taskId(this.#serial);
  }

  /** The pool's option `initData`. */
  get initData() {
    return this.#loop.init.initData;
  }

  /** The `sharedArgs` of a map or a bulk job: the same value for every item. */
  get sharedArgs() {
    return this.#shared;
  }

  /** True once the caller no longer wants the result. Reads shared memory, so it may be called inside a loop. */
  get isCancelled() {
    if (this.#done) return true;
    return (this.#loop.core.load(this.#slot) & 0xff) !== L.SLOT_RUNNING;
  }

  /**
   * Aborted when the task is cancelled, over its time limit or terminated while it runs. For asynchronous work: the message from main
   * arrives in the worker's event loop. Code that does not return to the event loop reads isCancelled instead.
   */
  get signal() {
    if (!this.#abort) {
      this.#abort = new AbortController();
      if (!this.#done) this.#loop.signals.set(this.#index, this);
    }
    this.#tellSignal();
    return this.#abort.signal;
  }

  #tellSignal() {
    if (!this.#abort || this.#done || !this.isCancelled) return;
    const isLate = (this.#loop.core.load(this.#slot) & 0xff) === L.SLOT_TIMED_OUT;
    this.#abort.abort(poolError(isLate ? 'TIMEOUT' : 'CANCELLED'));
  }

  /** The task has ended. */
  #end() {
    this.#done = true;
    if (this.#abort) this.#loop.signals.delete(this.#index);
  }

  /** Tells the pool that the task is alive, from inside a long computation. */
  heartbeat() {
    const { core, at } = this.#loop;
    Atomics.add(core.memory.u32, (at + L.THREAD_BEAT) >>> 2, 1);
  }

  /**
   * Sends an intermediate value to the caller's `onProgress`, in order and before the result. Waits while main is too far behind; a value of
   * a task that was given up is dropped.
   * @param {unknown} value
   */
  progress(value) {
    this.#check();
    this.#loop.guarded(() => this.#progress(value));
  }

  /** @param {unknown} value */
  #progress(value) {
    const { core } = this.#loop;
    const { exports, pool, self } = core;
    // A thread fills one event at a time; its record has one place for it, from which it is freed if the thread dies.
    if (core.load(this.#loop.at + L.THREAD_EVENT) !== 0)
      throw poolError('INVALID_ARGUMENT', 'progress was called by its own value (a getter or toJSON)');
    const index = exports._wp_js_task_event(pool, self, this.#index);
    if (index === STATUS.CANCELLED) return;
    core.index(index);
    try {
      const message = core.write(core.slots.record(index), RESULT, value);
      if (message) throw poolError('NOT_SERIALIZABLE', 'progress carries plain data only');
    } catch (error) {
      exports._wp_task_drop_event(pool, self, index);
      throw error;
    }
    if (exports._wp_task_send_event(pool, self, index)) this.#loop.ring();
  }

  /**
   * Memory for the result: return this array, or a view of its beginning, and the bytes reach the caller without a copy. If there is no
   * shared memory left, the array is private memory, and the result is copied.
   * @param {number} bytes
   * @returns {Uint8Array}
   */
  alloc(bytes) {
    this.#check();
    integer('bytes', bytes, 0);
    const { core } = this.#loop;
    let box;
    try {
      box = this.#loop.guarded(() => core.createBox(bytes));
    } catch (error) {
      if (/** @type {any} */ (error).code !== 'NO_MEMORY' || bytes > this.#loop.init.memoryBytes) throw error;
      return new Uint8Array(bytes); // the result goes by message
    }
    const view = core.memory.view(core.memory.address(core.boxes.record(box) + L.BOX_ADDRESS), bytes);
    (this.#boxes ??= new Map()).set(view, box);
    return view;
  }

  /**
   * Runs a C task inside this one, on memory that is filled in place. For the command line; not for tasks with `onLost: 'requeue'`.
   * @param {import('./c-task.js').CCall} call
   * @returns {unknown} the result
   */
  [CALL_C](call) {
    this.#check();
    return callCTask(this.#loop, this.#index, this.#slot, call);
  }

  /**
   * Calls a function that the pool was given as `main[name]`, on the main thread.
   * @param {string} name
   * @param {unknown} [argument]
   * @returns {Promise<any>}
   */
  main(name, argument) {
    const { core, calls } = this.#loop;
    const generation = this.#done ? -1 : core.generation(this.#slot);
    return calls.ask({ kind: 'main', name, argument, slot: this.#index, generation });
  }

  /**
   * Has parts of the result transferred instead of copied: `return context.move(value, [value.buffer])`. Calls add up; each item of a
   * batch may have its own.
   * @template T
   * @param {T} value
   * @param {import('../base/host-types.js').Transferable[]} transfer
   * @returns {T}
   */
  move(value, transfer) {
    this.#transfer ??= new Set();
    for (const part of transferList('transfer', transfer)) this.#transfer.add(part);
    return value;
  }

  /**
   * @param {import('./handlers.js').Handler} handler
   * @param {any} argument
   */
  #call(handler, argument) {
    const flags = this.#loop.core.memory.u32[(this.#slot + L.SLOT_FLAGS) >>> 2];
    if (!(flags & (L.SLOT_BATCH | L.SLOT_LIST))) return handler(argument, this);
    this.#shared = argument.shared;
    if (flags & L.SLOT_LIST) return handler(argument.items, this);
    const result = handler(argument.items[0], this); // the only item: js/handlers/item-run.js runs larger batches
    const promise = promiseOf(result);
    return promise ? listOf(promise) : [result];
  }

  /** @param {unknown} value */
  #commitBox(value) {
    this.#end();
    for (const [view, box] of this.#boxes ?? []) {
      const own = value instanceof Uint8Array && value.buffer === view.buffer && value.byteOffset === view.byteOffset;
      if (!own || value.length > view.length) continue;
      this.#boxes?.delete(view);
      this.#loop.core.giveBox(this.#slot, box, value.length);
      this.#dropBoxes();
      return true;
    }
    return false;
  }

  #dropBoxes() {
    this.#end();
    const { core } = this.#loop;
    for (const box of this.#boxes?.values() ?? []) core.exports._wp_box_drop(core.pool, core.self, box);
    this.#boxes = undefined;
  }

  static {
    tellSignal = (context) => {
      if (context) context.#tellSignal();
    };
    callHandler = (context, handler, argument) => context.#call(handler, argument);
    setSharedArgs = (context, shared) => {
      context.#shared = shared;
    };
    nextItem = (context) => {
      context.#dropBoxes();
      context.#done = false;
      context.#transfer = undefined;
    };
    commitBox = (context, value) => context.#commitBox(value);
    dropBoxes = (context) => context.#dropBoxes();
    slotOf = (context) => context.#index;
    transferOf = (context) => context.#transfer && [...context.#transfer];
  }

  #check() {
    if (this.#done) throw poolError('STALE_HANDLE', 'the task has ended: its context does nothing any more');
  }
}

/**
 * @param {Promise<unknown>} promise of a batch's only item
 * @returns {Promise<unknown[]>}
 */
async function listOf(promise) {
  return [await promise];
}

/**
 * A task's id: unique in its program, and greater than those of tasks submitted before it.
 * @param {number} serial
 */
export function taskId(serial) {
  return `task-${serial}`;
}
