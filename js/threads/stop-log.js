/** A log of what stopped tasks that would not end by themselves. */
import * as L from '../generated/layout.js';

/** Number of latest stops that are kept one by one. */
const RECENT = 16;

/**
 * The rungs of a kill, in this order: the flag that tasks may read (`isCancelled`), the loop checks of C tasks
 * (js/instrument/instrument.js), and last the end of the thread. The first two leave the thread alive. See src/ladder.h.
 * @typedef {'flag' | 'check' | 'terminate'} Rung
 *
 * @typedef {object} RungTimes times from the kill's request to the task's end, in milliseconds
 * @property {number} count
 * @property {number} totalMs
 * @property {number} maxMs
 *
 * @typedef {object} Stop one task that was stopped
 * @property {Rung} rung what stopped it
 * @property {string} worker
 * @property {string | undefined} taskId undefined: a worker was silent while main knew of no task there
 * @property {number} ms
 */

/** @type {Record<number, Rung>} */
const RUNGS = { [L.RUNG_FLAG]: 'flag', [L.RUNG_CHECK]: 'check', [L.RUNG_THREAD]: 'terminate' };

/** The log of one pool. */
export class StopLog {
  rungs = noStops();
  /** @type {Stop[]} latest last */
  recent = [];

  /**
   * @param {number} number of the rung, L.RUNG_…; with RUNG_NONE nothing is logged
   * @param {Omit<Stop, 'rung'>} stop
   */
  note(number, stop) {
    const rung = RUNGS[number];
    if (!rung) return;
    const times = this.rungs[rung];
    times.count++;
    times.totalMs += stop.ms;
    times.maxMs = Math.max(times.maxMs, stop.ms);
    this.recent.push({ rung, ...stop });
    if (this.recent.length > RECENT) this.recent.shift();
  }
}

/** @returns {Record<Rung, RungTimes>} */
export function noStops() {
  const none = () => ({ count: 0, totalMs: 0, maxMs: 0 });
  return { flag: none(), check: none(), terminate: none() };
}
