/**
 * Runs the smoke suite, on the built package.
 *
 * usage: run.mjs [RUNTIME… | all]   default: those of `make test`
 */
import { join } from 'node:path';
import process from 'node:process';
import { chosen, isBrowser, missing, root, runPage, runProgram } from '../runtimes/runtimes.mjs';
import { serve } from '../runtimes/serve.mjs';

/** A case that takes longer hangs. */
const LIMIT_MS = 120_000;

const counts = { passed: 0, failed: 0, skipped: 0 };
const server = await serve();

/** @param {string} runtime @param {{ name: string, result: string, detail?: string }} line */
function print(runtime, { name, result, detail }) {
  counts[/** @type {keyof typeof counts} */ (result)]++;
  const [verdict, mark] = [result === 'failed' ? 'not ok' : 'ok', result === 'skipped' ? ' # skipped' : ''];
  console.log(`${verdict} ${runtime}: ${name}${mark}${detail ? ` (${detail})` : ''}`);
}

for (const runtime of chosen(process.argv.slice(2))) {
  const options = { limitMs: LIMIT_MS, onReport: (/** @type {any} */ line) => print(runtime, line) };
  const program = (/** @type {string} */ file, /** @type {object} */ more) =>
    runProgram(runtime, [join(root, 'tests/smoke', file)], { ...options, ...more });
  const run = async () => {
    if (isBrowser(runtime)) return runPage(runtime, server, 'tests/smoke/page.html', options);
    const failure = await program('main.js');
    return failure || runtime !== 'deno' ? failure : program('permissions.js', { permissions: [] });
  };
  const failure = missing(runtime) ?? (await run());
  if (failure) print(runtime, { name: 'the run', result: 'failed', detail: failure });
}
server.close();
console.log(`smoke: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);
