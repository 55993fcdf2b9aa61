/** Deadlines: time limits that include waiting. One timer for all tasks of a pool with deadlines; tasks without one cost nothing. */
import { innerError } from '../base/errors.js';

/**
 * @typedef {import('../options/task-options.js').Deadline} Deadline
 * @typedef {import('./task.js').Task} Task
 *
 * @typedef {object} Entry
 * @property {Task} task
 * @property {Deadline} deadline
 * @property {number} place in the heap
 */

/**
 * @param {Deadline} deadline
 * @param {string | undefined} worker that runs the task; undefined: it has not started
 * @param {string} taskId
 */
export function deadlineError({ ms }, worker, taskId) {
  const state = worker === undefined ? 'it had not started' : `it still ran on ${worker}`;
  return innerError('TIMEOUT', `the task's deadline, ${ms} ms after it was submitted, has passed: ${state}`, {
    taskId,
    worker,
  });
}

/** The deadlines of one pool: a binary heap, the next one first. */
export class Deadlines {
  /** @type {Entry[]} */
  #heap = [];
  #time;
  #passed;
  /** @type {import('../time/scheduler.js').Timer | undefined} */
  #timer;
  #timerAt = Infinity;

  /**
   * @param {import('../time/scheduler.js').Time} time
   * @param {(task: Task, deadline: Deadline) => void} passed called for a task that has not settled by its deadline
   */
  constructor(time, passed) {
    this.#time = time;
    this.#passed = passed;
  }

  /**
   * @param {Task} task gets `deadline.forget`, to be called when it settles
   * @param {Deadline} deadline
   */
  watch(task, deadline) {
    const entry = { task, deadline, place: this.#heap.length };
    this.#heap.push(entry);
    this.#rise(entry);
    task.more.deadline = { ...deadline, forget: () => this.#remove(entry) };
    this.look();
  }

  /** Reports deadlines that have passed, and sets the timer for the next one. */
  look() {
    const now = this.#time.poolNow();
    for (let first = this.#heap[0]; first && first.deadline.at <= now; first = this.#heap[0]) {
      this.#remove(first);
      if (!first.task.settled) this.#passed(first.task, first.deadline);
    }
    this.#setTimer(this.#heap[0]?.deadline.at ?? Infinity);
  }

  /** The functions of time were replaced: sets the timer again. */
  renew() {
    this.#setTimer(Infinity);
    this.look();
  }

  /** Drops all deadlines and the timer. */
  clear() {
    this.#heap = [];
    this.#setTimer(Infinity);
  }

  /** @param {number} at */
  #setTimer(at) {
    if (at === this.#timerAt) return;
    if (this.#timer !== undefined) this.#time.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = at;
    if (at === Infinity) return;
    this.#timer = this.#time.setTimeout(
      () => {
        this.#timer = undefined;
        this.#timerAt = Infinity;
        this.look();
      },
      Math.max(0, Math.ceil(at - this.#time.poolNow())),
    );
  }

  /** @param {Entry} entry */
  #remove(entry) {
    if (this.#heap[entry.place] !== entry) return;
    const last = /** @type {Entry} */ (this.#heap.pop());
    if (last !== entry) {
      this.#put(last, entry.place);
      this.#rise(last);
      this.#sink(last);
    }
    if (this.#heap.length === 0) this.#setTimer(Infinity); // a timer with nothing to do would keep the process alive
  }

  /**
   * @param {Entry} entry
   * @param {number} place
   */
  #put(entry, place) {
    this.#heap[place] = entry;
    entry.place = place;
  }

  /** @param {Entry} entry */
  #rise(entry) {
    while (entry.place > 0) {
      const above = /** @type {Entry} */ (this.#heap[(entry.place - 1) >> 1]);
      if (above.deadline.at <= entry.deadline.at) return;
      const { place } = above;
      this.#put(above, entry.place);
      this.#put(entry, place);
    }
  }

  /** @param {Entry} entry */
  #sink(entry) {
    for (;;) {
      const [left, right] = [this.#heap[2 * entry.place + 1], this.#heap[2 * entry.place + 2]];
      const below = right && left && right.deadline.at < left.deadline.at ? right : left;
      if (!below || below.deadline.at >= entry.deadline.at) return;
      const { place } = below;
      this.#put(below, entry.place);
      this.#put(entry, place);
    }
  }
}
