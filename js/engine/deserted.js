/** Seats that were given up, and the tasks that will never find a worker, or whose payload was lost with one. */
import { lostError } from '../threads/deaths.js';
import { innerError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { workerName } from '../threads/member.js';

/**
 * @typedef {import('../threads/member.js').Member} Member
 */

/** The seats of one pool that are not served any more. */
export class Deserted {
  #core;
  #fleet;
  #options;
  #tasks;
  #giveUp;
  /** @type {Map<number | undefined, Member>} the last worker of each seat, in the order in which the seats were given up */
  #seats = new Map();

  /**
   * @param {import('../core/core.js').Core} core
   * @param {Pick<import('../threads/fleet.js').Fleet, 'serves'>} fleet
   * @param {Pick<import('../options/options.js').ResolvedOptions, 'names' | 'restart'>} options
   * @param {readonly (import('../task/task.js').Task | undefined)[]} tasks by slot; shared with the engine
   * @param {(task: import('../task/task.js').Task, error: import('../base/errors.js').PoolError) => void} giveUp
   */
  constructor(core, fleet, options, tasks, giveUp) {
    this.#core = core;
    this.#fleet = fleet;
    this.#options = options;
    this.#tasks = tasks;
    this.#giveUp = giveUp;
  }

  /** @param {Member} member the last worker of a seat that was given up */
  add(member) {
    this.#seats.set(member.seat, member);
    this.endTasks(member.seat);
  }

  /** @param {Member} member whose record was reaped; its tasks may have been requeued */
  reaped(member) {
    if (member.bound > 0) this.#endTransferred(member);
    if (this.#seats.has(member.seat)) this.endTasks(member.seat);
  }

  /**
   * Ends the tasks that are still waiting and whose payload was transferred to a dead worker.
   * @param {Member} member
   */
  #endTransferred(member) {
    const core = this.#core;
    for (const task of [...this.#tasks]) {
      if (task?.rare?.boundTo !== member || task.rare.channel) continue;
      const state = core.load(core.slots.record(task.index)) & 0xff;
      if (state === L.SLOT_SUBMITTED || state === L.SLOT_READY) this.endWithoutPayload(task);
    }
  }

  /**
   * A worker asks for an argument that main no longer has. If it was sent to this very worker, and the task has not run before, the
   * argument reaches it before the answer does, and the task may have finished by now. Otherwise the argument is lost, and the task ends.
   * @param {import('../task/task.js').Task} task
   * @param {Member} member the worker that asks
   * @returns {import('../base/errors.js').PoolError} the answer
   */
  misses(task, member) {
    const core = this.#core;
    const hasRun = core.load(core.slots.record(task.index) + L.SLOT_REDELIVERIES) > 0;
    return task.rare?.boundTo === member && !hasRun ? transferLost(task, false) : this.endWithoutPayload(task);
  }

  /**
   * Ends a task whose transferred payload is lost.
   * @param {import('../task/task.js').Task} task
   * @returns {import('../base/errors.js').PoolError} the task's error
   */
  endWithoutPayload(task) {
    const core = this.#core;
    const hasRun = core.load(core.slots.record(task.index) + L.SLOT_REDELIVERIES) > 0;
    const error = transferLost(task, hasRun);
    this.#giveUp(task, error);
    return error;
  }

  /**
   * Ends the tasks that wait for a seat; if no seat is served any more, all waiting tasks. Running ones end when their worker is reaped.
   * @param {number} [seat] default: the seat that was given up last
   */
  endTasks(seat = [...this.#seats.keys()].at(-1)) {
    const [core, fleet] = [this.#core, this.#fleet];
    const { names, restart } = this.#options;
    const member = this.#seats.get(seat);
    if (seat === undefined || !member) return;
    const who = fleet.serves() ? workerName(names, seat) : 'every worker';
    const isFinal = restart.policy === 'never';
    const what = isFinal ? 'has ended, and none is restarted' : 'was given up after too many failures';
    for (const task of [...this.#tasks]) {
      if (!task) continue;
      const slot = core.slots.record(task.index);
      const isBound = core.load(slot + L.SLOT_SEAT) === seat + 1;
      if ((fleet.serves() && !isBound) || (core.load(slot) & 0xff) === L.SLOT_RUNNING) continue;
      this.#giveUp(task, lostError(`${who} ${what}`, member, { taskId: task.id }));
    }
  }
}

/**
 * @param {import('../task/task.js').Task} task
 * @param {boolean} hasRun
 */
function transferLost({ id, rare }, hasRun) {
  const member = rare?.boundTo;
  const again = 'it cannot run again, because what was transferred to it is gone';
  if (!member) return innerError('WORKER_LOST', again, { taskId: id });
  const where = { taskId: id, worker: member.name };
  // Its run was stopped, and its worker lives on.
  if (member.state !== 'dying')
    return innerError('WORKER_LOST', `the task was stopped on ${member.name}, and ${again}`, where);
  const what = hasRun
    ? `${member.name} ended while it ran the task, and ${again}`
    : `${member.name} ended before the task had started, and what was transferred with the task is lost`;
  return lostError(what, member, where);
}
