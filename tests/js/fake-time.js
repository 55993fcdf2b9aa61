/** A scheduler whose time passes only when a test says so. */
export class FakeTime {
  #nowMs = 1000;
  /** @type {Map<number, { at: number, run: () => void }>} */
  #timers = new Map();
  #serial = 0;

  /** Timers that have not fired. */
  get pending() {
    return this.#timers.size;
  }

  now = () => this.#nowMs;

  setTimeout = (/** @type {() => void} */ run, /** @type {number} */ ms) => {
    this.#timers.set(++this.#serial, { at: this.#nowMs + ms, run });
    return this.#serial;
  };

  clearTimeout = (/** @type {number} */ timer) => void this.#timers.delete(timer);

  /**
   * Time goes on; what is due runs, in order, at its own time.
   * @param {number} ms
   */
  pass(ms) {
    const end = this.#nowMs + ms;
    for (;;) {
      const [id, timer] = [...this.#timers].sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0] ?? [];
      if (id === undefined || timer === undefined || timer.at > end) break;
      this.#timers.delete(id);
      this.#nowMs = timer.at;
      timer.run();
    }
    this.#nowMs = end;
  }
}
