/** The entry point `wasmpool/twin`: the examples of Report and GetTaskLoad. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { blocker, bulkBlocker, split, withTwin } from './fixtures/twin-support.js';
import { until } from './helpers.js';

test('Report A: overall health, window and samples; reading it resets nothing [TW-42, TW-43, TW-45]', () =>
  withTwin({ TELEMETRY_ENABLED: true }, async (twin) => {
    await until(() => twin.Report()?.SampleCount > 1);
    const { Overall, WindowSec, SampleCount, Timestamp } = twin.Report();
    const line = `Twin health [${Overall}] over ${WindowSec.toFixed(1)}s (${SampleCount} samples)`;
    assert.match(line, /^Twin health \[(Green|Yellow|Red)\] over \d+\.\ds \(\d+ samples\)$/);
    const next = twin.Report();
    assert.ok(next.SampleCount >= SampleCount && next.Timestamp >= Timestamp);
  }));

test('Report B: a red report names the queue, and each other group has its figures [TW-46, TW-47, TW-48, TW-49, TW-50, TW-52]', () =>
  withTwin({ TELEMETRY_ENABLED: true, SERVER_WORKER_COUNT: 1, FRAME_BUDGET_SEC: 0.012 }, async (twin) => {
    const release = await blocker(twin);
    const all = Array.from({ length: 40 }, (_, n) => split(twin, 'echo', n));
    await until(() => twin.Report()?.Queues.Status === 'Red');
    const report = twin.Report();
    assert.equal(report.Overall, 'Red');
    assert.ok(report.Queues.Heavy.Value >= 25 && report.Queues.BulkNormal.Value === 0);
    assert.ok(report.Pools.ResultBuffer.Value <= report.Pools.ResultBuffer.Capacity);
    assert.ok(report.Pools.BulkBatch.Value <= report.Pools.BulkBatch.Capacity);
    assert.deepEqual([report.Workers.Total, report.Workers.AvgExecTime.length], [1, 1]);
    assert.equal(report.Workers.WatchdogInterventions.Value, 0);
    assert.deepEqual(report.FrameGovernor.BudgetMs, { Value: 12, Status: 'Healthy' });
    assert.deepEqual([report.Starvation.HeavySkipCount.Value, report.Starvation.BgSkipCount.Value], [0, 0]);
    await Promise.all([release(), ...all]);
  }));

test('Report B: HeavySkipCount counts ticks in which a heavy job waits for bulk jobs, though nothing goes before it [TW-50]', () =>
  withTwin({ TELEMETRY_ENABLED: true, SERVER_WORKER_COUNT: 2 }, async (twin) => {
    const { release, over } = await bulkBlocker(twin);
    const heavy = split(twin, 'echo', 'heavy');
    await until(() => twin.Report()?.Starvation.HeavySkipCount.Value >= 12);
    const { HeavySkipCount, BgSkipCount, Status } = twin.Report().Starvation;
    assert.deepEqual([HeavySkipCount.Status, BgSkipCount.Value, Status], ['Overloaded', 0, 'Red']);
    release();
    await over;
    assert.equal(await heavy, 'heavy');
  }));

test('Report C: nothing while telemetry is off [TW-42, TW-44, TW-64]', () =>
  withTwin({}, async (twin) => {
    await split(twin, 'echo');
    assert.equal(twin.Report(), undefined);
    assert.equal(twin.GetTaskLoad(), undefined);
  }));

test('GetTaskLoad tells environment, main and every worker, in percent [TW-64]', () =>
  withTwin({ TELEMETRY_ENABLED: true }, async (twin) => {
    const release = await blocker(twin);
    await until(() => twin.GetTaskLoad()?.Workers.some((part) => part > 0));
    const { Environment, MainThread, Workers } = twin.GetTaskLoad();
    assert.equal(Environment, 'Server');
    assert.equal(Workers.length, 2);
    for (const part of [MainThread, ...Workers]) assert.ok(part >= 0 && part <= 100);
    await release();
  }));
