/** A worker's wait in its event loop, where timers, messages and promises of user code go on. */
import * as L from '../generated/layout.js';

/** The long wait of one worker. Before it, the worker waits in wasm, where waking is fastest. */
export class Sleep {
  #core;
  #word;
  #sleeps;
  #wake;
  #asleep = false;

  /**
   * @param {import('../core/core.js').Core} core the worker's
   * @param {() => void} wake called when the wake word has changed
   */
  constructor(core, wake) {
    const at = core.thread(core.self);
    this.#core = core;
    this.#word = (at + L.THREAD_WAKE) >>> 2;
    this.#sleeps = (at + L.THREAD_SLEEPS) >>> 2;
    this.#wake = wake;
  }

  /** The wake word. Read it before looking for work. */
  get word() {
    return Atomics.load(this.#core.memory.i32, this.#word);
  }

  /**
   * Waits for the wake word to change.
   * @param {number} seen
   * @returns {boolean} false if the word has changed already
   */
  start(seen) {
    if (this.#asleep) return true;
    const { i32 } = this.#core.memory;
    Atomics.store(i32, this.#sleeps, L.SLEEP_LONG); // SLEEP: see wp_thread_sleep
    const wait = Atomics.waitAsync(i32, this.#word, seen);
    this.#asleep = wait.async;
    if (!wait.async) {
      Atomics.store(i32, this.#sleeps, L.SLEEP_NOT);
      return false;
    }
    void wait.value.then(() => {
      Atomics.store(i32, this.#sleeps, L.SLEEP_NOT);
      this.#asleep = false;
      this.#wake();
    });
    return true;
  }
}
