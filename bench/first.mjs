/**
 * First figures: wasmpool beside piscina, in the same run, on two workers. Rounds interleave the pools; medians are printed
 * with the lowest and highest round. The full suite is a later issue.
 *
 * usage: node bench/first.mjs [--rounds N] [--json]
 */
import { parseArgs } from 'node:util';
import Piscina from 'piscina';
import { createPool } from '../js/index.js';

const MODULE = new URL('./tasks.mjs', import.meta.url);
const WORKERS = 2;
const WINDOW_MS = 500;

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, json: { type: 'boolean' } },
});

/** Each pool in the same three verbs. */
const pools = {
  async wasmpool() {
    const pool = await createPool({ module: MODULE, workers: WORKERS });
    return {
      run: (name, value, signal) => pool.dispatch(name, value, { signal }),
      queued: () => pool.stats().queued,
      close: () => pool.destroy(),
    };
  },
  async piscina() {
    const pool = new Piscina({ filename: MODULE.href, minThreads: WORKERS, maxThreads: WORKERS });
    return {
      run: (name, value, signal) => pool.run(value, { name, signal }),
      queued: () => pool.queueSize,
      close: () => pool.destroy(),
    };
  },
};

/** Tasks a second with so many in flight. */
async function throughput(pool, depth, value) {
  let count = 0;
  const start = performance.now();
  const end = start + WINDOW_MS;
  await Promise.all(
    Array.from({ length: depth }, async () => {
      while (performance.now() < end) {
        await pool.run('echo', value);
        count++;
      }
    }),
  );
  return (count / (performance.now() - start)) * 1000;
}

/** Milliseconds for a hundred thousand tasks that are submitted at once. */
async function flood(pool) {
  const start = performance.now();
  await Promise.all(Array.from({ length: 100_000 }, (_, i) => pool.run('echo', i)));
  return performance.now() - start;
}

/** Tasks of 1 ms that are done after main has been busy for 500 ms; 2,000 were queued. */
async function blockedMain(pool) {
  const tasks = Array.from({ length: 2000 }, () => pool.run('burn', 1));
  const end = performance.now() + 500;
  while (performance.now() < end);
  const done = 2000 - pool.queued();
  await Promise.all(tasks);
  return done;
}

/** Milliseconds from the abort of a hung task until both workers have answered. */
async function killAndServe(pool) {
  const controller = new AbortController();
  const hung = pool.run('spin', undefined, controller.signal).catch(() => undefined);
  await pool.run('burn', 20);
  const start = performance.now();
  controller.abort();
  await hung;
  await Promise.all([pool.run('burn', 5), pool.run('burn', 5)]);
  return performance.now() - start;
}

const rows = {
  'tasks/s, 1 in flight, a number': (pool) => throughput(pool, 1, 1),
  'tasks/s, 64 in flight, a number': (pool) => throughput(pool, 64, 1),
  'tasks/s, 1,024 in flight, a number': (pool) => throughput(pool, 1024, 1),
  'tasks/s, 1,024 in flight, a small object': (pool) => throughput(pool, 1024, { a: 1, b: 2 }),
  '100,000 tasks at once, ms': flood,
  'done while main is busy for 500 ms': blockedMain,
  '64 MB result, ms': async (pool) => {
    const start = performance.now();
    await pool.run('bytes', 64 << 20);
    return performance.now() - start;
  },
  'hung task killed, both workers serve, ms': killAndServe,
};

/** @type {Record<string, Record<string, number[]>>} */
const found = {};
for (let round = 0; round < Number(options.rounds); round++) {
  for (const [name, open] of Object.entries(pools)) {
    const pool = await open();
    await throughput(pool, 64, 1); // warm
    for (const [row, measure] of Object.entries(rows)) ((found[row] ??= {})[name] ??= []).push(await measure(pool));
    await pool.close();
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const show = (value) => (value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3));
const cell = (values) => `${show(median(values))} (${show(Math.min(...values))} – ${show(Math.max(...values))})`;
if (options.json) {
  console.log(JSON.stringify(found, null, 2));
} else {
  console.log(`| Node ${process.versions.node}, ${WORKERS} workers | wasmpool | piscina |\n|---|---|---|`);
  for (const [row, by] of Object.entries(found)) console.log(`| ${row} | ${cell(by.wasmpool)} | ${cell(by.piscina)} |`);
}
