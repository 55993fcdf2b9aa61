/** Many tasks at once. */
import { check, flood, KINDS, stream, timed } from '../measure.mjs';

const COUNT = 100_000;
const BATCH = 1000;
const GROUP = 'Many tasks at once';

/** @param {number[]} results */
function checkAll(results) {
  check(results.length === COUNT, () => `${results.length} results instead of ${COUNT}`);
  results.forEach((result, i) => check(result === i + 1, () => `inc(${i}) gave ${result}`));
}

/** The pool's own batches, or the same by hand. */
async function mapBatched(pool, items) {
  if (pool.mapBatched) return pool.mapBatched('inc', items, BATCH);
  const batches = [];
  for (let from = 0; from < items.length; from += BATCH) batches.push(items.slice(from, from + BATCH));
  return (await Promise.all(batches.map((batch) => pool.run('incAll', batch)))).flat();
}

/**
 * @param {string} id
 * @param {string} title
 * @param {(pool: import('../pools/index.mjs').Pool, items: number[]) => PromiseLike<any>} run
 * @param {Partial<import('./index.mjs').Row>} [more]
 */
const map = (id, title, run, more) => ({
  id,
  group: GROUP,
  title,
  ...more,
  parameters: { count: COUNT },
  metrics: { ms: { title: 'ms', better: 'lower' } },
  async measure({ open, quick }) {
    const pool = await open();
    const items = Array.from({ length: COUNT }, (_, i) => i);
    await stream(pool, 1024, KINDS.number, quick ? 100 : 300);
    return { ms: await timed(quick ? 2 : 8, async () => run(pool, items)) };
  },
});

/** @type {import('./index.mjs').Row[]} */
export const mapRows = /** @type {any} */ ([
  map('flood', '100,000 tasks submitted at once', (pool) => flood(pool, COUNT)),
  map(
    'map',
    "100,000 items, the pool's map, one by one",
    async (pool, items) => checkAll(await pool.map('inc', items)),
    { needs: ['map'] },
  ),
  map(
    'map-batched',
    '100,000 items in batches of 1,000',
    async (pool, items) => checkAll(await mapBatched(pool, items)),
    { own: ['wasmpool'] },
  ),
  {
    id: 'queued',
    group: GROUP,
    title: '1,000,000 queued',
    parameters: { count: 1_000_000 },
    metrics: {
      seconds: { title: 's', better: 'lower' },
      peakGb: { title: 'peak memory, GB', better: 'lower' },
    },
    async measure({ open }) {
      const pool = await open();
      await stream(pool, 1024, KINDS.number, 300);
      const start = performance.now();
      await flood(pool, 1_000_000);
      const seconds = (performance.now() - start) / 1000;
      return { seconds, peakGb: process.resourceUsage().maxRSS / (1 << 20) };
    },
  },
]);
