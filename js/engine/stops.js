/** Tasks that were given up while they ran: their workers are told, and each task is stopped at most once. */
import * as L from '../generated/layout.js';

/**
 * A task that was given up and still runs.
 * @typedef {object} GivenUp
 * @property {number} index of its slot
 * @property {number} generation
 * @property {string} taskId
 * @property {number} graceMs how long it may take to end by itself
 * @property {Promise<void> | undefined} end while it is being stopped: settles when it is over
 */

/** The given-up tasks of one pool. */
export class Stops {
  /** @type {Map<number, GivenUp[]>} by thread */
  #running = new Map();
  #core;
  #fleet;
  #graceMs;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {Pick<import('../threads/fleet.js').Fleet, 'tell' | 'suspicions'>} fleet
   * @param {number} graceMs default for tasks
   */
  constructor(core, fleet, graceMs) {
    this.#core = core;
    this.#fleet = fleet;
    this.#graceMs = graceMs;
  }

  /**
   * Notes a running task that was given up, and has its signal aborted, if it has one.
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
   * Stops a task, by ending its thread if need be.
   * @param {number} thread
   * @param {GivenUp} entry
   * @param {number} [waitedMs] how much of its grace period has passed
   * @returns {Promise<void>} settles when the task is over; with the thread's confirmed death, if it had to die
   */
  stop(thread, entry, waitedMs = 0) {
    return (entry.end ??= this.#fleet.suspicions.kill(thread, entry, entry.graceMs - waitedMs));
  }

  /**
   * Stops a task that was given up before, if it still runs.
   * @param {{ index: number, generation: number }} task
   * @returns {Promise<void> | undefined} as `stop`
   */
  stopTask({ index, generation }) {
    for (const [thread, entries] of this.#running) {
      const entry = entries.find((each) => each.index === index && each.generation === generation);
      if (entry && this.#runs(thread, entry)) return this.stop(thread, entry);
    }
    return undefined;
  }

  /**
   * Stops every given-up task of a thread. May be called repeatedly.
   * @param {number} thread
   * @param {number} waitedMs
   */
  stopAll(thread, waitedMs) {
    for (const entry of this.#stillRunning(thread)) void this.stop(thread, entry, waitedMs);
  }

  /**
   * Stops everything that a silent thread runs.
   * @param {number} thread
   * @param {number} beat the thread's count of heartbeats
   * @param {readonly (import('../task/task.js').Task | undefined)[]} wanted tasks that were not given up, of all threads
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

  /** @param {number} thread dead */
  forget(thread) {
    this.#running.delete(thread);
  }
}
