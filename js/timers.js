/** Timers that end together. */

/** Timers of one owner, on its scheduler. */
export class Timers {
  /** @type {Set<unknown>} */
  #pending = new Set();
  #scheduler;

  /** @param {import('./options.js').Scheduler} scheduler */
  constructor(scheduler) {
    this.#scheduler = scheduler;
  }

  /**
   * @param {number} ms
   * @param {() => void} run
   * @returns {unknown} for cancel()
   */
  after(ms, run) {
    const timer = this.#scheduler.setTimeout(() => {
      this.#pending.delete(timer);
      run();
    }, ms);
    this.#pending.add(timer);
    return timer;
  }

  /** @param {unknown} timer pending or not */
  cancel(timer) {
    if (this.#pending.delete(timer)) this.#scheduler.clearTimeout(timer);
  }

  /** Cancels all. */
  clear() {
    for (const timer of this.#pending) this.#scheduler.clearTimeout(timer);
    this.#pending.clear();
  }
}
