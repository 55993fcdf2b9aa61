/** Workers read clocks of their own. If main has a clock that runs differently, it writes the pool's time into shared memory for them. */
import { Ticker, TICK_MS } from './ticker.js';

/** Keeps the pool's time in shared memory up to date: see wp_pool_time in src/pool.h. */
export class Timekeeper {
  #time;
  #ticker;
  #isBusy;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {import('./scheduler.js').Time} time
   * @param {() => boolean} isBusy whether workers may need the time
   * @param {() => void} renew sets other timers again
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
        this.#ticker.rest(); // the old scheduler's timer may never fire
        this.update();
        renew();
      },
    });
  }

  /** Reads a clock that is not the runtime's: that notices if it stands, and then publishes its time. */
  look() {
    if (this.#time.isForeign) this.#time.now();
  }

  /** The first task is in flight, or none is any more: in between, main reads the clock at each tick. */
  update() {
    if (this.#time.isForeign && this.#isBusy()) this.#ticker.need();
    else this.#ticker.rest();
  }

  /** Publishes nothing from now on. */
  stop() {
    this.#time.follow({ tell() {}, replaced() {} });
    this.#ticker.stop();
  }
}
