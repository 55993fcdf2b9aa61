/** A task on main: the promise that its caller holds, and the engine's record. */
import { poolError } from '../base/errors.js';
import { own } from '../base/own.js';
import { failing } from './stacks.js';
import { taskId } from '../handlers/context.js';

/**
 * Receives a task's result: a promise, or one place of a batch.
 * @typedef {object} Sink
 * @property {(item: any, value: any) => void} fulfil item: the task's
 * @property {string} [label] name of the task in messages, instead of its handler's
 * @property {(item: any, error: import('../base/errors.js').PoolError, swept?: boolean) => void | false} fail swept: the task never
 *   started, because another member of its group had failed. Returns false if this does not count as a failure
 * @property {(error: import('../base/errors.js').PoolError) => boolean} [refused] the task could not be written into a slot. Returns true
 *   if its items will be submitted again in another task, so that it has not failed
 * @property {(values: any[], bytes: number) => void} [partial] results of a batch's finished items; the task's own end follows
 * @property {(bytes: number) => void} [weigh] called before fulfil, with the size of the result
 */

/** Fulfils a batch whose values were all delivered by `partial`. */
export const NO_VALUE = Symbol('no value');

/** Number of tasks so far, of all pools of this program. */
let serials = 0;

/** @typedef {{ value: unknown, transfer: import('../base/host-types.js').Transferable[] }} Channel a value to be sent by message */

/** Fields that few tasks need. */
class Rare {
  /** How long it may take to end by itself. @type {number | undefined} */
  graceMs = undefined;
  /** @type {((value: any) => void) | undefined} */
  onProgress = undefined;
  /** @type {((run: () => unknown) => unknown) | undefined} calls a function in the async context of the task's submission */
  inContext = undefined;
  /** @type {(() => void) | undefined} removes the listener on the signal */
  unlisten = undefined;
  /** @type {(import('../options/task-options.js').Deadline & { forget: () => void }) | undefined} */
  deadline = undefined;
  /** @type {Channel | undefined} the argument, if only a message can carry it */
  channel = undefined;
  /** @type {((cause: any) => import('../base/errors.js').PoolError) | undefined} set if the value that comes by message is an error */
  failure = undefined;
  /** @type {import('../threads/member.js').Member | undefined} the only worker that has its argument */
  boundTo = undefined;
  /** @type {import('./box.js').Box | undefined} keeps a leased argument from being collected */
  argument = undefined;
}

/** The engine's record of a task. Kept small, because there may be a million of them. */
export class Task {
  /** Index of its slot; -1 before it has one. */
  index = -1;
  generation = 0;
  settled = false;
  /** Whether main checks the clocks while it is in flight. */
  timed = false;
  /** Grows from task to task; the id is made from it (AM-36, TW-66). */
  serial = ++serials;
  /** @type {Rare | undefined} */
  rare = undefined;

  /**
   * @param {Sink} sink
   * @param {any} item its place in the sink: a number; for PROMISE_SINK, the promise itself
   */
  constructor(sink, item) {
    this.sink = sink;
    this.item = item;
  }

  /** The rare fields, created at the first use. */
  get more() {
    return (this.rare ??= new Rare());
  }

  get id() {
    return taskId(this.serial);
  }
}

/**
 * The object that can end a task early.
 * @typedef {{ giveUp(task: Task, error: import('../base/errors.js').PoolError, kill?: boolean): Promise<void> }} TaskOwner
 */

/** Ignores a rejection that is reported elsewhere. */
export const ignore = () => undefined;

/** @type {any} the resolve function of the promise under construction: one executor closure serves all promises */
let resolveNext;
const keepResolve = (/** @type {unknown} */ resolve) => {
  resolveNext = resolve;
};

/**
 * The pool's side of a promise: users cannot reach these functions.
 * @type {(promise: TaskPromise<any>, owner: TaskOwner, task: Task) => void} binds it to its task
 */
export let attachTask;
/** @type {(promise: TaskPromise<any>, value: unknown) => void} */
let resolveTask;

/** The sink of all tasks that have a promise of their own. @type {Sink} */
export const PROMISE_SINK = {
  fulfil: (promise, value) => resolveTask(promise, value),
  // Resolving with a rejecting promise saves the reject function, which each promise would have to keep.
  fail: (promise, error) =>
    resolveTask(
      promise,
      failing(() => promise, error),
    ),
};

/**
 * The promise of one task's result.
 * @template R
 * @extends {Promise<R>}
 */
export class TaskPromise extends Promise {
  /** @type {TaskOwner | undefined} */
  #owner;
  /** @type {Task | undefined} */
  #task;
  /** @type {(value: R | PromiseLike<R>) => void} */
  #resolve;

  constructor() {
    super(keepResolve);
    this.#resolve = resolveNext;
    resolveNext = undefined; // or the last promise, and so its pool, would be kept alive
  }

  static {
    attachTask = (promise, owner, task) => {
      promise.#owner = owner;
      promise.#task = task;
    };
    resolveTask = (promise, value) => promise.#resolve(value);
  }

  /** Unique within the program; errors and events have the same id. */
  get id() {
    return this.#task?.id ?? '';
  }

  /**
   * Gives the task up: its promise rejects with CANCELLED. A task that has not started never runs; a running one is finished by its
   * worker, and its result is dropped.
   * @param {unknown} [reason] becomes the error's cause
   * @returns {boolean} false if the task had settled already
   */
  cancel(reason) {
    if (!this.#owner || !this.#task || this.#task.settled) return false;
    const error = poolError('CANCELLED', 'the task was cancelled', { cause: reason, taskId: this.id });
    void this.#owner.giveUp(this.#task, error);
    return true;
  }

  /**
   * Stops the task, whatever it is doing, by ending its worker if need be. The promise rejects with CANCELLED at once. A task that has not
   * started is cancelled; one that was cancelled or timed out, and runs on, is stopped now.
   * @returns {Promise<void>} settles when the task has stopped; if its worker had to be ended, with the worker's confirmed death
   */
  async terminate() {
    if (!this.#owner || !this.#task) return;
    const error = poolError('CANCELLED', 'the task was terminated', { taskId: this.id });
    await this.#owner.giveUp(this.#task, error, true);
  }
}

// then() and the like return ordinary promises; and `await` takes this one as it is, instead of wrapping it in two more promises.
Object.defineProperty(TaskPromise.prototype, 'constructor', own({ value: Promise }));

/** Collects the results of several tasks, by place; rejects with the first failure (AM-18, AM-19). */
export class GroupSink {
  /**
   * @param {number} size
   * @param {(results: any[]) => void} resolve
   * @param {(error: Error) => void} reject
   * @param {() => void} onFailure cancels the other members
   */
  constructor(size, resolve, reject, onFailure) {
    this.results = new Array(size);
    this.missing = size;
    this.resolve = resolve;
    this.reject = reject;
    this.onFailure = onFailure;
    this.failed = false;
    /** @type {{ item: number, error: import('../base/errors.js').PoolError } | undefined} a member that never started */
    this.swept = undefined;
  }

  /**
   * @param {number} item
   * @param {unknown} value
   */
  fulfil(item, value) {
    this.results[item] = value;
    if (--this.missing > 0 || this.failed) return;
    if (this.swept) this.#reject(this.swept.item, this.swept.error);
    else this.resolve(this.results);
  }

  /**
   * @param {number} item
   * @param {import('../base/errors.js').PoolError} error
   * @param {boolean} [swept] it ended because of another member's failure, which will arrive and is the one that counts
   * @returns {false | undefined} false: it does not count as a failure of its own
   */
  fail(item, error, swept = false) {
    this.missing--;
    if (swept) this.swept ??= { item, error };
    const isLast = this.missing === 0 && !this.failed;
    if (swept && !isLast) return false;
    if (!this.failed) this.#reject(item, error);
    return undefined;
  }

  /**
   * @param {number} item
   * @param {import('../base/errors.js').PoolError} error
   */
  #reject(item, error) {
    this.failed = true;
    error.index = item;
    this.onFailure();
    this.reject(error);
  }
}

/**
 * A promise that several tasks settle together. Its rejection never counts as unhandled.
 * @template T
 * @param {(resolve: (value: T) => void, reject: (error: Error) => void) => void} start
 * @returns {Promise<T>}
 */
export function guarded(start) {
  /** @type {Promise<T>} */
  const promise = new Promise((resolve) => {
    const reject = (/** @type {unknown} */ error) => resolve(failing(() => promise, error));
    try {
      start(resolve, reject);
    } catch (error) {
      reject(error);
    }
  });
  return promise;
}

/**
 * Calls a user's callback, and logs what it throws.
 * @param {(...values: any[]) => void} callback
 * @param {...unknown} values
 */
export function callOut(callback, ...values) {
  try {
    callback(...values);
  } catch (error) {
    logThrown(error);
  }
}

/**
 * Logs what a user's callback threw.
 * @param {unknown} error
 */
export function logThrown(error) {
  console.error('wasmpool: a callback threw', error);
}

/**
 * @typedef {import('./box.js').Box} Box
 * @typedef {import('../options/task-options.js').TaskOptions} TaskOptions
 * @typedef {import('../options/task-options.js').LeaseOptions} LeaseOptions
 */
/**
 * The type of a function of pool.tasks. The payload may be left out if the handler accepts undefined; a Box may stand for it.
 * @template P, R
 * @typedef {undefined extends P
 *   ? { (payload: P | Box, options: LeaseOptions): TaskPromise<Box>,
 *       (payload?: P | Box, options?: TaskOptions): TaskPromise<R> }
 *   : { (payload: P | Box, options: LeaseOptions): TaskPromise<Box>,
 *       (payload: P | Box, options?: TaskOptions): TaskPromise<R> }} TaskCall
 */

/**
 * The call for a handler. One without parameters takes no payload, or null, so that options can follow.
 * @template F
 * @typedef {F extends () => infer R ? TaskCall<Parameters<F> extends [] ? null | undefined : Parameters<F>[0], Awaited<R>>
 *   : F extends (payload: infer P, ...rest: any) => infer R ? TaskCall<P, Awaited<R>> : never} HandlerCall
 */

/**
 * The functions of an object that are handlers: findHandlers() and taskProxy() leave the same names out.
 * @template M
 * @typedef {{ [K in keyof M as M[K] extends (...parts: any) => any ? Exclude<K, 'onStop' | 'then'> : never]: HandlerCall<M[K]> }} Calls
 */

/**
 * The handlers of a worker module, or of an object of handlers: its functions, and those of an object that is its default export.
 * @template M
 * @typedef {Calls<M> & (M extends { default: infer D } ? D extends (...parts: any) => any ? unknown : Omit<Calls<D>, keyof Calls<M>>
 *   : unknown)} TaskProxy
 */

/**
 * An object whose methods have the handlers' names.
 * @param {(name: string, payload: any, options: any) => TaskPromise<any>} dispatch
 * @returns {any}
 */
export function taskProxy(dispatch) {
  return new Proxy(Object.freeze({}), {
    get: (_target, name) =>
      typeof name === 'string' && name !== 'then'
        ? (/** @type {any} */ payload, /** @type {any} */ options) => dispatch(name, payload, options)
        : undefined,
  });
}
