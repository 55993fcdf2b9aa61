/** Workers read clocks of their own. If main's clock runs differently, it writes its time into shared memory for them. */
import { Ticker, TICK_MS } from './ticker.js';

/** Keeps the pool's time in shared memory right, see wp_pool_time in the core. */
export class Timekeeper {
  #time;
  #ticker;
  #isBusy;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {import('./scheduler.js').Time} time
   * @param {() => boolean} isBusy whether workers may need to know
   * @param {() => void} renew sets other timers anew
   */
  constructor(core, time, isBusy, renew) {
    this.#time = time;
    this.#isBusy = isBusy;
    this.#ticker = new Ticker(time, TICK_MS, () => {
      this.look();
      return time.isForeign && isBusy() ? 'idle' : 'over';
    });
    time.follow({
      tell: (offsetMs, standsMs) => core.exports._wp_pool_set_time(core.pool, offsetMs, standsMs),
      replaced: () => {
        this.#ticker.rest(); // the tick that the one before owes may never come
        this.update();
        renew();
      },
    });
  }

  /** Whoever looks at a clock of the user's own finds out whether it stands, and tells what it shows if it does. */
  look() {
    if (this.#time.isForeign) this.#time.now();
  }

  /** The first task is in flight, or none is any more: meanwhile main looks at each tick. */
  update() {
    if (this.#time.isForeign && this.#isBusy()) this.#ticker.need();
    else this.#ticker.rest();
  }

  /** Nobody is told any more. */
  stop() {
    this.#time.follow({ tell() {}, replaced() {} });
    this.#ticker.stop();
  }
}
