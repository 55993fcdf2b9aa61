/** The pool's ticks, for periodic work. They run only while something needs them. */

/** A tick of 16 ms: about a frame. */
export const TICK_MS = 16;

/** One timer, set again as long as it is needed. */
export class Ticker {
  #scheduler;
  #tickMs;
  #tick;
  /** @type {unknown} */
  #timer;
  #stopped = false;

  /**
   * @param {import('./scheduler.js').Scheduler} scheduler
   * @param {number} tickMs
   * @param {() => 'busy' | 'idle' | 'over'} tick returns whether there must be another one: 'busy' and 'idle' yes, but only 'busy' keeps
   *   the process alive
   */
  constructor(scheduler, tickMs, tick) {
    this.#scheduler = scheduler;
    this.#tickMs = tickMs;
    this.#tick = tick;
  }

  /**
   * Makes sure that there is a tick.
   * @param {boolean} [isBusy] whether it keeps the process alive
   */
  need(isBusy = false) {
    if (this.#stopped) return;
    const isFirst = this.#timer === undefined;
    this.#timer ??= this.#scheduler.setTimeout(() => {
      this.#timer = undefined;
      const next = this.#tick();
      if (next !== 'over') this.need(next === 'busy');
    }, this.#tickMs);
    const timer = /** @type {{ ref?: () => void, unref?: () => void }} */ (this.#timer);
    if (isBusy) timer?.ref?.();
    else if (isFirst) timer?.unref?.(); // not if an earlier call needs it to keep the process alive
  }

  /** No tick is needed for now. */
  rest() {
    if (this.#timer !== undefined) this.#scheduler.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Stops the ticks for good. */
  stop() {
    this.#stopped = true;
    this.rest();
  }
}
