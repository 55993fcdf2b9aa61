/**
 * A hung task is aborted: how long until every worker serves again. Two workers; after the kill as many tasks as there are
 * workers must run at the same time, so a pool that has lost one does not pass. Rounds interleave the pools.
 *
 * usage: node bench/kill.mjs [--rounds N] [--json]
 */
import { parseArgs } from 'node:util';
import { pools } from './pools/index.mjs';
import { measureAll, table } from './report.mjs';

const WORKERS = 2;
const KILLS = 20;
/** Between two kills, so that a pool with spares has a warm one again: it is the time to serve that is measured, not to start. */
const PAUSE_MS = 100;

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, json: { type: 'boolean' } },
});

/** As many tasks as there are workers, each of which waits for all others. */
function meet(pool) {
  const word = new Int32Array(new SharedArrayBuffer(4));
  return Promise.all(Array.from({ length: WORKERS }, () => pool.run('meet', { word, count: WORKERS })));
}

/** Median milliseconds from the abort of a hung task until the workers have met. */
async function killAndServe(pool) {
  const times = [];
  for (let i = 0; i < KILLS; i++) {
    const controller = new AbortController();
    const started = new Int32Array(new SharedArrayBuffer(4));
    const hung = pool.run('hang', started, controller.signal).then(
      () => undefined,
      () => undefined,
    );
    while (Atomics.load(started, 0) === 0) await new Promise((resolve) => setImmediate(resolve));
    const start = performance.now();
    controller.abort();
    await hung;
    await meet(pool);
    times.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return times.sort((a, b) => a - b)[KILLS >> 1];
}

const compared = Object.fromEntries(Object.entries(pools).map(([name, open]) => [name, () => open(WORKERS)]));
const rows = { 'abort of a hung task to all workers serving, ms': killAndServe };
const found = await measureAll(compared, rows, Number(options.rounds), meet);
console.log(
  options.json ? JSON.stringify(found, null, 2) : table(`Node ${process.versions.node}, ${WORKERS} workers`, found),
);
