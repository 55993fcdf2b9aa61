/** A task on main: the promise that its caller holds, and the engine's record of it. */
import { poolError } from '../base/errors.js';
import { own } from '../base/own.js';
import { failing } from './stacks.js';
import { taskId } from '../handlers/context.js';

/**
 * Where a task's end is told: a promise, or one place of a batch.
 * @typedef {object} Sink
 * @property {(item: any, value: any) => void} fulfil item: the task's
 * @property {string} [label] what messages call its task, instead of its handler's name
 * @property {(item: any, error: import('../base/errors.js').PoolError, swept?: boolean) => void | false} fail swept: it never
 *   started, because another member of its group had failed. False: nobody wants to know, it is no failure
 * @property {(error: import('../base/errors.js').PoolError) => boolean} [refused] there was no room for it. True: it is tried again later, as
 *   another task; it has not failed
 * @property {(values: any[], bytes: number) => void} [partial] results of a batch's items that ran to their end; the task's own end
 *   comes afterwards
 * @property {(bytes: number) => void} [weigh] so many bytes are what fulfil will be told
 */

/** What fulfils a batch that has no further value: all of them were partial. */
export const NO_VALUE = Symbol('no value');

/** Tasks of this program, of all pools. */
let serials = 0;

/** @typedef {{ value: unknown, transfer: import('../base/host-types.js').Transferable[] }} Channel what a message is to carry */

/** What few tasks have. */
class Rare {
  /** How long it may take to end by itself. @type {number | undefined} */
  graceMs = undefined;
  /** @type {((value: any) => void) | undefined} */
  onProgress = undefined;
  /** @type {((run: () => unknown) => unknown) | undefined} calls in the context of its submission */
  inContext = undefined;
  /** @type {(() => void) | undefined} removes the listener on the signal */
  unlisten = undefined;
  /** @type {(import('../options/task-options.js').Deadline & { forget: () => void }) | undefined} */
  deadline = undefined;
  /** @type {Channel | undefined} the argument, if only a message can carry it */
  channel = undefined;
  /** @type {((cause: any) => import('../base/errors.js').PoolError) | undefined} what comes by message is an error */
  failure = undefined;
  /** @type {import('../threads/member.js').Member | undefined} has been sent its argument, which nobody else has */
  boundTo = undefined;
  /** @type {import('./box.js').Box | undefined} keeps a leased argument from being collected */
  argument = undefined;
}

/** The engine's record of a task: as small as can be, there may be a million of them. */
export class Task {
  /** Index of its slot; -1 before it has one. */
  index = -1;
  generation = 0;
  settled = false;
  /** Main looks at the clocks while it is in flight. */
  timed = false;
  /** Grows from task to task; makes its id (AM-36, TW-66). */
  serial = ++serials;
  /** @type {Rare | undefined} */
  rare = undefined;

  /**
   * @param {Sink} sink
   * @param {any} item its place in the sink: a number; of PROMISE_SINK the promise itself
   */
  constructor(sink, item) {
    this.sink = sink;
    this.item = item;
  }

  /** What few tasks have; made when it is asked for. */
  get more() {
    return (this.rare ??= new Rare());
  }

  get id() {
    return taskId(this.serial);
  }
}

/**
 * Who can end a task early.
 * @typedef {{ giveUp(task: Task, error: import('../base/errors.js').PoolError, kill?: boolean): Promise<void> }} TaskOwner
 */

/** For promises whose failure is told elsewhere. */
export const ignore = () => undefined;

/** @type {any} what settles the promise under construction: one closure for all of them */
let resolveNext;
const keepResolve = (/** @type {unknown} */ resolve) => {
  resolveNext = resolve;
};

/**
 * The pool's side of a promise: its users see none of these functions.
 * @type {(promise: TaskPromise<any>, owner: TaskOwner, task: Task) => void} binds it to its task
 */
export let attachTask;
/** @type {(promise: TaskPromise<any>, value: unknown) => void} */
let resolveTask;

/** The sink of all tasks whose end one promise tells. @type {Sink} */
export const PROMISE_SINK = {
  fulfil: (promise, value) => resolveTask(promise, value),
  // It is resolved with what rejects: so there is no second function to keep for each promise.
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
    resolveNext = undefined; // else the last promise, and with it its pool, would stay
  }

  static {
    attachTask = (promise, owner, task) => {
      promise.#owner = owner;
      promise.#task = task;
    };
    resolveTask = (promise, value) => promise.#resolve(value);
  }

  /** Unique within the program; the same as in errors and events. */
  get id() {
    return this.#task?.id ?? '';
  }

  /**
   * Gives the task up: its promise rejects with CANCELLED. If it has not started it never runs; if it runs, the worker
   * finishes it and the result is dropped.
   * @param {unknown} [reason] becomes the error's cause
   * @returns {boolean} false when it had settled already
   */
  cancel(reason) {
    if (!this.#owner || !this.#task || this.#task.settled) return false;
    const error = poolError('CANCELLED', 'the task was cancelled', { cause: reason, taskId: this.id });
    void this.#owner.giveUp(this.#task, error);
    return true;
  }

  /**
   * Stops the task, whatever it is doing, if need be with its worker; the promise rejects with CANCELLED at once. A task that has not
   * started is cancelled.
   * @returns {Promise<void>} settles when the task is over; with its worker's confirmed death, if that had to die
   */
  async terminate() {
    if (!this.#owner || !this.#task || this.#task.settled) return;
    const error = poolError('CANCELLED', 'the task was terminated', { taskId: this.id });
    await this.#owner.giveUp(this.#task, error, true);
  }
}

// Promises made from it are ordinary ones; and `await` takes it as it is, instead of making two more promises around it.
Object.defineProperty(TaskPromise.prototype, 'constructor', own({ value: Promise }));

/** The results of several tasks, by place; fails as a whole with the first failure (AM-18, AM-19). */
export class GroupSink {
  /**
   * @param {number} size
   * @param {(results: any[]) => void} resolve
   * @param {(error: Error) => void} reject
   * @param {() => void} onFailure gives the other members up
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
   * @param {boolean} [swept] the failure that ended it is on its way, and is the one that counts
   * @returns {false | undefined} false: it was only swept along, and is no failure of its own
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
 * A promise that several tasks settle together; failing it never raises an unhandled rejection by itself.
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
 * Calls a user's callback; what it throws is its own business.
 * @param {(...values: any[]) => void} callback
 * @param {...unknown} values
 */
export function callOut(callback, ...values) {
  try {
    callback(...values);
  } catch (error) {
    console.error('wasmpool: a callback threw', error);
  }
}

/**
 * One of pool.tasks. The payload of a handler that does without one may be left out.
 * @template P, R
 * @typedef {undefined extends P
 *   ? { (payload: P, options: import('../options/task-options.js').LeaseOptions): TaskPromise<import('./box.js').Box>,
 *       (payload?: P, options?: import('../options/task-options.js').TaskOptions): TaskPromise<R> }
 *   : { (payload: P, options: import('../options/task-options.js').LeaseOptions): TaskPromise<import('./box.js').Box>,
 *       (payload: P, options?: import('../options/task-options.js').TaskOptions): TaskPromise<R> }} TaskCall
 */

/**
 * The call of a handler: one without parameters takes no payload; null is what people write to get at the options.
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
