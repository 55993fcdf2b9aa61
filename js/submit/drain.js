/** Waits until a pool has nothing to do. */
export class Drain {
  /** @type {Set<(value?: unknown) => void>} */
  #waiting = new Set();

  /**
   * Settles when nothing is to be done any more.
   * @param {() => boolean} isBusy
   */
  async wait(isBusy) {
    while (isBusy()) await new Promise((resolve) => this.#waiting.add(resolve));
  }

  /** Everybody looks again. */
  wake() {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
