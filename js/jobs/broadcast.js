/** Sticky broadcasts: every worker runs them before its first task, also a worker that starts later. */
import { poolError } from '../base/errors.js';
import { shownName } from '../base/task-name.js';
import * as L from '../generated/layout.js';
import { NO_EXTRA, specify } from '../options/spec.js';
import { asItIsNow } from '../submit/intake.js';
import { Task } from '../task/task.js';

/** Errors of replays that cost the pool a worker. */
const FATAL = ['TIMEOUT', 'WORKER_LOST', 'POISON_JOB'];

/**
 * @typedef {object} Sticky
 * @property {string} name
 * @property {unknown} payload
 * @property {Set<number>} due seats where the broadcast itself still waits for the next worker, which must not get it twice
 * @property {number} lost how many workers in a row have ended in it
 */

/** The sticky broadcasts of one pool. */
export class Broadcasts {
  /** @type {Sticky[]} */
  #sticky = [];

  /**
   * Keeps a broadcast for workers to come.
   * @param {import('../base/task-name.js').TaskRef} task
   * @param {unknown} payload as it is now
   * @param {number} size seats of the pool
   * @param {import('../submit/intake.js').Intake} intake
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
   */
  keep(task, payload, size, { names, engine }) {
    this.#sticky.push({
      name: names.of(task),
      payload: asItIsNow(payload, { lane: L.PRIORITY_CRITICAL }).payload,
      due: emptySeats(size, engine),
      lost: 0,
    });
  }

  /**
   * Queues what a worker must run before anything else. It is a part of the worker's start, and has no more time than that.
   * @param {number} seat that it is about to serve
   * @param {import('../engine/engine.js').Engine} engine
   */
  replay(seat, engine) {
    const { taskTimeoutMs: timeoutMs = engine.options.readyTimeoutMs } = engine.options;
    for (const sticky of [...this.#sticky]) {
      if (sticky.due.delete(seat)) continue;
      const spec = specify({ priority: 'critical', timeoutMs }, engine.options, {
        ...NO_EXTRA,
        flags: L.SLOT_EXCLUSIVE,
        seat: seat + 1,
      });
      const sink = {
        fulfil: () => void (sticky.lost = 0),
        fail: (/** @type {number} */ _item, /** @type {import('../base/errors.js').PoolError} */ error) =>
          this.#failed(sticky, error, engine),
      };
      engine.submit(new Task(sink, 0), sticky.name, sticky.payload, spec);
    }
  }

  /**
   * A replay has failed. One that ends its worker would end each that follows: it gets as many workers as a task does.
   * @param {Sticky} sticky
   * @param {import('../base/errors.js').PoolError} cause
   * @param {import('../engine/engine.js').Engine} engine
   * @returns {undefined} the failure is an event
   */
  #failed(sticky, cause, { options, events }) {
    sticky.lost = FATAL.includes(cause.code) ? sticky.lost + 1 : 0;
    if (sticky.lost <= options.liveness.maxRedeliveries || !this.#sticky.includes(sticky)) return undefined;
    this.#sticky = this.#sticky.filter((other) => other !== sticky);
    const text = `the sticky broadcast of ${shownName(sticky.name)} is dropped: ${sticky.lost} workers in a row ended in it`;
    events.error(
      poolError('POISON_JOB', `${text}, the last one with: ${cause.message}`, { cause, taskId: cause.taskId }),
    );
    return undefined;
  }

  clear() {
    this.#sticky = [];
  }
}

/**
 * @param {number} size
 * @param {import('../engine/engine.js').Engine | undefined} engine
 */
function emptySeats(size, engine) {
  const seats = new Set(Array.from({ length: size }, (_, seat) => seat));
  for (const { seat, state } of engine?.fleet.members.values() ?? [])
    if (state === 'live') seats.delete(/** @type {number} */ (seat));
  return seats;
}
