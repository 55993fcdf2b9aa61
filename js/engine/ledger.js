/** The tasks in flight. Each settles exactly once. */
import { allocate } from '../core/core.js';
import * as L from '../generated/layout.js';
import { host } from '../host/index.js';
import { shownName } from '../base/task-name.js';
import { readStats } from '../threads/open.js';

/**
 * @typedef {import('../task/task.js').Task} Task
 *
 * @typedef {object} LedgerPort
 * @property {(busy: boolean) => void} busy the first task is in flight, or none is any more
 * @property {() => void} unwatch a task that main had to look after has left
 * @property {(task: Task) => void} forget whatever is known of it elsewhere
 * @property {(error: import('../base/errors.js').PoolError) => void} error a task failed
 * @property {() => void} rest no task is in flight; one that was given up may still run
 * @property {() => void} drained
 *
 * @typedef {object} Observer who watches tasks go by; nobody does by default
 * @property {(task: Task, name: string) => void} held main's budget holds it back
 * @property {(task: Task, name: string, index: number) => void} queued `index` of its slot
 * @property {(task: Task, slot: number, outcome?: string) => void} ran its worker is done with it, or it runs and ends with this
 *   outcome: `slot` is the address of its record
 * @property {(thread: number) => void} interrupted what the thread runs is to be stopped
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
  #settled = 0; // since the core was told of them
  #failed = 0;
  /** Those that wait for memory. @type {(() => void)[]} */
  #awaited = [];
  /** Something ran since the last `drained`. */
  #busySince = false;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {LedgerPort} port
   */
  constructor(core, port) {
    this.#core = core;
    this.#port = port;
    this.#statsBuffer = allocate(core.exports, L.STATS_SIZE);
  }

  /** A task is in flight from now on, or held back. */
  enter() {
    this.#busySince = true;
    if (++this.inFlight === 1) this.#port.busy(true);
  }

  /**
   * It goes to the core.
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

  /** One that was held back goes on its way, or is given up. */
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

  /** @returns {Promise<void> | undefined} settles when a task has left, and what it held is free; undefined: none is in flight */
  whenFreed() {
    if (this.inFlight === 0 || this.closed) return undefined;
    return new Promise((resolve) => this.#awaited.push(resolve)); // resumes when the drain is over, which frees what was delivered
  }

  /**
   * Tells the sink, once.
   * @param {Task} task
   * @param {import('../base/errors.js').PoolError | undefined} error
   * @param {unknown} value
   * @param {boolean} [swept] the core ended it, with its group
   */
  end(task, error, value, swept) {
    if (task.settled) return;
    task.settled = true;
    host.takeOutput(); // what a task has printed comes before its end
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
    else this.#failed--; // nobody waits for it: its end is no failure, and no code of the user's has run meanwhile
  }

  /** Says so when the last task has gone and every worker is free. */
  checkDrained() {
    if (this.inFlight > 0 || this.closed) return;
    this.#port.rest(); // also after that: a thread that is to die may run on when all others are free
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
