/** Timers: however a task ends, none of its timers stays. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createPool } from '../../js/index.js';
import { countedTime } from './fake-clock.js';
import { blocker, codeOf, MODULE, until, withPool } from './helpers.js';

const limit = { timeoutMs: 60_000 };

/** Every way in which a task can end, by name, and what it settles with. */
const ROUTES = {
  result: async (pool) => assert.equal(await pool.dispatch('echo', 1, limit), 1),
  'result by message': async (pool) => assert.equal((await pool.dispatch('move', 200_000, limit)).length, 200_000),
  'leased result': async (pool) => (await pool.dispatch('echo', 1, { ...limit, deliver: 'lease' })).release(),
  'thrown error': async (pool) => assert.equal(await codeOf(pool.dispatch('fail', 'no', limit)), 'TASK_FAILED'),
  'payload that cannot be sent': async (pool) =>
    assert.equal(await codeOf(pool.dispatch('echo', () => 1, limit)), 'NOT_SERIALIZABLE'),
  'result that cannot be sent': async (pool) =>
    assert.equal(await codeOf(pool.dispatch('aFunction', 1, limit)), 'NOT_SERIALIZABLE'),
  'unknown name': async (pool) => assert.equal(await codeOf(pool.dispatch('nope', 1, limit)), 'UNKNOWN_TASK'),
  'cancelled while it waits': async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const task = pool.dispatch('echo', 1, limit);
    task.cancel();
    assert.equal(await codeOf(task), 'CANCELLED');
    await gate.release();
  },
  'cancelled while it runs': async (pool) => {
    const gate = blocker(pool, limit);
    await gate.running;
    gate.promise.cancel();
    assert.equal(await codeOf(gate.promise), 'CANCELLED');
    gate.release().catch(() => undefined);
  },
  terminated: async (pool) => {
    const task = pool.dispatch('spin', 0, limit);
    await until(() => pool.stats().freeWorkers === 0 && pool.stats().queued === 0);
    await task.terminate();
    assert.equal(await codeOf(task), 'CANCELLED');
  },
  'aborted while it waits': async (pool) => {
    const controller = new AbortController();
    pool.pause();
    const task = pool.dispatch('echo', 1, { ...limit, signal: controller.signal });
    controller.abort();
    assert.equal(await codeOf(task), 'CANCELLED');
    pool.resume();
  },
  'aborted while it runs': async (pool) => {
    const controller = new AbortController();
    const task = pool.dispatch('spin', 0, { ...limit, signal: controller.signal });
    await until(() => pool.stats().freeWorkers === 0 && pool.stats().queued === 0);
    controller.abort();
    assert.equal(await codeOf(task), 'CANCELLED');
  },
  'time limit': async (pool) => assert.equal(await codeOf(pool.dispatch('spin', 0, { timeoutMs: 20 })), 'TIMEOUT'),
  'lost worker': async (pool) => assert.equal(await codeOf(pool.dispatch('exit', 3, limit)), 'WORKER_LOST'),
  'lost worker, each time again': async (pool) =>
    assert.equal(await codeOf(pool.dispatch('exit', 3, { ...limit, onLost: 'requeue' })), 'POISON_JOB'),
  'failed batch': async (pool) => {
    const jobs = ['echo', 'fail', 'echo', 'echo'].map((task) => ({ task, payload: 'no' }));
    assert.equal(await codeOf(pool.batch(jobs, limit)), 'TASK_FAILED');
  },
  'left map': async (pool) => {
    for await (const value of pool.map('echo', Array.from({ length: 100 }).keys(), limit)) if (value === 3) break;
  },
  'callback of a split': (pool) => new Promise((resolve) => pool.split('echo', 1, resolve, limit)),
  'disconnected split': async (pool) => {
    pool.split('echo', 1, () => assert.fail('called'), limit).disconnect();
    await pool.drain();
  },
  'bulk job': (pool) => new Promise((resolve) => pool.bulkSplit('notes', [1, 2], () => resolve(undefined), limit)),
  sequence: async (pool) =>
    void (await pool.sequence([
      { task: 'echo', ...limit },
      { task: 'fail', ...limit },
    ])),
};

for (const [name, run] of Object.entries(ROUTES)) {
  test(`no timer stays behind a task that ends by: ${name} [AM-58]`, () => {
    const { scheduler, timers } = countedTime();
    const options = {
      workers: 1,
      scheduler,
      leaseMs: 20,
      recycleTimeoutMs: 0,
      restart: { minMs: 1, maxMs: 1, max: -1 },
    };
    return withPool(options, async (pool) => {
      assert.equal(timers.size, 0, 'none while nothing runs');
      await run(pool);
      await until(() => pool.stats().freeWorkers === 1);
      await until(() => timers.size === 0);
    });
  });
}

test('while tasks with limits run there is one timer for all of them [AM-58]', () => {
  const { scheduler, timers } = countedTime();
  return withPool({ workers: 2, scheduler }, async (pool) => {
    const gates = [blocker(pool, limit), blocker(pool, { timeoutMs: 30_000 })];
    const waiting = Array.from({ length: 20 }, () => pool.dispatch('echo', 1, limit));
    await Promise.all(gates.map((gate) => gate.running));
    assert.equal(timers.size, 1);
    for (const gate of gates) await gate.release();
    await Promise.all(waiting);
    await until(() => timers.size === 0);
  });
});

test('destroy() leaves no timer: of limits, leases, ticks, restarts, spares, the ready time-out [AM-58]', async () => {
  const { scheduler, timers } = countedTime();
  const options = { module: MODULE, workers: 2, scheduler, telemetry: true, restart: { minMs: 60_000, maxMs: 60_000 } };
  const pool = await createPool(options);
  await pool.dispatch('echo', 1, { deliver: 'lease' });
  assert.equal(await codeOf(pool.dispatch('exit', 3)), 'WORKER_LOST'); // its seat waits for a minute
  const gate = blocker(pool, limit);
  await gate.running;
  const rejected = codeOf(gate.promise);
  pool.split('echo', 1, () => undefined);
  assert.ok(timers.size >= 3, `${timers.size}: the limit or the lease, a tick, a restart`);
  const gone = pool.destroy();
  await gone;
  assert.equal(await rejected, 'POOL_DESTROYED');
  assert.equal(timers.size, 0);
});

test('close() leaves no timer of its own limit, nor of that of onStop [AM-58]', async () => {
  const { scheduler, timers } = countedTime();
  const pool = await createPool({ module: MODULE, workers: 2, scheduler });
  await pool.dispatch('echo', 1);
  await pool.close({ timeoutMs: 60_000 });
  assert.equal(timers.size, 0);
});
