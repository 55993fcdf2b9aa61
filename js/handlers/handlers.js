import { describeReason } from '../base/errors.js';

/**
 * @typedef {(payload: any, context: import('./context.js').Context) => unknown} Handler
 * @typedef {Map<string, Handler>} Handlers
 */
import { own } from '../base/own.js';

/** What defineWorker returns is recognised by this, across copies of the package. */
const MARK = Symbol.for('wasmpool.handlers');

/**
 * Declares the handlers of a worker module: `export default defineWorker({ add: ({ a, b }) => a + b })`.
 * Calling it outside a worker has no effect but to return its argument.
 * @template {Record<string, (payload: any, context: any) => unknown>} H
 * @param {H} handlers functions by name
 * @returns {H}
 * @throws {TypeError} when it is given anything but an object of functions
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
  return Object.defineProperty(handlers, MARK, own({ value: true }));
}

/**
 * The handlers of a worker module: its exported functions, and the functions of an object that is its default export; a
 * function that is the default export is the handler 'default'. That object may be another module, as a loader hands it out, with a
 * default export of its own. An outer one goes before an inner one of the same name.
 * @param {Record<string, unknown>} module namespace
 * @returns {Handlers}
 */
export function findHandlers(module) {
  /** @type {Handlers} */
  const found = new Map();
  const add = (/** @type {string} */ name, /** @type {unknown} */ value) => {
    if (typeof value === 'function') found.set(name, /** @type {Handler} */ (value));
  };
  /** Outermost first; a module may be its own default export, as some of CommonJS are. @type {Set<any>} */
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
 * The promise that a handler returned. Another thenable may settle twice, or throw: a promise of ours stands before it.
 * @param {any} result
 * @returns {Promise<unknown> | undefined} undefined: it is no thenable
 */
export function promiseOf(result) {
  return typeof result?.then === 'function' ? Promise.resolve(result) : undefined;
}
