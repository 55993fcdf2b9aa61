/** The pool's ticks, for work that is done from time to time. They run only while something needs them. */

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
   * @param {() => 'busy' | 'idle' | 'over'} tick whether there is to be a next one: 'idle' does not keep the process alive for it
   */
  constructor(scheduler, tickMs, tick) {
    this.#scheduler = scheduler;
    this.#tickMs = tickMs;
    this.#tick = tick;
  }

  /**
   * There will be a tick.
   * @param {boolean} [isBusy] and the process waits for it
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
    else if (isFirst) timer?.unref?.(); // never for who waits for it already
  }

  /** None is needed for now. */
  rest() {
    if (this.#timer !== undefined) this.#scheduler.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** No tick comes any more. */
  stop() {
    this.#stopped = true;
    this.rest();
  }
}
