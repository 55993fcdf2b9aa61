/** How long each frame of the page took. */

/** Frames are forgotten after so long. */
const KEPT_MS = 12_000;

/** @typedef {{ at: number, ms: number, onPurpose: boolean }} Frame `at`: its end */

/** Measures frames from the first tick on. */
export class Frames {
  /** @type {Frame[]} */
  list = [];
  #last = 0;
  /** When the page was last blocked by a button. */
  #blocked = { from: 0, to: 0 };

  /**
   * A frame begins.
   * @param {number} now
   */
  tick(now) {
    const last = this.#last;
    // A hidden page draws no frames: that is no slow one.
    this.#last = document.hidden ? 0 : now;
    if (last && !document.hidden) {
      const onPurpose = last < this.#blocked.to && now > this.#blocked.from;
      this.list.push({ at: now, ms: now - last, onPurpose });
    }
    while (this.list.length > 0 && this.list[0].at < now - KEPT_MS) this.list.shift();
  }

  /**
   * Frames of that time are slow because somebody asked for that.
   * @param {number} from
   * @param {number} to
   */
  excuse(from, to) {
    this.#blocked = { from, to };
  }

  /**
   * @param {number} since a time
   * @returns {number} milliseconds of the slowest frame that ended after that; 0: there was none
   */
  slowest(since) {
    return this.list.reduce((most, { at, ms, onPurpose }) => (at > since && !onPurpose ? Math.max(most, ms) : most), 0);
  }
}
