/** Turns a task, in any of the forms that users may give, into its name inside the pool. */
import { nameSet, ownOptions } from '../base/check.js';
import { poolError } from '../base/errors.js';
import { host } from '../host/index.js';
import { encodeReference, NUL } from '../base/task-name.js';

/** @typedef {import('../base/task-name.js').ModuleTask} ModuleTask */

const PARTS = nameSet({ module: 1, name: 1 });
const EXPECTED = 'the name of a handler, or { module, name } with the URL of a module';

/** The names of one pool's tasks. */
export class TaskNames {
  #allowFunctions;
  /** @type {Map<string, string>} by handler and module, as given */
  #modules = new Map();
  /** @type {WeakMap<Function, string>} */
  #functions = new WeakMap();
  /** The plain name that was checked last: most calls repeat it. @type {string | undefined} */
  #last;

  /** @param {boolean} allowFunctions whether a function stands for its source; otherwise, for its name */
  constructor(allowFunctions) {
    this.#allowFunctions = allowFunctions;
  }

  /**
   * @param {unknown} task
   * @returns {string}
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
   */
  of(task) {
    if (typeof task === 'string') return task === this.#last ? task : (this.#last = plain(task));
    if (typeof task === 'function') return this.#allowFunctions ? this.#ofSource(task) : plain(task.name);
    if (task !== null && typeof task === 'object') return this.#ofModule(/** @type {ModuleTask} */ (task));
    return plain(task);
  }

  /** @param {ModuleTask} task */
  #ofModule(task) {
    const { module, name = 'default' } = ownOptions('task', task, PARTS, EXPECTED);
    plain(name, 'name');
    if (typeof module !== 'string' && !(module instanceof URL))
      throw poolError('INVALID_ARGUMENT', `task: expected ${EXPECTED}`);
    const key = `${name}${NUL}${module}`;
    const known = this.#modules.get(key);
    if (known) return known;
    let url;
    try {
      url = host.resolve(module);
    } catch (cause) {
      throw poolError('INVALID_ARGUMENT', `task: the module '${module}' is no URL`, { cause });
    }
    const encoded = encodeReference('m', name, url);
    this.#modules.set(key, encoded);
    return encoded;
  }

  /** @param {Function} task */
  #ofSource(task) {
    const known = this.#functions.get(task);
    if (known) return known;
    const source = Function.prototype.toString.call(task);
    if (/\{\s*\[native code\]\s*\}\s*$/.test(source))
      throw poolError(
        'INVALID_ARGUMENT',
        `task: ${task.name || 'the function'} has no source: it is bound, or the runtime's own`,
      );
    const encoded = encodeReference('s', task.name.replaceAll(NUL, ''), source);
    this.#functions.set(task, encoded);
    return encoded;
  }
}

/**
 * @param {unknown} name
 * @param {string} [what]
 * @returns {string}
 */
function plain(name, what = 'task') {
  if (typeof name !== 'string' || name === '' || name.includes(NUL))
    throw poolError('INVALID_ARGUMENT', `${what}: expected the name of a handler`);
  return name;
}
