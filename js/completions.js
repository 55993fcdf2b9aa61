/** Takes finished slots from the core: looks by itself while results flow, asks to be rung while they do not. */
import { allocate } from './core.js';
import { host } from './host/index.js';

const LIMIT = 1024;
/** How long main looks for the next result before it asks to be rung: a ring costs 10 to 20 microseconds, and as much latency. */
const LOOK_MS = 0.06;
/** A ring that came sooner than this after it was asked for: main would have done better to go on looking. */
const SOON_MS = 0.03;
/** For how long it looks in microtasks before everything else gets its turn of the event loop. */
const TURN_MS = 0.2;

/** The way of finished slots from the core to main. */
export class Completions {
  #core;
  #buffer;
  #deliver;
  #isBusy;
  #draining = false;
  #looking = false;
  #stopped = false;
  /** Whether looking paid the last time. */
  #pays = true;
  #lastMs = 0;
  #turnMs = 0;
  #armedMs = 0;

  /**
   * @param {import('./core.js').Core} core main's
   * @param {(index: number) => void} deliver one slot, which is DELIVERED: to be read
   * @param {() => boolean} isBusy whether completions are to be expected; asked after each drain
   */
  constructor(core, deliver, isBusy) {
    this.#core = core;
    this.#buffer = allocate(core.exports, LIMIT * 4);
    this.#deliver = deliver;
    this.#isBusy = isBusy;
    core.exports._wp_task_arm_bell(core.pool);
  }

  /** A worker has rung: the bell is not armed any more. */
  ring() {
    this.#turnMs = performance.now();
    if (this.#turnMs - this.#armedMs < SOON_MS) this.#pays = true;
    this.drain();
  }

  /** Takes everything that is there. From inside a delivery: once that is over. */
  drain() {
    if (this.#draining) return;
    const found = this.#takeAll();
    if (this.#stopped) return; // by a callback
    const busy = this.#isBusy();
    if (this.#mayLook(found, busy)) this.#look();
    else if (!this.#core.exports._wp_task_arm_bell(this.#core.pool))
      this.#look(); // something finished just now
    else this.#armedMs = performance.now();
  }

  /**
   * @param {number} found
   * @param {boolean} busy
   */
  #mayLook(found, busy) {
    const now = performance.now();
    if (found > 0)
      this.#lastMs = now; // whoever waited for these may be about to submit more
    else if (busy) this.#pays = now - this.#lastMs < LOOK_MS;
    else return false;
    return this.#pays;
  }

  /** @returns {number} how many there were */
  #takeAll() {
    const { exports, pool, memory } = this.#core;
    const first = this.#buffer >>> 2;
    let total = 0;
    this.#draining = true;
    for (let count = LIMIT; count === LIMIT && !this.#stopped; total += count) {
      count = exports._wp_task_drain(pool, this.#buffer, LIMIT);
      try {
        for (let i = 0; i < count; i++) this.#deliver(/** @type {number} */ (memory.u32[first + i]));
      } finally {
        if (count > 0) exports._wp_task_free_delivered(pool, this.#buffer, count);
        this.#draining = false;
      }
      this.#draining = true;
    }
    this.#draining = false;
    return total;
  }

  /** Looks again when what waits for these results has run; after TURN_MS, when everything else has had a turn. */
  #look() {
    if (this.#looking) return;
    this.#looking = true;
    const again = () => {
      this.#looking = false;
      if (!this.#stopped) this.drain();
    };
    if (performance.now() - this.#turnMs < TURN_MS) queueMicrotask(again);
    else
      host.defer(() => {
        this.#turnMs = performance.now();
        again();
      });
  }

  /** Nothing is delivered any more. */
  stop() {
    this.#stopped = true;
  }
}
