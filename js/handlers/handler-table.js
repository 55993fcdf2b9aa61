/** A worker's handlers: those of the pool's module, of other modules, and functions sent by their source. */
import { describeReason, isInstance, placeOf, poolError } from '../base/errors.js';
import { parseReference } from '../base/task-name.js';
import { findHandlers } from './handlers.js';

/** @typedef {import('./handlers.js').Handler} Handler */

/** Handlers, by the interned numbers of their names. */
export class HandlerTable {
  /** @type {(Handler | undefined)[]} by interned name */
  #byId = [];
  /** @type {import('./handlers.js').Handlers} of the pool's module, by name */
  #own = new Map();
  /** @type {Set<Handler>} */
  #stops = new Set();
  #core;
  #initData;
  #importModule;
  #findSyntaxError;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {unknown} initData
   * @param {(url: string) => Promise<any>} importModule
   * @param {(url: string, message: string) => Promise<string | undefined>} findSyntaxError file and line, if the host can tell
   */
  constructor(core, initData, importModule, findSyntaxError) {
    this.#findSyntaxError = findSyntaxError;
    this.#core = core;
    this.#initData = initData;
    this.#importModule = importModule;
  }

  /**
   * Loads the pool's module.
   * @param {string | undefined} url
   * @returns {Promise<string[]>} names of its handlers
   */
  async open(url) {
    if (url) this.#own = this.#keepStop(await this.#loadModule(url));
    return [...this.#own.keys()];
  }

  /** @param {import('./handlers.js').Handlers} handlers more of the pool's own, with other names */
  add(handlers) {
    this.#own = new Map([...this.#own, ...handlers]);
  }

  /**
   * @param {string} url of a module, which may read `initData` from its global scope
   * @returns {Promise<import('./handlers.js').Handlers>} those that it exports; of a module that a bundler has left without exports, those
   *   that were defined while it was loaded
   */
  async #loadModule(url) {
    const thread = /** @type {any} */ (globalThis).wasmpoolThread;
    thread.initData = this.#initData;
    /** @type {any[]} */
    const defined = (thread.defined ??= []);
    const before = defined.length;
    const exported = findHandlers(await this.#importModule(url));
    if (exported.size > 0) return exported;
    return new Map(defined.slice(before).flatMap((one) => [...findHandlers(one)]));
  }

  /** @param {import('./handlers.js').Handlers} handlers of a module, from which `onStop` is taken out: it is not a task */
  #keepStop(handlers) {
    const onStop = handlers.get('onStop');
    if (onStop) this.#stops.add(onStop);
    handlers.delete('onStop');
    return handlers;
  }

  /** Runs the modules' `onStop`, in the order in which the modules were loaded; all of them, even if one throws. */
  onStop = async (/** @type {unknown} */ about, /** @type {any} */ context) => {
    /** @type {{ error: unknown } | undefined} */
    let failed;
    for (const stop of this.#stops) {
      try {
        await stop(about, context);
      } catch (error) {
        failed ??= { error };
      }
    }
    if (failed) throw failed.error;
  };

  /**
   * @param {number} id
   * @returns {Handler | undefined} undefined: there is none, or it must be loaded
   */
  get(id) {
    return (this.#byId[id] ??= this.#own.get(this.#core.name(id)));
  }

  /**
   * Loads a handler that is not in the pool's module, when it is first needed.
   * @param {number} id
   * @returns {Promise<Handler>}
   */
  async load(id) {
    const text = this.#core.name(id);
    const reference = parseReference(text);
    if (!reference) throw poolError('UNKNOWN_TASK', `no handler '${text}'`);
    const { kind, name, text: where } = reference;
    return (this.#byId[id] = kind === 'source' ? compile(name, where) : await this.#fromModule(name, where));
  }

  /**
   * @param {string} name
   * @param {string} url
   * @returns {Promise<Handler>}
   */
  async #fromModule(name, url) {
    let handlers;
    try {
      handlers = this.#keepStop(await this.#loadModule(url));
    } catch (cause) {
      throw await this.#loadFailure(url, cause);
    }
    const handler = handlers.get(name);
    if (!handler) throw poolError('UNKNOWN_TASK', `no handler '${name}' in ${url}`);
    return handler;
  }

  /**
   * @param {string} url
   * @param {any} cause
   */
  async #loadFailure(url, cause) {
    const place = isInstance(cause, SyntaxError)
      ? (placeOf(cause) ?? (await this.#findSyntaxError(url, cause.message)))
      : undefined;
    return new Error(`${url} cannot be loaded: ${describeReason(cause)}${place ? ` (${place})` : ''}`, { cause });
  }
}

/**
 * @param {string} name
 * @param {string} source
 * @returns {Handler}
 */
function compile(name, source) {
  try {
    return evaluate(`(${source}\n)`);
  } catch (cause) {
    if (!isInstance(cause, SyntaxError)) throw uncompiled(name, cause);
  }
  try {
    const holder = evaluate(`({${source}\n})`); // a method
    return /** @type {any} */ (holder)[Reflect.ownKeys(holder)[0]];
  } catch (cause) {
    throw uncompiled(name, cause);
  }
}

/** @param {string} expression evaluated in the global scope: the variables that a function closes over do not travel with it */
const evaluate = (expression) => (0, eval)(expression);

/**
 * @param {string} name
 * @param {any} cause
 */
function uncompiled(name, cause) {
  return new Error(`the source of ${name || 'the function'} cannot be evaluated: ${cause?.message}`, { cause });
}
