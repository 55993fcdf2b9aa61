/** Takes finished slots from the core: looks by itself while results flow, asks to be rung while they do not. */
import { allocate } from './core.js';
import { host } from './host/index.js';

const LIMIT = 1024;
/** Turns without a completion before main stops looking: one more message costs more than a few looks. */
const IDLE_TURNS = 2;

/** The way of finished slots from the core to main. */
export class Completions {
  #core;
  #buffer;
  #deliver;
  #isBusy;
  #polling = false;
  #idleTurns = 0;
  #stopped = false;

  /**
   * @param {import('./core.js').Core} core main's
   * @param {(index: number) => void} deliver one slot, which is DELIVERED: to be read and freed
   * @param {() => boolean} isBusy whether completions are to be expected; asked after each drain
   */
  constructor(core, deliver, isBusy) {
    this.#core = core;
    this.#buffer = allocate(core.exports, LIMIT * 4);
    this.#deliver = deliver;
    this.#isBusy = isBusy;
    core.exports._wp_task_arm_bell(core.pool);
  }

  /** Takes everything that is there. */
  drain() {
    const { exports, pool, memory } = this.#core;
    const first = this.#buffer >>> 2;
    let total = 0;
    for (let count = LIMIT; count === LIMIT && !this.#stopped; total += count) {
      count = exports._wp_task_drain(pool, this.#buffer, LIMIT);
      for (const index of memory.u32.slice(first, first + count)) this.#deliver(index);
    }
    if (this.#stopped) return; // by a callback
    this.#idleTurns = total > 0 ? 0 : this.#idleTurns + 1;
    const busy = this.#isBusy();
    if (busy && this.#idleTurns <= IDLE_TURNS) {
      this.#poll();
    } else if (!exports._wp_task_arm_bell(pool)) {
      this.#idleTurns = 0; // something finished just now
      this.#poll();
    }
  }

  #poll() {
    if (this.#polling) return;
    this.#polling = true;
    host.defer(() => {
      this.#polling = false;
      if (!this.#stopped) this.drain();
    });
  }

  /** Nothing is delivered any more. */
  stop() {
    this.#stopped = true;
  }
}
