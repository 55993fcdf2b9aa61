/** Task names: interned in the core once, identified by number afterwards. */

import { allocate } from './memory.js';

const utf8 = new TextEncoder();

/** Numbers of task names. */
export class Names {
  /** @type {Map<string, { name: number, cTask: number }>} */
  #known = new Map();
  #core;
  #cTasks;

  /**
   * @param {import('./core.js').Core} core main's
   * @param {string[]} cTasks names of C tasks, in the core's order
   */
  constructor(core, cTasks) {
    this.#core = core;
    this.#cTasks = cTasks;
  }

  /**
   * @param {string} text
   * @returns {{ name: number, cTask: number }} the name's number, and the index + 1 of the C task of this name, or 0
   * @throws {import('../base/errors.js').PoolError} NO_MEMORY
   */
  find(text) {
    let found = this.#known.get(text);
    if (!found) {
      const { exports, pool, memory } = this.#core;
      const bytes = utf8.encode(text);
      const at = allocate(this.#core, bytes.length + 1);
      memory.write(at, bytes);
      const interned = exports._wp_js_name_intern(pool, at, bytes.length);
      exports._wp_free(at);
      const name = this.#core.index(interned);
      found = { name, cTask: this.#cTasks.indexOf(text) + 1 };
      this.#known.set(text, found);
    }
    return found;
  }

  /**
   * Whether there is a C task by this name.
   * @param {string} text
   */
  isC(text) {
    return this.#cTasks.includes(text);
  }
}
