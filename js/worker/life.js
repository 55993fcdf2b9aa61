/** Signs of life of the event loop, from the first task on that awaits something. */
import * as L from '../generated/layout.js';

/** Of one worker. */
export class Life {
  #core;
  #beatMs;
  #time;
  #shows = false;

  /**
   * @param {import('../core/core.js').Core} core the worker's
   * @param {import('../host/index.js').HostTime} time
   * @param {number | undefined} beatMs how often; undefined: nobody looks for one
   */
  constructor(core, time, beatMs) {
    this.#core = core;
    this.#time = time;
    this.#beatMs = beatMs;
  }

  show() {
    if (this.#shows || !this.#beatMs) return;
    this.#shows = true;
    const core = this.#core;
    const at = (core.thread(core.self) + L.THREAD_BEAT) >>> 2;
    this.#time.setInterval(() => Atomics.add(core.memory.u32, at, 1), this.#beatMs);
  }
}
