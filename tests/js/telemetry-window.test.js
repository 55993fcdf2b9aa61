/** Which threshold grades which metric, and that a peak is forgotten once its samples have left the window. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { THRESHOLDS } from '../../js/options/option-groups.js';
import { FakeClock } from './fake-clock.js';
import { MODULE, withPool } from './helpers.js';

const JOBS = new URL('./fixtures/jobs.js', import.meta.url);

/** What each threshold grades. @type {Record<string, string[]>} */
const GRADED = {
  freePart: ['Pools.Node', 'Pools.SingleJob', 'Pools.BulkEntry', 'Pools.BulkBatch', 'Pools.ResultBuffer'],
  depth: [
    'Queues.Light',
    'Queues.Heavy',
    'Queues.BulkCritical',
    'Queues.BulkNormal',
    'Queues.BulkBackground',
    'Queues.Plain',
  ],
  execSeconds: ['Workers.AvgExecTime.0'],
  overBudget: ['FrameGovernor.OverBudgetRate'],
  activeBulks: ['FrameGovernor.ActiveBulkCount'],
  lowSkips: ['Starvation.BgSkipCount'],
  heavySkips: ['Starvation.HeavySkipCount'],
  interventions: ['Workers.WatchdogInterventions'],
};

/** Paths of all metrics with this status. @param {any} part @param {string} status @param {string} [path] @returns {string[]} */
function withStatus(part, status, path = '') {
  if (part === null || typeof part !== 'object') return [];
  const own = 'Value' in part && part.Status === status ? [path.slice(1)] : [];
  return [...own, ...Object.entries(part).flatMap(([name, inner]) => withStatus(inner, status, `${path}.${name}`))];
}

test('each threshold, by its name, grades its own metrics and no others [TW-51]', async () => {
  assert.deepEqual([...THRESHOLDS].sort(), Object.keys(GRADED).sort());
  const never = Object.fromEntries(THRESHOLDS.map((name) => [name, name === 'freePart' ? [0, 0] : [1e9, 1e9]]));
  for (const [name, expected] of Object.entries(GRADED))
    for (const [status, pair] of /** @type {const} */ ([
      ['Overloaded', name === 'freePart' ? [9, 9] : [0, 0]],
      ['Warm', name === 'freePart' ? [9, 0] : [0, 1e9]],
    ])) {
      const time = new FakeClock();
      const telemetry = { thresholds: { ...never, [name]: pair } };
      await withPool({ module: MODULE, workers: 1, scheduler: time.scheduler, telemetry }, async (pool) => {
        // Of a resource that nobody has used yet, everything is free.
        await Promise.all([
          pool.batch([{ task: 'echo' }]),
          new Promise((resolve) => pool.bulkSplit('echo', [1], resolve)),
        ]);
        time.advance(16);
        const report = pool.report();
        assert.deepEqual(withStatus(report, status).sort(), [...expected].sort(), `${name} ${status}`);
        assert.equal(report.Overall, status === 'Warm' ? 'Yellow' : 'Red');
      });
    }
});

test('peaks last for the sample after them, and are then forgotten [TW-47, TW-49, TW-50]', async () => {
  const time = new FakeClock();
  const options = {
    module: JOBS,
    workers: 1,
    scheduler: time.scheduler,
    liveness: false,
    telemetry: { ring: 1 },
    aging: { heavySkips: 100, lowSkips: 100 },
  };
  await withPool(options, async (pool) => {
    const values = () => {
      time.advance(16);
      const { Queues, FrameGovernor, Starvation } = pool.report();
      const { Light, Heavy, BulkCritical, BulkNormal, BulkBackground, Plain } = Queues;
      return {
        depths: [Light, Heavy, BulkCritical, BulkNormal, BulkBackground, Plain].map(({ Value }) => Value),
        bulks: FrameGovernor.ActiveBulkCount.Value,
        skips: [Starvation.BgSkipCount.Value, Starvation.HeavySkipCount.Value],
      };
    };
    const nothing = { depths: [0, 0, 0, 0, 0, 0], bulks: 0, skips: [0, 0] };
    assert.deepEqual(values(), nothing);
    pool.pause();
    const many = (/** @type {number} */ count) => Array.from({ length: count }, (_, i) => i);
    const bulk = (/** @type {number} */ count, /** @type {string} */ priority) =>
      new Promise((resolve) =>
        pool.bulkSplit('doubles', many(count), resolve, { batchSize: 1, priority, maxWaitMs: 1e9 }),
      );
    const done = [
      ...many(3).map((i) => pool.dispatch('echo', i, { weight: 'light' })),
      ...many(4).map((i) => pool.dispatch('echo', i, { weight: 'heavy' })),
      bulk(5, 'critical'),
      bulk(6, 'normal'),
      bulk(7, 'low'),
      ...many(2).map((i) => pool.dispatch('echo', i)),
    ];
    const depths = [3, 4, 5, 6, 7, 2];
    assert.deepEqual(
      values(),
      { depths, bulks: 3, skips: [0, 1] },
      'the first tick in which heavy ones wait for bulk jobs',
    );
    assert.deepEqual(values(), { depths, bulks: 3, skips: [0, 2] });
    pool.resume();
    await Promise.all(done);
    await pool.drain();
    assert.deepEqual(values(), { depths, bulks: 3, skips: [0, 0] }, 'peaks since the sample before');
    assert.deepEqual(values(), nothing);
    assert.deepEqual(values(), nothing);
  });
});
