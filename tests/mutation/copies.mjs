/**
 * Copies of the project, and tests that run in them.
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { root, tracked, work } from './faults.mjs';

/** Stands for the smoke suite where a test file is expected: the only tests that run on Bun and in a browser. */
export const SMOKE = 'tests/smoke/run.mjs';
const REPORTER = fileURLToPath(new URL('./reporter.mjs', import.meta.url));
const BUILT = ['wasm/dist', 'js/dist', 'build/js', 'build/smoke', 'build/demo', 'build/wasm', '.cache'];
const LINKED = ['node_modules', '.toolchain', 'tests/smoke/node_modules'];

/**
 * A copy of the project that tests can run in.
 * @param {string} name
 */
export function copy(name) {
  const to = join(work, name);
  rmSync(to, { recursive: true, force: true });
  for (const file of tracked) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    cpSync(join(root, file), join(to, file));
  }
  for (const built of BUILT)
    if (existsSync(join(root, built))) cpSync(join(root, built), join(to, built), { recursive: true });
  for (const link of LINKED) if (existsSync(join(root, link))) symlinkSync(join(root, link), join(to, link));
  return to;
}

/** What workers of Node start with, and what the smoke suite loads. @param {string} directory */
export function bundle(directory) {
  for (const script of ['scripts/bundle-worker.mjs', 'scripts/bundle-main.mjs'])
    execFileSync(process.execPath, [script], { cwd: directory, stdio: 'ignore' });
}

/** @param {string} test @param {string} [only] */
function commandOf(test, only) {
  if (test === SMOKE) return [test, 'bun', 'chromium'];
  const pattern = only === undefined ? [] : [`--test-name-pattern=^${only.replace(/[^\w ]/g, '\\$&')}$`];
  return ['--test', `--test-reporter=${REPORTER}`, '--test-reporter-destination=stdout', ...pattern, test];
}

/** Ends a test run and all that it has left behind. @param {number | undefined} pid its process group */
function end(pid) {
  try {
    process.kill(-(pid ?? 0), 'SIGKILL');
  } catch {
    // The whole group has ended.
  }
}

/**
 * @typedef {object} Outcome
 * @property {boolean} passed
 * @property {boolean} hung it was ended, since it took longer than its limit
 * @property {string | undefined} failure the first test that failed, apart from those that only contain it
 * @property {number} tests that have passed
 * @property {number} ms
 */

/**
 * @param {string} directory
 * @param {string} test
 * @param {{ limitMs: number, only?: string, toEnd?: boolean }} how `only` runs the tests of this name; without `toEnd` the run ends
 *   with the first failure
 * @returns {Promise<Outcome>}
 */
export function runTest(directory, test, { limitMs, only, toEnd = false }) {
  return new Promise((resolve) => {
    const start = performance.now();
    const child = spawn(process.execPath, commandOf(test, only), {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    /** @type {Outcome} */
    const outcome = { passed: false, hung: false, failure: undefined, tests: 0, ms: 0 };
    const limit = setTimeout(() => {
      outcome.hung = true;
      end(child.pid);
    }, limitMs);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [, not, name] = /^(not )?ok (.*)/.exec(line) ?? [];
      if (name === undefined) return;
      if (!not) outcome.tests++;
      else outcome.failure ??= name;
      if (not && !toEnd) end(child.pid);
    });
    child.on('exit', (code) => {
      clearTimeout(limit);
      end(child.pid);
      outcome.passed = code === 0 && outcome.failure === undefined;
      outcome.ms = performance.now() - start;
      resolve(outcome);
    });
  });
}
