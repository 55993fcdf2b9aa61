/** The number of a pool's workers, and their seats. */
import { integer, ownOptions } from '../base/check.js';
import { poolError } from '../base/errors.js';
import { ignore } from '../task/task.js';

const RANGE = new Set(['min', 'max']);

/**
 * @param {number | { min: number, max: number }} workers
 * @param {number} seats
 * @returns {[least: number, most: number]}
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
function rangeOf(workers, seats) {
  if (typeof workers !== 'object' || workers === null) {
    const all = integer('workers', workers, 1, seats);
    return [all, all];
  }
  const { min, max } = ownOptions('workers', workers, RANGE, 'a number or { min, max }');
  return [integer('workers.min', min, 1, seats), integer('workers.max', max, min, seats)];
}

/** The size of one pool. */
export class PoolSize {
  #intake;
  #options;
  #starting;

  /**
   * @param {import('../submit/intake.js').Intake} intake
   * @param {Pick<import('../options/options.js').ResolvedOptions, 'workersMin' | 'seats'>} options
   * @param {() => Promise<import('../engine/engine.js').Engine> | undefined} starting
   */
  constructor(intake, options, starting) {
    this.#intake = intake;
    this.#options = options;
    this.#starting = starting;
  }

  /** How many workers there are, or will be. */
  get workers() {
    const { engine, closed } = this.#intake;
    if (closed) return 0;
    return engine?.fleet.size ?? this.#options.workersMin;
  }

  /** Seats that have a worker, will get one, or were given up, in order. */
  get places() {
    const { engine } = this.#intake;
    return engine ? engine.fleet.places : Array.from({ length: this.#options.workersMin }, (_, seat) => seat);
  }

  /**
   * See Pool.resize. That the pool ends meanwhile is no failure that its caller must handle.
   * @param {number | { min: number, max: number }} workers
   * @returns {Promise<void>}
   */
  change(workers) {
    let range;
    try {
      range = rangeOf(workers, this.#options.seats);
    } catch (error) {
      return Promise.reject(error);
    }
    const resized = this.#resize(...range);
    resized.catch(ignore);
    return resized;
  }

  /** @param {number} least @param {number} most */
  async #resize(least, most) {
    this.#intake.checkOpen();
    const engine = this.#intake.engine ?? (await this.#starting()); // does not wait if the engine exists
    if (!engine || this.#intake.closed) throw poolError('POOL_DESTROYED');
    await engine.fleet.resize(least, most);
  }
}
