/** Takes finished slots from the core: looks by itself while results flow, asks to be rung while they do not. */
import { allocate } from '../core/core.js';
import { host } from '../host/index.js';

const { now, microtask } = host.time;

const LIMIT = 1024;
/**
 * How long main looks for the next result before it asks to be rung. A ring costs 10 to 20 microseconds and as much latency; but while
 * main looks, a worker may miss its core.
 */
const LOOK_MS = 0.008;
/** Now and then, after so many rings, it looks for as long as it takes to wake a worker: it may pay by now. */
const TRY_MS = 0.06;
const TRY_EVERY_LEAST = 8;
const TRY_EVERY_MOST = 128;
/** As many results at once are a flow. */
const MANY = 8;
/** After so many, what takes their places is submitted in a burst: pushes that wake a worker each would cost main a third of its time. */
const BURST = 64;
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
  #bursting = false;
  /** For how long after a result main looks for the next one; 0: not at all. */
  #windowMs = LOOK_MS;
  #tryEvery = TRY_EVERY_LEAST;
  #ringsToTry = TRY_EVERY_LEAST;
  /** On a single core who looks keeps the worker from it. */
  #alone = host.hardwareConcurrency() === 1;
  #lastMs = 0;
  #turnMs = 0;

  /**
   * @param {import('../core/core.js').Core} core main's
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
    this.#turnMs = now();
    this.drain(true);
  }

  /**
   * Takes everything that is there. From inside a delivery: once that is over.
   * @param {boolean} [rung] main did not find it by looking
   */
  drain(rung = false) {
    if (this.#draining || this.#stopped) return;
    this.#burst(false);
    const found = this.#takeAll();
    if (this.#stopped) return; // by a callback
    const busy = this.#isBusy();
    const nowMs = now();
    if (found > 0) {
      this.#lastMs = nowMs; // whoever waited for these may be about to submit more
      this.#windowMs = this.#windowAfter(found, rung);
    } else if (!busy || nowMs - this.#lastMs >= this.#windowMs) this.#windowMs = 0;
    this.#burst(found >= BURST);
    // Something may have finished just before the bell is armed.
    if (this.#windowMs > 0 || !this.#core.exports._wp_task_arm_bell(this.#core.pool)) this.#look();
  }

  /** @param {boolean} begins */
  #burst(begins) {
    if (begins === this.#bursting) return;
    this.#bursting = begins;
    this.#core.exports._wp_sched_burst(this.#core.pool, begins ? 1 : 0);
  }

  /**
   * @param {number} found
   * @param {boolean} rung
   */
  #windowAfter(found, rung) {
    if (this.#alone) return found >= MANY ? LOOK_MS : 0;
    if (!rung) {
      this.#tryEvery = TRY_EVERY_LEAST; // it has paid
      return LOOK_MS;
    }
    if (--this.#ringsToTry > 0) return found >= MANY ? LOOK_MS : 0;
    this.#tryEvery = Math.min(this.#tryEvery * 2, TRY_EVERY_MOST); // until it pays
    this.#ringsToTry = this.#tryEvery;
    return TRY_MS;
  }

  /** @returns {number} how many there were */
  #takeAll() {
    const { exports, pool, memory } = this.#core;
    const first = this.#buffer >>> 2;
    let total = 0;
    this.#draining = true;
    for (let count = LIMIT; count === LIMIT && !this.#stopped; total += count) {
      count = exports._wp_task_drain(pool, this.#buffer, LIMIT);
      for (let i = 0; i < count; i++) this.#deliverOne(/** @type {number} */ (memory.u32[first + i]));
      if (count > 0) exports._wp_task_free_delivered(pool, this.#buffer, count);
    }
    this.#draining = false;
    return total;
  }

  /** @param {number} index What is thrown meanwhile is the program's to hear of, but takes no other delivery with it. */
  #deliverOne(index) {
    try {
      this.#deliver(index);
    } catch (error) {
      host.defer(() => {
        throw error;
      });
    }
  }

  /** Looks again when what waits for these results has run; after TURN_MS, when everything else has had a turn. */
  #look() {
    if (this.#looking) return;
    this.#looking = true;
    const again = () => {
      this.#looking = false;
      if (!this.#stopped) this.drain();
    };
    if (now() - this.#turnMs < TURN_MS) microtask(again);
    else
      host.defer(() => {
        this.#turnMs = now();
        again();
      });
  }

  /** Nothing is delivered any more. */
  stop() {
    this.#stopped = true;
  }
}
