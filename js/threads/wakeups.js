/** Wakes the fleet's driver when its next step is due on either clock: by a timer, or in the next turn of the event loop. */
import { host } from '../host/index.js';

const { now, setTimeout, clearTimeout } = host.time;

/** The wake-ups of one fleet. */
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
   * @param {() => void} run steps the fleet, and calls plan()
   */
  constructor(scheduler, run) {
    this.#scheduler = scheduler;
    this.#run = run;
  }

  /**
   * Replaces the planned wake-ups.
   * @param {number} realMs 0: never
   * @param {number} poolMs
   */
  plan(realMs, poolMs) {
    if (this.#isOver) return;
    this.#planReal(realMs);
    if (poolMs !== this.#poolTimerAt || !this.#poolTimer) this.#planPool(poolMs);
  }

  /**
   * Timers count whole milliseconds: for a time that is due sooner, it runs in every turn of the event loop until then.
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

  /** The functions of time were replaced: a timer of the old ones may never fire. */
  renew() {
    this.#planPool(this.#poolTimerAt);
  }

  /**
   * Sets whether the timers keep the process alive.
   * @param {boolean} held
   */
  hold(held) {
    this.#held = held;
    if (held) this.#timer?.ref?.();
    else this.#timer?.unref?.();
    if (held) this.#poolTimer?.ref();
    else this.#poolTimer?.unref();
  }

  /** Cancels everything. */
  stop() {
    this.#isOver = true;
    this.#planReal(0);
    this.#planPool(0);
  }
}
