/** The handler of `wasmpool map -e CODE`: an expression whose value is a function. */

import { join } from 'node:path';
import process from 'node:process';
import vm from 'node:vm';

/**
 * Compiles the code, without running it.
 * @param {string} code
 * @returns {vm.Script}  its value is the expression's
 * @throws {SyntaxError}
 */
export function compileInline(code) {
  // A file name in the working directory, from which `await import('./x.js')` and packages are resolved.
  const filename = join(process.cwd(), '-e');
  const importModuleDynamically = vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  // The line end: the code may end in a comment.
  return new vm.Script(`(${code}\n)`, { filename, importModuleDynamically, columnOffset: -1 });
}

/**
 * Silences a warning of Node 20 in this thread: that the way in which the code's imports are resolved is experimental. It would appear
 * on the user's terminal, once for each worker.
 */
function dropWarning() {
  const { emitWarning } = process;
  process.emitWarning = (/** @type {any[]} */ ...args) => {
    if (!/USE_MAIN_CONTEXT_DEFAULT_LOADER/.test(String(args[0]))) Reflect.apply(emitWarning, process, args);
  };
}

/**
 * @param {string} code
 * @returns {(payload: any, context: any) => unknown}
 * @throws {SyntaxError | TypeError}
 */
export function inlineHandler(code) {
  dropWarning();
  const handler = compileInline(code).runInThisContext();
  if (typeof handler !== 'function') throw new TypeError('the code is not a function, such as x => x * 2');
  return handler;
}
