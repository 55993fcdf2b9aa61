/** The option `isolated`: modules that somebody else built, as tasks. */
import { flag, integer, nameSet, object, ownOptions, parseSize, wrong } from '../base/check.js';
import { poolError } from '../base/errors.js';
import { NUL } from '../base/task-name.js';
import { host } from '../host/index.js';

/**
 * @typedef {object} IsolatedOptions a task that is a wasm module with a memory of its own: docs/isolated.md
 * @property {string | URL | ArrayBuffer | ArrayBufferView} wasm a URL, a path from the working directory, or the module's bytes
 * @property {string} [export] the function that is the task; a program's is `_start`, any other's `run`
 * @property {string | number} [alloc] where bytes go that it is given: the function that allocates memory for them, or a fixed address;
 *   found by its name, if it has a usual one
 * @property {'bytes' | 'number'} [returns] how its result is read; bytes, if it was given bytes
 * @property {boolean} [reuse] whether the next call on the same worker may find what this one left in memory; false: each call has a new
 *   instance
 * @property {number | string} [maxTaskBytes] ceiling of its memory; the pool's maxTaskBytes, or '256mb'
 * @property {number | string} [maxOutputBytes] most that one call may write and return; '64mb'
 * @property {'refuse' | 'trap'} [unknownImports] what is done about functions that it imports and is not granted; 'refuse': it is no task;
 *   'trap': the task ends when it calls one
 */

/** Defaults. */
export const ISOLATED_DEFAULTS = Object.freeze({ maxTaskBytes: '256mb', maxOutputBytes: '64mb' });

const NAMES = nameSet({
  wasm: 1,
  export: 1,
  alloc: 1,
  returns: 1,
  reuse: 1,
  maxTaskBytes: 1,
  maxOutputBytes: 1,
  unknownImports: 1,
});

/**
 * @param {Readonly<Record<string, IsolatedOptions>> | undefined} given
 * @param {number | undefined} maxTaskBytes the pool's
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
export function isolatedOptions(given, maxTaskBytes) {
  if (given === undefined) return undefined;
  object('isolated', given, 'modules by the names of their tasks: { name: { wasm } }');
  return Object.entries(given).map(([name, options]) => isolatedOption(name, options, maxTaskBytes));
}

/**
 * @param {string} name
 * @param {IsolatedOptions} given
 * @param {number | undefined} poolsMaximum
 */
function isolatedOption(name, given, poolsMaximum) {
  const group = `isolated.${name}`;
  if (name === '' || name.includes(NUL)) throw poolError('INVALID_ARGUMENT', 'isolated: expected names of tasks');
  object(group, given);
  const options = /** @type {IsolatedOptions} */ (ownOptions(group, given, NAMES));
  const { returns, unknownImports, alloc, export: entry } = options;
  const own = (/** @type {string} */ option) => `${group}.${option}`;
  if (returns !== undefined && !['bytes', 'number'].includes(returns))
    throw wrong(own('returns'), returns, "'bytes' or 'number'");
  if (unknownImports !== undefined && !['refuse', 'trap'].includes(unknownImports))
    throw wrong(own('unknownImports'), unknownImports, "'refuse' or 'trap'");
  if (entry !== undefined && typeof entry !== 'string') throw wrong(own('export'), entry, 'the name of a function');
  if (typeof alloc === 'number') integer(own('alloc'), alloc, 0, 2 ** 32);
  else if (alloc !== undefined && typeof alloc !== 'string')
    throw wrong(own('alloc'), alloc, 'the name of a function, or an address');
  const { maxTaskBytes = poolsMaximum ?? ISOLATED_DEFAULTS.maxTaskBytes } = options;
  const { maxOutputBytes = ISOLATED_DEFAULTS.maxOutputBytes } = options;
  return Object.freeze({
    source: sourceOf(own('wasm'), options.wasm),
    task: Object.freeze({
      name,
      entry,
      alloc,
      returns,
      trapUnknown: unknownImports === 'trap',
      reuse: flag(own('reuse'), options.reuse),
      maximumBytes: parseSize(own('maxTaskBytes'), maxTaskBytes),
      outputBytes: parseSize(own('maxOutputBytes'), maxOutputBytes),
    }),
  });
}

/**
 * @param {string} name
 * @param {unknown} wasm
 * @returns {string | Uint8Array<ArrayBuffer>} a URL, or a copy of the bytes
 */
function sourceOf(name, wasm) {
  if (wasm instanceof ArrayBuffer) return new Uint8Array(wasm.slice(0));
  if (ArrayBuffer.isView(wasm)) return new Uint8Array(new Uint8Array(wasm.buffer, wasm.byteOffset, wasm.byteLength));
  if (wasm === '' || (typeof wasm !== 'string' && !(wasm instanceof URL)))
    throw wrong(name, wasm, "a URL, a path, or a module's bytes");
  try {
    return host.resolve(wasm);
  } catch (cause) {
    throw poolError('INVALID_ARGUMENT', `${name}: '${wasm}' is no URL`, { cause });
  }
}
