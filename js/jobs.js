/** Tasks with callbacks: split, bulkSplit and sequence. They know weights, run again when they are lost, and keep to main's budget. */
import { BulkSink, ResultBuffers } from './bulk.js';
import { callBack, CallbackSink, Handle } from './callback.js';
import { poolError } from './errors.js';
import * as L from './generated/layout.js';
import { asItIsNow } from './intake.js';
import { integer, milliseconds } from './options.js';
import { Sequence } from './sequence.js';
import { NO_OPTIONS, taskName } from './spec.js';
import { ignore, Task } from './task.js';
import { Ticker, TICK_MS } from './ticker.js';

/**
 * @typedef {import('./engine.js').Engine} Engine
 * @typedef {import('./task.js').TaskOptions} TaskOptions
 *
 * @typedef {object} BulkExtras
 * @property {number} [batchSize] items in a slice; as many as give each worker one, and maxSliceItems at most
 * @property {unknown} [sharedArgs] the same value for every slice: context.sharedArgs
 * @property {number} [maxWaitMs] how long its slices may wait before they go ahead of single tasks of their level; 50
 * @typedef {Omit<TaskOptions, 'weight' | 'deliver' | 'transfer'> & BulkExtras} BulkOptions
 *
 * @typedef {object} Job a single task on its way to the core
 * @property {Task} record
 * @property {string} name
 * @property {unknown} payload
 * @property {import('./spec.js').Spec} spec
 * @property {AbortSignal} [signal]
 */

const MAX_WAIT_MS = 50; // REQUIREMENTS TW-28

/** The callback side of a pool. */
export class Jobs {
  buffers;
  #intake;
  #options;
  #ticker;
  #emit;
  /** Over the budget of this tick, in order. @type {Map<Task, Job>} */
  #held = new Map();
  /** @type {import('./telemetry.js').Telemetry | undefined} */
  #telemetry;

  /**
   * @param {import('./intake.js').Intake} intake
   * @param {import('./options.js').ResolvedOptions} options
   * @param {(message: string, taskId: string) => void} emit the pool's error event
   */
  constructor(intake, options, emit) {
    this.#intake = intake;
    this.#options = options;
    this.#emit = emit;
    this.buffers = new ResultBuffers(options.dev);
    this.#ticker = new Ticker(options.scheduler, options.telemetry?.tickMs ?? TICK_MS, () => this.#tick());
  }

  /** Tasks that wait for a tick. */
  get held() {
    return this.#held.size;
  }

  /** @param {import('./telemetry.js').Telemetry} telemetry is to be sampled at each tick */
  sample(telemetry) {
    this.#telemetry = telemetry;
    this.#ticker.need();
  }

  /**
   * @param {string | Function} task
   * @param {unknown} payload
   * @param {(result: any) => void} callback
   * @param {TaskOptions} [options]
   * @returns {Handle}
   * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT; in development also UNKNOWN_TASK
   */
  split(task, payload, callback, options = NO_OPTIONS) {
    this.#checkCallback(callback);
    const sink = new CallbackSink(callback, (message) => this.#emit(message, job.record.id));
    const job = this.#job(sink, 0, task, payload, options);
    this.#give(job);
    return new Handle(() => {
      sink.connected = false;
      this.#giveUp(job.record);
    });
  }

  /**
   * @param {string | Function} task
   * @param {readonly unknown[]} items
   * @param {(results: any[]) => void} callback
   * @param {BulkOptions} [options]
   * @returns {Handle}
   * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT; in development also UNKNOWN_TASK
   */
  bulkSplit(task, items, callback, options = NO_OPTIONS) {
    this.#checkCallback(callback);
    if (!Array.isArray(items)) throw poolError('INVALID_ARGUMENT', 'items: expected an array');
    const name = this.#checkName(task);
    const sliceItems = this.#sliceItems(items.length, options.batchSize);
    const maxWaitMs = milliseconds('maxWaitMs', options.maxWaitMs ?? MAX_WAIT_MS) ?? Infinity;
    const dueMs = this.#options.scheduler.now() + maxWaitMs;
    const spec = this.#intake.check(options, { flags: L.SLOT_SLICE | L.SLOT_LIST, dueMs, isJob: true });
    if (items.length === 0) {
      callBack(callback, [], (message) => this.#emit(message, '')); // TW-23
      return new Handle();
    }
    const sink = new BulkSink(callback, this.buffers, items.length, sliceItems, (message) => this.#emit(message, ''));
    /** @type {Task[]} */
    const slices = [];
    for (let start = 0; start < items.length; start += sliceItems) slices.push(new Task(sink, start));
    const input = { items, shared: options.sharedArgs };
    const now = this.#intake.engine ? { payload: input, spec } : asItIsNow(input, spec);
    const send = (/** @type {Engine} */ engine) =>
      this.#sendSlices(engine, slices, name, now, sliceItems, options.signal);
    const abandoned = (/** @type {unknown} */ _item, /** @type {any} */ error) => {
      for (const slice of slices) this.#intake.reject(slice, error);
      return /** @type {const} */ (false);
    };
    this.#intake.withEngine(new Task({ fulfil: ignore, fail: abandoned }, 0), send);
    return new Handle(() => {
      sink.connected = false;
      for (const slice of slices) this.#giveUp(slice);
    });
  }

  /**
   * @param {readonly import('./sequence.js').Step[]} steps
   * @param {(results: any[]) => void} [callback]
   * @returns {Sequence}
   * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT; in development also for no steps, and UNKNOWN_TASK
   */
  sequence(steps, callback) {
    if (callback !== undefined) this.#checkCallback(callback);
    if (!Array.isArray(steps)) throw poolError('INVALID_ARGUMENT', 'steps: expected an array');
    if (this.#options.dev && steps.length === 0) throw poolError('INVALID_ARGUMENT', 'steps: expected at least one');
    return new Sequence(steps, callback, {
      send: (record, step, payload) => this.#sendStep(record, step, payload),
      giveUp: (record) => this.#giveUp(record),
      emit: (message) => this.#emit(message, ''),
    });
  }

  // ---- Checks ----

  /** @param {unknown} callback */
  #checkCallback(callback) {
    if (typeof callback !== 'function') throw poolError('INVALID_ARGUMENT', 'callback: expected a function');
  }

  /**
   * In development a name that no worker knows is refused at once (TW-11); workers name their handlers when they have started.
   * @param {unknown} task
   */
  #checkName(task) {
    const name = taskName(task);
    if (this.#options.dev && this.#intake.engine?.knows(name) === false)
      throw poolError('UNKNOWN_TASK', `no handler and no C task has the name '${name}'`);
    return name;
  }

  /**
   * @param {number} items
   * @param {number | undefined} batchSize
   */
  #sliceItems(items, batchSize) {
    const wanted =
      batchSize === undefined ? Math.ceil(items / this.#options.workers) : integer('batchSize', batchSize, 1);
    return Math.max(1, Math.min(wanted, this.#options.maxSliceItems)); // TW-18: a hard cap
  }

  // ---- On their way ----

  /**
   * @param {import('./task.js').Sink} sink
   * @param {number} item
   * @param {string | Function} task
   * @param {unknown} payload
   * @param {TaskOptions} options
   * @returns {Job}
   */
  #job(sink, item, task, payload, options) {
    const name = this.#checkName(task);
    const spec = this.#intake.check({ ...options, weight: options.weight ?? 'heavy' }, { isJob: true });
    return { record: new Task(sink, item), name, payload, spec, signal: options.signal };
  }

  /**
   * @param {Task} record
   * @param {import('./sequence.js').Step} step
   * @param {unknown} payload
   */
  #sendStep(record, step, payload) {
    try {
      this.#give({ ...this.#job(record.sink, record.item, step.task, payload, step), record });
    } catch (error) {
      this.#intake.reject(record, /** @type {any} */ (error));
    }
  }

  /**
   * To the core, or, if main has spent its budget for this tick, to those that wait for the next one.
   * @param {Job} job
   */
  #give(job) {
    const { engine } = this.#intake;
    if (!engine) this.#intake.send(job.record, job.name, job.payload, job.spec, job.signal);
    else if (this.#held.size === 0 && engine.governor.admits()) this.#dispatch(engine, job);
    else if (!engine.admits(this.#held.size + 1)) this.#intake.reject(job.record, poolError('QUEUE_FULL'));
    else this.#hold(engine, job);
  }

  /**
   * Until the next tick.
   * @param {Engine} engine
   * @param {Job} job
   */
  #hold(engine, job) {
    this.#held.set(job.record, { ...job, ...asItIsNow(job.payload, job.spec) });
    engine.ledger.enter();
    this.#ticker.need(true);
  }

  /**
   * @param {Engine} engine
   * @param {Job} job
   */
  #dispatch(engine, { record, name, payload, spec, signal }) {
    const { now } = this.#options.scheduler;
    const start = now();
    this.#intake.send(record, name, payload, spec, signal);
    engine.governor.spend(now() - start);
    this.#ticker.need();
  }

  /**
   * All slices at once: main's budget is not for them (TW-31).
   * @param {Engine} engine
   * @param {Task[]} slices
   * @param {string} name
   * @param {{ payload: any, spec: import('./spec.js').Spec }} input payload: all items, and what they share
   * @param {number} sliceItems
   * @param {AbortSignal} [signal]
   */
  #sendSlices(engine, slices, name, { payload: { items, shared }, spec }, sliceItems, signal) {
    let group;
    try {
      group = engine.createGroup(slices.length, L.GROUP_BULK);
    } catch (error) {
      for (const slice of slices) this.#intake.reject(slice, /** @type {any} */ (error));
      return;
    }
    const grouped = { ...spec, group: group + 1 };
    for (const slice of slices) {
      if (signal?.aborted) this.#giveUp(slice);
      if (slice.settled) {
        engine.leaveGroup(group);
        continue;
      }
      const payload = { items: items.slice(slice.item, slice.item + sliceItems), shared };
      this.#intake.send(slice, name, payload, grouped, signal, true);
    }
  }

  /** @param {Task} record */
  #giveUp(record) {
    const wasHeld = this.#held.delete(record);
    if (wasHeld) this.#intake.engine?.ledger.withdraw();
    if (!record.settled) void this.#intake.giveUp(record, poolError('CANCELLED', 'the job was disconnected'));
    if (wasHeld) this.#intake.engine?.ledger.checkDrained(); // it may have been the last
  }

  #tick() {
    const { engine } = this.#intake;
    if (!engine) return 'over';
    const wasUsed = engine.governor.tick();
    this.#telemetry?.sample();
    for (const [record, job] of this.#held) {
      if (!engine.governor.admits()) break;
      this.#held.delete(record);
      engine.ledger.withdraw();
      if (!record.settled) this.#dispatch(engine, job);
    }
    engine.ledger.checkDrained(); // what failed on its way may have been the last
    if (this.#held.size > 0) return 'busy';
    return this.#telemetry || wasUsed ? 'idle' : 'over';
  }

  /** @param {import('./errors.js').PoolError} reason what is held fails with it */
  close(reason) {
    this.#ticker.stop();
    for (const record of this.#held.keys())
      this.#intake.reject(record, poolError(reason.code, reason.message, { cause: reason.cause }));
    this.#held.clear();
  }
}
