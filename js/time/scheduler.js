/** The functions of time that a pool uses; replaceable while it runs. */
import { nearestName } from '../base/check.js';
import { poolError } from '../base/errors.js';
import { host } from '../host/index.js';

/**
 * @typedef {object} Scheduler the functions of time that the pool uses; replaceable, for tests
 * @property {() => number} now milliseconds, monotonic
 * @property {(run: () => void, ms: number) => unknown} setTimeout
 * @property {(timer: any) => void} clearTimeout
 *
 * @typedef {object} Timer a timer of Time.setTimeout
 * @property {() => void} clear
 * @property {() => void} ref
 * @property {() => void} unref
 *
 * @typedef {object} Follower is told of changes, for workers and for timers
 * @property {(offsetMs: number, standsMs: number) => void} tell offsetMs: pool time minus host time; standsMs: the pool's time while its
 *   clock does not run with the host's, otherwise 0
 * @property {() => void} replaced the functions of time were replaced
 */

const NAMES = /** @type {const} */ (['now', 'setTimeout', 'clearTimeout']);

/** @returns {Scheduler} the runtime's own */
function native() {
  const { now, setTimeout, clearTimeout } = host.time;
  const offset = host.clockOffsetMs();
  return {
    now: () => now() + offset,
    setTimeout,
    clearTimeout,
  };
}

/** Two clocks that run together stay this close, even if they are coarse; a clock that a test moves does not. */
const PACE_MS = 5;
/** How often the offset between the clocks is measured again, because one of them may be slewed. */
const SET_MS = 1000;

/**
 * One pool's time. A timer is cleared by the scheduler that made it, even if another one has been injected since.
 *
 * Workers read the runtime's clock, and clocks have different origins. So main and workers compare times in the *pool's time*: it begins as
 * the runtime's, and continues at the pace of an injected clock. Each reading shows whether the injected clock runs together with the
 * runtime's. While it does, workers use their own clock plus an offset; once it does not, they use the time that main has read last.
 */
export class Time {
  #native = native();
  /** @type {Scheduler} */
  #current = this.#native;
  /** The pool's time minus the current clock's. */
  #shift = 0;
  /** A reading of the current clock between two of the runtime's; undefined: it is the runtime's. */
  #mark = /** @type {{ before: number, now: number, after: number } | undefined} */ (undefined);
  /** The last arguments of Follower.tell. */
  #told = { offsetMs: 0, standsMs: 0 };
  /** @type {Follower} */
  #follower = { tell: () => undefined, replaced: () => undefined };

  /** @param {Partial<Scheduler>} [given] */
  constructor(given) {
    this.inject(given);
  }

  /**
   * Replaces the functions that are given; for the others the runtime's own are used.
   * @param {Partial<Scheduler>} [given]
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
   */
  inject(given = {}) {
    const next = this.#complete(given);
    if (next.now !== this.#current.now) this.#replaceClock(next);
    this.#current = next;
    this.#follower.replaced();
  }

  /** Whether the clock is not the runtime's. */
  get isForeign() {
    return this.#mark !== undefined;
  }

  /** @param {Partial<Scheduler>} given */
  #complete(given) {
    if (given === null || typeof given !== 'object')
      throw poolError('INVALID_ARGUMENT', 'scheduler: expected an object of functions');
    checkNames(given);
    const next = { ...this.#native };
    for (const name of NAMES) {
      const own = Object.hasOwn(given, name) ? /** @type {any} */ (given[name]) : undefined;
      if (own === undefined) continue;
      if (typeof own !== 'function') throw poolError('INVALID_ARGUMENT', `scheduler.${name}: expected a function`);
      next[name] = own;
    }
    return next;
  }

  /** @param {Scheduler} next */
  #replaceClock(next) {
    const mark = this.#read(next);
    if (!Number.isFinite(mark.now)) throw poolError('INVALID_ARGUMENT', 'scheduler.now: expected milliseconds');
    this.#shift = Math.ceil(this.poolNow() - mark.now); // a whole number, so that whole times stay whole
    this.#mark = next.now === this.#native.now ? undefined : mark;
    this.#publish(mark.now + this.#shift - mark.after, 0);
  }

  /** @param {Scheduler} scheduler */
  #read(scheduler) {
    return { before: this.#native.now(), now: scheduler.now(), after: this.#native.now() };
  }

  now = () => (this.#mark ? this.#compare(this.#mark) : this.#current.now());

  /** The pool's time, in which main and workers compare. */
  poolNow = () => this.now() + this.#shift;

  /** Whether the clock does not run together with the runtime's, so that workers must be told the time. */
  get stands() {
    return this.#told.standsMs !== 0;
  }

  /**
   * @param {{ before: number, now: number, after: number }} mark
   * @returns {number} the current clock's time
   */
  #compare(mark) {
    const { before, now, after } = this.#read(this.#current);
    const passed = now - mark.now;
    const keepsPace = passed >= before - mark.after - PACE_MS && passed <= after - mark.before + PACE_MS;
    if (this.stands || !keepsPace) {
      this.#publish(this.#told.offsetMs, now + this.#shift);
    } else if (before - mark.after > SET_MS) {
      this.#mark = { before, now, after };
      this.#publish(now + this.#shift - after, 0);
    }
    return now;
  }

  /**
   * @param {number} offsetMs
   * @param {number} standsMs
   */
  #publish(offsetMs, standsMs) {
    if (offsetMs === this.#told.offsetMs && standsMs === this.#told.standsMs) return;
    this.#told = { offsetMs, standsMs };
    this.#follower.tell(offsetMs, standsMs);
  }

  /** @param {Follower} follower */
  follow(follower) {
    this.#follower = follower;
    this.now(); // a reading shows whether the clock stands
    follower.tell(this.#told.offsetMs, this.#told.standsMs);
  }

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

/**
 * A library may have other functions as well, but an object without any of these is a mistake, unless it is empty: that restores the
 * runtime's functions.
 * @param {object} given
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
function checkNames(given) {
  if (NAMES.some((name) => Object.hasOwn(given, name))) return;
  const names = Object.keys(given);
  const isEmpty = names.length === 0 && [Object.prototype, null].includes(Object.getPrototypeOf(given));
  if (isEmpty) return;
  const near = names.map((name) => [name, nearestName(name, new Set(NAMES))]).find(([, known]) => known);
  const hint = near ? `; it has ${near[0]}: did you mean ${near[1]}?` : '';
  throw poolError('INVALID_ARGUMENT', `scheduler: expected some of ${NAMES.join(', ')} as its own functions${hint}`);
}

/**
 * Additional checks of inject(), in a pool with `dev`.
 * @param {unknown} name
 * @param {unknown} lib
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
export function checkLibrary(name, lib) {
  if (typeof name !== 'string' || name === '')
    throw poolError('INVALID_ARGUMENT', 'name: expected the name of a library');
  if (!lib) throw poolError('INVALID_ARGUMENT', 'lib: expected functions');
}
