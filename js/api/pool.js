/// <reference lib="esnext.disposable" preserve="true" />
/** The pool as its users see it. */
import { Drain } from '../submit/drain.js';
import { Ending } from './ending.js';
import { poolError } from '../base/errors.js';
import { host } from '../host/index.js';
import { batchMembers } from '../submit/group.js';
import { Broadcasts } from '../jobs/broadcast.js';
import { Intake } from '../submit/intake.js';
import { Jobs } from '../jobs/jobs.js';
import { startMap } from '../jobs/map-tasks.js';
import { PoolSize } from './pool-size.js';
import { resolveOptions } from '../options/options.js';
import { RUNNER } from '../handlers/runner.js';
import { diagnose, poolStats } from '../telemetry/report.js';
import { checkLibrary } from '../time/scheduler.js';
import { createEngine } from '../submit/start.js';
import { attachTask, PROMISE_SINK, Task, taskProxy, TaskPromise } from '../task/task.js';
import { Monitor } from '../telemetry/monitor.js';
import { PoolEmitter } from './pool-events.js';
import { Switches } from './switches.js';
import { engineEvents, postToModules } from './worker-events.js';

/**
 * @typedef {import('../engine/engine.js').Engine} Engine
 * @typedef {import('../base/task-name.js').TaskRef} TaskRef
 * @typedef {import('../options/task-options.js').TaskOptions} TaskOptions
 * @typedef {import('../options/task-options.js').MapOptions} MapOptions
 * @typedef {import('../options/task-options.js').BatchJob} BatchJob
 * @typedef {import('./pool-events.js').PoolEvents} PoolEvents
 */

/** A pool of workers. The types of calls by the worker module are in calls.js. */
export class Pool {
  #starting = /** @type {Promise<Engine> | undefined} */ (undefined);
  #options;
  #events;
  #intake;
  #jobs;
  #monitor = new Monitor();
  #broadcasts;
  #size;
  #drain = new Drain();
  #ending;
  #switches;
  #ready;
  #proxy = /** @type {any} */ (undefined);
  /** @type {(() => void) | undefined} */
  #unwatch;

  /**
   * Usable at once: tasks wait for workers.
   * @param {import('../options/options.js').PoolOptions} options
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT naming the option
   */
  constructor(options) {
    this.#options = resolveOptions(options);
    this.#events = new PoolEmitter(this.#options.onTaskError);
    this.#intake = new Intake(this.#options, (error) => this.#events.failed(error));
    this.#jobs = new Jobs(this.#intake, this.#options, (message, taskId) => this.#events.failure(message, taskId));
    this.#broadcasts = new Broadcasts(this.#options, (error) => this.#events.failed(error));
    this.#size = new PoolSize(this.#intake, this.#options, () => this.#starting);
    this.#switches = new Switches(this.#intake, !this.#options.unref);
    this.#ending = new Ending(this.#intake, this.#drain, this.#options.scheduler, {
      starting: () => this.#starting,
      resume: () => this.resume(),
      silence: () => this.#silence(),
      ended: () => this.#ended(),
      tell: (message) => this.#events.failure(message, ''),
    });
    this.#ready = this.#open();
    this.#ready.catch(() => undefined);
  }

  /** Settles when all workers have started. Rejects with START_FAILED, which destroys the pool; or with POOL_DESTROYED if it was before. */
  get ready() {
    return this.#ready;
  }

  /** What this runtime can do; on Deno `killJs` is false before `ready`. */
  get caps() {
    return host.caps;
  }

  /** The workers' stdout, if the option `stdout` is set: a Readable of node:stream. Ends with the pool. */
  get stdout() {
    return this.#options.thread.captured.stdout?.stream ?? null;
  }

  /** The same for stderr. */
  get stderr() {
    return this.#options.thread.captured.stderr?.stream ?? null;
  }

  /** The number of workers that it has or is starting; of an elastic pool, at this moment. */
  get size() {
    return this.#size.workers;
  }

  async #open() {
    try {
      this.#starting = createEngine(this.#options, {
        ...engineEvents(this.#events),
        rest: () => this.#drain.wake(),
        damaged: (error) => void this.#ending.now(error),
        seating: (seat) => this.#broadcasts.replay(seat, /** @type {Engine} */ (this.#intake.engine)),
        givenUp: (seat) => this.#broadcasts.givenUp(seat),
      });
      const engine = await this.#starting;
      if (this.#intake.closed) throw poolError('POOL_DESTROYED', 'the pool was destroyed while it started'); // #ending ends it
      this.#switches.apply(engine);
      this.#monitor.open(engine, this.#jobs.buffers, this.#intake.dispatcher);
      this.#intake.open(engine);
      this.#unwatch = host.watch?.(() => this.#watched());
      this.#drain.wake(); // tasks that drain() waits for may have been given up meanwhile
      await Promise.all([engine.open(), host.learn?.()]);
    } catch (error) {
      await this.#ending.now(/** @type {any} */ (error)); // leaves no thread behind
      throw error;
    }
  }

  // ---- Tasks ----

  /**
   * Runs a handler on the next free worker.
   * @param {TaskRef} task name of the handler, or a function with its name
   * @param {unknown} [payload] any value that structured clone carries, or a Box
   * @param {TaskOptions} [options]
   * @returns {TaskPromise<any>} never throws; rejects with PoolError
   */
  dispatch(task, payload, options) {
    /** @type {TaskPromise<any>} */
    const promise = new TaskPromise();
    const record = new Task(PROMISE_SINK, promise);
    attachTask(promise, this.#intake, record);
    this.#intake.submit(record, task, payload, options);
    return promise;
  }

  /** Calls with the handlers' own names: `pool.tasks.add({ a: 1, b: 2 })`. @returns {any} */
  get tasks() {
    return (this.#proxy ??= taskProxy((name, payload, options) => this.dispatch(name, payload, options)));
  }

  /**
   * Runs several tasks; all or nothing: the first failure rejects, and members that have not started never do.
   * @param {readonly BatchJob[]} jobs
   * @param {TaskOptions} [options] for all of them
   * @returns {Promise<any[]>} results in the order of the jobs; its error has the failing `index`
   */
  batch(jobs, options = {}) {
    return this.#intake.group(() => batchMembers(jobs, options), true);
  }

  /**
   * Runs a task once on every worker. A busy worker runs it as soon as it is free, before anything else.
   * @param {TaskRef} task
   * @param {unknown} [payload]
   * @param {import('./calls.js').BroadcastOptions} [options]
   * @returns {Promise<any[]>} results in the order of the workers' indexes
   */
  broadcast(task, payload, options = {}) {
    const members = () => this.#broadcasts.members(task, payload, options, this.#intake, this.#size.places);
    return this.#intake.group(members, false);
  }

  /**
   * Runs a handler over many inputs.
   * @param {TaskRef} task
   * @param {Iterable<unknown> | AsyncIterable<unknown>} items
   * @param {MapOptions} [options]
   * @returns {import('../jobs/map.js').MapPromise<any>} await it for an array; `for await` gives results in input order, with bounded memory
   */
  map(task, items, options = {}) {
    return startMap(this.#intake, this.#options, this.#ending.mapBegins(), { task, items, options });
  }

  /**
   * Runs a handler, and calls back in the same turn in which main learns of its end. The task is heavy, unless `weight` says otherwise; it
   * runs again if its worker is lost or gives no sign of life, at most 3 times.
   * @param {TaskRef} task
   * @param {unknown} payload
   * @param {(result: any) => void} callback must not be asynchronous; gets undefined if the task failed (event 'error')
   * @param {TaskOptions} [options]
   * @returns {import('../jobs/callback.js').Handle}
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT; with `dev` also UNKNOWN_TASK
   */
  split(task, payload, callback, options) {
    return this.#jobs.split(task, payload, callback, options);
  }

  /**
   * Runs a handler over slices of a list, on all workers. The handler gets a slice, and returns one result for each item.
   * @param {TaskRef} task
   * @param {readonly unknown[]} items
   * @param {(results: any[]) => void} callback once, when every slice is back; `results` is valid during the call only, with undefined
   *   where a slice failed. Without items it is called before this method returns
   * @param {import('../options/task-options.js').BulkOptions} [options]
   * @returns {import('../jobs/callback.js').Handle}
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT; with `dev` also UNKNOWN_TASK
   */
  bulkSplit(task, items, callback, options) {
    return this.#jobs.bulkSplit(task, items, callback, options);
  }

  /**
   * Runs steps one after the other. The result of a failed step is undefined; a payload function that throws ends the sequence.
   * @param {readonly import('../options/task-options.js').Step[]} steps
   * @param {(results: any[]) => void} [callback]
   * @returns {import('../jobs/sequence.js').Sequence} may be awaited as well
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
   */
  sequence(steps, callback) {
    return this.#jobs.sequence(steps, callback);
  }

  // ---- The pool as a whole ----

  /**
   * Replaces the functions of time that the pool uses.
   * @param {string} name of the library, for messages
   * @param {Partial<import('../options/options.js').Scheduler>} lib for missing functions the runtime's are used; other names are ignored
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT if one is not a function; with `dev` also without a name or a library
   */
  inject(name, lib) {
    if (this.#options.dev) checkLibrary(name, lib);
    this.#options.scheduler.inject(lib);
    this.#intake.deadlines.renew(); // tasks have them before there is an engine
  }

  /** Pauses the pool: no task is started any more; running ones finish. Idempotent, not nested. */
  pause() {
    this.#switches.pause(true);
  }

  /** Ends a pause: starts waiting tasks. */
  resume() {
    this.#switches.pause(false);
  }

  /** For modules of this package that are built on pools: what runs this one, once it has started. */
  get [RUNNER]() {
    return this.#intake.engine;
  }

  /**
   * Sets the number of workers; an elastic pool then neither grows nor shrinks by itself, unless it is given two numbers. Tasks are not
   * affected: new workers join, and surplus ones finish what they have, run their module's `onStop`, and end.
   * @param {number | { min: number, max: number }} workers 1 … 32, or up to the pool's largest number of workers if that is more
   * @returns {Promise<void>} settles when the pool has that size
   * @throws {import('../base/errors.js').PoolError} it rejects with INVALID_ARGUMENT, POOL_DESTROYED, SHUTTING_DOWN
   */
  resize(workers) {
    return this.#size.change(workers);
  }

  /** Settles when no task is waiting or running. */
  drain() {
    return this.#ending.drained();
  }

  /** Present numbers, in a new object each time. `processed` counts settled tasks, `errors` those among them that failed. */
  stats() {
    const { engine, processed, waiting } = this.#intake;
    return poolStats(engine, this.size, { settled: processed, waiting }, this.#ending.final);
  }

  /**
   * Sends a message to the modules of workers: to their `parentPort`, where the pool itself neither listens nor posts.
   * @param {unknown} message any value that structured clone carries
   * @param {{ worker?: number, transfer?: readonly import('../base/host-types.js').Transferable[] }} [options] `worker`: index of one; default: every worker that runs
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT, NOT_SERIALIZABLE
   */
  postMessage(message, options = {}) {
    postToModules(this.#intake.engine?.fleet, this.#size.places, message, options);
  }

  /** What the pool holds, for finding leaks. */
  diagnostics() {
    return diagnose(this.#intake.engine);
  }

  /** The pool's health over the last samples; undefined if `telemetry` is off or there is no sample yet. Resets nothing but `WindowSec`. */
  report() {
    return this.#monitor.report();
  }

  /** The load of main and the workers in the last second; undefined if `telemetry` is off. */
  taskLoad() {
    return this.#monitor.load;
  }

  /** Records every task's life from now on, for chrome://tracing or ui.perfetto.dev, until its `stop()`. UNSUPPORTED before `ready`. */
  trace() {
    return this.#monitor.trace(this.#intake.engine);
  }

  /**
   * @template {keyof PoolEvents} E
   * @param {E} event see docs/api.md
   * @param {(...details: PoolEvents[E]) => void} listener
   * @returns {() => void} removes the listener
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT for an unknown event
   */
  on(event, listener) {
    return this.#events.on(event, listener);
  }

  /** From now on an idle pool keeps the process alive. */
  ref() {
    this.#switches.keepAlive(true);
  }

  /** From now on an idle pool does not keep the process alive, as with the option `unref`. */
  unref() {
    this.#switches.keepAlive(false);
  }

  /**
   * Ends the pool in order: new work is refused (SHUTTING_DOWN), waiting and running tasks finish, workers run their module's `onStop`.
   * @param {{ timeoutMs?: number }} [options] how long that may take before the pool ends as by destroy(); default: no limit
   * @returns {Promise<void>} settles when the threads are gone
   */
  close(options = {}) {
    return this.#ending.inOrder(options);
  }

  /**
   * Ends the pool: waiting and running tasks reject with POOL_DESTROYED, all workers end, the memory is released.
   * @returns {Promise<void>} settles when the threads are gone
   */
  destroy() {
    return this.#ending.now(poolError('POOL_DESTROYED'));
  }

  #silence() {
    this.#jobs.close();
    this.#monitor.silence();
    this.#events.clear();
    this.#broadcasts.clear();
  }

  /** For `wasmpool top`. @returns {import('../host/index.js').Watched} */
  #watched() {
    return { kind: 'pool', stats: this.stats(), diagnostics: this.diagnostics() };
  }

  #ended() {
    this.#unwatch?.();
    this.#monitor.close();
    this.#starting = undefined; // releases the memory
    for (const stream of Object.values(this.#options.thread.captured)) stream?.end();
  }

  /** `await using pool = await createPool(…)` */
  async [Symbol.asyncDispose]() {
    await this.destroy();
  }
}
