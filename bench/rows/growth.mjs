/** What is measured at several sizes, to see how cost grows (bench/growth.mjs). */
import { setTimeout as sleep } from 'node:timers/promises';
import { flood, KINDS, stream, timed, check } from '../measure.mjs';
import { inspect, make } from '../tasks.mjs';

const READ_BYTES = 1 << 26;

/** Repeated, so that small sizes are more than the clock's grain. @param {number} bytes */
const runsFor = (bytes) => Math.max(5, Math.min(300, Math.round(2 ** 27 / bytes)));

/**
 * @param {string} id
 * @param {string} metric
 * @param {(bench: any) => Promise<Record<string, number>>} measure
 * @param {string[]} [needs]
 */
const row = (id, metric, measure, needs) => ({
  id,
  group: 'Cost as work grows',
  needs,
  metrics: { [metric]: { title: metric, better: /** @type {const} */ ('lower') } },
  measure,
});

/** @type {import('./index.mjs').Row[]} */
export const growthRows = [
  row('growth-start', 'ms', async ({ open, size }) => {
    const start = performance.now();
    await open({ workers: size });
    return { ms: performance.now() - start };
  }),
  row('growth-workers', 'ms', async ({ open, size, quick }) => {
    const pool = await open({ workers: size });
    await sleep(100); // whatever the threads still do after their start is no cost of the tasks
    await stream(pool, 1024, KINDS.number, quick ? 200 : 400);
    return { ms: 1000 / (await stream(pool, 1024, KINDS.number, quick ? 300 : 700)) };
  }),
  row('growth-tasks', 'ms', async ({ open, size }) => {
    const pool = await open();
    await stream(pool, 1024, KINDS.number, 300);
    await flood(pool, 10_000);
    return { ms: await timed(size < 1e6 ? 3 : 1, () => flood(pool, size), 1000) };
  }),
  row(
    'growth-in',
    'ms',
    async ({ open, size }) => {
      const pool = await open();
      const sent = make(size);
      const seen = (/** @type {number} */ length) =>
        check(length === size, () => `${size} bytes sent, ${length} arrived`);
      return { ms: await timed(runsFor(size), { run: () => pool.run('inspect', sent), after: seen }, 1000) };
    },
    ['copy'],
  ),
  row(
    'growth-out',
    'ms',
    async ({ open, size }) => {
      const pool = await open();
      const seen = (/** @type {Uint8Array} */ bytes) =>
        check(inspect(bytes) === size, () => 'the bytes arrived changed');
      return { ms: await timed(runsFor(size), { run: () => pool.run('make', size), after: seen }, 1000) };
    },
    ['copy'],
  ),
  row(
    'growth-shared',
    'ms',
    async ({ open, size }) => {
      const { shared } = await open();
      const seen = (handle) => {
        check(inspect(shared.bytes(handle)) === size, () => 'the bytes arrived changed');
        shared.release(handle);
      };
      return { ms: await timed(runsFor(size), { run: () => shared.make(size), after: seen }, 1000) };
    },
    ['share'],
  ),
  row(
    'growth-readers',
    'ms',
    async ({ open, size }) => {
      const { shared } = await open();
      const handle = await shared.make(READ_BYTES);
      const readers = Array.from({ length: size });
      const run = () => Promise.all(readers.map(() => shared.inspect(handle)));
      const seen = (/** @type {number[]} */ lengths) =>
        lengths.forEach((length) => check(length === READ_BYTES, () => `${length} bytes arrived`));
      return { ms: await timed(100, { run, after: seen }, 1000) };
    },
    ['share'],
  ),
];
