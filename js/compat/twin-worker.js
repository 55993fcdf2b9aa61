/** The worker side of `wasmpool/twin`: imports the modules that jobs name, once each, and calls their functions. */
import { defineWorker, findHandlers } from '../handlers/handlers.js';

/**
 * @typedef {{ module: string, name: string }} Target a module's absolute URL, and one of its functions
 * @typedef {Map<string, (...values: any[]) => unknown>} Functions
 * @typedef {{ names?: string[], problem?: string }} Offer functions of a module; or why it cannot be loaded; or nothing yet
 */

/** Functions by module; while it loads, the promise of them. @type {Map<string, Functions | Promise<Functions>>} */
const modules = new Map();

/**
 * One that cannot be loaded stays so: its promise is kept as well.
 * @param {string} url
 */
function load(url) {
  const loading = import(/* @vite-ignore */ /* webpackIgnore: true */ url).then((module) => {
    const functions = /** @type {Functions} */ (findHandlers(module));
    modules.set(url, functions);
    return functions;
  });
  modules.set(url, loading);
  return loading;
}

/**
 * At once if the module has been loaded: only the first call of a module makes its job asynchronous.
 * @template R
 * @param {string} url
 * @param {(functions: Functions) => R} use
 * @returns {R | Promise<R>}
 */
function withModule(url, use) {
  const loaded = modules.get(url) ?? load(url);
  return loaded instanceof Map ? use(loaded) : loaded.then(use);
}

/**
 * @param {Target} target
 * @param {unknown[]} values
 */
function call({ module, name }, ...values) {
  return withModule(module, (functions) => {
    const wanted = functions.get(name);
    if (!wanted) throw new Error(`the module has no function '${name}'`);
    return wanted(...values);
  });
}

/** The handlers that js/compat/twin.js names. */
export default defineWorker({
  /** @param {{ target: Target, payload: unknown }} job one argument for the function, and no more (TW-05) */
  single: ({ target, payload }) => call(target, payload),

  /**
   * @param {unknown[]} slice
   * @param {{ sharedArgs: any }} context
   */
  slice: (slice, { sharedArgs: { target, shared } }) => call(target, slice, shared),

  /**
   * What a module offers; for the checks of development.
   * @param {string} url
   * @returns {Promise<Offer>}
   */
  offer: async (url) => {
    try {
      return await withModule(url, (functions) => ({ names: [...functions.keys()] }));
    } catch (error) {
      return { problem: String(/** @type {any} */ (error)?.message ?? error) };
    }
  },
});
