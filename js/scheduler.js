/** The functions of time that a pool uses; replaceable while it runs. */
import { poolError } from './errors.js';
import { host } from './host/index.js';

/**
 * @typedef {object} Scheduler the functions of time that the pool uses; replaceable, for tests
 * @property {() => number} now milliseconds, monotonic
 * @property {(run: () => void, ms: number) => unknown} setTimeout
 * @property {(timer: any) => void} clearTimeout
 *
 * @typedef {object} Timer what setTimeout gives: it knows who can clear it
 * @property {() => void} clear
 * @property {() => void} ref
 * @property {() => void} unref
 */

const NAMES = /** @type {const} */ (['now', 'setTimeout', 'clearTimeout']);

/** @returns {Scheduler} the runtime's own */
function native() {
  const offset = host.clockOffsetMs();
  return {
    now: () => performance.now() + offset,
    setTimeout: (run, ms) => globalThis.setTimeout(run, ms),
    clearTimeout: (timer) => globalThis.clearTimeout(timer),
  };
}

/** One pool's time. Its timers are ended by the scheduler that made them, whatever has been injected since. */
export class Time {
  #native = native();
  /** @type {Scheduler} */
  #current = this.#native;

  /** @param {Partial<Scheduler>} [given] */
  constructor(given) {
    this.inject(given);
  }

  /**
   * Replaces the functions that it has; for the others the runtime's own are used.
   * @param {Partial<Scheduler>} [given]
   * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT
   */
  inject(given = {}) {
    if (given === null || typeof given !== 'object')
      throw poolError('INVALID_ARGUMENT', 'scheduler: expected an object of functions');
    const next = { ...this.#native };
    for (const name of NAMES) {
      const own = /** @type {any} */ (given[name]);
      if (own === undefined) continue;
      if (typeof own !== 'function') throw poolError('INVALID_ARGUMENT', `scheduler.${name}: expected a function`);
      next[name] = own;
    }
    this.#current = next;
  }

  now = () => this.#current.now();

  /** @type {(run: () => void, ms: number) => Timer} */
  setTimeout = (run, ms) => {
    const maker = this.#current;
    const timer = /** @type {any} */ (maker.setTimeout(run, ms));
    return {
      clear: () => maker.clearTimeout(timer),
      ref: () => timer?.ref?.(),
      unref: () => timer?.unref?.(),
    };
  };

  /** @type {(timer: Timer) => void} */
  clearTimeout = (timer) => timer.clear();
}
