/** One life of an actor: a task that holds a thread of the supervisor's pool for itself, until the thread is ended. */
import { host } from '../../host/index.js';
import { ignore } from '../../task/task.js';
import { CONTROL } from '../protocol.js';

/** The shortest and the longest time between two signs of life of an actor's event loop. */
const BEAT_MS = /** @type {const} */ ({ least: 5, most: 1000 });

/** How often an actor with this time limit shows that it lives. @param {number} leaseMs */
export const beatOf = (leaseMs) => Math.max(BEAT_MS.least, Math.min(leaseMs / 4, BEAT_MS.most));

/** One incarnation. */
export class Incarnation {
  #task;
  #words;
  #graceMs;
  /** Called when it has ended by itself, while it may. @type {(() => void) | undefined} */
  #hasLeft;
  /** The beat that was seen last, and when. */
  #seen = 0;
  #seenMs;

  /**
   * Starts it.
   * @param {import('../../api/pool.js').Pool} pool
   * @param {import('../protocol.js').Start} start
   * @param {Int32Array} words its own words of the control block
   * @param {{ graceMs: number, nowMs: number, lost: (error: any) => void }} how lost: the thread is gone, and nobody has asked for it
   */
  constructor(pool, start, words, { graceMs, nowMs, lost }) {
    this.#words = words.fill(0);
    this.#graceMs = graceMs;
    this.#seenMs = nowMs;
    this.#task = pool.dispatch('actor', start);
    this.#task.then(ignore, (error) => {
      if (error.code !== 'CANCELLED') lost(error);
    });
  }

  /** Messages whose handler has settled. */
  get handled() {
    return Atomics.load(this.#words, CONTROL.HANDLED);
  }

  get heartbeats() {
    return Atomics.load(this.#words, CONTROL.HEARTBEATS);
  }

  /** When main last saw a new sign of life. */
  get lastBeatMs() {
    return this.#seenMs;
  }

  /**
   * How long the actor has been silent while it handles a message.
   * @param {number} nowMs
   */
  silenceMs(nowMs) {
    const beat = Atomics.load(this.#words, CONTROL.BEAT);
    if (beat !== this.#seen || Atomics.load(this.#words, CONTROL.BUSY) === 0) {
      this.#seen = beat;
      this.#seenMs = nowMs;
    }
    return nowMs - this.#seenMs;
  }

  /** The actor says that it ends by itself. */
  left() {
    this.#hasLeft?.();
  }

  /**
   * Ends the thread, whatever it does.
   * @param {boolean} mayLeave whether it has the time of grace to end by itself
   * @returns {Promise<void>} settles with its confirmed death
   */
  async stop(mayLeave) {
    if (mayLeave && this.#graceMs > 0) await this.#grace();
    await this.#task.terminate();
  }

  /** Asks the actor to end; settles when it has, or its time is over. @returns {Promise<void>} */
  #grace() {
    return new Promise((resolve) => {
      const timer = host.time.setTimeout(resolve, this.#graceMs);
      this.#hasLeft = () => {
        host.time.clearTimeout(timer);
        resolve();
      };
      this.#task.cancel();
    });
  }
}
