/** Takes finished slots from the core: polls while results flow, and arms the bell while they do not. */
import { allocate } from '../core/memory.js';
import { host } from '../host/index.js';

const { now, microtask } = host.time;

/** Slots that one call of the core drains. */
const LIMIT = 1024;
/**
 * How long main polls for the next result before it arms the bell. A ring costs 10 to 20 microseconds and as much latency; but while
 * main polls, a worker may lack the core.
 */
const LOOK_MS = 0.008;
/** After some rings main polls once for as long as it takes to wake a worker, in case polling pays by now. */
const TRY_MS = 0.06;
const TRY_EVERY_LEAST = 8;
const TRY_EVERY_MOST = 128;
/** So many results at once count as a flow. */
const MANY = 8;
/** After so many, main submits what takes their places as a burst: if each push woke a worker, that would cost main a third of its time. */
const BURST = 64;
/** How long main polls in microtasks before it yields to the event loop. */
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
  /** How long after a result main polls for the next one; 0: not at all. */
  #windowMs = LOOK_MS;
  #tryEvery = TRY_EVERY_LEAST;
  #ringsToTry = TRY_EVERY_LEAST;
  /** On a single core, polling keeps the worker from running. */
  #alone = host.hardwareConcurrency() === 1;
  #lastMs = 0;
  #turnMs = 0;

  /**
   * @param {import('../core/core.js').Core} core main's
   * @param {(index: number) => void} deliver reads one slot, which is DELIVERED
   * @param {() => boolean} isBusy whether completions are to be expected; called after each drain
   */
  constructor(core, deliver, isBusy) {
    this.#core = core;
    this.#buffer = allocate(core, LIMIT * 4);
    this.#deliver = deliver;
    this.#isBusy = isBusy;
    core.exports._wp_task_arm_bell(core.pool);
  }

  /** A worker has rung, so the bell is not armed any more. */
  ring() {
    this.#turnMs = now();
    this.drain(true);
  }

  /**
   * Takes everything that has finished. A call from inside a delivery has no effect: the drain goes on after it.
   * @param {boolean} [rung] whether a worker has rung, so that main did not find it by polling
   */
  drain(rung = false) {
    if (this.#draining || this.#stopped) return;
    this.#burst(false);
    const found = this.#takeAll();
    if (this.#stopped) return; // a callback has closed the pool
    const busy = this.#isBusy();
    const nowMs = now();
    if (found > 0) {
      this.#lastMs = nowMs; // the program may be about to submit more
      this.#windowMs = this.#windowAfter(found, rung);
    } else if (!busy || nowMs - this.#lastMs >= this.#windowMs) this.#windowMs = 0;
    this.#burst(found >= BURST);
    // Arming fails if something has finished in the meantime.
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
      this.#tryEvery = TRY_EVERY_LEAST; // polling has paid
      return LOOK_MS;
    }
    if (--this.#ringsToTry > 0) return found >= MANY ? LOOK_MS : 0;
    this.#tryEvery = Math.min(this.#tryEvery * 2, TRY_EVERY_MOST); // more seldom, until polling pays
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

  /**
   * Rethrows later: one failing callback must not stop other deliveries.
   * @param {number} index
   */
  #deliverOne(index) {
    try {
      this.#deliver(index);
    } catch (error) {
      host.defer(() => {
        throw error;
      });
    }
  }

  /** Polls again when the code that waits for these results has run; after TURN_MS, in the next turn of the event loop. */
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

  /** Delivers nothing from now on. */
  stop() {
    this.#stopped = true;
  }
}
