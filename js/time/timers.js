/** Timers that are cancelled together. */

/** Timers of one owner, on its scheduler. */
export class Timers {
  /** @type {Set<import('./scheduler.js').Timer>} */
  #pending = new Set();
  #scheduler;
  #held = true;

  /** @param {import('./scheduler.js').Time} scheduler */
  constructor(scheduler) {
    this.#scheduler = scheduler;
  }

  /**
   * @param {number} ms
   * @param {() => void} run
   * @returns {import('./scheduler.js').Timer} for cancel()
   */
  after(ms, run) {
    const timer = this.#scheduler.setTimeout(() => {
      this.#pending.delete(timer);
      run();
    }, ms);
    this.#pending.add(timer);
    if (!this.#held) timer.unref();
    return timer;
  }

  /** @param {import('./scheduler.js').Timer | undefined} timer pending or not */
  cancel(timer) {
    if (timer && this.#pending.delete(timer)) this.#scheduler.clearTimeout(timer);
  }

  /**
   * Sets whether they keep the process alive.
   * @param {boolean} held
   */
  hold(held) {
    this.#held = held;
    for (const timer of this.#pending) held ? timer.ref() : timer.unref();
  }

  /** Cancels all. */
  clear() {
    for (const timer of this.#pending) this.#scheduler.clearTimeout(timer);
    this.#pending.clear();
  }
}
