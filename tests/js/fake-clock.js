/** Time that passes only when a test says so. */
/**
 * A clock for a pool. It stands still until the test moves it; with `costMs` each look at it lets so much time pass.
 */
export class FakeClock {
  costMs = 0;
  #now;
  /** @type {Map<number, { at: number, run: () => void }>} */
  #timers = new Map();
  #next = 1;

  /** @param {number} [start] what it shows at first */
  constructor(start = 0) {
    this.#now = start;
  }

  /** For the option `scheduler`. */
  scheduler = {
    now: () => (this.#now += this.costMs),
    setTimeout: (run, ms) => {
      this.#timers.set(this.#next, { at: this.#now + ms, run });
      return this.#next++;
    },
    clearTimeout: (timer) => void this.#timers.delete(timer),
  };

  get timers() {
    return this.#timers.size;
  }

  /** Time passes, timers run when they are due. @param {number} ms */
  advance(ms) {
    const end = this.#now + ms;
    for (;;) {
      const [due] = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
      if (!due) break;
      const [timer, { at, run }] = due;
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, at);
      run();
    }
    this.#now = Math.max(this.#now, end);
  }
}

/**
 * The runtime's functions of time, for the option `scheduler`, and a record of the timers that are pending.
 * @param {object} [own] functions in their place
 */
export function countedTime(own = {}) {
  /** @type {Set<unknown>} */
  const timers = new Set();
  return {
    timers,
    scheduler: {
      setTimeout(/** @type {() => void} */ run, /** @type {number} */ ms) {
        const timer = setTimeout(() => {
          timers.delete(timer);
          run();
        }, ms);
        timers.add(timer);
        return timer;
      },
      clearTimeout(/** @type {any} */ timer) {
        timers.delete(timer);
        clearTimeout(timer);
      },
      ...own,
    },
  };
}
