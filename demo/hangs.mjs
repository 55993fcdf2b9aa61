/** The second half of the demo, by the package's JavaScript API: a list of tasks, three of which never end. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPool } from '../js/index.js';
import { checkDigests, checkStatistics } from './check.mjs';
import { wasm } from './files.js';

/** The hanging tasks' time limit. */
const LIMIT_MS = 1000;
/** A limit that no honest task of the demo comes near to. */
const GENEROUS_MS = 120_000;
/** Tasks in flight. */
const LANES = 16;
/** How long the killed workers' successors may take to start. */
const RECOVERY_MS = 30_000;

/** Where in the list they are, and what they do. */
const HANGS = [
  { task: 'spin', what: 'a loop in C', at: 0.25 },
  { task: 'spinForever', what: 'a for(;;) in JavaScript', at: 0.5 },
  { task: 'waitForever', what: 'a wait that never ends', at: 0.75 },
];

/**
 * @typedef {{ task: string, path?: string, what?: string }} Job
 * @typedef {{ job: Job, ok: boolean, value?: any, error?: any, ms: number }} Outcome
 */

/**
 * Both tasks over every file, and the three that hang, in one pool.
 * @param {string[]} paths
 * @param {import('./check.mjs').Expected} expected
 * @param {{ workers: number, cwd: string, say: (text: string) => void }} options
 * @returns {Promise<{ title: string, differences: string[] }[]>} what was checked
 */
export async function runWithHangs(paths, expected, { workers, cwd, say }) {
  const module = new URL('./files.js', import.meta.url);
  const limits = { taskTimeoutMs: GENEROUS_MS, recycleTimeoutMs: 0 };
  const pool = await createPool({ module, wasm, workers, ...limits });
  try {
    const before = health(pool);
    const outcomes = await runAll(pool, jobsFor(paths), cwd);
    await recovered(pool, before.workers);
    const after = health(pool);
    say(`  before: ${JSON.stringify(before)}\n  after:  ${JSON.stringify(after)}`);
    return [...verdicts(outcomes, expected, say), ...healthVerdicts(before, after)];
  } finally {
    await pool.destroy();
  }
}

/**
 * @param {string[]} paths
 * @returns {Job[]}
 */
function jobsFor(paths) {
  /** @type {Job[]} */
  const jobs = paths.flatMap((path) => [
    { task: 'digest', path },
    { task: 'statistics', path },
  ]);
  for (const { task, what, at } of HANGS) jobs.splice(Math.floor(jobs.length * at), 0, { task, what });
  return jobs;
}

/**
 * @param {import('../js/index.js').Pool} pool
 * @param {Job[]} jobs
 * @param {string} cwd
 * @returns {Promise<Outcome[]>} in the order of the jobs
 */
async function runAll(pool, jobs, cwd) {
  /** @type {Outcome[]} */
  const outcomes = new Array(jobs.length);
  let next = 0;
  const lane = async () => {
    while (next < jobs.length) {
      const index = next++;
      outcomes[index] = await runOne(pool, jobs[index], cwd);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return outcomes;
}

/**
 * @param {import('../js/index.js').Pool} pool
 * @param {Job} job
 * @param {string} cwd
 * @returns {Promise<Outcome>}
 */
async function runOne(pool, job, cwd) {
  const { task, path } = job;
  const bytes = path === undefined ? undefined : new Uint8Array(await readFile(join(cwd, path)));
  const payload = task === 'statistics' ? { path, bytes } : bytes;
  const started = performance.now();
  const ended = () => Math.round(performance.now() - started);
  try {
    const options = path === undefined ? { timeoutMs: LIMIT_MS } : {};
    const value = await pool.dispatch(task, payload, options);
    return { job, ok: true, value, ms: ended() };
  } catch (error) {
    return { job, ok: false, error, ms: ended() };
  }
}

/**
 * @param {Outcome[]} outcomes
 * @param {import('./check.mjs').Expected} expected
 * @param {(text: string) => void} say
 */
function verdicts(outcomes, expected, say) {
  const hung = outcomes.filter(({ job }) => job.what);
  for (const { job, error, ms } of hung) {
    say(`  ${job.what}: ${error?.code ?? 'ended by itself'} after ${ms} ms, wait for a worker included`);
  }
  const notKilled = hung.filter(({ error }) => error?.code !== 'TIMEOUT');
  const lost = outcomes.filter(({ ok, job }) => !ok && !job.what);
  const valuesOf = (/** @type {string} */ task) =>
    outcomes.filter(({ ok, job }) => ok && job.task === task).map(({ value }) => value);
  return [
    {
      title: `${HANGS.length} hanging tasks were killed at their time limit of ${LIMIT_MS} ms`,
      differences: notKilled.map(({ job, error }) => `${job.what}: ${error?.message ?? 'ended by itself'}`),
    },
    {
      title: 'no other task was lost',
      differences: lost.map(({ job, error }) => `${job.task} of ${job.path}: ${error.message}`),
    },
    {
      title: 'all other digests are right',
      differences: checkDigests(valuesOf('digest'), expected),
    },
    {
      title: 'all other line counts are right',
      differences: checkStatistics(valuesOf('statistics'), expected),
    },
  ];
}

/**
 * The figures by which a pool is healthy.
 * @param {import('../js/index.js').Pool} pool
 */
function health(pool) {
  const { totalWorkers, freeWorkers, busyWorkers, queued } = pool.stats();
  const { boxesInUse } = pool.diagnostics();
  return { workers: totalWorkers, free: freeWorkers, busy: busyWorkers, queued, boxesInUse };
}

/**
 * Waits until the successors of killed workers serve; healthVerdicts() says it if they do not.
 * @param {import('../js/index.js').Pool} pool
 * @param {number} workers
 */
async function recovered(pool, workers) {
  const deadline = performance.now() + RECOVERY_MS;
  while (pool.stats().freeWorkers < workers && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/**
 * @param {ReturnType<typeof health>} before
 * @param {ReturnType<typeof health>} after
 */
function healthVerdicts(before, after) {
  const [was, is] = [before, after].map((figures) => JSON.stringify(figures));
  return [
    {
      title: 'the pool is healthy: as many workers as before, none busy, nothing queued',
      differences: was === is ? [] : [`${is}, expected ${was}`],
    },
    {
      title: 'boxes in use: 0',
      differences: after.boxesInUse === 0 ? [] : [`${after.boxesInUse}`],
    },
  ];
}
