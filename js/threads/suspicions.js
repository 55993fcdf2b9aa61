/**
 * Tasks that must end, by ending their thread if need be: the pool asks for it, the core's fleet decides what is tried and reports how
 * each one ended.
 */
import { STOP, TAG } from '../core/check-words.js';
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
 * Identifies a task by its slot and the slot's generation.
 * @param {{ index: number, generation: number }} task
 */
function taskKey({ index, generation }) {
  return `${index}.${generation}`;
}

/** The tasks that must end on the threads of one pool. */
export class Suspicions {
  /** Log of stopped tasks. */
  stopped = new StopLog();
  /** Number of workers that were ended because of their task. */
  kills = 0;
  /** Number of silent workers that were acted on. */
  interventions = 0;
  /** Locks opened so far, by thread number. @type {Map<number, number>} */
  #broken = new Map();
  #members;
  #drive;
  #onBroken;
  #closed = false;

  /**
   * @param {ReadonlyMap<number, Member>} members by thread number
   * @param {(event: import('./fleet-core.js').FleetEvent) => void} drive passes an event to the core
   * @param {(member: Member, count: number) => void} onBroken called for locks that had to be opened
   */
  constructor(members, drive, onBroken) {
    this.#members = members;
    this.#drive = drive;
    this.#onBroken = onBroken;
  }

  /**
   * Stops a task that was given up, by ending its thread if need be. No effect if it does not run there any more.
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
   * Stops what a silent thread runs, by ending the thread if need be.
   * @param {number} number of the thread
   * @param {number} beat its count of heartbeats
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
   * Notes a task that must end on this thread.
   * @param {Member} member
   * @param {Doomed} task
   * @param {() => void} [over] called when it has ended
   */
  #note({ suspected }, task, over) {
    const key = taskKey(task);
    suspected.set(key, { taskId: task.taskId, over: over ?? suspected.get(key)?.over });
  }

  /**
   * Reports locks that a stopped task did not give back by itself.
   * @param {import('../core/core.js').Core} core
   * @param {Member} member that ran it
   */
  lookAtLocks(core, member) {
    const count = core.load(core.thread(member.number) + L.THREAD_BROKEN);
    const before = this.#broken.get(member.number) ?? 0;
    if (count === before) return;
    this.#broken.set(member.number, count);
    this.#onBroken(member, (count - before) >>> 0);
  }

  /**
   * The core reports that a suspicion is over.
   * @param {import('../core/core.js').Core} core
   * @param {Member} member
   * @param {import('./fleet-core.js').FleetAction} action
   */
  over(core, member, action) {
    this.lookAtLocks(core, member);
    const isSilent = action.suspect === L.SUSPECT_SILENT;
    if (isSilent) member.recovering = false;
    const taskId = this.#settle(member, action, isSilent);
    this.stopped.note(action.rung, { worker: member.name, taskId, ms: action.ms });
  }

  /**
   * @param {Member} member
   * @param {{ index: number, generation: number }} task
   * @param {boolean} isSilent the suspicion was of the thread's silence. If the task was also given up, another report will follow
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

  /** @param {Member} member whose tasks have ended with it, or will not be reported on any more */
  forsake({ suspected }) {
    for (const { over } of suspected.values()) over?.();
    suspected.clear();
  }

  /** Passes nothing to the core from now on. */
  close() {
    this.#closed = true;
    for (const member of this.#members.values()) this.forsake(member);
  }
}

/**
 * A worker has a new instance of its C tasks. A stop that was asked for while main did not know of it counts there.
 * @param {import('../core/core.js').Core} core
 * @param {Member} member
 * @param {ArrayBufferLike} memory of the instance
 */
export function adoptInstance(core, member, memory) {
  member.checkWords = new Int32Array(memory, L.ISOLATED_FLAG, 4);
  passOnStops(core, [member]);
}

/**
 * Loop checks of a worker's own instance of C tasks read its memory, not the core's: what the fleet has written there goes on to them.
 * @param {import('../core/core.js').Core} core
 * @param {Iterable<Member>} members
 */
export function passOnStops(core, members) {
  for (const member of members) {
    const stop = core.load(core.thread(member.number) + L.THREAD_STOP);
    if (stop) member.thread?.pump?.(); // the worker may have a new instance
    const { checkWords } = member;
    if (!checkWords) continue;
    const word =
      stop && core.load(core.thread(member.number) + L.THREAD_DOOMED) ? anywhere(checkWords, stop) : stop | 0;
    if (Atomics.load(checkWords, STOP / 4) === word) continue;
    Atomics.store(checkWords, STOP / 4, word);
    Atomics.store(checkWords, 0, word ? 1 : 0); // last: checks read it first
  }
}

/**
 * A stop that reaches the task even in a critical section: its thread is to be ended, and not every host can do that.
 * @param {Int32Array} checkWords
 * @param {number} stop
 */
function anywhere(checkWords, stop) {
  const running = Atomics.load(checkWords, TAG / 4) | L.STOP_MARK;
  return ((running ^ stop) & ~L.ISOLATED_HOLDS) === 0 ? running : stop | 0;
}
