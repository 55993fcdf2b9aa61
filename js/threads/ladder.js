/**
 * The ladder of a kill. Each rung is tried for a moment before the next: the flag that tasks may read (`isCancelled`), the
 * loop checks of C tasks (js/instrument/instrument.js), and only then the end of the thread. The first two leave the thread alive.
 */
import * as L from '../generated/layout.js';
import { host } from '../host/index.js';
import { pause, turn } from './member.js';

const { now } = host.time;

/**
 * For how long each rung is tried, in milliseconds. Tests make them longer, so that a busy machine changes no outcome.
 *
 * `flag`: a task that looks at its flag does so often, and longer waiting only makes the others' end late. `check`: loop checks answer
 * within a millisecond where the thread has a processor; it may have to wait for one. `inside`: a thread that is asked to die and stays
 * inside the gate for longer is taken for broken there.
 */
export const LIMITS_MS = { flag: 1, check: 20, inside: 1000 };
/** How often a task is looked at while it has time to end by itself. */
const GRACE_LOOK_MS = 2;
/** Stops that are remembered one by one. */
const RECENT = 16;

/**
 * @typedef {'flag' | 'check' | 'terminate'} Rung
 *
 * @typedef {object} RungTimes times from the kill's request to the task's end, in milliseconds
 * @property {number} count
 * @property {number} totalMs
 * @property {number} maxMs
 *
 * @typedef {object} Doomed a task that is to be stopped
 * @property {string | undefined} taskId
 * @property {() => boolean} runs whether its thread still runs it
 *
 * @typedef {object} Attempt to stop something
 * @property {Doomed[]} tasks
 * @property {Set<Doomed>} died with the thread
 *
 * @typedef {object} Stop one task that was stopped
 * @property {Rung} rung what stopped it
 * @property {string} worker
 * @property {string | undefined} taskId undefined: a worker gave no sign of life while main knew of no task there
 * @property {number} ms
 */

/** The rungs of one pool, and what they did. */
export class Ladder {
  rungs = noStops();
  /** @type {Stop[]} latest last */
  recent = [];
  /** @type {Set<number>} threads whose loop checks are asked to trap */
  #armed = new Set();
  /** @type {Map<number, Set<Attempt>>} by thread */
  #open = new Map();
  /** @type {Set<number>} threads that are being ended: what is to be stopped there from now on ends with them */
  #ending = new Set();
  #core;
  #checked;

  /**
   * @param {import('../core/core.js').Core} core main's
   * @param {boolean} checked whether the program's loops have checks
   */
  constructor(core, checked) {
    this.#core = core;
    this.#checked = checked;
  }

  /**
   * The rungs that spare the thread.
   * @param {number} thread
   * @param {() => boolean} isRight whether it still runs what it is to die for
   * @param {{ any?: boolean, graceMs?: number, held?: boolean }} [how] any: whether a task that is still wanted is meant, too;
   *   graceMs: how long the flag alone is tried; held: whether that keeps the process alive
   * @returns {Promise<boolean>} whether they helped; otherwise it has to die
   */
  async spare(thread, isRight, { any = false, graceMs = 0, held = true } = {}) {
    if (graceMs > LIMITS_MS.flag) await this.#wait(isRight, graceMs, held);
    const start = now();
    for (let limit = LIMITS_MS.flag; isRight(); limit = this.#arm(thread, any) ? LIMITS_MS.check : limit) {
      // Armed in the second turn at the earliest, so that a task that reads its flag may end as it likes; and asked for in
      // each turn, as a task that was only just taken may not have begun.
      if (now() - start > limit) return false;
      await turn();
    }
    this.disarm(thread);
    return true;
  }

  /**
   * Gives a task time to end by itself.
   * @param {() => boolean} isRight whether it still runs
   * @param {number} graceMs
   * @param {boolean} held
   */
  async #wait(isRight, graceMs, held) {
    const start = now();
    for (let passed = 0; passed < graceMs && isRight(); passed = now() - start)
      await (passed < LIMITS_MS.flag ? turn() : pause(Math.min(GRACE_LOOK_MS, graceMs - passed), held));
  }

  /** @param {number} thread @returns {number} how often a loop check has ended what it ran */
  #traps(thread) {
    return this.#core.load(this.#core.thread(thread) + L.THREAD_STOPPED);
  }

  /**
   * @param {number} thread
   * @param {boolean} any whether a task that is still wanted is meant, too
   * @returns {boolean} whether there is something to wait for
   */
  #arm(thread, any) {
    const { exports, pool } = this.#core;
    if (!this.#checked) return false;
    if (this.#armed.has(thread)) return true;
    const answer = exports._wp_worker_stop(pool, thread, any ? 1 : 0);
    if (answer === L.STOP_ASKED) this.#armed.add(thread);
    return answer !== L.STOP_NONE;
  }

  /**
   * Its loop checks are not asked to trap any more. Before the thread's record is used again.
   * @param {number} thread
   */
  disarm(thread) {
    const { exports, pool } = this.#core;
    if (this.#armed.delete(thread)) exports._wp_worker_stop_end(pool, thread);
  }

  /**
   * Asks the thread's C task to trap, whatever it is, while the thread is being ended: some hosts cannot end it before.
   * @param {number} thread
   */
  stop(thread) {
    this.#arm(thread, true);
  }

  /**
   * Waits, without blocking, until a doomed thread is outside the gate.
   * @param {number} thread
   * @returns {Promise<boolean>} false when it does not come out
   */
  async outside(thread) {
    const { exports } = this.#core;
    const at = this.#core.thread(thread);
    const end = now() + LIMITS_MS.inside;
    while (exports._wp_gate_inside(at)) {
      if (now() > end) return false;
      await turn();
    }
    return true;
  }

  /**
   * Before something is stopped.
   * @param {number} thread
   * @param {string} worker
   * @param {Doomed[]} tasks
   * @returns {(isSpared: boolean) => void} to be called when it is over: notes what stopped each task, and how long it took
   */
  watch(thread, worker, tasks) {
    const start = now();
    const traps = this.#traps(thread);
    /** @type {Attempt} */
    const attempt = { tasks, died: new Set() };
    const open = this.#open.get(thread) ?? new Set();
    if (this.#ending.has(thread)) this.#dies(attempt, open);
    this.#open.set(thread, open.add(attempt));
    return (isSpared) => {
      open.delete(attempt);
      if (!open.size && this.#open.get(thread) === open) this.#open.delete(thread);
      const ms = now() - start;
      for (const { taskId } of attempt.died) this.#note({ rung: 'terminate', worker, taskId, ms });
      if (!isSpared || attempt.died.size) return;
      const rung = this.#traps(thread) === traps ? 'flag' : 'check';
      const ended = tasks.filter((task) => !task.runs());
      // One that trapped may run again there already. One that was only silent for long has not been stopped.
      if (!ended.length && rung === 'check') ended.push(tasks[0]);
      for (const { taskId } of ended) this.#note({ rung, worker, taskId, ms });
    };
  }

  /**
   * A thread is going to be ended, and cannot change any more: whatever is to be stopped there, and still runs, ends with it.
   * @param {number} thread
   */
  terminating(thread) {
    this.#ending.add(thread);
    const open = this.#open.get(thread) ?? new Set();
    for (const attempt of open) this.#dies(attempt, open);
  }

  /**
   * A task may be given up, and its worker silent, at the same time: it is stopped once.
   * @param {Attempt} attempt
   * @param {Set<Attempt>} open all of its thread
   */
  #dies(attempt, open) {
    const known = new Set([...open].flatMap(({ died }) => [...died].map(({ taskId }) => taskId)));
    for (const task of attempt.tasks) if (!known.has(task.taskId) && task.runs()) attempt.died.add(task);
  }

  /** @param {number} thread it is gone, and its number may be used again */
  gone(thread) {
    this.#ending.delete(thread);
  }

  /** @param {Stop} stop */
  #note(stop) {
    const times = this.rungs[stop.rung];
    times.count++;
    times.totalMs += stop.ms;
    times.maxMs = Math.max(times.maxMs, stop.ms);
    this.recent.push(stop);
    if (this.recent.length > RECENT) this.recent.shift();
  }
}

/** @returns {Record<Rung, RungTimes>} */
export function noStops() {
  const none = () => ({ count: 0, totalMs: 0, maxMs: 0 });
  return { flag: none(), check: none(), terminate: none() };
}
