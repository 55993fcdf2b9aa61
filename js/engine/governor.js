/** How long main may be busy in each tick with giving single tasks to the core. */
export class Governor {
  #core;
  #spent = false;

  /** @param {import('../core/core.js').Core} core main's */
  constructor(core) {
    this.#core = core;
  }

  /** Whether main may give one more task to the core in this tick. */
  admits() {
    return this.#core.exports._wp_governor_admits(this.#core.pool) !== 0;
  }

  /** @param {number} ms that giving a task to the core took */
  spend(ms) {
    this.#spent = true;
    this.#core.exports._wp_governor_spend(this.#core.pool, ms);
  }

  /** A new tick. Whether anything was spent in the one before. */
  tick() {
    const spent = this.#spent;
    this.#spent = false;
    this.#core.exports._wp_governor_tick(this.#core.pool);
    return spent;
  }
}
