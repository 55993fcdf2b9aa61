/** Task names: interned in the core once, identified by number afterwards. */

import { poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { allocate } from './memory.js';

const utf8 = new TextEncoder();

/** Numbers of task names. */
export class Names {
  /** @type {Map<string, { name: number, cTask: number, mark: number }>} */
  #known = new Map();
  #core;
  #cTasks;
  #foreign;

  /**
   * @param {import('./core.js').Core} core main's
   * @param {string[]} cTasks names of C tasks, in the core's order
   * @param {string[]} foreign names of tasks that are modules of others
   * @throws {import('../base/errors.js').PoolError} START_FAILED
   */
  constructor(core, cTasks, foreign) {
    this.#core = core;
    this.#cTasks = cTasks;
    this.#foreign = foreign;
    const twice = foreign.find((name) => cTasks.includes(name));
    if (twice !== undefined) throw poolError('START_FAILED', `two tasks have the name ${twice}`);
  }

  /**
   * @param {string} text
   * @returns {{ name: number, cTask: number, mark: number }} the name's number, and the index + 1 of the C task of this name, or 0; mark:
   *   that, or L.C_FOREIGN, goes into the slot
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
      const cTask = this.#cTasks.indexOf(text) + 1;
      found = { name, cTask, mark: this.#foreign.includes(text) ? L.C_FOREIGN : cTask };
      this.#known.set(text, found);
    }
    return found;
  }

  /**
   * Whether there is a C task or a module by this name.
   * @param {string} text
   */
  has(text) {
    return this.#cTasks.includes(text) || this.#foreign.includes(text);
  }
}
