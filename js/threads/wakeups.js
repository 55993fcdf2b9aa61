/** When the fleet is to be looked at next: a turn of the event loop, or a timer, on each of its two clocks. */
import { host } from '../host/index.js';

const { now, setTimeout, clearTimeout } = host.time;

/** The next look of one fleet. */
export class Wakeups {
  #scheduler;
  #run;
  #held = true;
  #hasTurn = false;
  /** @type {any} on the real clock */
  #timer;
  #timerAt = 0;
  /** @type {import('../time/scheduler.js').Timer | undefined} on the pool's */
  #poolTimer;
  #poolTimerAt = 0;
  #isOver = false;

  /**
   * @param {import('../time/scheduler.js').Time} scheduler the pool's
   * @param {() => void} run looks, and plans again
   */
  constructor(scheduler, run) {
    this.#scheduler = scheduler;
    this.#run = run;
  }

  /**
   * Instead of what was planned before.
   * @param {number} realMs 0: never
   * @param {number} poolMs
   */
  plan(realMs, poolMs) {
    if (this.#isOver) return;
    this.#planReal(realMs);
    if (poolMs !== this.#poolTimerAt || !this.#poolTimer) this.#planPool(poolMs);
  }

  /**
   * Timers count whole milliseconds: what is due sooner is waited for turn by turn.
   * @param {number} at
   */
  #planReal(at) {
    if (this.#timer !== undefined && at === this.#timerAt) return;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!at) return;
    const ms = Math.floor(at - now());
    if (ms < 1) this.#turn();
    else {
      this.#timerAt = at;
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#run();
      }, ms);
      if (!this.#held) this.#timer?.unref?.();
    }
  }

  #turn() {
    if (this.#hasTurn) return;
    this.#hasTurn = true;
    host.defer(() => {
      this.#hasTurn = false;
      if (!this.#isOver) this.#run();
    });
  }

  /** @param {number} at */
  #planPool(at) {
    if (this.#poolTimer) this.#scheduler.clearTimeout(this.#poolTimer);
    this.#poolTimer = undefined;
    this.#poolTimerAt = at;
    if (!at) return;
    this.#poolTimer = this.#scheduler.setTimeout(
      () => {
        this.#poolTimer = undefined;
        this.#run();
      },
      Math.max(0, Math.ceil(at - this.#scheduler.poolNow())),
    );
    if (!this.#held) this.#poolTimer.unref();
  }

  /** The functions of time are others: a timer of those before may never come. */
  renew() {
    this.#planPool(this.#poolTimerAt);
  }

  /**
   * Whether the timers keep the process alive.
   * @param {boolean} held
   */
  hold(held) {
    this.#held = held;
    if (held) this.#timer?.ref?.();
    else this.#timer?.unref?.();
    if (held) this.#poolTimer?.ref();
    else this.#poolTimer?.unref();
  }

  /** Nothing is looked at any more. */
  stop() {
    this.#isOver = true;
    this.#planReal(0);
    this.#planPool(0);
  }
}
