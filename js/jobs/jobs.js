/** Tasks with callbacks: split, bulkSplit and sequence. They have weights, run again if they are lost, and keep to main's budget. */
import { BulkSink, ResultBuffers } from './bulk.js';
import { callBack, CallbackSink, Handle, LABEL } from './callback.js';
import { poolError } from '../base/errors.js';
import { createGroup, leaveGroup } from '../submit/group.js';
import * as L from '../generated/layout.js';
import { host } from '../host/index.js';
import { asItIsNow } from '../submit/intake.js';
import { Sequence } from './sequence.js';
import { NO_OPTIONS, OPTIONS_OF, readOptions } from '../options/spec.js';
import { ignore, Task } from '../task/task.js';

/**
 * @typedef {import('../engine/engine.js').Engine} Engine
 * @typedef {import('../options/task-options.js').TaskOptions} TaskOptions
 *
 * @typedef {import('../options/task-options.js').BulkOptions} BulkOptions
 */

const MAX_WAIT_MS = 50; // REQUIREMENTS TW-28

/** @param {any} options */
const labelOf = (options) => /** @type {string | undefined} */ (options?.[LABEL]);

/** The callback side of a pool. */
export class Jobs {
  buffers;
  #intake;
  #options;
  /** @type {import('./callback.js').CallbackPort} */
  #port;
  /** Reports for the next turn. @type {Set<() => void>} */
  #late = new Set();

  /**
   * @param {import('../submit/intake.js').Intake} intake
   * @param {import('../options/options.js').ResolvedOptions} options
   * @param {(message: string, taskId: string) => void} emit the pool's error event
   */
  constructor(intake, options, emit) {
    this.#intake = intake;
    this.#options = options;
    this.#port = { emit: (message, taskId = '') => emit(message, taskId), later: (run) => this.#later(run) };
    this.buffers = new ResultBuffers(options.dev);
  }

  /**
   * @param {import('../base/task-name.js').TaskRef} task
   * @param {unknown} payload
   * @param {(result: any) => void} callback
   * @param {TaskOptions} [options]
   * @returns {Handle}
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT; in development also UNKNOWN_TASK
   */
  split(task, payload, callback, options = NO_OPTIONS) {
    this.#checkCallback(callback);
    const sink = new CallbackSink(host.bind(callback), this.#port, labelOf(options));
    const record = new Task(sink, 0);
    sink.task = record;
    if (!this.#refuse(record)) this.#send(record, task, payload, options);
    sink.entering = false;
    return new Handle(() => {
      sink.connected = false;
      this.#giveUp(record);
    });
  }

  /**
   * @param {import('../base/task-name.js').TaskRef} task
   * @param {readonly unknown[]} items
   * @param {(results: any[]) => void} callback
   * @param {BulkOptions} [options]
   * @returns {Handle}
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT; in development also UNKNOWN_TASK
   */
  bulkSplit(task, items, callback, options = NO_OPTIONS) {
    this.#checkCallback(callback);
    if (!Array.isArray(items)) throw poolError('INVALID_ARGUMENT', 'items: expected an array');
    const name = this.#checkName(task);
    const given = readOptions(options, OPTIONS_OF.bulk);
    const spec = this.#intake.check(given, { flags: L.SLOT_SLICE | L.SLOT_LIST, isJob: true });
    const sliceItems = this.#sliceItems(items.length, given.batchSize);
    const { maxWaitMs = MAX_WAIT_MS } = given;
    spec.dueMs = this.#options.scheduler.poolNow() + maxWaitMs;
    if (items.length === 0) {
      callBack(callback, [], this.#port); // TW-23
      return new Handle();
    }
    const sink = new BulkSink(
      host.bind(callback),
      this.#port,
      this.buffers,
      items.length,
      sliceItems,
      labelOf(options),
    );
    /** @type {Task[]} */
    const slices = [];
    for (let start = 0; start < items.length; start += sliceItems) slices.push(new Task(sink, start));
    const input = { items, shared: given.sharedArgs };
    const now = this.#intake.engine ? { payload: input, spec } : asItIsNow(input, spec);
    const send = (/** @type {Engine} */ { core }) =>
      this.#sendSlices(core, slices, name, now, sliceItems, given.signal);
    const abandoned = (/** @type {unknown} */ _item, /** @type {any} */ error) => {
      for (const slice of slices) this.#intake.reject(slice, error);
      return /** @type {const} */ (false);
    };
    const whole = new Task({ fulfil: ignore, fail: abandoned }, 0);
    if (!this.#refuse(whole)) this.#intake.withEngine(whole, send, slices.length);
    sink.entering = false;
    return new Handle(() => {
      sink.connected = false;
      for (const slice of slices) this.#giveUp(slice);
    });
  }

  /**
   * @param {readonly import('../options/task-options.js').Step[]} steps
   * @param {(results: any[]) => void} [callback]
   * @returns {Sequence}
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT; in development also for no steps, and UNKNOWN_TASK
   */
  sequence(steps, callback) {
    if (callback !== undefined) this.#checkCallback(callback);
    if (!Array.isArray(steps)) throw poolError('INVALID_ARGUMENT', 'steps: expected an array');
    if (this.#options.dev) this.#checkSteps(steps);
    for (const [index, step] of steps.entries()) {
      if (!step?.task) continue; // the sequence ends there with an error
      readOptions(step, OPTIONS_OF.step, `steps[${index}]`);
      this.#intake.names.of(step.task);
    }
    return new Sequence(steps, callback, {
      send: (record, step, late) => this.#sendStep(record, step, late),
      giveUp: (record) => this.#giveUp(record),
      ...this.#port,
    });
  }

  // ---- Checks ----

  /** @param {unknown} callback */
  #checkCallback(callback) {
    if (typeof callback !== 'function') throw poolError('INVALID_ARGUMENT', 'callback: expected a function');
  }

  /**
   * In development a name that no worker knows is refused at once (TW-11), once workers have started and reported their handlers.
   * @param {unknown} task
   */
  #checkName(task) {
    const name = this.#intake.names.of(task);
    if (this.#options.dev && this.#intake.engine?.knows(name) === false)
      throw poolError('UNKNOWN_TASK', `no handler and no C task has the name '${name}'`);
    return name;
  }

  /** @param {readonly import('../options/task-options.js').Step[]} steps */
  #checkSteps(steps) {
    if (steps.length === 0) throw poolError('INVALID_ARGUMENT', 'steps: expected at least one');
    for (const step of steps) if (step?.task) this.#checkName(step.task);
  }

  /**
   * @param {number} items
   * @param {number | undefined} batchSize
   */
  #sliceItems(items, batchSize) {
    const wanted = batchSize ?? Math.ceil(items / this.#intake.workers);
    return Math.max(1, Math.min(wanted, this.#options.maxSliceItems)); // TW-18: a hard cap
  }

  // ---- Submission ----

  /**
   * Refuses new jobs while the pool is closing.
   * @param {Task} record of a new job
   * @returns {boolean} whether it was refused
   */
  #refuse(record) {
    if (!this.#intake.ending || this.#intake.closed) return false; // the intake refuses jobs of a closed pool
    this.#intake.reject(record, poolError('SHUTTING_DOWN'));
    return true;
  }

  /**
   * @param {Task} record
   * @param {import('../base/task-name.js').TaskRef} task
   * @param {unknown} payload
   * @param {TaskOptions} options
   * @param {import('../submit/intake.js').Late} [late] makes the payload
   */
  #send(record, task, payload, options, late) {
    const name = this.#checkName(task);
    const spec = this.#intake.check(options, { weight: 'heavy', isJob: true });
    if (late) this.#intake.sendLate(record, name, late, spec, spec.signal);
    else this.#intake.send(record, name, payload, spec, spec.signal);
  }

  /**
   * @param {Task} record
   * @param {import('../options/task-options.js').Step} step
   * @param {import('../submit/intake.js').Late | undefined} late makes the payload
   */
  #sendStep(record, step, late) {
    if (record.item === 0 && this.#refuse(record)) return; // only the first step: a sequence that has begun may finish
    try {
      this.#send(record, step.task, step.payload, readOptions(step, OPTIONS_OF.step), late);
    } catch (error) {
      this.#intake.reject(record, /** @type {any} */ (error));
    }
  }

  /**
   * Sends all slices at once: they are exempt from main's budget (TW-31).
   * @param {import('../core/core.js').Core} core
   * @param {Task[]} slices
   * @param {string} name
   * @param {{ payload: any, spec: import('../options/spec.js').Spec }} input payload: all items, and what they share
   * @param {number} sliceItems
   * @param {AbortSignal} [signal]
   */
  #sendSlices(core, slices, name, { payload: { items, shared }, spec }, sliceItems, signal) {
    let group;
    try {
      group = createGroup(core, slices.length, L.GROUP_BULK);
    } catch (error) {
      for (const slice of slices) this.#intake.reject(slice, /** @type {any} */ (error));
      return;
    }
    const grouped = { ...spec, group: group + 1 };
    for (const slice of slices) {
      if (signal?.aborted) this.#giveUp(slice);
      if (slice.settled) {
        leaveGroup(core, group);
        continue;
      }
      const payload = { items: items.slice(slice.item, slice.item + sliceItems), shared };
      this.#intake.send(slice, name, payload, grouped, signal, true);
    }
  }

  /** @param {Task} record */
  #giveUp(record) {
    if (!record.settled) void this.#intake.giveUp(record, poolError('CANCELLED', 'the job was disconnected'));
  }

  // ---- Reports ----

  /**
   * Runs a report in the next turn; until then the job counts as in flight.
   * @param {() => void} run
   */
  #later(run) {
    const ledger = this.#intake.engine?.ledger;
    ledger?.enter();
    this.#late.add(run);
    host.defer(() => {
      if (!this.#late.delete(run)) return; // close() has run it already
      run();
      if (!ledger || ledger.closed) return;
      ledger.withdraw();
      ledger.checkDrained();
    });
  }

  /** Runs all pending reports; there are none afterwards. */
  close() {
    for (const run of [...this.#late]) if (this.#late.delete(run)) run();
  }
}
