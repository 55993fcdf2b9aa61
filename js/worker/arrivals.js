/**
 * Arguments that main has sent ahead (js/engine/outbox.js). They wait here until this worker takes their tasks, or another worker does.
 * Main knows how many it has sent; `mail` in the thread's record counts those that this worker has used or dropped.
 */
import * as L from '../generated/layout.js';

/**
 * How long a letter may stay here after another worker has taken its task. A choice: long enough for a sweep to cost nothing beside the
 * tasks, short enough for main to see that its copies have gone (UNREAD_MOST in js/engine/outbox.js) and for buffers to be collected.
 */
const SWEEP_MS = 50;
/**
 * At so many letters they are swept at once, and then whenever their number has doubled, so that a sweep costs a constant time per letter.
 * A choice: a worker that keeps up never has as many.
 */
const MANY = 64;

/**
 * @typedef {{ slot: number, generation: number, value: unknown }} Letter
 */

/** The arguments that one worker has received. */
export class Arrivals {
  #core;
  #take;
  #time;
  #count;
  /** @type {Map<number, Letter>} by slot */
  #letters = new Map();
  /** Tasks that run here and wait for their letters, by slot and generation. @type {Map<string, (letter: Letter) => void>} */
  #waiting = new Map();
  #sweeping = false;
  #sweepAt = MANY;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {(() => boolean) | undefined} take delivers main's next message, if there is one; undefined: only the event loop can
   * @param {import('../host/index.js').HostTime} time
   */
  constructor(core, take, time) {
    this.#core = core;
    this.#take = take;
    this.#time = time;
    this.#count = (core.thread(core.self) + L.THREAD_MAIL) >>> 2;
  }

  /** @param {Letter} letter from main */
  receive(letter) {
    const { slot, generation } = letter;
    const key = `${slot}.${generation}`;
    const wake = this.#waiting.get(key);
    if (wake || !this.#isWanted(letter)) {
      this.#dispose(1);
      this.#waiting.delete(key);
      wake?.(letter);
      return;
    }
    if (this.#letters.has(slot)) this.#dispose(1);
    this.#letters.set(slot, letter);
    if (this.#letters.size >= this.#sweepAt) this.#sweep();
    this.#sweepLater();
  }

  /**
   * The argument of a task that this worker has just taken, if it has arrived.
   * @param {number} slot
   * @param {number} generation
   * @returns {Letter | undefined}
   */
  find(slot, generation) {
    const letter = this.#letters.get(slot);
    if (letter?.generation === generation) {
      this.#letters.delete(slot);
      this.#dispose(1);
      return letter;
    }
    if (!this.#take) return undefined;
    /** @type {Letter | undefined} */
    let found;
    const key = `${slot}.${generation}`;
    this.#waiting.set(key, (letter) => (found = letter));
    while (!found && this.#take());
    this.#waiting.delete(key);
    return found;
  }

  /**
   * Waits for an argument that has not arrived: it may be on its way, or main must be asked for it.
   * @param {number} slot
   * @param {number} generation
   * @param {() => Promise<unknown>} ask asks main, whose answer arrives after everything that it has sent ahead
   * @returns {Promise<any>}
   */
  wait(slot, generation, ask) {
    const key = `${slot}.${generation}`;
    return new Promise((resolve, reject) => {
      this.#waiting.set(key, ({ value }) => resolve(value));
      ask().then(
        (value) => {
          this.#waiting.delete(key);
          resolve(value);
        },
        (error) => {
          this.#waiting.delete(key);
          reject(error);
        },
      );
    });
  }

  /**
   * Whether the task may still need this letter: it is waiting, or it runs here and its handler is still being loaded. A task that
   * runs elsewhere and is requeued later asks main.
   * @param {Letter} letter
   */
  #isWanted({ slot, generation }) {
    const at = this.#core.slots.record(slot);
    if (this.#core.generation(at) !== generation) return false;
    const state = this.#core.load(at) & 0xff;
    if (state === L.SLOT_RUNNING) return this.#core.load(at + L.SLOT_OWNER) === this.#core.self;
    return state === L.SLOT_FILLING || state === L.SLOT_SUBMITTED || state === L.SLOT_READY;
  }

  #sweep() {
    let gone = 0;
    for (const [slot, letter] of this.#letters) {
      if (this.#isWanted(letter)) continue;
      this.#letters.delete(slot);
      gone++;
    }
    this.#sweepAt = Math.max(MANY, 2 * this.#letters.size);
    this.#dispose(gone);
  }

  #sweepLater() {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.#time.setTimeout(() => {
      this.#sweeping = false;
      this.#sweep();
      if (this.#letters.size > 0) this.#sweepLater();
    }, SWEEP_MS);
  }

  /** @param {number} count of letters that were used or dropped */
  #dispose(count) {
    Atomics.add(this.#core.memory.u32, this.#count, count);
  }
}
