/**
 * Runs tests of tests/js as they are on other runtimes than Node 20, file by file, by a runner that does what `node:test` does (node-test.js).
 *
 * usage: run.mjs [RUNTIME… | all] [FILE…]   default: those of `make test`, and the files that every runtime can run (needs.js)
 */
import { basename, join } from 'node:path';
import process from 'node:process';
import { chosen, isBrowser, missing, root, runPage, runProgram } from '../runtimes.mjs';
import { serve } from '../serve.mjs';
import { makeBundles, rewrite } from './browser.mjs';
import { SHARED } from './needs.js';

/** A test that takes longer hangs; the runner itself gives each a little less. */
const LIMIT_MS = 120_000;

const given = process.argv.slice(2);
const named = given.filter((word) => /\.js$/.test(word)).map((file) => `tests/js/${basename(file)}`);
const files = named.length > 0 ? named : SHARED.map((file) => `tests/js/${file}`);
const counts = { passed: 0, failed: 0, skipped: 0, lacking: 0 };
const suite = join(root, 'tests/runtimes/suite');

/** @type {Record<string, string[]>} */
const FLAGS = {
  node22: ['--import', join(suite, 'node-preload.js')],
  node24: ['--import', join(suite, 'node-preload.js')],
  node26: ['--import', join(suite, 'node-preload.js')],
  bun: ['--preload', join(suite, 'bun-preload.js')],
  deno: ['--import-map', join(suite, 'deno-imports.json')],
};

/** @param {string} runtime @param {string} file */
async function runFile(runtime, file) {
  let [running, count] = ['its start', 0];
  const onReport = (/** @type {any} */ report) => {
    if (report.begins) running = report.begins;
    else {
      count++;
      print(runtime, file, report);
    }
  };
  const options = { limitMs: LIMIT_MS, onReport, flags: FLAGS[runtime] };
  const path = `tests/runtimes/suite/page.html?runtime=${runtime}&file=${encodeURIComponent(file)}`;
  const failure = isBrowser(runtime)
    ? await runPage(runtime, server, path, options)
    : await runProgram(runtime, [join(suite, 'main.js'), runtime, join(root, file)], options);
  if (failure || count === 0)
    print(runtime, file, { name: running, result: 'failed', detail: failure || 'no test was run' });
}

/** @param {string} runtime @param {string} file @param {{ name: string, result: string, detail?: string, ms?: number }} report */
function print(runtime, file, { name, result, detail, ms = 0 }) {
  counts[/** @type {keyof typeof counts} */ (result)]++;
  const verdict = result === 'failed' ? 'not ok' : 'ok';
  const mark = result === 'passed' || result === 'failed' ? '' : ` # ${result}`;
  const text = `${verdict} ${runtime} ${basename(file, '.test.js')}: ${name}${mark}${detail ? ` (${detail})` : ''} ${ms} ms`;
  if (result !== 'passed' || process.env.VERBOSE) console.log(text);
}

await makeBundles();
const server = await serve({ rewrite });
for (const runtime of chosen(given.filter((word) => !/\.js$/.test(word)))) {
  if (runtime === 'node') continue; // runs them all by its own runner: make node
  const before = { ...counts };
  const begin = performance.now();
  const why = missing(runtime);
  if (why) print(runtime, '', { name: 'the run', result: 'failed', detail: why });
  else for (const file of files) await runFile(runtime, file);
  const [passed, lacking] = [counts.passed - before.passed, counts.lacking - before.lacking];
  console.log(
    `${runtime}: ${passed} passed, ${lacking} lack something, ${Math.round((performance.now() - begin) / 1000)} s`,
  );
}
server.close();
console.log(`runtimes: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped + counts.lacking} skipped`);
process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);
