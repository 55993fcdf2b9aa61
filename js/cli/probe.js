/** Runs in a thread of its own (see module.js): imports the worker module and reports its exports; or evaluates code. */

import { parentPort, workerData } from 'node:worker_threads';
import { loadAdvice } from '../base/errors.js';
import { inlineHandler } from './input/inline.js';

try {
  const { module, code, initData } = workerData;
  /** @type {any} */ (globalThis).wasmpoolThread = { initData }; // as in a worker of a pool
  const exports = code === undefined ? await import(module) : { code: inlineHandler(code) };
  const names = [...functions(exports), ...functions(exports.default)];
  const { wasm } = exports;
  const isPlace = typeof wasm === 'string' || wasm instanceof URL;
  parentPort?.postMessage({ names, wasm: isPlace ? String(wasm) : undefined });
} catch (error) {
  parentPort?.postMessage(report(error));
}

/** @param {unknown} holder */
function functions(holder) {
  if (typeof holder !== 'object' || holder === null) return [];
  return Object.entries(holder).flatMap(([name, value]) => (typeof value === 'function' ? name : []));
}

/**
 * @param {unknown} error
 * @returns {{ error: string, placed: boolean }} placed: whether the text contains the place, which it does not for syntax errors
 */
function report(error) {
  if (!(error instanceof Error)) return { error: String(error), placed: true };
  const place = /file:\/\/[^\s()]*:\d+/.exec(error.stack ?? '');
  const isSyntax = error instanceof SyntaxError && !place;
  const text = `${error.name}: ${error.message}${loadAdvice(error)}${place ? ` (${place[0]})` : ''}`;
  return { error: text, placed: !isSyntax };
}
