/** How soon, and how often, a seat whose worker crashed gets a new one. */

/** Restarts that a pool may still make. */
export class RestartBudget {
  /** @type {Map<number, number[]>} times of restarts, by seat; -1 for spares */
  #restarts = new Map();
  /** @type {Set<number>} */
  #spent = new Set();
  #options;

  /** @param {Required<import('../options/options.js').RestartOptions>} options */
  constructor(options) {
    this.#options = options;
  }

  /**
   * Takes one restart from the budget.
   * @param {number} seat -1: a spare
   * @param {number} now milliseconds
   * @param {boolean} clean the thread ended by itself, without an error
   * @returns {number | undefined} the delay in milliseconds: doubles with each restart within the window; undefined: no more
   */
  take(seat, now, clean) {
    const { policy, max, windowMs, minMs, maxMs, jitter } = this.#options;
    const recent = (this.#restarts.get(seat) ?? []).filter((time) => windowMs === 0 || now - time < windowMs);
    if (policy === 'never' || (policy === 'on-failure' && clean) || (max >= 0 && recent.length >= max)) {
      this.#spent.add(seat);
      return undefined;
    }
    this.#restarts.set(seat, [...recent, now]);
    return Math.min(maxMs, minMs * 2 ** recent.length) * (1 + jitter * (2 * Math.random() - 1));
  }

  /**
   * Whether the seat was given up.
   * @param {number} seat
   */
  isSpent(seat) {
    return this.#spent.has(seat);
  }
}
