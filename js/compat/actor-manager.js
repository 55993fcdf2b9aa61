/**
 * `wasmpool/actor-manager`: the pool for users of ActorManager, a Luau library, with its names, its units (seconds) and its defaults.
 * The behaviour is the pool's; docs/actor-manager.md lists the differences.
 */
import { callback, ownOptions } from '../base/check.js';
import { hearCrashes, milliseconds, renamed } from './compat.js';
import { poolError } from '../base/errors.js';
import { Emitter } from '../api/events.js';
import { Pool } from '../api/pool.js';
import { callOut } from '../task/task.js';
import { defineWorker as defineHandlers } from '../handlers/handlers.js';

/**
 * @typedef {'CRITICAL' | 'HIGH' | 'NORMAL' | 'LOW'} PriorityLevel highest first
 * @typedef {{ priority?: PriorityLevel }} DispatchOptions 'NORMAL'
 * @typedef {{ task: string, payload?: unknown, priority?: PriorityLevel }} BatchJob
 * @typedef {ReturnType<Pool['stats']>} Stats
 * @typedef {{ Disconnect: () => void }} Connection
 *
 * @typedef {object} ActorManagerOptions
 * @property {string | URL} workerModule module that each worker imports; a URL, or a path from the working directory
 * @property {number} [workerCount] 8
 * @property {number} [taskTimeout] seconds that a task may run; none
 * @property {number} [workerRecycleTimeout] seconds that a timed-out worker may stay silent before it is replaced; for ever
 * @property {number} [maxQueueSize] tasks that may wait; unbounded
 * @property {(err: string, taskId: string) => void} [onWorkerError] called for every failed task; with the id '' for a worker that
 *   crashed between tasks or did not start
 * @property {Record<string, (argument: any) => unknown>} [main] functions of this thread that handlers call by
 *   context.main(name, argument), where they would have called task.synchronize()
 */

/**
 * @template {unknown[]} A arguments of its listeners
 * @typedef {{ Connect: (listener: (...details: A) => void) => Connection }} Signal
 */

/** @type {ReadonlyMap<unknown, any>} */
const PRIORITIES = new Map(Object.entries({ CRITICAL: 'critical', HIGH: 'high', NORMAL: 'normal', LOW: 'low' }));

/** Names of options here, by the pool's names. @type {Record<string, string>} */
const OPTION_NAMES = {
  module: 'workerModule',
  workers: 'workerCount',
  taskTimeoutMs: 'taskTimeout',
  recycleTimeoutMs: 'workerRecycleTimeout',
  maxQueue: 'maxQueueSize',
};

/** Every option. */
const OPTIONS = new Set([...Object.values(OPTION_NAMES), 'onWorkerError', 'main']);

/**
 * The pool's priority for a level. Other values are returned unchanged, so that the pool refuses them; the pool's own names, in lower case,
 * are not levels here (AM-14).
 * @param {unknown} level
 */
function poolPriority(level) {
  const known = PRIORITIES.get(level);
  return known === undefined && typeof level === 'string' ? `${level} (no level of ActorManager)` : (known ?? level);
}

/**
 * Replaces the level in options by the pool's priority. Other values are returned unchanged, so that the pool refuses them.
 * @param {any} options
 */
const withPoolPriority = (options) =>
  options === null || typeof options !== 'object' || options.priority === undefined
    ? options
    : { ...options, priority: poolPriority(options.priority) };

/**
 * @param {ActorManagerOptions} options
 * @param {(err: string, taskId: string) => void} onWorkerError
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT, with the option's name here
 */
function createPool(options, onWorkerError) {
  const { workerModule: module, maxQueueSize: maxQueue, main } = options;
  const workers = options.workerCount ?? 8;
  if (module === undefined) throw poolError('INVALID_ARGUMENT', 'workerModule: expected a URL or a path');
  callback('onWorkerError', options.onWorkerError);
  const ms = (/** @type {'taskTimeout' | 'workerRecycleTimeout'} */ name) =>
    options[name] === undefined ? Infinity : milliseconds(name, options[name]);
  const times = { taskTimeoutMs: ms('taskTimeout'), recycleTimeoutMs: ms('workerRecycleTimeout') };
  return renamed(OPTION_NAMES, () => new Pool({ module, workers, maxQueue, onWorkerError, main, ...times }));
}

/**
 * @param {Emitter<any>} events
 * @param {'error' | 'drained'} event
 * @returns {Signal<any>}
 */
function signal(events, event) {
  // A function of its own for each connection: the same listener may be connected twice.
  return { Connect: (listener) => ({ Disconnect: events.on(event, (...details) => listener(...details)) }) };
}

/** A pool of workers. */
export class ActorManager {
  #pool;
  /** @type {Emitter<{ error: [err: string, taskId: string], drained: [] }>} */
  #events = new Emitter(['error', 'drained']);

  /**
   * Usable at once: tasks wait for workers.
   * @param {ActorManagerOptions} options
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT naming the option
   */
  constructor(options) {
    const own = ownOptions('', options ?? {}, OPTIONS);
    const tell = (/** @type {string} */ err, /** @type {string} */ taskId) => {
      if (own.onWorkerError) callOut(own.onWorkerError, err, taskId);
      this.#events.emit('error', err, taskId);
    };
    this.#pool = createPool(own, tell);
    hearCrashes(this.#pool, (err) => tell(err, ''));
    this.#pool.on('drained', () => this.#events.emit('drained'));
    /** @type {Signal<[err: string, taskId: string]>} a task failed; or a worker between tasks, with the id '' */
    this.onError = signal(this.#events, 'error');
    /** @type {Signal<[]>} the queue has become empty and all workers free */
    this.onDrained = signal(this.#events, 'drained');
  }

  /**
   * `ActorManager.new(options)` is `new ActorManager(options)`.
   * @param {ActorManagerOptions} options
   */
  static new(options) {
    return new ActorManager(options);
  }

  /**
   * Runs a handler on the next free worker.
   * @template [R=any]
   * @param {string} task name of the handler
   * @param {unknown} [payload] any value that structured clone carries
   * @param {DispatchOptions} [options]
   * @returns {import('../task/task.js').TaskPromise<R>} never throws; its `id` is the task's id in errors
   */
  Dispatch(task, payload, options) {
    const own = /** @type {import('../options/task-options.js').TaskOptions} */ (withPoolPriority(options));
    return this.#pool.dispatch(task, payload, own);
  }

  /**
   * Runs several tasks; the first failure rejects, and members that have not started never do.
   * @template [R=any]
   * @param {BatchJob[]} jobs
   * @returns {Promise<R[]>} results in the order of the jobs
   */
  Batch(jobs) {
    return this.#pool.batch(Array.isArray(jobs) ? jobs.map(withPoolPriority) : jobs);
  }

  /**
   * Runs a task once on every worker.
   * @template [R=any]
   * @param {string} task
   * @param {unknown} [payload]
   * @param {{ sticky?: boolean }} [options] sticky: workers that start later run it too, before they become free
   * @returns {Promise<R[]>} one result for each worker
   */
  Broadcast(task, payload, options) {
    return this.#pool.broadcast(task, payload, options);
  }

  /** @returns {Stats} present numbers, in a new object each time */
  GetStats() {
    return this.#pool.stats();
  }

  /** No task is started any more; running ones finish, new ones wait. Idempotent, not nested. */
  Pause() {
    this.#pool.pause();
  }

  /** Ends a pause: starts waiting tasks. */
  Resume() {
    this.#pool.resume();
  }

  /**
   * Rejects all waiting and running tasks and ends all workers. May be called again.
   * @returns {Promise<void>} settles when the threads are gone
   */
  Destroy() {
    const gone = this.#pool.destroy();
    this.#events.clear();
    return gone;
  }
}

/**
 * Declares the handlers of a worker module: `export default defineWorker(globalThis, { add: ({ a, b }) => a + b })`. Returns the handlers;
 * outside a worker it has no other effect.
 * @template {Record<string, (payload: any, context: import('../handlers/context.js').Context) => unknown>} H
 * @param {typeof globalThis} scope the worker's global scope
 * @param {H} handlers functions by name
 * @returns {H}
 * @throws {TypeError} if the scope is a different object, or a handler is not a function
 */
export function defineWorker(scope, handlers) {
  if (scope === globalThis) return defineHandlers(handlers);
  throw new TypeError(
    'defineWorker: expected (globalThis, handlers); it must be called inside a worker, by its module',
  );
}
