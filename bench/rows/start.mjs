/** What a pool costs before its first task. */
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const MANY = 8;

/** @returns {Promise<number>} MB, after what is garbage has gone */
async function residentMb() {
  setFlagsFromString('--expose-gc'); // not on the command line: no flag of ours in the workers
  runInNewContext('gc')();
  await sleep(200);
  return process.memoryUsage().rss / (1 << 20);
}

/** @type {import('./index.mjs').Row[]} */
export const startRows = [
  {
    id: 'start',
    group: 'Work, start, memory',
    metrics: { ms: { title: 'start until both serve, ms', better: 'lower' } },
    async measure({ open }) {
      const start = performance.now();
      await open();
      return { ms: performance.now() - start };
    },
  },
  {
    id: 'memory',
    group: 'Work, start, memory',
    parameters: { workers: MANY },
    metrics: { mb: { title: 'MB per worker, of 8', better: 'lower' } },
    async measure({ open }) {
      const before = await residentMb();
      await open({ workers: MANY });
      return { mb: ((await residentMb()) - before) / MANY };
    },
  },
];
