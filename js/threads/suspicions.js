/**
 * Tasks that are to end, if need be with their thread: the pool asks, the core's fleet decides what is tried, and tells how each has ended.
 */
import { LIMITS_MS } from './fleet-core.js';
import * as L from '../generated/layout.js';
import { StopLog } from './stop-log.js';

/**
 * @typedef {import('./member.js').Member} Member
 *
 * @typedef {object} Doomed a task that is to be stopped
 * @property {number} index of its slot
 * @property {number} generation
 * @property {string} taskId
 */

/**
 * A task by its slot and that one's generation.
 * @param {{ index: number, generation: number }} task
 */
function taskKey({ index, generation }) {
  return `${index}.${generation}`;
}

/** Of all threads of one pool. */
export class Suspicions {
  /** What stopped tasks. */
  stopped = new StopLog();
  /** Workers ended because of their task. */
  kills = 0;
  /** Workers whose silence was ended. */
  interventions = 0;
  #members;
  #drive;
  #closed = false;

  /**
   * @param {ReadonlyMap<number, Member>} members by thread number
   * @param {(event: import('./fleet-core.js').FleetEvent) => void} drive tells the core
   */
  constructor(members, drive) {
    this.#members = members;
    this.#drive = drive;
  }

  /**
   * Ends a task that was given up, if need be with its thread. Nothing happens if it does not run there any more.
   * @param {number} number of the thread
   * @param {Doomed} task
   * @param {number} graceMs how long it may take to end by itself
   * @returns {Promise<void>} settles when the task is over; with the thread's confirmed death, if it had to die
   */
  kill(number, task, graceMs) {
    const member = this.#members.get(number);
    if (!member || this.#closed) return Promise.resolve();
    const { index, generation } = task;
    const { incarnation } = member;
    const event = { kind: L.FLEET_KILL, thread: number, incarnation, suspect: L.SUSPECT_TASK, index, generation };
    return new Promise((resolve) => {
      this.#note(member, task, resolve);
      this.#drive({ ...event, graceMs: graceMs > LIMITS_MS.flag ? graceMs : undefined });
    });
  }

  /**
   * Ends what a silent thread runs, if need be with it.
   * @param {number} number of the thread
   * @param {number} beat how often it had given a sign of life
   * @param {() => Doomed[]} tasks that it runs
   */
  recover(number, beat, tasks) {
    const member = this.#members.get(number);
    if (!member || this.#closed || member.recovering) return;
    this.interventions++;
    member.recovering = true;
    for (const task of tasks()) this.#note(member, task);
    const { incarnation } = member;
    const event = { kind: L.FLEET_KILL, thread: number, incarnation, suspect: L.SUSPECT_SILENT };
    this.#drive({ ...event, generation: beat });
  }

  /**
   * @param {Member} member
   * @param {Doomed} task to end there
   * @param {() => void} [over] to be called when it is over
   */
  #note({ suspected }, task, over) {
    const key = taskKey(task);
    suspected.set(key, { taskId: task.taskId, over: over ?? suspected.get(key)?.over });
  }

  /**
   * The core tells that a suspicion is over.
   * @param {Member} member
   * @param {import('./fleet-core.js').FleetAction} action
   */
  over(member, action) {
    const isSilent = action.suspect === L.SUSPECT_SILENT;
    if (isSilent) member.recovering = false;
    const taskId = this.#settle(member, action, isSilent);
    this.stopped.note(action.rung, { worker: member.name, taskId, ms: action.ms });
  }

  /**
   * @param {Member} member
   * @param {{ index: number, generation: number }} task that is over
   * @param {boolean} isSilent the core says so because the thread was silent: of a task that was also given up it will tell once more
   * @returns {string | undefined} the task's id
   */
  #settle({ suspected }, task, isSilent) {
    const key = taskKey(task);
    const found = suspected.get(key);
    if (!found || (isSilent && found.over)) return found?.taskId;
    suspected.delete(key);
    found.over?.();
    return found.taskId;
  }

  /** @param {Member} member nothing more will be told of what was to end there */
  forsake({ suspected }) {
    for (const { over } of suspected.values()) over?.();
    suspected.clear();
  }

  /** The core is not told anything any more. */
  close() {
    this.#closed = true;
    for (const member of this.#members.values()) this.forsake(member);
  }
}
