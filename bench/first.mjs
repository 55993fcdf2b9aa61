/**
 * First figures: wasmpool beside piscina, in the same run, on two workers. Rounds interleave the pools; medians are printed
 * with the lowest and highest round. The full suite is a later issue.
 *
 * usage: node bench/first.mjs [--rounds N] [--json]
 */
import { parseArgs } from 'node:util';
import { pools } from './pools/index.mjs';
import { measureAll, table } from './report.mjs';

const WORKERS = 2;
const WINDOW_MS = 500;

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, json: { type: 'boolean' } },
});

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
};

const compared = { wasmpool: () => pools.wasmpool(WORKERS), piscina: () => pools.piscina(WORKERS) };
const found = await measureAll(compared, rows, Number(options.rounds), (pool) => throughput(pool, 64, 1));
console.log(
  options.json ? JSON.stringify(found, null, 2) : table(`Node ${process.versions.node}, ${WORKERS} workers`, found),
);
