/** `wasmpool instrument`: reads a wasm module and writes it with loop checks. */

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, UsageError } from './fault.js';

/**
 * @typedef {object} Flags
 * @property {string} output
 * @property {import('../instrument/check.js').Engine} for
 * @property {number} [flag]
 * @property {boolean} [thread]
 * @property {boolean} [stack]
 * @property {boolean} loops
 */

/**
 * @param {string} input file
 * @param {Flags} flags
 * @param {Pick<import('./map.js').Io, 'stderr'>} io
 * @returns {Promise<number>} the exit status: 1 if the module cannot be handled
 */
export async function runInstrument(input, flags, io) {
  const { output } = flags;
  if (flags.thread && flags.flag !== undefined)
    throw new UsageError('--thread and --flag exclude each other: the core has a word of its own');
  const bytes = onFile('read', input, () => new Uint8Array(readFileSync(input)));
  const say = (/** @type {string} */ text) => io.stderr.write(`wasmpool: ${text}\n`);
  let changed;
  try {
    changed = await change(bytes, flags);
    if (WebAssembly.validate(bytes) && !WebAssembly.validate(changed.bytes))
      throw new Error('the module with checks is not valid here; it was not written');
  } catch (error) {
    say(`${input}: ${describe(error)}`);
    return 1;
  }
  const { report, stores } = changed;
  onFile('write', output, () => writeFileSync(output, changed.bytes));
  for (const warning of report.warnings) say(`${input}: ${warning}`);
  const stacks = flags.stack ? `, and at ${stores} stores of the stack pointer` : '';
  say(
    report.unchanged
      ? `${output}: the module had these checks already`
      : `${output}: ${report.functions} functions, checks at ${report.loops} loops and ${report.entries} entries${stacks}`,
  );
  return 0;
}

/**
 * @param {Uint8Array<ArrayBuffer>} original
 * @param {Flags} flags
 */
async function change(original, { for: engine, flag, thread, stack, loops }) {
  const { instrument } = await import('../instrument/instrument.js');
  const { checkStacks } = await import('../instrument/stack.js');
  const { LOOP_CHECK } = await import('../core/load.js');
  const { bytes, checks } = stack ? checkStacks(original) : { bytes: original, checks: 0 };
  /** @type {import('../instrument/instrument.js').InstrumentOptions['check']} */
  const check = !loops ? { kind: 'none' } : thread ? LOOP_CHECK : { kind: 'word', address: flag };
  return { ...instrument(bytes, { engine, check }), stores: checks };
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
