/** Waits until a pool has nothing to do. */
export class Drain {
  /** @type {Set<(value?: unknown) => void>} */
  #waiting = new Set();

  /**
   * Settles when the pool has nothing left to do.
   * @param {() => boolean} isBusy
   */
  async wait(isBusy) {
    while (isBusy()) await new Promise((resolve) => this.#waiting.add(resolve));
  }

  /** Lets all waiting calls check again. */
  wake() {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
