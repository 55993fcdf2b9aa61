/** Sticky broadcasts: what every worker runs before its first task, also one that starts later. */
import * as L from '../generated/layout.js';
import { asItIsNow } from '../submit/intake.js';
import { Task } from '../task/task.js';

/** How a worker gets what was broadcast before it was there. */
const REPLAYED = Object.freeze({ lane: L.PRIORITY_CRITICAL, flags: L.SLOT_EXCLUSIVE });

/** The sticky broadcasts of one pool. */
export class Broadcasts {
  /** @type {{ name: string, payload: unknown, due: Set<number> }[]} `due`: seats where the broadcast itself still waits for the next
   *   worker, which must not get it twice */
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
      payload: asItIsNow(payload, REPLAYED).payload,
      due: emptySeats(size, engine),
    });
  }

  /**
   * Queues what a worker must run before anything else.
   * @param {number} seat that it is about to serve
   * @param {import('../engine/engine.js').Engine} engine
   */
  replay(seat, engine) {
    for (const { name, payload, due } of this.#sticky) {
      if (due.delete(seat)) continue;
      const quiet = { fulfil: () => undefined, fail: () => undefined };
      engine.submit(new Task(quiet, 0), name, payload, { ...REPLAYED, seat: seat + 1 });
    }
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
