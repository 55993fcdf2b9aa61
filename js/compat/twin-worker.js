/** The worker side of `wasmpool/twin`: imports the modules that jobs name, once each, and calls their functions. */
import { defineWorker, findHandlers } from '../handlers/handlers.js';

/**
 * @typedef {{ module: string, name: string }} Target a module's absolute URL, and one of its functions
 * @typedef {Map<string, (...values: any[]) => unknown>} Functions
 * @typedef {{ names?: string[], problem?: string }} Offer a module's functions; or why it cannot be loaded; empty: not known yet
 */

/** Functions by module, or a promise for them while it loads. @type {Map<string, Functions | Promise<Functions>>} */
const modules = new Map();

/**
 * Loads a module. A rejected promise is kept as well, so a module that cannot be loaded is not tried again.
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
 * Calls `use` at once if the module has been loaded, so that only the first call of a module is asynchronous.
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
  /** @param {{ target: Target, payload: unknown }} job the function gets the payload and no other argument (TW-05) */
  single: ({ target, payload }) => call(target, payload),

  /**
   * @param {unknown[]} slice
   * @param {{ sharedArgs: any }} context
   */
  slice: (slice, { sharedArgs: { target, shared } }) => call(target, slice, shared),

  /**
   * A module's functions, for the checks in development.
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
