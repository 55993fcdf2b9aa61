/** Main's budget in each tick for handing single tasks to the core (src/governor.h). */
export class Governor {
  #core;
  #spent = false;

  /** @param {import('../core/core.js').Core} core main's */
  constructor(core) {
    this.#core = core;
  }

  /** Whether main may hand one more task to the core in this tick. */
  admits() {
    return this.#core.exports._wp_governor_admits(this.#core.pool) !== 0;
  }

  /** @param {number} ms that handing a task to the core took */
  spend(ms) {
    this.#spent = true;
    this.#core.exports._wp_governor_spend(this.#core.pool, ms);
  }

  /** Begins a tick. Returns whether anything was spent in the previous one. */
  tick() {
    const spent = this.#spent;
    this.#spent = false;
    this.#core.exports._wp_governor_tick(this.#core.pool);
    return spent;
  }
}
