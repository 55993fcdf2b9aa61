/**
 * Arguments that main has sent ahead (js/engine/outbox.js), until this worker takes their tasks, or another one does. Main counts how many are
 * here: `mail` of the thread's record is how many are not any more.
 */
import * as L from '../generated/layout.js';

/** How long what another worker has taken may lie here. */
const SWEEP_MS = 50;
/** So many lie here before a look at which are still wanted. */
const MANY = 64;

/**
 * @typedef {{ slot: number, generation: number, value: unknown }} Letter
 */

/** What has come to one worker. */
export class Arrivals {
  #core;
  #take;
  #time;
  #count;
  /** @type {Map<number, Letter>} by slot */
  #letters = new Map();
  /** Tasks that run here and wait for theirs. @type {Map<string, (letter: Letter) => void>} */
  #waiting = new Map();
  #sweeping = false;
  #sweepAt = MANY;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {(() => boolean) | undefined} take delivers main's next message, if there is one; undefined: only the event loop does
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
   * The argument of a task that this worker has just taken, if it is here.
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
   * The same, if it is not here: it may be on its way, or have to be asked for.
   * @param {number} slot
   * @param {number} generation
   * @param {() => Promise<unknown>} ask main, which answers after what it has sent ahead
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
   * Whether the task may still ask for it: it waits, or runs here and has not got so far, because its handler is being loaded. A task that
   * runs elsewhere and comes back asks main.
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

  /** @param {number} count letters that are not here any more */
  #dispose(count) {
    Atomics.add(this.#core.memory.u32, this.#count, count);
  }
}
