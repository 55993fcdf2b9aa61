/** Tasks that were given up while they ran: their workers get a message, and each task is stopped once at most. */
import * as L from '../generated/layout.js';

/**
 * A task that nobody waits for any more, and that a worker still runs.
 * @typedef {object} GivenUp
 * @property {number} index of its slot
 * @property {number} generation
 * @property {string} taskId
 * @property {number} graceMs how long it may take to end by itself
 * @property {Promise<void> | undefined} end settles when it is over, if it is being stopped
 */

/** Those of one pool. */
export class Stops {
  /** @type {Map<number, GivenUp[]>} by thread */
  #running = new Map();
  #core;
  #fleet;
  #graceMs;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {Pick<import('../threads/fleet.js').Fleet, 'tell' | 'suspicions'>} fleet
   * @param {number} graceMs of tasks that have none of their own
   */
  constructor(core, fleet, graceMs) {
    this.#core = core;
    this.#fleet = fleet;
    this.#graceMs = graceMs;
  }

  /**
   * A running task was given up: its signal is aborted, if it has one.
   * @param {number} thread that runs it
   * @param {import('../task/task.js').Task} task
   * @returns {GivenUp}
   */
  note(thread, { index, generation, id, rare }) {
    const graceMs = rare?.graceMs ?? this.#graceMs;
    const entry = { index, generation, taskId: id, graceMs, end: undefined };
    this.#running.set(thread, [...this.#stillRunning(thread), entry]);
    const isC = this.#core.memory.u32[(this.#core.slots.record(index) + L.SLOT_C_TASK) >>> 2] !== 0;
    if (!isC) this.#fleet.tell(thread, { kind: 'cancel', slot: index });
    return entry;
  }

  /** @param {number} thread */
  #stillRunning(thread) {
    return (this.#running.get(thread) ?? []).filter((entry) => this.#runs(thread, entry));
  }

  /**
   * @param {number} thread
   * @param {{ index: number, generation: number }} entry
   */
  #runs(thread, { index, generation }) {
    return this.#core.exports._wp_worker_runs(this.#core.pool, thread, index, generation) !== 0;
  }

  /**
   * Stops one, if need be with its thread.
   * @param {number} thread
   * @param {GivenUp} entry
   * @param {number} [waitedMs] part of its grace that is over
   * @returns {Promise<void>} settles when the task is over; with the thread's confirmed death, if it had to die
   */
  stop(thread, entry, waitedMs = 0) {
    return (entry.end ??= this.#fleet.suspicions.kill(thread, entry, entry.graceMs - waitedMs));
  }

  /**
   * Stops whatever a thread should not run any more. May be asked for again and again.
   * @param {number} thread
   * @param {number} waitedMs
   */
  stopAll(thread, waitedMs) {
    for (const entry of this.#stillRunning(thread)) void this.stop(thread, entry, waitedMs);
  }

  /**
   * Stops what a thread runs that gives no sign of life.
   * @param {number} thread
   * @param {number} beat how often it had given one
   * @param {readonly (import('../task/task.js').Task | undefined)[]} wanted tasks that somebody waits for, of all threads
   */
  stopSilent(thread, beat, wanted) {
    this.#fleet.suspicions.recover(thread, beat, () => {
      /** @type {import('../threads/suspicions.js').Doomed[]} */
      const tasks = this.#stillRunning(thread);
      for (const task of wanted) {
        if (!task || !this.#runs(thread, task)) continue;
        tasks.push({ index: task.index, generation: task.generation, taskId: task.id });
      }
      return tasks;
    });
  }

  /** @param {number} thread it is gone */
  forget(thread) {
    this.#running.delete(thread);
  }
}
