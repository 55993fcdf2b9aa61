/** Modules of C tasks that are not linked with the core: each worker has an instance with its own memory (src/isolated/isolated.h). */
import { poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { host } from '../host/index.js';
import { Module } from '../wasm-binary/module.js';
import { INSIDE, STOP, TAG } from './check-words.js';

/** Custom section with the names of the module's tasks, each followed by a NUL (WP_TASK in src/wasmpool.h). */
const TASKS = 'wasmpool.tasks';

/** @typedef {import('../protocol/messages.js').Isolated} Isolated */

/**
 * @param {Uint8Array<ArrayBuffer>} bytes of a wasm module
 * @returns {string[] | undefined} names of its tasks; undefined: it is no such module
 * @throws {Error} if two tasks have the same name
 */
export function isolatedTasks(bytes) {
  const names = new Module(bytes).custom(TASKS);
  if (!names) return undefined;
  const all = new TextDecoder().decode(names).split('\0').filter(Boolean);
  const double = all.find((name, i) => all.indexOf(name) !== i);
  if (double !== undefined) throw new Error(`two tasks have the name ${double}`);
  return all;
}

/**
 * @param {string} glue URL of the Emscripten module
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {string[]} names of its tasks
 * @param {{ checked: boolean, maxTaskBytes?: number }} how
 * @returns {Promise<Isolated>}
 */
export async function compileIsolated(glue, bytes, names, { checked, maxTaskBytes }) {
  const { instrument } = await import('../instrument/instrument.js');
  const check = checked
    ? {
        kind: /** @type {const} */ ('thread'),
        owned: true,
        flag: L.ISOLATED_FLAG,
        stop: STOP,
        tag: TAG,
        inside: INSIDE,
      }
    : { kind: /** @type {const} */ ('none') };
  const { bytes: ready } = instrument(bytes, { engine: host.wasmEngine, check, maximumBytes: maxTaskBytes });
  return { glue, wasmModule: await WebAssembly.compile(ready), names, checked };
}

/**
 * @param {'none' | 'worker' | undefined} wanted the pool's option `isolation`
 * @param {boolean} isIsolated what the module is
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
export function checkIsolation(wanted, isIsolated) {
  if (wanted === undefined || (wanted === 'worker') === isIsolated) return;
  const [is, flag] = isIsolated
    ? ['has a memory of its own', '--emscripten']
    : ['is linked with the core', '--isolated'];
  throw poolError(
    'INVALID_ARGUMENT',
    `isolation: the module ${is}; build it with wasmpool-config ${flag} for '${wanted}'`,
  );
}
