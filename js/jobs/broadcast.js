/** Sticky broadcasts: every worker runs them before its first task, also a worker that starts later. */
import { flag, ownOptions } from '../base/check.js';
import { poolError } from '../base/errors.js';
import { shownName } from '../base/task-name.js';
import * as L from '../generated/layout.js';
import { POOL_NAMES } from '../options/options.js';
import { NO_EXTRA, OPTIONS_OF, specify } from '../options/spec.js';
import { asItIsNow } from '../submit/intake.js';
import { Task } from '../task/task.js';

/** Codes of replays' errors that cost the pool a worker. */
const FATAL = ['TIMEOUT', 'WORKER_LOST', 'POISON_JOB'];

/**
 * @typedef {object} Sticky
 * @property {string} name
 * @property {unknown} payload
 * @property {Set<number>} due seats whose original broadcast is still queued: skip one replay there
 * @property {number} lost how many workers in a row have ended in it
 */

/** The sticky broadcasts of one pool. */
export class Broadcasts {
  /** @type {Sticky[]} */
  #sticky = [];
  #options;
  #tell;

  /**
   * @param {import('../options/options.js').ResolvedOptions} options
   * @param {(error: import('../base/errors.js').PoolError) => void} tell reports a broadcast that is dropped
   */
  constructor(options, tell) {
    this.#options = options;
    this.#tell = tell;
  }

  /**
   * A broadcast's tasks, one for each worker.
   * @param {import('../base/task-name.js').TaskRef} task
   * @param {unknown} payload
   * @param {{ sticky?: boolean }} options
   * @param {import('../submit/intake.js').Intake} intake
   * @param {readonly number[]} places seats that have a worker, or get one
   * @returns {import('../submit/intake.js').Member[]}
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
   */
  members(task, payload, options, intake, places) {
    const { sticky } = ownOptions('', options, OPTIONS_OF.broadcast, undefined, POOL_NAMES);
    if (flag('sticky', sticky)) this.#keep(task, payload, intake, places);
    return places.map((seat) => ({ task, payload, options: {}, seat: seat + 1 }));
  }

  /**
   * Keeps a broadcast for workers that start later.
   * @param {import('../base/task-name.js').TaskRef} task
   * @param {unknown} payload as it is now
   * @param {import('../submit/intake.js').Intake} intake
   * @param {readonly number[]} places seats that get the broadcast itself
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
   */
  #keep(task, payload, { names, engine }, places) {
    this.#sticky.push({
      name: names.of(task),
      payload: asItIsNow(payload, { lane: L.PRIORITY_CRITICAL }).payload,
      due: emptySeats(places, engine?.fleet.members),
      lost: 0,
    });
  }

  /**
   * Queues the broadcasts that a worker must run before its first task. They are part of its start, and have no more time than that.
   * @param {number} seat that it is about to serve
   * @param {Pick<import('../engine/engine.js').Engine, 'submit'>} engine
   */
  replay(seat, engine) {
    const options = this.#options;
    const { taskTimeoutMs: timeoutMs = options.readyTimeoutMs } = options;
    for (const sticky of [...this.#sticky]) {
      if (sticky.due.delete(seat)) continue;
      const spec = specify({ priority: 'critical', timeoutMs }, options, {
        ...NO_EXTRA,
        flags: L.SLOT_EXCLUSIVE,
        seat: seat + 1,
      });
      const sink = {
        fulfil: () => void (sticky.lost = 0),
        fail: (/** @type {number} */ _item, /** @type {import('../base/errors.js').PoolError} */ error) =>
          this.#failed(sticky, error),
      };
      engine.submit(new Task(sink, 0), sticky.name, sticky.payload, spec);
    }
  }

  /**
   * A replay has failed. A broadcast that ends its worker would end every later one, so it is dropped after as many workers as a task gets.
   * @param {Sticky} sticky
   * @param {import('../base/errors.js').PoolError} cause
   * @returns {undefined} the failure is an event
   */
  #failed(sticky, cause) {
    sticky.lost = FATAL.includes(cause.code) ? sticky.lost + 1 : 0;
    if (sticky.lost <= this.#options.liveness.maxRedeliveries || !this.#sticky.includes(sticky)) return undefined;
    this.#sticky = this.#sticky.filter((other) => other !== sticky);
    const text = `the sticky broadcast of ${shownName(sticky.name)} is dropped: ${sticky.lost} workers in a row ended in it`;
    this.#tell(
      poolError('POISON_JOB', `${text}, the last one with: ${cause.message}`, { cause, taskId: cause.taskId }),
    );
    return undefined;
  }

  clear() {
    this.#sticky = [];
  }
}

/**
 * @param {readonly number[]} places
 * @param {ReadonlyMap<number, import('../threads/member.js').Member>} [members]
 */
function emptySeats(places, members) {
  const seats = new Set(places);
  for (const { seat, state } of members?.values() ?? [])
    if (state === 'live') seats.delete(/** @type {number} */ (seat));
  return seats;
}
