/** `wasmpool instrument`: reads a wasm module and writes it with loop checks. */

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, UsageError } from './fault.js';

/**
 * @param {string} input file
 * @param {{ output: string, for: import('../instrument/check.js').Engine, flag?: number }} flags
 * @param {Pick<import('./map.js').Io, 'stderr'>} io
 * @returns {Promise<number>} the exit status: 1 if the module cannot be handled
 */
export async function runInstrument(input, { output, for: engine, flag }, io) {
  const { instrument } = await import('../instrument/instrument.js');
  const bytes = onFile('read', input, () => new Uint8Array(readFileSync(input)));
  const say = (/** @type {string} */ text) => io.stderr.write(`wasmpool: ${text}\n`);
  let changed;
  try {
    changed = instrument(bytes, { engine, check: { kind: 'word', address: flag } });
    if (WebAssembly.validate(bytes) && !WebAssembly.validate(changed.bytes))
      throw new Error('the module with checks is not valid here; it was not written');
  } catch (error) {
    say(`${input}: ${describe(error)}`);
    return 1;
  }
  const { report } = changed;
  onFile('write', output, () => writeFileSync(output, changed.bytes));
  for (const warning of report.warnings) say(`${input}: ${warning}`);
  say(
    report.unchanged
      ? `${output}: the module had these checks already`
      : `${output}: ${report.functions} functions, checks at ${report.loops} loops and ${report.entries} entries`,
  );
  return 0;
}

/**
 * @template T
 * @param {'read' | 'write'} verb
 * @param {string} path
 * @param {() => T} run
 */
function onFile(verb, path, run) {
  try {
    return run();
  } catch (error) {
    throw new UsageError(`cannot ${verb} ${path}: ${describe(error)}`);
  }
}
