/** The handler of `wasmpool map -e CODE`: an expression whose value is a function. */

import { join } from 'node:path';
import process from 'node:process';
import vm from 'node:vm';

/**
 * Compiles it. Nothing of it runs before the script does.
 * @param {string} code
 * @returns {vm.Script}  its value is the expression's
 * @throws {SyntaxError}
 */
export function compileInline(code) {
  // A file name in the working directory: `await import('./x.js')` and packages are looked for from there.
  const filename = join(process.cwd(), '-e');
  const importModuleDynamically = vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  // The line end: the code may end in a comment.
  return new vm.Script(`(${code}\n)`, { filename, importModuleDynamically, columnOffset: -1 });
}

/**
 * Node 20 warns, on the user's terminal and in each worker, that the way in which the code's imports are resolved is
 * experimental. From now on this thread does not.
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
