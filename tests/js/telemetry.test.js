import assert from 'node:assert/strict';
import test from 'node:test';
import { Pool } from '../../js/index.js';
import { Load, Telemetry } from '../../js/telemetry/telemetry.js';
import { FakeClock } from './fake-clock.js';
import { blocker, ending, MODULE, until, withPool } from './helpers.js';

test('without telemetry there is no report, no load, no timer; with it, none before the first sample [C-24, TW-42, TW-44]', (t) =>
  withPool({ workers: 1 }, async (pool) => {
    await pool.dispatch('echo', 1);
    assert.equal(pool.report(), undefined);
    assert.equal(pool.taskLoad(), undefined);
    const time = new FakeClock();
    const quiet = ending(t, new Pool({ module: MODULE, workers: 1, scheduler: time.scheduler }));
    await quiet.ready;
    await quiet.dispatch('echo', 1);
    assert.equal(time.timers, 0, 'nothing ticks');
    await quiet.destroy();
  }));

test('no sampling code runs while telemetry is off, split and bulkSplit included [TW-44]', async (t) => {
  const sample = t.mock.method(Telemetry.prototype, 'sample');
  await withPool({ workers: 1 }, async (pool) => {
    await new Promise((resolve) => pool.split('echo', 1, resolve));
    await new Promise((resolve) => pool.bulkSplit('echo', [1, 2], resolve));
    assert.ok(pool);
  });
  assert.equal(sample.mock.callCount(), 0);
  await withPool({ workers: 1, telemetry: { tickMs: 1 } }, () => until(() => sample.mock.callCount() > 2));
});

test('the shape of a report; the worst metric colours its group and the whole [TW-45, TW-48, TW-52]', () =>
  withPool({ workers: 2, telemetry: { tickMs: 1, thresholds: { depth: [2, 3] } } }, async (pool) => {
    await until(() => pool.report()?.Workers.Free === 2);
    const report = /** @type {import('../../js/telemetry/telemetry.js').Report} */ (pool.report());
    assert.deepEqual(Object.keys(report), [
      'Pools',
      'Queues',
      'Workers',
      'FrameGovernor',
      'Starvation',
      'Overall',
      'WindowSec',
      'SampleCount',
      'Timestamp',
    ]);
    assert.equal(report.Overall, 'Green');
    assert.deepEqual(report.Queues.Heavy, { Value: 0, Status: 'Healthy' });
    assert.deepEqual(Object.keys(report.Pools.ResultBuffer).sort(), ['Capacity', 'Status', 'Value']);
    assert.equal(report.Workers.AvgExecTime.length, 2);
    assert.equal(report.FrameGovernor.BudgetMs.Value, 8);
    const { Total, Free, Busy } = report.Workers;
    assert.deepEqual([Total, Free, Busy], [2, 2, 0]);
    const gates = [blocker(pool), blocker(pool)];
    await Promise.all(gates.map((gate) => gate.running));
    const done = Promise.all([1, 2, 3].map((i) => new Promise((resolve) => pool.split('echo', i, resolve))));
    await until(() => pool.report()?.Queues.Heavy.Value === 3);
    const red = /** @type {import('../../js/telemetry/telemetry.js').Report} */ (pool.report());
    assert.equal(red.Queues.Heavy.Status, 'Overloaded');
    assert.equal(red.Queues.Status, 'Red');
    assert.equal(red.Overall, 'Red');
    assert.equal(red.Workers.Busy, 2);
    assert.equal(red.Pools.Node.Capacity - red.Pools.Node.Value, 5);
    for (const gate of gates) await gate.release();
    await done;
  }));

test('AvgExecTime is from start to end, of tasks that await something and run beside others too [TW-48]', () =>
  withPool({ workers: 1, concurrentTasksPerWorker: 4, telemetry: { ring: 1, tickMs: 1 } }, async (pool) => {
    const MS = 40;
    for (let round = 0; round < 2; round++) {
      await Promise.all(Array.from({ length: 4 }, () => pool.dispatch('slow', MS)));
    }
    const mean = MS * (1 - 0.75 ** 8); // of eight tasks
    await until(() => (pool.report()?.Workers.AvgExecTime[0].Value ?? 0) * 1000 > 0.9 * mean); // by a sample after the last
  }));

test('tasks without a weight show as Plain, and those that main holds back by their weight [TW-47]', async () => {
  const time = new FakeClock();
  await withPool(
    { workers: 1, telemetry: true, scheduler: time.scheduler, liveness: false, dispatchBudgetMs: 8 },
    async (pool) => {
      pool.pause();
      const done = [pool.batch([{ task: 'echo' }, { task: 'echo' }]), pool.dispatch('echo', 1)];
      const split = (/** @type {object} */ options) =>
        new Promise((resolve) => pool.split('echo', 1, resolve, options));
      time.costMs = 8;
      done.push(split({}));
      time.costMs = 0;
      for (let i = 0; i < 3; i++) done.push(split({}));
      for (let i = 0; i < 12; i++) done.push(split({ weight: 'light', priority: i % 2 ? 'critical' : 'low' }));
      time.advance(16);
      const queues = /** @type {any} */ (pool.report()).Queues;
      assert.deepEqual(Object.keys(queues), [
        'Light',
        'Heavy',
        'BulkCritical',
        'BulkNormal',
        'BulkBackground',
        'Plain',
        'Status',
      ]);
      assert.deepEqual([queues.Plain.Value, queues.Heavy.Value, queues.Light.Value], [3, 1 + 3, 12]);
      assert.deepEqual([queues.Light.Status, queues.Status], ['Warm', 'Yellow']);
      pool.resume();
      await Promise.all(done);
    },
  );
});

test('a tick is over its budget when one job took more than that [TW-49]', async () => {
  const time = new FakeClock();
  await withPool({ workers: 1, telemetry: true, scheduler: time.scheduler, liveness: false }, async (pool) => {
    const rate = () => pool.report()?.FrameGovernor.OverBudgetRate.Value;
    time.costMs = 50;
    pool.split('echo', 1, () => {});
    time.costMs = 0;
    time.advance(16);
    const { SampleCount } = /** @type {any} */ (pool.report());
    assert.equal(rate(), 1 / SampleCount);
    pool.split('echo', 1, () => {});
    time.advance(16);
    assert.equal(rate(), 1 / (SampleCount + 1));
    await pool.drain();
  });
});

test('reading a report resets only its window [TW-43]', async (t) => {
  const time = new FakeClock();
  const pool = ending(t, new Pool({ module: MODULE, workers: 1, telemetry: true, scheduler: time.scheduler }));
  await pool.ready;
  for (let i = 0; i < 10; i++) time.advance(16);
  const first = pool.report();
  time.advance(16);
  const second = pool.report();
  assert.deepEqual([first?.SampleCount, second?.SampleCount], [10, 11]);
  assert.ok(Math.abs((second?.WindowSec ?? 0) - 0.016) < 1e-9, `${second?.WindowSec}`);
  await pool.destroy();
  assert.equal(time.timers, 0);
});

test('how busy the threads are, refreshed once a second, O(1) to read [TW-64]', () =>
  withPool({ workers: 2, telemetry: { tickMs: 5 } }, async (pool) => {
    assert.equal(pool.taskLoad(), pool.taskLoad(), 'the same object until it is refreshed');
    assert.deepEqual(pool.taskLoad(), { environment: 'server', mainThread: 0, workers: [0, 0] });
    const gate = blocker(pool);
    await gate.running;
    const busyOne = () => [...(pool.taskLoad()?.workers ?? [])].sort((a, b) => a - b);
    await until(() => busyOne()[1] === 100); // a whole second of samples
    assert.equal(busyOne()[0], 0);
    assert.ok(Number(pool.taskLoad()?.mainThread) >= 0 && Number(pool.taskLoad()?.mainThread) <= 100);
    await gate.release();
    await until(() => busyOne()[1] === 0);
  }));

test('without a meter of the host main is as busy as its ticks are late [TW-64]', () => {
  let now = 0;
  const core = /** @type {any} */ ({});
  const load = new Load(core, { members: new Map(), extent: 1 }, { now: () => now, tickMs: 10 });
  for (let tick = 0; tick < 50; tick++) {
    now += 20; // twice as long as it should be
    load.sample();
  }
  assert.equal(load.latest.mainThread, 50);
});

test('time is replaceable while the pool runs; its timers are ended by who made them [TW-60]', async (t) => {
  const first = new FakeClock();
  const second = new FakeClock();
  const pool = ending(
    t,
    new Pool({ module: MODULE, workers: 1, telemetry: true, dev: true, scheduler: first.scheduler }),
  );
  await pool.ready;
  assert.equal(first.timers, 1);
  pool.inject('Assignment', second.scheduler);
  first.advance(16); // this tick was set before; the next one has the other interval
  assert.deepEqual([first.timers, second.timers], [0, 1]);
  second.advance(16);
  assert.equal(pool.report()?.SampleCount, 2);
  pool.inject(
    'Partial',
    /** @type {any} */ ({ now: first.scheduler.now, spawn: () => assert.fail('unknown names are ignored') }),
  );
  second.advance(16);
  assert.equal(second.timers, 0, 'what is missing is the runtime’s');
  for (const [name, lib] of /** @type {any[]} */ ([
    ['', {}],
    ['x', null],
    ['x', { now: 1 }],
  ]))
    assert.throws(() => pool.inject(name, lib), { code: 'INVALID_ARGUMENT' });
  await pool.destroy();
});
