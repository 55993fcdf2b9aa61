/** `wasmpool info`: the capabilities of this machine and runtime, for bug reports and for choosing options. */

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { host } from '../host/index.js';
import { describe } from './fault.js';

/** @returns {string} the package's version */
export function packageVersion() {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return JSON.parse(text).version;
}

/**
 * @param {{ json?: boolean }} flags
 * @param {Pick<import('./map.js').Io, 'stdout' | 'stderr'>
 *   & { createPool: (options: object) => Promise<{ caps: object, destroy(): Promise<void> }> }} io
 * @returns {Promise<number>} the exit status: 1 if no pool starts here
 */
export async function runInfo(flags, io) {
  const { versions } = process;
  /** @type {Record<string, unknown>} */
  const info = {
    wasmpool: packageVersion(),
    runtime: `${host.name} ${host.version}`,
    engine: versions.webkit ? `JavaScriptCore ${versions.webkit}` : `V8 ${versions.v8}`,
    platform: `${process.platform} ${process.arch}`,
    parallelism: availableParallelism(),
  };
  let status = 0;
  try {
    // Starts the package's own core: no handler is needed to find out whether workers start here.
    const wasm = new URL('../../wasm/dist/wasmpool.mjs', import.meta.url);
    const pool = await io.createPool({ wasm, workers: 1 });
    info.capabilities = { ...pool.caps };
    await pool.destroy();
  } catch (error) {
    io.stderr.write(`wasmpool: no pool starts here: ${describe(error)}\n`);
    status = 1;
  }
  io.stdout.write(flags.json ? `${JSON.stringify(info)}\n` : table(info));
  return status;
}

/**
 * @param {Record<string, unknown>} info
 * @returns {string}
 */
function table(info) {
  return Object.entries(info)
    .map(([key, value]) => `${key.padEnd(14)}${inWords(value)}\n`)
    .join('');
}

/** @param {unknown} value */
function inWords(value) {
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.entries(value)
    .map(([name, has]) => `${name} ${has ? 'yes' : 'no'}`)
    .join(', ');
}
