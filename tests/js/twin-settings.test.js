/** Twin’s settings, under its own names. */
import assert from 'node:assert/strict';
import test, { mock } from 'node:test';
import { Pool } from '../../js/api/pool.js';
import { createTwin } from '../../js/compat/twin.js';
import { DEFAULTS } from '../../js/compat/twin-options.js';
import { blocker, bulk, gate, split, withTwin } from './fixtures/twin-support.js';
import { countingThreads, until } from './helpers.js';

const invalid = (name) => ({ code: 'INVALID_ARGUMENT', message: new RegExp(`^${name}: `) });

test('three workers on servers, unless told otherwise; five are for browsers [C-20, TW-65]', () =>
  countingThreads(async (threads) => {
    const twin = createTwin({ CLIENT_WORKER_COUNT: 1 });
    await split(twin, 'echo');
    await until(() => threads.warm === 3);
    await twin.Destroy();
    assert.equal(threads.started, 3);
    assert.deepEqual([DEFAULTS.SERVER_WORKER_COUNT, DEFAULTS.CLIENT_WORKER_COUNT], [3, 5]);
    await withTwin({ SERVER_WORKER_COUNT: 1 }, (other) => split(other, 'echo'));
    assert.equal(threads.started, 4);
  }));

test('settings have Twin’s names [TW-18, TW-51, TW-53]', () =>
  withTwin(
    { MAX_BATCH_SIZE: 4, TELEMETRY_ENABLED: true, TELEMETRY_RING_SIZE: 5, QUEUE_WARN_DEPTH: 1 },
    async (twin) => {
      const seen = await bulk(twin, 'describeSlice', [1, 2, 3, 4, 5, 6, 7, 8, 9]);
      assert.deepEqual(
        seen.map((slice) => slice.length),
        [4, 4, 4, 4, 4, 4, 4, 4, 1],
      );
      await until(() => twin.Report().SampleCount === 5);
      const release = await blocker(twin);
      const other = await blocker(twin);
      const waiting = split(twin, 'echo');
      await until(() => twin.Report().Queues.Heavy.Value === 1);
      assert.equal(twin.Report().Queues.Heavy.Status, 'Warm');
      assert.equal(twin.Report().SampleCount, 5);
      await Promise.all([release(), other(), waiting]);
    },
  ));

test('STARVATION_THRESHOLD: a heavy job runs beside bulk jobs after so many slices [TW-09]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1, STARVATION_THRESHOLD: 2 }, async (twin) => {
    const { cells, release, running } = gate();
    const order = [];
    const slices = bulk(twin, 'blockSlice', Array(8).fill(cells), { BatchSize: 1, MaxWaitTime: 60 });
    slices.then(() => order.push('bulk'));
    await running();
    const heavy = split(twin, 'echo').then(() => order.push('heavy'));
    release();
    await Promise.all([slices, heavy]);
    assert.deepEqual(order, ['heavy', 'bulk']);
  }));

test('DEFAULT_MAX_WAIT is for bulk jobs that say nothing [TW-28]', () =>
  withTwin({ DEFAULT_MAX_WAIT: 0.75 }, async (twin) => {
    const given = mock.method(Pool.prototype, 'bulkSplit');
    for (const options of [undefined, { MaxWaitTime: 1 }]) await bulk(twin, 'echo', [1], options);
    given.mock.restore();
    assert.deepEqual(
      given.mock.calls.map((call) => call.arguments[3].maxWaitMs),
      [750, 1000],
    );
  }));

test('a wrong setting throws under its name [TW-65]', () => {
  for (const configuration of [null, 5]) assert.throws(() => createTwin(configuration), invalid('configuration'));
  for (const [name, value] of Object.entries(DEFAULTS)) {
    const wrongs = typeof value === 'boolean' ? [1, 'true', null] : [-1, NaN, '1', true, null];
    for (const wrong of wrongs) assert.throws(() => createTwin({ [name]: wrong }), invalid(name));
  }
  const limits = ['STARVATION_THRESHOLD', 'BG_STARVATION_THRESHOLD', 'SPECULATIVE_THRESHOLD', 'FRAME_BUDGET_SEC'];
  const sizes = ['SERVER_WORKER_COUNT', 'MAX_BATCH_SIZE', 'WATCHDOG_TIMEOUT', 'WATCHDOG_INTERVAL'];
  for (const name of [...limits, ...sizes, 'NODE_POOL_SIZE', 'workers'])
    for (const value of [-1, NaN, '1']) assert.throws(() => createTwin({ [name]: value }), invalid(name));
  assert.throws(() => createTwin({ TELEMETRY_ENABLED: true, TELEMETRY_RING_SIZE: 0 }), invalid('TELEMETRY_RING_SIZE'));
});
