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
 * @typedef {object} Timer what setTimeout gives: it knows who can clear it
 * @property {() => void} clear
 * @property {() => void} ref
 * @property {() => void} unref
 *
 * @typedef {object} Follower who tells the workers, and keeps timers
 * @property {(offsetMs: number, standsMs: number) => void} tell what makes the runtime's time the pool's; and what that is while the
 *   clock stands, otherwise 0
 * @property {() => void} replaced the functions of time are others from now on
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

/** Two clocks that keep pace stay this close to each other, coarse as they may be; a clock that is moved by hand does not. */
const PACE_MS = 5;
/** So often they are set to each other: one may be slewed. */
const SET_MS = 1000;

/**
 * One pool's time. Its timers are ended by the scheduler that made them, whatever has been injected since.
 *
 * Workers read the runtime's clock, and clocks begin wherever they like: so what main and workers compare is the *pool's time*. It begins
 * as the runtime's and goes on at the pace of the clock that is injected, from where it was. Whether that one runs beside the runtime's
 * shows when it is read: as long as it does, workers go by theirs; from the first time on that it does not, by what main has read last.
 */
export class Time {
  #native = native();
  /** @type {Scheduler} */
  #current = this.#native;
  /** The pool's time less the current clock's. */
  #shift = 0;
  /** Both clocks at one moment, with the runtime's before and after it; undefined: they are the same. */
  #mark = /** @type {{ before: number, now: number, after: number } | undefined} */ (undefined);
  /** What makes the runtime's time the pool's, and what the pool's is if that will not do, or 0. */
  #told = { offsetMs: 0, standsMs: 0 };
  /** @type {Follower} */
  #follower = { tell: () => undefined, replaced: () => undefined };

  /** @param {Partial<Scheduler>} [given] */
  constructor(given) {
    this.inject(given);
  }

  /**
   * Replaces the functions that it has; for the others the runtime's own are used.
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
    this.#shift = Math.ceil(this.poolNow() - mark.now); // whole: what is whole stays whole
    this.#mark = next.now === this.#native.now ? undefined : mark;
    this.#publish(mark.now + this.#shift - mark.after, 0);
  }

  /** @param {Scheduler} scheduler */
  #read(scheduler) {
    return { before: this.#native.now(), now: scheduler.now(), after: this.#native.now() };
  }

  now = () => (this.#mark ? this.#compare(this.#mark) : this.#current.now());

  /** What main and workers compare. */
  poolNow = () => this.now() + this.#shift;

  /** Whether the clock does not run beside the runtime's: workers know as much of it as they are told. */
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
    this.now(); // by now it may have shown whether it stands
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
 * A library may have other functions, too, but one without any of these is not what its caller thinks: an object without properties is
 * the one that restores the runtime's.
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
 * What a pool with `dev` asks of inject() besides.
 * @param {unknown} name
 * @param {unknown} lib
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
export function checkLibrary(name, lib) {
  if (typeof name !== 'string' || name === '')
    throw poolError('INVALID_ARGUMENT', 'name: expected the name of a library');
  if (!lib) throw poolError('INVALID_ARGUMENT', 'lib: expected functions');
}
