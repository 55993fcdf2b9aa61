/** Tasks that hang, tasks that crash, and a main thread that is busy. */
import { setTimeout as sleep } from 'node:timers/promises';
import { check, KINDS, meet, startHung, stream, within } from '../measure.mjs';
import { median } from '../stats.mjs';
import { clock } from '../tasks.mjs';

const GROUP = 'When something goes wrong';
/** Time between two kills, after which a pool with spares has a warm one again: the row measures the time to serve, not to start. */
const PAUSE_MS = 100;
/** Whatever has not settled by then never will. */
const PATIENCE_MS = 3000;
const QUEUED = 20;

/**
 * @param {string} id
 * @param {string} title
 * @param {object} [config]
 * @param {string[]} [needs]
 */
const kill = (id, title, config, needs = []) => ({
  id,
  group: GROUP,
  title,
  needs: ['abort', ...needs],
  metrics: {
    rejected: { title: 'promise rejected, ms', better: 'lower' },
    serving: { title: 'both workers serve, ms', better: 'lower' },
  },
  async measure({ open, workers, quick }) {
    const pool = await open(config);
    /** @type {{ rejected: number[], serving: number[] }} */
    const times = { rejected: [], serving: [] };
    for (let i = 0; i < (quick ? 4 : 12); i++) {
      const hung = await startHung(pool);
      const start = performance.now();
      hung.abort();
      await hung.rejected;
      times.rejected.push(performance.now() - start);
      await meet(pool, workers);
      times.serving.push(performance.now() - start);
      await sleep(PAUSE_MS);
    }
    return { rejected: median(times.rejected), serving: median(times.serving) };
  },
});

/** A task ends its worker while others are queued. */
async function crash({ open, workers }) {
  const pool = await open();
  await stream(pool, 64, KINDS.number, 100);
  const start = performance.now();
  const since = () => performance.now() - start;
  const run = async (/** @type {string} */ task, /** @type {number} */ value) => pool.run(task, value);
  const crashed = run('crash', 0).then(() => 'resolved', since);
  const others = Array.from({ length: QUEUED }, (_, i) =>
    run('inc', i).then(
      (result) => result === i + 1,
      () => false,
    ),
  );
  const rejected = await within(crashed, PATIENCE_MS, 'never settles');
  const met = await within(meet(pool, workers).then(since), PATIENCE_MS, 'never');
  const kept = await Promise.all(others.map((other) => within(other, PATIENCE_MS, false)));
  return {
    rejected,
    lost: kept.filter((right) => !right).length,
    serving: typeof rejected === 'number' || typeof met === 'string' ? met : 'they do', // nobody knows when
  };
}

/** How many of two thousand queued tasks of 1 ms end while main is in a loop for half a second. */
async function blocked({ open }) {
  const pool = await open();
  await Promise.all(Array.from({ length: 20 }, () => pool.run('burn', 1)));
  const tasks = Array.from({ length: 2000 }, () => pool.run('burn', 1));
  const end = clock() + 500;
  while (clock() < end);
  const ends = await Promise.all(tasks);
  check(ends.length === 2000 && ends.every(Number.isFinite), () => 'results are missing');
  return { done: ends.filter((at) => at <= end).length };
}

/** @type {import('./index.mjs').Row[]} */
export const failureRows = /** @type {any} */ ([
  kill('kill', 'a hung task is aborted'),
  kill('kill-spare', 'the same, with a warm spare', { spares: 1 }, ['spares']),
  {
    id: 'crash',
    group: GROUP,
    title: 'a task ends its worker',
    metrics: {
      rejected: { title: 'promise rejected, ms', better: 'lower' },
      lost: { title: `lost of ${QUEUED} queued`, better: 'lower' },
      serving: { title: 'both workers serve, ms', better: 'lower' },
    },
    measure: crash,
  },
  {
    id: 'blocked',
    group: GROUP,
    title: 'main is busy for 500 ms',
    metrics: { done: { title: 'tasks of 1 ms done meanwhile', better: 'higher' } },
    measure: blocked,
  },
]);
