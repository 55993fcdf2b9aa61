/** Tasks on their way into the pool: checks their options, keeps them while the core loads, and lets them be cancelled meanwhile. */
import { listen } from '../task/abort.js';
import { Box } from '../task/box.js';
import { cloneDeep } from '../values/deep.js';
import { deadlineError, Deadlines } from '../task/deadlines.js';
import { Dispatcher } from './dispatcher.js';
import { poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { startGroup } from './group.js';
import { host } from '../host/index.js';
import { contextFor, NO_EXTRA, NO_OPTIONS, specify } from '../options/spec.js';
import { TaskNames } from './task-names.js';
import { guarded, ignore, Task } from '../task/task.js';

/**
 * @typedef {import('../engine/engine.js').Engine} Engine
 * @typedef {import('../options/task-options.js').TaskOptions} TaskOptions
 * @typedef {{ count: number, run: (engine: Engine) => void }} Early a submission that waits for the core, of `count` tasks
 * @typedef {{ task: import('../base/task-name.js').TaskRef, payload: unknown, options: TaskOptions, seat?: number }} Member of a batch or broadcast
 * @typedef {() => { payload: unknown } | undefined} Late makes a payload; undefined: the task is not wanted any more
 */

/**
 * Copies the payload of a task that must wait, so that the worker does not see later changes (TW-62). A payload that cannot be copied stays
 * as it is, and is refused when it is sent.
 * @param {unknown} payload
 * @param {import('../options/spec.js').Spec} spec
 * @returns {{ payload: unknown, spec: import('../options/spec.js').Spec }}
 */
export function asItIsNow(payload, spec) {
  if (payload instanceof Box) return { payload, spec };
  const transfer = [...(spec.transfer ?? [])];
  try {
    if (transfer.length === 0) return { payload: cloneDeep(payload), spec };
    const now = structuredClone({ payload, transfer }, { transfer });
    return { payload: now.payload, spec: { ...spec, transfer: now.transfer } };
  } catch {
    return { payload, spec };
  }
}

/**
 * Whether main's budget applies: to single tasks with a weight (TW-31).
 * @param {import('../options/spec.js').Spec} spec
 */
function isBudgeted({ flags = 0 }) {
  return (flags & (L.SLOT_LIGHT | L.SLOT_HEAVY)) !== 0 && !(flags & L.SLOT_SLICE);
}

/** The intake of one pool. */
export class Intake {
  /** @type {Engine | undefined} undefined: not loaded yet, or closed */
  engine;
  closed = false;
  /** Whether the pool is closing: it finishes its work and refuses new tasks. */
  ending = false;
  /** Number of tasks that settled without having reached the core. */
  processed = 0;
  /** Submissions that wait for the core, in order. @type {Map<Task, Early>} */
  #early = new Map();
  #earlyCount = 0;
  #options;
  #failed;
  #plainSpec; // of a task without options
  /** Why the pool was closed. @type {import('../base/errors.js').PoolError | undefined} */
  #reason;

  /**
   * @param {import('../options/options.js').ResolvedOptions} options
   * @param {(error: import('../base/errors.js').PoolError) => void} failed called for each task that fails here
   */
  constructor(options, failed) {
    this.#options = options;
    this.#failed = failed;
    this.#plainSpec = specify(NO_OPTIONS, options, NO_EXTRA);
    this.dispatcher = new Dispatcher(options);
    this.names = new TaskNames(options.allowFunctions);
    this.deadlines = new Deadlines(options.scheduler, (record, deadline) => this.#expire(record, deadline));
  }

  /** The largest number of workers, by the pool's options or by resize(). */
  get workers() {
    return Math.max(this.#options.workers, this.engine?.fleet.places.length ?? 0);
  }

  /** Number of tasks that wait for the core. */
  get waiting() {
    return this.#earlyCount + this.dispatcher.held;
  }

  /**
   * Runs the submissions that have waited for the core.
   * @param {Engine} engine
   */
  open(engine) {
    this.engine = engine;
    this.dispatcher.open(engine);
    const early = this.#takeEarly();
    for (const [task, { run }] of early) {
      if (this.closed) break; // a callback has closed the pool
      early.delete(task);
      if (!task.settled) run(engine);
    }
    if (this.#reason) this.#abandon(early, this.#reason);
  }

  /** @param {import('../base/errors.js').PoolError} reason why later tasks are refused */
  close(reason) {
    this.closed = true;
    this.engine = undefined;
    this.#reason = reason;
    this.deadlines.clear();
  }

  /** The error for tasks of a closed pool; if the pool could not start, it says why (AM-42). */
  #goneError() {
    const reason = this.#reason;
    if (!reason || reason.code === 'POOL_DESTROYED') return poolError('POOL_DESTROYED');
    return poolError('POOL_DESTROYED', `the pool was destroyed: ${reason.message}`, { cause: reason });
  }

  /**
   * Throws if the pool does not take new tasks.
   * @throws {import('../base/errors.js').PoolError} POOL_DESTROYED, SHUTTING_DOWN
   */
  checkOpen() {
    if (this.closed) throw this.#goneError();
    if (this.ending) throw poolError('SHUTTING_DOWN');
  }

  /** @param {import('../base/errors.js').PoolError} reason the error for all tasks that wait for the core */
  abandon(reason) {
    this.#abandon(this.#takeEarly(), reason);
    this.#abandon(new Map(this.dispatcher.close().map((task) => [task, { count: 1 }])), reason);
  }

  /**
   * @param {Map<Task, { count: number }>} tasks
   * @param {import('../base/errors.js').PoolError} reason
   */
  #abandon(tasks, reason) {
    for (const [task, { count }] of tasks) {
      if (task.settled) continue;
      this.processed += count; // they count, because the pool was open when they were submitted
      this.reject(task, poolError(reason.code, reason.message, { cause: reason.cause }));
    }
  }

  #takeEarly() {
    const early = this.#early;
    this.#early = new Map();
    this.#earlyCount = 0;
    return early;
  }

  /**
   * Runs a function with the engine: now, or when the core is loaded.
   * @param {Task} record if it has settled by then, `run` is not called
   * @param {(engine: Engine) => void} run
   * @param {number} [count] number of tasks that it submits
   */
  withEngine(record, run, count = 1) {
    if (this.engine) run(this.engine);
    else if (this.closed) this.reject(record, this.#goneError());
    else {
      this.#early.set(record, { count, run });
      this.#earlyCount += count;
    }
  }

  /**
   * @param {Task} record
   * @param {import('../base/task-name.js').TaskRef} task
   * @param {unknown} payload
   * @param {TaskOptions} [options]
   */
  submit(record, task, payload, options = NO_OPTIONS) {
    /** @type {import('../options/spec.js').Spec} */
    let spec;
    let name;
    try {
      this.checkOpen();
      name = this.names.of(task);
      spec = options === NO_OPTIONS ? this.#plain() : specify(options, this.#options, NO_EXTRA);
    } catch (error) {
      this.reject(record, /** @type {any} */ (error));
      return;
    }
    this.send(record, name, payload, spec, spec.signal);
  }

  #plain() {
    const inContext = contextFor(this.#options);
    return inContext ? { ...this.#plainSpec, inContext } : this.#plainSpec;
  }

  /**
   * @param {TaskOptions} options
   * @param {Partial<import('../options/spec.js').Extra>} extra
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT, UNSUPPORTED
   */
  check(options, extra) {
    return specify(options, this.#options, { ...NO_EXTRA, ...extra });
  }

  /**
   * Submits a task whose options have been checked.
   * @param {Task} record
   * @param {string} name
   * @param {unknown} payload
   * @param {import('../options/spec.js').Spec} spec
   * @param {AbortSignal} [signal]
   * @param {boolean} [unbounded] whether maxQueue does not apply
   */
  send(record, name, payload, spec, signal, unbounded) {
    if (!this.#mayEnter(record, spec, signal, unbounded)) return;
    if (this.engine && !isBudgeted(spec)) this.engine.submit(record, name, payload, spec);
    else if (this.engine) this.dispatcher.give({ task: record, name, payload, spec });
    else {
      const entry = { task: record, name, ...asItIsNow(payload, spec), isCopy: true };
      this.withEngine(record, (engine) => {
        if (isBudgeted(spec)) this.dispatcher.give(entry);
        else engine.submit(record, name, entry.payload, entry.spec);
      });
    }
  }

  /**
   * As send(), for a task to which main's budget applies. Its payload is made when it goes to the core, and not before.
   * @param {Task} record
   * @param {string} name
   * @param {Late} late
   * @param {import('../options/spec.js').Spec} spec
   * @param {AbortSignal} [signal]
   */
  sendLate(record, name, late, spec, signal) {
    if (!this.#mayEnter(record, spec, signal)) return;
    const submit = (/** @type {Engine} */ engine) => {
      const made = late();
      if (!made || record.settled) return;
      if (this.closed) this.reject(record, this.#goneError());
      else engine.submit(record, name, made.payload, spec);
    };
    this.withEngine(record, () =>
      this.dispatcher.give({ task: record, name, payload: undefined, spec, isCopy: true, submit }),
    );
  }

  /**
   * @param {Task} record settled if it may not
   * @param {import('../options/spec.js').Spec} spec
   * @param {AbortSignal} [signal]
   * @param {boolean} [unbounded]
   */
  #mayEnter(record, { deadline }, signal, unbounded) {
    if (signal) this.#listen(record, signal);
    if (record.settled) return false;
    if (this.closed) this.reject(record, this.#goneError());
    else if (!unbounded && !this.#admits(1)) this.reject(record, poolError('QUEUE_FULL'));
    else if (deadline) this.deadlines.watch(record, deadline);
    return !record.settled;
  }

  /** @param {number} count more tasks */
  #admits(count) {
    return this.engine
      ? this.engine.admits(count + this.dispatcher.held)
      : this.#earlyCount + count <= (this.#options.maxQueue ?? Infinity);
  }

  /**
   * Submits several tasks that succeed or fail together.
   * @param {() => Member[]} jobs if it throws, the promise rejects
   * @param {boolean} failFast
   * @returns {Promise<any[]>}
   */
  group(jobs, failFast) {
    return guarded((resolve, reject) => {
      const whole = new Task({ fulfil: ignore, fail: (_item, error) => reject(error) }, 0);
      const refuse = (/** @type {any} */ error) => this.reject(whole, error);
      try {
        this.checkOpen();
        const members = this.#members(jobs());
        if (members.length === 0) resolve([]);
        else if (failFast && !this.#admits(members.length))
          throw poolError('QUEUE_FULL', `a batch of ${members.length} does not fit into the queue (maxQueue)`);
        else this.#startGroup(whole, members, failFast, { resolve, reject, refuse });
      } catch (error) {
        refuse(error);
      }
    });
  }

  /**
   * @param {Task} whole stands for all members until they are submitted
   * @param {import('./group.js').GroupMember[]} members
   * @param {boolean} failFast
   * @param {import('./group.js').GroupEnd} end
   */
  #startGroup(whole, members, failFast, end) {
    // All members have the same signal and the same deadline.
    if (members[0].signal) this.#listen(whole, members[0].signal);
    if (whole.settled) return; // aborted already: none of them starts
    const { deadline } = members[0].spec;
    if (deadline && !this.engine) this.deadlines.watch(whole, deadline);
    const start = (/** @type {Engine} */ engine) => {
      whole.rare?.unlisten?.();
      whole.rare?.deadline?.forget();
      startGroup(engine.core, members, failFast, end, (record, { name, payload, spec, signal }, group) => {
        engine.submit(record, name, payload, { ...spec, group: group + 1 });
        if (signal && !record.settled) this.#listen(record, signal);
        if (deadline && !record.settled) this.deadlines.watch(record, deadline);
      });
    };
    this.withEngine(whole, start, members.length);
  }

  /** @param {Member[]} jobs */
  #members(jobs) {
    return jobs.map(({ task, payload, options, seat }) => {
      const name = this.names.of(task);
      const spec = this.check(options, { seat });
      const now = this.engine ? { payload, spec } : asItIsNow(payload, spec);
      return { name, ...now, signal: spec.signal };
    });
  }

  /**
   * @param {Task} record
   * @param {AbortSignal} signal
   */
  #listen(record, signal) {
    listen(record, signal, (error) => void this.giveUp(record, error, true));
  }

  /**
   * Settles a task with an error, wherever it is.
   * @param {Task} record
   * @param {import('../base/errors.js').PoolError} error
   * @param {boolean} [kill] whether to stop it if it runs, by ending its worker if need be
   */
  async giveUp(record, error, kill) {
    if (!this.engine) {
      this.reject(record, error);
      return undefined;
    }
    const wasHeld = this.dispatcher.withdraw(record);
    const end = this.engine.giveUp(record, error, kill);
    if (wasHeld) this.engine.ledger.checkDrained(); // it may have been the last task
    return end;
  }

  /**
   * @param {Task} record whose deadline has passed
   * @param {import('../options/task-options.js').Deadline} deadline
   */
  #expire(record, deadline) {
    const wasHeld = this.engine ? this.dispatcher.withdraw(record) : false;
    if (this.engine && !wasHeld) this.engine.expire(record, deadline);
    else void this.giveUp(record, deadlineError(deadline, undefined, record.id));
  }

  /**
   * Settles a task that never reached the core.
   * @param {Task} record
   * @param {import('../base/errors.js').PoolError} error
   */
  reject(record, error) {
    if (record.settled) return;
    record.settled = true;
    const { count = 1 } = this.#early.get(record) ?? {};
    if (this.#early.delete(record)) this.#earlyCount -= count;
    record.rare?.unlisten?.();
    record.rare?.deadline?.forget();
    error.taskId ??= record.id;
    if (!this.closed) this.processed += count;
    if (host.channels?.settled.hasSubscribers) host.channels.settled.publish({ taskId: record.id, error });
    if (record.sink.fail(record.item, error) !== false) this.#failed(error);
  }
}
