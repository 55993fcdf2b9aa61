/** The pool as its users see it. */
import { Emitter } from './events.js';
import { poolError } from './errors.js';
import * as L from './generated/layout.js';
import { host } from './host/index.js';
import { MapPromise, MapRun, WINDOW_PER_WORKER } from './map.js';
import { resolveOptions } from './options.js';
import { diagnose, poolStats } from './report.js';
import { NO_EXTRA, NO_OPTIONS, specify, taskName } from './spec.js';
import { createEngine } from './start.js';
import { startGroup } from './group.js';
import { callOut, guarded, ignore, listen, Task, taskProxy, TaskPromise } from './task.js';

/** @typedef {import('./engine.js').Engine} Engine */
/** @typedef {'error' | 'drained' | 'workerDown' | 'workerRetired'} PoolEvent */

/**
 * A pool of workers.
 * @template [M=any] the worker module's type: `createPool<typeof import('./worker.js')>(…)`
 */
export class Pool {
  /** @type {Engine | undefined} */
  #engine;
  #starting = /** @type {Promise<Engine> | undefined} */ (undefined);
  #options;
  #closed = false;
  /** @type {Promise<void> | undefined} */
  #closing;
  #paused = false;
  /** @type {{ task: Task, run: () => void }[]} submitted before the core was loaded */
  #early = [];
  #earlyProcessed = 0;
  #events = new Emitter();
  /** @type {{ name: string, payload: unknown }[]} broadcasts that every new worker gets */
  #sticky = [];
  #ready;
  #proxy = /** @type {any} */ (undefined);
  #plainSpec; // of a task without options of its own

  /**
   * Usable at once: tasks wait for workers.
   * @param {import('./options.js').PoolOptions} options
   * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT naming the option
   */
  constructor(options) {
    this.#options = resolveOptions(options);
    this.#plainSpec = specify(NO_OPTIONS, this.#options.taskTimeoutMs, NO_EXTRA);
    this.#ready = this.#open();
    this.#ready.catch(() => undefined);
  }

  /** Settles when all workers have started; rejects with START_FAILED, and the pool is destroyed. */
  get ready() {
    return this.#ready;
  }

  /** What this runtime can do. */
  get caps() {
    return host.caps;
  }

  /** How many workers it has. */
  get size() {
    return this.#options.workers;
  }

  async #open() {
    try {
      this.#starting = createEngine(this.#options, {
        error: (error) => this.#failed(error),
        drained: () => this.#events.emit('drained'),
        down: (member, error) => this.#events.emit('workerDown', { worker: member.name, error }),
        retired: (member, error) => this.#events.emit('workerRetired', { worker: member.name, error }),
        seating: (seat) => this.#replay(seat),
      });
      const engine = await this.#starting;
      if (this.#closed) return; // #shut ends it
      this.#engine = engine;
      if (this.#paused) engine.core.exports._wp_pause(engine.core.pool);
      for (const { task, run } of this.#early.splice(0)) if (!task.settled) run();
      await engine.fleet.open();
      if (this.#options.unref && engine.inFlight === 0) engine.fleet.hold(false);
    } catch (error) {
      await this.#shut(/** @type {any} */ (error)); // no thread is left behind
      throw error;
    }
  }

  // ---- Tasks ----

  /**
   * Runs a handler on the next free worker.
   * @template R
   * @param {string | Function} task name of the handler, or a function with its name
   * @param {unknown} [payload] any value that structured clone carries, or a Box
   * @param {import('./task.js').TaskOptions} [options]
   * @returns {TaskPromise<R>} never throws; rejects with PoolError
   */
  dispatch(task, payload, options) {
    /** @type {TaskPromise<R>} */
    const promise = new TaskPromise();
    const record = new Task(promise, 0);
    promise.attach(/** @type {any} */ (this.#giver), record);
    this.#submit(record, task, payload, options);
    return promise;
  }

  /** What a TaskPromise gives tasks up with, also before the core is loaded. */
  #giver = {
    /**
     * @param {Task} task
     * @param {import('./errors.js').PoolError} error
     * @param {boolean} [kill]
     */
    giveUp: async (task, error, kill) => {
      if (this.#engine) return this.#engine.giveUp(task, error, kill);
      this.#reject(task, error);
    },
  };

  /**
   * Calls with the handlers' own names: `pool.tasks.add({ a: 1, b: 2 })`.
   * @returns {import('./task.js').TaskProxy<M>}
   */
  get tasks() {
    return (this.#proxy ??= taskProxy((name, payload, options) => this.dispatch(name, payload, options)));
  }

  /**
   * Runs several tasks; all or nothing: the first failure rejects, and members that have not started never do.
   * @template R
   * @param {{ task: string | Function, payload?: unknown, priority?: import('./options.js').Priority }[]} jobs
   * @param {import('./task.js').TaskOptions} [options] for all of them
   * @returns {Promise<R[]>} results in the order of the jobs; its error has the failing `index`
   */
  batch(jobs, options = {}) {
    if (!Array.isArray(jobs)) return Promise.reject(poolError('INVALID_ARGUMENT', 'jobs: expected an array'));
    if (jobs.length === 0 && !this.#closed) return Promise.resolve([]);
    return this.#group(
      jobs.map(({ task, payload, priority }) => ({
        task,
        payload,
        options: { ...options, priority: priority ?? options.priority },
      })),
      true,
    );
  }

  /**
   * Runs a task once on every worker; a worker that is busy runs it as soon as it is free, before anything else.
   * @template R
   * @param {string | Function} task
   * @param {unknown} [payload]
   * @param {{ sticky?: boolean }} [options] sticky: workers that start later run it too, before they become free
   * @returns {Promise<R[]>} results by worker index
   */
  broadcast(task, payload, options = {}) {
    const promise = this.#group(
      Array.from({ length: this.size }, (_, seat) => ({
        task,
        payload,
        options: {},
        seat: seat + 1,
      })),
      false,
    );
    if (options.sticky && !this.#closed) this.#sticky.push({ name: taskName(task), payload });
    return promise;
  }

  /**
   * Runs a handler over many inputs.
   * @template T, R
   * @param {string | Function} task
   * @param {Iterable<T> | AsyncIterable<T>} items
   * @param {import('./map.js').MapOptions} [options]
   * @returns {MapPromise<R>} await it for an array; `for await` gives results in input order, with bounded memory
   */
  map(task, items, options = {}) {
    const { batchSize } = options;
    return new MapPromise(() => {
      if (batchSize !== undefined && !(Number.isSafeInteger(batchSize) && batchSize > 0)) {
        throw poolError('INVALID_ARGUMENT', `batchSize: expected a whole number from 1, got ${batchSize}`);
      }
      return new MapRun(
        {
          window: () => this.size * this.#options.concurrency * WINDOW_PER_WORKER,
          cancel: (record) => this.#giver.giveUp(record, poolError('CANCELLED', 'the map was given up')),
          submit: (payload, { batch }, sink, item) => {
            const record = new Task(sink, item);
            this.#submit(record, task, payload, options, {
              flags: batch ? L.SLOT_BATCH : 0,
              unbounded: true,
            });
            return record;
          },
        },
        items,
        options,
      );
    });
  }

  /**
   * @param {{ task: string | Function, payload: unknown, options: import('./task.js').TaskOptions, seat?: number }[]} jobs
   * @param {boolean} failFast
   * @returns {Promise<any[]>}
   */
  #group(jobs, failFast) {
    return guarded((resolve, reject) => {
      if (this.#closed) throw poolError('POOL_DESTROYED');
      const members = jobs.map(({ task, payload, options, seat }) => ({
        name: taskName(task),
        payload,
        spec: specify(options, this.#options.taskTimeoutMs, { seat }),
        signal: options.signal,
      }));
      const start = () => {
        const listen = (/** @type {Task} */ record, /** @type {AbortSignal} */ signal) => this.#listen(record, signal);
        startGroup(/** @type {Engine} */ (this.#engine), members, failFast, resolve, reject, listen);
      };
      if (this.#engine) start();
      else
        this.#early.push({
          task: new Task({ fulfil: ignore, fail: (_item, error) => reject(error) }, 0),
          run: start,
        });
    });
  }

  /**
   * @param {Task} record
   * @param {string | Function} task
   * @param {unknown} payload
   * @param {import('./task.js').TaskOptions} [options]
   * @param {import('./spec.js').Extra} [extra]
   */
  #submit(record, task, payload, options = NO_OPTIONS, extra = NO_EXTRA) {
    /** @type {import('./spec.js').Spec} */
    let spec;
    let name = '';
    try {
      if (this.#closed) throw poolError('POOL_DESTROYED');
      name = taskName(task);
      const isPlain = options === NO_OPTIONS && extra === NO_EXTRA;
      spec = isPlain ? this.#plainSpec : specify(options, this.#options.taskTimeoutMs, extra);
    } catch (error) {
      this.#reject(record, /** @type {any} */ (error));
      return;
    }
    const { signal } = options;
    if (signal) this.#listen(record, signal);
    if (record.settled) return;
    if (!this.#engine) {
      if (!extra.unbounded && this.#early.length >= (this.#options.maxQueue ?? Infinity))
        this.#reject(record, poolError('QUEUE_FULL'));
      else
        this.#early.push({
          task: record,
          run: () => /** @type {Engine} */ (this.#engine).submit(record, name, payload, spec),
        });
      return;
    }
    if (!extra.unbounded && !this.#engine.admits(1)) this.#reject(record, poolError('QUEUE_FULL'));
    else this.#engine.submit(record, name, payload, spec);
  }

  /**
   * @param {Task} record
   * @param {AbortSignal} signal
   */
  #listen(record, signal) {
    listen(record, signal, (error) => void this.#giver.giveUp(record, error, true));
  }

  /**
   * @param {Task} record
   * @param {import('./errors.js').PoolError} error
   */
  #reject(record, error) {
    if (record.settled) return;
    record.settled = true;
    record.rare?.unlisten?.();
    error.taskId ??= record.id;
    if (!this.#closed) this.#earlyProcessed++;
    record.sink.fail(record.item, error);
    this.#failed(error);
  }

  /** @param {number} seat a worker is about to serve it */
  #replay(seat) {
    const engine = /** @type {Engine} */ (this.#engine);
    for (const { name, payload } of this.#sticky) {
      const quiet = { fulfil: () => undefined, fail: () => undefined };
      engine.submit(new Task(quiet, 0), name, payload, {
        lane: L.PRIORITY_CRITICAL,
        flags: L.SLOT_EXCLUSIVE,
        seat: seat + 1,
      });
    }
  }

  // ---- The pool as a whole ----

  /** No task is started any more; running ones finish. Idempotent, not nested. */
  pause() {
    this.#paused = true;
    if (this.#engine && !this.#closed) this.#engine.core.exports._wp_pause(this.#engine.core.pool);
  }

  resume() {
    this.#paused = false;
    if (this.#engine && !this.#closed) this.#engine.core.exports._wp_resume(this.#engine.core.pool);
  }

  /** Settles when no task is waiting or running. */
  async drain() {
    while (!this.#closed && ((this.#engine?.inFlight ?? 0) > 0 || this.#early.length > 0)) {
      await new Promise((resolve) => {
        const off = this.on('drained', () => {
          off();
          resolve(undefined);
        });
        this.#onClose.add(() => resolve(undefined));
      });
    }
  }

  /** @type {Set<() => void>} */
  #onClose = new Set();

  /** Numbers of this moment; a new object each time. `processed` counts settled tasks, `errors` those among them that failed. */
  stats() {
    const outside = { settled: this.#earlyProcessed, waiting: this.#early.length };
    return poolStats(this.#closed ? undefined : this.#engine, this.#closed ? 0 : this.size, outside, this.#final);
  }

  #final = { processed: 0, errors: 0 };

  /** What the pool holds: for finding leaks. */
  diagnostics() {
    return diagnose(this.#closed ? undefined : this.#engine);
  }

  /**
   * @param {PoolEvent} event 'error' (message, taskId), 'drained' (), 'workerDown' (crashed or killed)
   *   and 'workerRetired' ({ worker, error })
   * @param {(...details: any[]) => void} listener
   * @returns {() => void} removes the listener
   */
  on(event, listener) {
    return this.#events.on(event, listener);
  }

  /** @param {import('./errors.js').PoolError} error */
  #failed(error) {
    const { onWorkerError } = this.#options;
    if (onWorkerError) callOut(() => onWorkerError(error.message, error.taskId ?? ''), undefined);
    this.#events.emit('error', error.message, error.taskId);
  }

  /**
   * Ends the pool: waiting and running tasks reject with POOL_DESTROYED, all workers end, the memory is released.
   * @returns {Promise<void>} settles when the threads are gone
   */
  destroy() {
    return this.#shut(poolError('POOL_DESTROYED'));
  }

  /**
   * @param {import('./errors.js').PoolError} reason
   * @returns {Promise<void>}
   */
  #shut(reason) {
    if (this.#closing) return this.#closing;
    this.#closing = (async () => {
      for (const { task } of this.#early.splice(0))
        this.#reject(task, poolError(reason.code, reason.message, { cause: reason.cause }));
      const { processed, errors } = this.#engine?.stats() ?? this.#final;
      this.#final = { processed, errors };
      this.#closed = true;
      const ending = this.#starting?.then((engine) => engine.close(reason), ignore);
      this.#events.clear();
      this.#sticky = [];
      for (const wake of this.#onClose) wake();
      await ending;
      this.#engine = this.#starting = undefined; // with it goes the memory
    })();
    return this.#closing;
  }

  /** `await using pool = await createPool(…)` */
  async [Symbol.asyncDispose]() {
    await this.destroy();
  }
}
