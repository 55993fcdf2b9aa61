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

/** @typedef {Pick<import('../engine/engine.js').Engine, 'submit'>} EnginePort */

/**
 * @typedef {object} Sticky
 * @property {string} name
 * @property {unknown} payload
 * @property {Set<number>} due seats that have no worker yet, where it is queued already: skip one replay there. Once due for a seat, all
 *   later ones are, until the seat has a worker
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
   * Keeps a broadcast for workers that start later. Workers that are leaving run it as well, since they may stay after all, and so do those
   * for which an earlier one waits, so that none overtakes another.
   * @param {import('../base/task-name.js').TaskRef} task
   * @param {unknown} payload as it is now
   * @param {import('../submit/intake.js').Intake} intake
   * @param {readonly number[]} places seats that get the broadcast itself
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
   */
  #keep(task, payload, { names, engine }, places) {
    const taking = seatsThatTake(engine?.fleet.members);
    const seats = new Set([...places, ...taking, ...this.#sticky.flatMap(({ due }) => [...due])]);
    const sticky = {
      name: names.of(task),
      payload: asItIsNow(payload, { lane: L.LEVEL_CRITICAL }).payload,
      due: new Set([...seats].filter((seat) => !taking.has(seat))),
      lost: 0,
    };
    this.#sticky.push(sticky);
    for (const seat of seats) if (engine && !places.includes(seat)) this.#submit(sticky, seat, {}, 0, engine);
  }

  /**
   * Queues the broadcasts that a worker must run before its first task. They are part of its start, and have no more time than that. They
   * go before those that are queued already, which are later ones.
   * @param {number} seat that it is about to serve
   * @param {EnginePort} engine
   */
  replay(seat, engine) {
    const { taskTimeoutMs: timeoutMs = this.#options.readyTimeoutMs } = this.#options;
    for (const sticky of [...this.#sticky]) {
      if (sticky.due.delete(seat)) continue;
      this.#submit(sticky, seat, { priority: 'critical', timeoutMs }, L.SLOT_EXCLUSIVE, engine);
    }
  }

  /** @param {number | undefined} seat that was given up: what was queued for it never runs */
  givenUp(seat) {
    for (const { due } of this.#sticky) due.delete(/** @type {number} */ (seat));
  }

  /**
   * @param {Sticky} sticky
   * @param {number} seat
   * @param {import('../options/task-options.js').TaskOptions} options
   * @param {number} flags
   * @param {EnginePort} engine
   */
  #submit(sticky, seat, options, flags, engine) {
    const spec = specify(options, this.#options, { ...NO_EXTRA, flags, seat: seat + 1 });
    const sink = {
      fulfil: () => void (sticky.lost = 0),
      fail: (/** @type {number} */ _item, /** @type {import('../base/errors.js').PoolError} */ error) =>
        this.#failed(sticky, error),
    };
    engine.submit(new Task(sink, 0), sticky.name, sticky.payload, spec);
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
 * Seats whose workers take tasks now; one that says farewell takes none.
 * @param {ReadonlyMap<number, import('../threads/member.js').Member>} [members]
 */
function seatsThatTake(members) {
  const seats = new Set();
  for (const { seat, state, farewell } of members?.values() ?? [])
    if (state === 'live' && !farewell) seats.add(/** @type {number} */ (seat));
  return /** @type {Set<number>} */ (seats);
}
