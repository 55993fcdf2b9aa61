/**
 * Mutation test of js/: plants small faults, one at a time, and looks whether the tests notice.
 *
 * StrykerJS's instrumenter makes the faults (mutants). A sample, drawn with a seed, is tried: the fault is written into a copy of the
 * project, and the test files that reach its code run until one fails. A fault that none notices has survived. At most 5 % may, apart
 * from those that equivalent.json explains: they change nothing that a user could see.
 *
 * usage: run.mjs      SAMPLE=100 mutants, SEED=, FILES='js/map.js js/task.js' only these, FRESH=1 measures coverage anew
 */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createInstrumenter } from '@stryker-mutator/instrumenter';
import { createInjector } from 'typed-inject';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const work = join(root, 'build/mutation');
const SAMPLE = Number(process.env.SAMPLE ?? 100);
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const SURVIVORS_MAX = 0.05;
/** Copies of the project, and so mutants, that are tried at the same time. */
const LANES = 2;
/** A test file that takes longer than this, and than five times its usual time, hangs: the fault is noticed. */
const HANG_MS = 60_000;
/** Error texts are not part of the contract, and most strings are texts. */
const EXCLUDED = ['StringLiteral'];
/** Generated, or measuring only. */
const LEFT_OUT = /^js\/(generated|dist)\/|^js\/cli\/bench/;

/**
 * @typedef {{ id: string, fileName: string, mutatorName: string, replacement: string,
 *   location: { start: { line: number, column: number }, end: { line: number, column: number } } }} Mutant
 * @typedef {{ ms: number, reaches: string[] }} Coverage of a test file: its time, and the keys of the mutants that it reaches
 */

/** @param {string} command @param {string[]} parts */
const output = (command, ...parts) => execFileSync(command, parts, { cwd: root, encoding: 'utf8' });
const tracked = output('git', 'ls-files').trim().split('\n');
const sources = tracked.filter((file) => /^js\/.*\.js$/.test(file) && !LEFT_OUT.test(file));
const tests = tracked.filter((file) => /^tests\/js\/.*\.test\.js$/.test(file));
/** @type {Map<string, string>} */
const texts = new Map(sources.map((file) => [file, readFileSync(join(root, file), 'utf8')]));

/** A generator of numbers from 0 to below 1, the same for the same seed (mulberry32). @param {number} state */
function random(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** All mutants, and the sources with switches and coverage notes. */
async function instrument() {
  const quiet = () => {};
  const log = { isDebugEnabled: () => false, debug: quiet, info: quiet, warn: quiet, error: quiet, trace: quiet };
  const instrumenter = createInjector().provideValue('logger', log).injectFunction(createInstrumenter);
  const files = sources.map((name) => ({ name, content: texts.get(name), mutate: true }));
  const options = { plugins: null, excludedMutations: EXCLUDED, ignorers: [], noHeader: false };
  return instrumenter.instrument(files, options);
}

/**
 * A copy of the project that tests can run in.
 * @param {string} name
 */
function copy(name) {
  const to = join(work, name);
  rmSync(to, { recursive: true, force: true });
  for (const file of tracked) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    cpSync(join(root, file), join(to, file));
  }
  for (const built of ['wasm/dist', 'js/dist', 'build/js', 'build/smoke', 'build/demo', '.cache'])
    if (existsSync(join(root, built))) cpSync(join(root, built), join(to, built), { recursive: true });
  for (const link of ['node_modules', '.toolchain', 'tests/smoke/node_modules'])
    if (existsSync(join(root, link))) symlinkSync(join(root, link), join(to, link));
  return to;
}

/** What workers of Node start with. @param {string} directory */
function bundle(directory) {
  const parts = ['--bundle', '--format=cjs', '--platform=node', '--target=node20', '--log-level=error'];
  execFileSync(
    join(root, 'node_modules/.bin/esbuild'),
    ['js/host/boot-node.js', ...parts, '--outfile=js/dist/boot-node.cjs'],
    {
      cwd: directory,
    },
  );
}

/**
 * @param {string} directory
 * @param {string} test
 * @param {number} limitMs
 * @param {Record<string, string>} [env]
 * @returns {Promise<{ passed: boolean, ms: number }>}
 */
function runTest(directory, test, limitMs, env = {}) {
  return new Promise((resolve) => {
    const start = performance.now();
    const child = spawn(process.execPath, ['--test', '--test-reporter=dot', test], {
      cwd: directory,
      env: { ...process.env, ...env },
      stdio: 'ignore',
      detached: true,
    });
    const hang = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), limitMs);
    child.on('exit', (code) => {
      clearTimeout(hang);
      resolve({ passed: code === 0, ms: performance.now() - start });
    });
  });
}

/** What a mutant is known by from run to run. @param {Mutant} mutant */
function keyOf({ fileName, mutatorName, location, replacement }) {
  const { start, end } = location;
  return `${fileName}:${start.line}:${start.column}-${end.line}:${end.column} ${mutatorName} ${replacement}`;
}

/**
 * Which mutants each test file reaches; kept in build/mutation/ until a source or a test changes.
 * @param {{ mutants: Mutant[], files: { name: string, content: string }[] }} instrumented
 * @returns {Promise<Record<string, Coverage>>}
 */
async function measureCoverage({ mutants, files }) {
  const version = output('git', 'stash', 'create').trim() || output('git', 'rev-parse', 'HEAD').trim();
  const tree = output('git', 'rev-parse', `${version}^{tree}`).trim();
  const cache = join(work, 'coverage.json');
  if (existsSync(cache) && !process.env.FRESH) {
    const kept = JSON.parse(readFileSync(cache, 'utf8'));
    if (kept.tree === tree) return kept.coverage;
  }
  const directory = copy('instrumented');
  for (const { name, content } of files) writeFileSync(join(directory, name), content);
  bundle(directory);
  const plain = copy('plain');
  /** @type {Record<string, Coverage>} */
  const coverage = {};
  const hook = new URL('./coverage-hook.mjs', import.meta.url).href;
  for (const test of tests) {
    const notes = join(work, 'notes.txt');
    writeFileSync(notes, '');
    const options = `${process.env.NODE_OPTIONS ?? ''} --import ${hook}`;
    await runTest(directory, test, 10 * HANG_MS, { MUTATION_COVERAGE: notes, NODE_OPTIONS: options });
    const { passed, ms } = await runTest(plain, test, 10 * HANG_MS);
    const ids = new Set(readFileSync(notes, 'utf8').trim().split('\n'));
    if (!passed) console.log(`# ${test} fails without a fault: it is left out`);
    coverage[test] = { ms, reaches: passed ? mutants.filter(({ id }) => ids.has(id)).map(keyOf) : [] };
  }
  writeFileSync(cache, JSON.stringify({ tree, coverage }));
  return coverage;
}

/** @param {string} text @param {{ line: number, column: number }} position from 0 */
function offset(text, { line, column }) {
  let at = 0;
  for (let n = 0; n < line; n++) at = text.indexOf('\n', at) + 1;
  return at + column;
}

/** A mutant's own piece of code. @param {Mutant} mutant */
function pieceOf({ fileName, location }) {
  const text = texts.get(fileName) ?? '';
  const from = offset(text, location.start);
  const to = offset(text, location.end);
  return { text, from, to, original: text.slice(from, to) };
}

/**
 * @param {string} directory
 * @param {Mutant} mutant
 * @param {[string, Coverage][]} reached test files, quickest first
 * @returns {Promise<string | undefined>} the test file that noticed it
 */
async function attempt(directory, mutant, reached) {
  const { text, from, to } = pieceOf(mutant);
  const file = join(directory, mutant.fileName);
  writeFileSync(file, text.slice(0, from) + mutant.replacement + text.slice(to));
  try {
    try {
      bundle(directory);
    } catch {
      return 'the bundler';
    }
    for (const [test, { ms }] of reached) {
      const { passed } = await runTest(directory, test, Math.max(HANG_MS, 5 * ms));
      if (!passed) return test;
    }
    return undefined;
  } finally {
    writeFileSync(file, text);
  }
}

/** @type {{ file: string, code: string, replacement: string, reason: string }[]} */
const equivalent = JSON.parse(readFileSync(new URL('./equivalent.json', import.meta.url), 'utf8'));

/** Why a mutant changes nothing that can be noticed. @param {Mutant} mutant */
function excuse(mutant) {
  const { original } = pieceOf(mutant);
  return equivalent.find(
    ({ file, code, replacement }) =>
      file === mutant.fileName && code === original && replacement === mutant.replacement,
  )?.reason;
}

/** @param {Mutant} mutant */
function describe(mutant) {
  const { original } = pieceOf(mutant);
  const short = (/** @type {string} */ text) => JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text);
  return `${mutant.fileName}:${mutant.location.start.line + 1} ${mutant.mutatorName}\n    - ${short(original)}\n    + ${short(mutant.replacement)}`;
}

mkdirSync(work, { recursive: true });
const instrumented = await instrument();
const coverage = await measureCoverage(instrumented);
const wanted = process.env.FILES?.split(/\s+/);
const pool = instrumented.mutants.filter(({ fileName }) => !wanted || wanted.includes(fileName));
const next = random(SEED);
const sample = pool
  .map((mutant) => ({ mutant, order: next() }))
  .sort((a, b) => a.order - b.order)
  .slice(0, SAMPLE)
  .map(({ mutant }) => mutant);
console.log(`# ${pool.length} mutants, ${sample.length} of them tried, SEED=${SEED}`);

/** @type {Mutant[]} */
const survivors = [];
let tried = 0;
let excused = 0;
const queue = [...sample];
/** @type {Map<string, number>} how many faults each test file has noticed: those that notice many go first */
const noticed = new Map();
await Promise.all(
  Array.from({ length: LANES }, async (_, lane) => {
    const directory = copy(`lane-${lane}`);
    for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
      const reason = excuse(mutant);
      tried++;
      if (reason) {
        excused++;
        continue;
      }
      const key = keyOf(mutant);
      const score = (/** @type {[string, Coverage]} */ [test, { ms }]) => ms / (1 + (noticed.get(test) ?? 0));
      const reached = Object.entries(coverage)
        .filter(([, { reaches }]) => reaches.includes(key))
        .sort((a, b) => score(a) - score(b));
      const by = await attempt(directory, mutant, reached);
      if (by) noticed.set(by, (noticed.get(by) ?? 0) + 1);
      else survivors.push(mutant);
      const end = by ? `noticed by ${by}` : reached.length ? 'SURVIVED' : 'SURVIVED: no test reaches it';
      console.log(`${tried}/${sample.length} ${by ? key : describe(mutant)}: ${end}`);
    }
  }),
);

const share = survivors.length / Math.max(1, sample.length - excused);
console.log(`\n${sample.length} faults, ${excused} of them equivalent (tests/mutation/equivalent.json); survived:`);
for (const mutant of survivors) console.log(`  ${describe(mutant)}`);
console.log(
  `${sample.length - excused - survivors.length} passed, ${survivors.length} failed (${(100 * share).toFixed(1)} %, limit ${100 * SURVIVORS_MAX} %)`,
);
process.exitCode = share > SURVIVORS_MAX ? 1 : 0;
