/** The number of a pool's workers, and their seats. */
import { integer } from '../base/check.js';
import { poolError } from '../base/errors.js';

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
   * See Pool.resize.
   * @param {number} workers
   * @returns {Promise<void>}
   */
  async change(workers) {
    integer('workers', workers, 1, this.#options.seats);
    this.#intake.checkOpen();
    const engine = this.#intake.engine ?? (await this.#starting()); // does not wait if the engine exists
    if (!engine || this.#intake.closed) throw poolError('POOL_DESTROYED');
    await engine.fleet.resize(workers);
  }
}
