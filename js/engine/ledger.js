/** The tasks in flight. Each settles exactly once. */
import { allocate } from '../core/memory.js';
import * as L from '../generated/layout.js';
import { host } from '../host/index.js';
import { shownName } from '../base/task-name.js';
import { readStats } from '../threads/open.js';

/**
 * @typedef {import('../task/task.js').Task} Task
 *
 * @typedef {object} LedgerPort
 * @property {(busy: boolean) => void} busy true: the first task is in flight; false: none is any more
 * @property {() => void} unwatch a task with a time limit has left
 * @property {(task: Task) => void} forget drops what other parts keep for the task
 * @property {(error: import('../base/errors.js').PoolError) => void} error a task failed
 * @property {() => void} rest no task is in flight; one that was given up may still run
 * @property {() => void} drained
 *
 * @typedef {object} Observer records tasks for telemetry; by default there is none
 * @property {(task: Task, name: string) => void} held main's budget holds the task back
 * @property {(task: Task, name: string, index: number) => void} queued `index` of its slot
 * @property {(task: Task, slot: number, outcome?: string) => void} ran its worker is done with it; or, with an outcome, the task was
 *   given up while it runs. `slot` is the slot's address
 * @property {(thread: number) => void} interrupted the thread was silent, and what it runs is being stopped
 * @property {(task: Task, error: import('../base/errors.js').PoolError | undefined) => void} settled
 * @property {(member: import('../threads/fleet.js').Member, error: Error) => void} down a worker is lost, or was killed
 */

const { channels } = host;

/** The count of tasks, and the one place where they settle. */
export class Ledger {
  inFlight = 0;
  closed = false;
  /** @type {Observer | undefined} */
  observer = undefined;
  #core;
  #port;
  #statsBuffer;
  #settled = 0; // since these counts were passed to the core
  #failed = 0;
  /** Callers that wait for memory. @type {(() => void)[]} */
  #awaited = [];
  /** Whether something ran since the last `drained`. */
  #busySince = false;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {LedgerPort} port
   */
  constructor(core, port) {
    this.#core = core;
    this.#port = port;
    this.#statsBuffer = allocate(core, L.STATS_SIZE);
  }

  /** Counts a task that is in flight, or held back, from now on. */
  enter() {
    this.#busySince = true;
    if (++this.inFlight === 1) this.#port.busy(true);
  }

  /**
   * A task goes to the core.
   * @param {Task} task
   * @param {string} name
   * @param {number} index of its slot
   */
  queued(task, name, index) {
    this.enter();
    this.observer?.queued(task, shownName(name), index);
    if (channels?.queued.hasSubscribers) channels.queued.publish({ taskId: task.id, task: shownName(name) });
  }

  /**
   * A worker is lost, or was killed.
   * @param {import('../threads/fleet.js').Member} member
   * @param {Error} error
   */
  down(member, error) {
    this.observer?.down(member, error);
    if (channels?.down.hasSubscribers) channels.down.publish({ worker: member.name, error });
  }

  /** Uncounts a task: a held one that is released or cancelled, or one that leaves. */
  withdraw() {
    if (--this.inFlight === 0) this.#port.busy(false);
  }

  /**
   * A task is no longer in flight.
   * @param {Task} task
   */
  leave(task) {
    if (task.timed) this.#port.unwatch();
    this.withdraw();
    if (this.#awaited.length > 0) for (const freed of this.#awaited.splice(0)) freed();
  }

  /** @returns {Promise<void> | undefined} settles when a task has left and its memory is free; undefined: none is in flight */
  whenFreed() {
    if (this.inFlight === 0 || this.closed) return undefined;
    return new Promise((resolve) => this.#awaited.push(resolve)); // continues after the drain, which frees delivered slots
  }

  /**
   * Settles a task: tells its sink, once.
   * @param {Task} task
   * @param {import('../base/errors.js').PoolError | undefined} error
   * @param {unknown} value
   * @param {boolean} [swept] whether the core ended it because its group had failed
   */
  end(task, error, value, swept) {
    if (task.settled) return;
    task.settled = true;
    host.takeOutput(); // a task's output must appear before the task settles
    if (task.rare) {
      task.rare.unlisten?.();
      task.rare.deadline?.forget();
      task.rare.channel = task.rare.argument = task.rare.inContext = task.rare.onProgress = undefined;
    }
    this.#port.forget(task);
    this.#settled++;
    this.observer?.settled(task, error);
    if (channels?.settled.hasSubscribers) channels.settled.publish({ taskId: task.id, error });
    if (!error) {
      task.sink.fulfil(task.item, value);
      return;
    }
    error.taskId ??= task.id;
    this.#failed++;
    if (task.sink.fail(task.item, error, swept) !== false) this.#port.error(error);
    else this.#failed--; // its sink does not want it, so it does not count; no user code has run meanwhile
  }

  /** Reports `drained` when no task is in flight and every worker is free. */
  checkDrained() {
    if (this.inFlight > 0 || this.closed) return;
    this.#port.rest(); // every time, also after `drained`: a doomed thread may still run when all others are free
    if (!this.#busySince) return;
    const { free, total } = this.stats();
    if (free !== total) return;
    this.#busySince = false;
    this.#port.drained();
  }

  /** A snapshot of the core's gauges. */
  stats() {
    this.#core.exports._wp_task_count_settled(this.#core.pool, this.#settled, this.#failed);
    this.#settled = this.#failed = 0;
    return readStats(this.#core, this.#statsBuffer);
  }
}
