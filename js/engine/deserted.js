/** Seats that are given up, and the tasks that will never find a worker. */
import { lostError } from '../threads/deaths.js';
import * as L from '../generated/layout.js';
import { workerName } from '../threads/member.js';

/**
 * @typedef {import('../threads/member.js').Member} Member
 */

/** The seats of one pool that nobody serves any more. */
export class Deserted {
  #engine;
  #tasks;
  /** @type {Map<number | undefined, Member>} the last worker of each, by seat; given up last: last */
  #seats = new Map();

  /**
   * @param {import('./engine.js').Engine} engine
   * @param {(import('../task/task.js').Task | undefined)[]} tasks by slot; shared with the engine
   */
  constructor(engine, tasks) {
    this.#engine = engine;
    this.#tasks = tasks;
  }

  /** @param {Member} member whose seat is given up */
  add(member) {
    this.#seats.set(member.seat, member);
    this.endTasks(member.seat);
  }

  /** @param {Member} member what it held has come back: tasks that were to run again, too */
  reaped(member) {
    if (this.#seats.has(member.seat)) this.endTasks(member.seat);
  }

  /**
   * Ends what waits for a seat, or, if that was the last, for any. What its worker ran ends when the core has taken it back.
   * @param {number} [seat] default: the one that was given up last
   */
  endTasks(seat = [...this.#seats.keys()].at(-1)) {
    const { core, fleet, options } = this.#engine;
    const member = this.#seats.get(seat);
    if (seat === undefined || !member) return;
    const who = fleet.serves() ? workerName(options.names, seat) : 'every worker';
    const isFinal = options.restart.policy === 'never';
    const what = isFinal ? 'has ended, and none is restarted' : 'was given up after too many failures';
    for (const task of [...this.#tasks]) {
      if (!task) continue;
      const slot = core.slots.record(task.index);
      const isBound = core.load(slot + L.SLOT_SEAT) === seat + 1;
      if ((fleet.serves() && !isBound) || (core.load(slot) & 0xff) === L.SLOT_RUNNING) continue;
      void this.#engine.giveUp(task, lostError(`${who} ${what}`, member, { taskId: task.id }));
    }
  }
}
