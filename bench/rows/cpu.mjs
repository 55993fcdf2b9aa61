/** Work that only processors do. */
import { check, timed } from '../measure.mjs';
import { work } from '../tasks.mjs';

const TASKS = 64;
const UNITS = 20;

/** @type {import('./index.mjs').Row[]} */
export const cpuRows = [
  {
    id: 'cpu',
    group: 'Work, start, memory',
    parameters: { tasks: TASKS, units: UNITS },
    metrics: { efficiency: { title: 'CPU-bound efficiency', better: 'higher' } },
    async measure({ open, workers, quick }) {
      const pool = await open();
      const expected = work(UNITS);
      const expectedAlone = work(TASKS * UNITS);
      const share = async () => {
        const results = await Promise.all(Array.from({ length: TASKS }, () => pool.run('work', UNITS)));
        for (const result of results) check(result === expected, () => `work(${UNITS}) gave ${result}`);
      };
      await share();
      const runs = quick ? 1 : 3;
      const after = (/** @type {number} */ result) =>
        check(result === expectedAlone, () => `work(${TASKS * UNITS}) gave ${result}`);
      const alone = await timed(runs, { run: () => pool.run('work', TASKS * UNITS), after }, 5000);
      return { efficiency: alone / (workers * (await timed(runs, share, 5000))) };
    },
  },
];
