/** The number of a pool's workers, and their seats. */
import { integer } from '../base/check.js';
import { poolError } from '../base/errors.js';
import { ignore } from '../task/task.js';

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
   * @param {number} workers
   * @returns {Promise<void>}
   */
  change(workers) {
    try {
      integer('workers', workers, 1, this.#options.seats);
    } catch (error) {
      return Promise.reject(error);
    }
    const resized = this.#resize(workers);
    resized.catch(ignore);
    return resized;
  }

  /** @param {number} workers */
  async #resize(workers) {
    this.#intake.checkOpen();
    const engine = this.#intake.engine ?? (await this.#starting()); // does not wait if the engine exists
    if (!engine || this.#intake.closed) throw poolError('POOL_DESTROYED');
    await engine.fleet.resize(workers);
  }
}
