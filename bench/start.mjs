/**
 * What a worker's start costs beside a bare `new Worker` with the same module, each until it has answered a first small task: in a program
 * that has started workers before, after a kill, and as the first thing that a program does. All kinds take turns; medians.
 *
 * usage: node bench/start.mjs [--rounds N] [--workers N] [--json]       --workers: of the first start; 1
 */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { createPool } from '../js/index.js';
import { startHung } from './measure.mjs';
import { median } from './stats.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '21' },
    workers: { type: 'string', default: '1' },
    json: { type: 'boolean' },
    first: { type: 'string' }, // for child processes
  },
});
const BARE = new URL('./pools/workers/raw.mjs', import.meta.url);
const MODULE = new URL('./tasks.mjs', import.meta.url);
/** By then main has the code of the first worker for later ones. */
const WARM_MS = 600;

/** A bare worker, and its first answer. */
async function startBare() {
  const worker = new Worker(BARE);
  await answer(worker, 'inc', 1);
  return worker;
}

/** @param {Worker} worker */
function answer(worker, task, value) {
  return new Promise((resolve, reject) => {
    worker.once('message', ({ result }) => resolve(result));
    worker.once('error', reject);
    worker.postMessage({ call: 0, task, value });
  });
}

async function startPool(workers = 1) {
  const pool = await createPool({ module: MODULE, workers });
  await pool.broadcast('inc', 1);
  return pool;
}

/** What the kinds measure: `run` is timed, between `prepare` and `after`. */
const KINDS = {
  'start: bare': { run: startBare, after: (worker) => worker.terminate() },
  'start: pool': { run: startPool, after: (pool) => pool.destroy() },
  'kill until it serves: bare': {
    async prepare() {
      const worker = await startBare();
      const started = new Int32Array(new SharedArrayBuffer(4));
      worker.postMessage({ call: 0, task: 'hang', value: started });
      while (Atomics.load(started, 0) === 0) await sleep(1);
      return worker;
    },
    run: (worker) => {
      void worker.terminate();
      return startBare();
    },
    after: (worker) => worker.terminate(),
  },
  'kill until it serves: pool': {
    async prepare() {
      const pool = await startPool();
      const hung = await startHung({ run: (task, value, more) => pool.dispatch(task, value, more) });
      return { pool, hung };
    },
    async run({ pool, hung }) {
      hung.abort();
      await hung.rejected;
      await pool.dispatch('inc', 1);
      return pool;
    },
    after: (pool) => pool.destroy(),
  },
  'first start of a program: bare': { child: 'bare' },
  'first start of a program: pool': { child: 'pool' },
};

/** @typedef {{ ms: number, cpuMs: number }} Figure */

/** @returns {Promise<Figure>} */
async function measure({ prepare = async () => undefined, run, after = async () => undefined }) {
  const prepared = await prepare();
  const cpu = process.cpuUsage();
  const start = performance.now();
  const result = await run(prepared);
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  await after(result);
  return { ms, cpuMs: (user + system) / 1000 };
}

/** In a process of its own, which has loaded what it needs. @returns {Figure} */
function measureFirst(kind) {
  const args = [fileURLToPath(import.meta.url), '--first', kind, '--workers', options.workers];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

async function first(kind) {
  const workers = Number(options.workers);
  await sleep(50); // by then loading is done
  const bare = () => Promise.all(Array.from({ length: workers }, startBare));
  console.log(JSON.stringify(await measure({ run: kind === 'bare' ? bare : () => startPool(workers) })));
  process.exit();
}

/** @type {Record<string, Figure[]>} */
const figures = {};
if (options.first) await first(options.first);
const warm = await startPool();
await sleep(WARM_MS);
await warm.destroy();
const kinds = Object.entries(KINDS);
for (let round = 0; round < Number(options.rounds); round++) {
  for (let i = 0; i < kinds.length; i++) {
    const [name, kind] = kinds[(i + round) % kinds.length];
    (figures[name] ??= []).push(kind.child ? measureFirst(kind.child) : await measure(kind));
  }
}

const rows = ['start', 'kill until it serves', 'first start of a program'].map((name) => {
  const of = (/** @type {string} */ who, /** @type {keyof Figure} */ key) =>
    median(figures[`${name}: ${who}`].map((figure) => figure[key]));
  return {
    name,
    bare: of('bare', 'ms'),
    pool: of('pool', 'ms'),
    bareCpu: of('bare', 'cpuMs'),
    poolCpu: of('pool', 'cpuMs'),
  };
});
if (options.json)
  console.log(JSON.stringify({ node: process.version, cores: availableParallelism(), rows, figures }, null, 1));
else {
  const line = (/** @type {string[]} */ cells) => console.log(`| ${cells.join(' | ')} |`);
  line([
    `Node ${process.versions.node}, ${availableParallelism()} cores, median of ${options.rounds}`,
    'bare, ms',
    'pool, ms',
    'ratio',
    'CPU bare, ms',
    'CPU pool, ms',
    'ratio',
  ]);
  line(['---', '---:', '---:', '---:', '---:', '---:', '---:']);
  for (const { name, bare, pool, bareCpu, poolCpu } of rows)
    line([
      name,
      ...[bare, pool].map((ms) => ms.toFixed(1)),
      (pool / bare).toFixed(2),
      ...[bareCpu, poolCpu].map((ms) => ms.toFixed(1)),
      (poolCpu / bareCpu).toFixed(2),
    ]);
}
process.exit();
