import { describeReason } from '../base/errors.js';

/**
 * @typedef {(payload: any, context: import('./context.js').Ctx) => unknown} Handler
 * @typedef {Map<string, Handler>} Handlers
 */
import { own } from '../base/own.js';

/** Marks objects that defineWorker has returned, also by other copies of the package. */
const MARK = Symbol.for('wasmpool.handlers');

/**
 * Declares the handlers of a worker module: `export default defineWorker({ add: ({ a, b }) => a + b })`.
 * It returns its argument. In a worker it also registers the handlers, for bundlers that drop the exports of a worker's module.
 * @template {Record<string, (payload: any, context: any) => unknown>} H
 * @param {H} handlers functions by name
 * @returns {H}
 * @throws {TypeError} if it is not given an object of functions
 */
export function defineWorker(handlers) {
  if (handlers === null || typeof handlers !== 'object') {
    throw new TypeError(
      'defineWorker: expected an object of handlers; call it in the worker module, as its default export',
    );
  }
  for (const [name, handler] of Object.entries(handlers)) {
    if (typeof handler !== 'function') throw new TypeError(`defineWorker: '${name}' is not a function`);
  }
  /** @type {any} */ (globalThis).wasmpoolThread?.defined?.push(handlers);
  return Object.defineProperty(handlers, MARK, own({ value: true }));
}

/**
 * The handlers of a worker module: its exported functions, and the functions of an object that is its default export; a
 * function that is the default export is the handler 'default'. With some loaders that object is another module, with a default export
 * of its own. Of two functions with the same name, the outer one counts.
 * @param {Record<string, unknown>} module namespace
 * @returns {Handlers}
 */
export function findHandlers(module) {
  /** @type {Handlers} */
  const found = new Map();
  const add = (/** @type {string} */ name, /** @type {unknown} */ value) => {
    if (typeof value === 'function') found.set(name, /** @type {Handler} */ (value));
  };
  /** Outermost first. A set, because some CommonJS modules are their own default export. @type {Set<any>} */
  const levels = new Set();
  for (let at = /** @type {any} */ (module); at !== null && typeof at === 'object' && !levels.has(at); at = at.default)
    levels.add(at);
  for (const level of [...levels].reverse()) for (const [name, value] of Object.entries(level)) add(name, value);
  return found;
}

/**
 * Runs a module's `onStop`, if it has one.
 * @param {Handler | undefined} onStop
 * @param {{ worker: object, initData: unknown }} about its worker
 * @returns {Promise<string>} how it failed, or ''
 */
export async function runStop(onStop, about) {
  try {
    await onStop?.(about, /** @type {any} */ (undefined));
    return '';
  } catch (error) {
    return describeReason(error) || 'it threw';
  }
}

/**
 * The promise that a handler returned. Other thenables, which may settle twice or throw, are wrapped in a promise.
 * @param {any} result
 * @returns {Promise<unknown> | undefined} undefined: the result is not a thenable
 */
export function promiseOf(result) {
  return typeof result?.then === 'function' ? Promise.resolve(result) : undefined;
}
