/**
 * Mutation test of js/: plants small faults, one at a time, and looks whether the tests notice.
 *
 * StrykerJS's instrumenter makes the faults (mutants). A sample, drawn with a seed, is tried: the fault is written into a copy of the
 * project, and the test files that reach its code run until one notices. A test notices a fault if it fails with it, passes without
 * it right afterwards, and fails with it again: a test that fails by chance, or by the load of the machine, counts for nothing.
 * A fault that none notices has survived. At most 5 % may, apart from those that equivalent.json explains: they change nothing that
 * a user could see.
 *
 * usage: run.mjs      SAMPLE=100 mutants, SEED=, LANES=2 at the same time, FILES='js/jobs/map.js js/task/task.js' only these,
 *                     AGAIN=1 tries those that survived the last time, FRESH=1 measures coverage anew
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SMOKE, bundle, copy, runTest } from './copies.mjs';
import { measureCoverage } from './coverage.mjs';
import { commit, describe, excuse, instrument, keyOf, pieceOf, textOf, work } from './faults.mjs';

const SAMPLE = Number(process.env.SAMPLE || 100);
const SEED = Number(process.env.SEED || Date.now() % 2 ** 31);
/** Mutants that are tried at the same time, each in a copy of the project. */
const LANES = Number(process.env.LANES || 2);
const SURVIVORS_MAX = 0.05;
/** A test file that takes longer than this, and than five times its usual time, hangs: the fault is noticed. */
const HANG_MS = 60_000;
/** Time for the tests that are tried first on a mutant. Mutants that need longer come last, so that the list of survivors begins early. */
const FIRST_MS = 60_000;
const SURVIVORS = join(work, 'survivors.json');

/** @typedef {import('./faults.mjs').Mutant} Mutant */
/** @typedef {import('./coverage.mjs').Coverage} Coverage */

/** A generator of numbers from 0 to below 1, the same for the same seed (mulberry32). @param {number} state */
function random(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @param {Mutant[]} mutants */
function draw(mutants) {
  if (process.env.AGAIN) {
    const keys = new Set(existsSync(SURVIVORS) ? JSON.parse(readFileSync(SURVIVORS, 'utf8')) : []);
    return mutants.filter((mutant) => keys.has(keyOf(mutant)));
  }
  const wanted = process.env.FILES?.split(/\s+/);
  const next = random(SEED);
  return mutants
    .filter(({ fileName }) => !wanted || wanted.includes(fileName))
    .map((mutant) => ({ mutant, order: next() }))
    .sort((a, b) => a.order - b.order)
    .slice(0, SAMPLE)
    .map(({ mutant }) => mutant);
}

/**
 * Whether a test file notices the fault that stands in `faulty`.
 * @param {string} faulty
 * @param {string} plain a copy without fault
 * @param {string} test
 * @param {number} limitMs
 */
async function notices(faulty, plain, test, limitMs) {
  const first = await runTest(faulty, test, { limitMs });
  if (first.passed) return false;
  if (!first.hung && first.failure !== undefined) {
    const only = first.failure;
    const without = await runTest(plain, test, { limitMs, only });
    if (without.passed && without.tests > 0 && !(await runTest(faulty, test, { limitMs, only })).passed) return true;
  }
  // It hangs, fails only beside others, or the failure is in no single test: a load error, a suite's hook.
  if (!(await runTest(plain, test, { limitMs })).passed) {
    console.log(`# ${test} fails without a fault, too: ${first.failure ?? 'hangs'}`);
    return false;
  }
  return first.hung || !(await runTest(faulty, test, { limitMs })).passed;
}

/**
 * @param {{ faulty: string, plain: string }} lane
 * @param {Mutant} mutant
 * @param {[string, { ms: number }][]} tests files, in the order in which they are tried; those that were tried are taken away
 * @param {number} budgetMs about how long they may take
 * @returns {Promise<string | undefined>} the test file that noticed it
 */
async function attempt({ faulty, plain }, mutant, tests, budgetMs) {
  const { text, from, to } = pieceOf(mutant);
  const file = join(faulty, mutant.fileName);
  writeFileSync(file, text.slice(0, from) + mutant.replacement + text.slice(to));
  try {
    try {
      bundle(faulty);
    } catch {
      return 'the bundler';
    }
    for (let next = tests.shift(); next; next = tests.shift()) {
      const [test, { ms }] = next;
      if (await notices(faulty, plain, test, Math.max(HANG_MS, 5 * ms))) return test;
      if ((budgetMs -= ms) < 0) break;
    }
    return undefined;
  } finally {
    writeFileSync(file, text);
  }
}

mkdirSync(work, { recursive: true });
const instrumented = await instrument();
const coverage = await measureCoverage(instrumented);
const sample = draw(instrumented.mutants);
console.log(`# ${instrumented.mutants.length} mutants, ${sample.length} of them tried, SEED=${SEED}, commit ${commit}`);

/** @type {Mutant[]} */
const survivors = [];
let tried = 0;
/** @type {Map<string, number>} how many faults each test file has noticed: those that notice many go first */
const noticed = new Map();

/** @param {Mutant} mutant @returns {[string, { ms: number }][]} */
function testsOf(mutant) {
  const key = keyOf(mutant);
  // Tests that are named after the source come first, then those that find much in little time.
  const name = /([^/]+?)(-\w+)?\.js$/.exec(mutant.fileName)?.[1] ?? '';
  const score = (/** @type {[string, Coverage]} */ [test, { ms }]) =>
    ms / (1 + (noticed.get(test) ?? 0)) / (test.includes(`/${name}`) ? 100 : 1);
  const reached = Object.entries(coverage)
    .filter(([, { reaches }]) => reaches.includes(key))
    .sort((a, b) => score(a) - score(b));
  return mutant.fileName.startsWith('js/cli') ? reached : [...reached, [SMOKE, { ms: FIRST_MS }]];
}

/** @param {Mutant} mutant @param {string} end */
const tell = (mutant, end) => console.log(`${tried}/${sample.length} ${describe(mutant)}: ${end}`);

const excused = sample.filter(excuse);
for (const mutant of excused) {
  tried++;
  tell(mutant, `equivalent: ${excuse(mutant)}`);
}
/** @typedef {{ mutant: Mutant, tests?: [string, { ms: number }][] }} Trial of a mutant; `tests` are those that are left of it */
/** @type {Trial[]} */
const queue = sample.filter((mutant) => !excuse(mutant)).map((mutant) => ({ mutant }));

/** @param {{ faulty: string, plain: string }} copies @param {Trial} trial */
async function tryOut(copies, { mutant, tests: left }) {
  const tests = left ?? testsOf(mutant);
  const by = await attempt(copies, mutant, tests, left ? Infinity : FIRST_MS);
  if (!by && tests.length) {
    queue.push({ mutant, tests });
    return tell(mutant, `not noticed yet, ${tests.length} test files are left`);
  }
  tried++;
  if (by) noticed.set(by, (noticed.get(by) ?? 0) + 1);
  else survivors.push(mutant);
  writeFileSync(SURVIVORS, JSON.stringify(survivors.map(keyOf)));
  tell(mutant, by ? `noticed by ${by}` : 'SURVIVED');
}

const lanes = Array.from({ length: LANES }, async (_, n) => {
  const copies = { faulty: copy(`lane-${n}`), plain: copy(`plain-${n}`) };
  for (let trial = queue.shift(); trial; trial = queue.shift()) await tryOut(copies, trial);
});
await Promise.all(lanes);

const share = survivors.length / Math.max(1, sample.length - excused.length);
console.log(
  `\n${sample.length} faults, ${excused.length} of them equivalent (tests/mutation/equivalent.json); survived:`,
);
for (const mutant of survivors) console.log(`  ${describe(mutant)}\n    ${JSON.stringify(textOf(mutant))}`);
console.log(
  `${sample.length - excused.length - survivors.length} passed, ${survivors.length} failed (${(100 * share).toFixed(1)} %, limit ${100 * SURVIVORS_MAX} %)`,
);
process.exitCode = share > SURVIVORS_MAX ? 1 : 0;
