import assert from 'node:assert/strict';
import test from 'node:test';
import { createPool } from '../../js/index.js';
import { C_MODULE, codeOf, until, withPool } from './helpers.js';

const module = new URL('./fixtures/cancel.js', import.meta.url);
/** Long enough on any machine: tasks that end by themselves never need it. */
const LONG_MS = 60_000;

const words = () => new Int32Array(new SharedArrayBuffer(16));
const runs = (shared) => until(() => Atomics.load(shared, 0) === 1);

/** Every way in which a running task is given up and stopped: [name, start, how it ends]. */
const ways = [
  ['a time limit', { timeoutMs: 400 }, () => undefined, 'TIMEOUT'],
  ['terminate()', {}, ({ task }) => task.terminate(), 'CANCELLED'],
  ['an aborted signal', {}, ({ controller }) => controller.abort(), 'CANCELLED'],
];

for (const handler of ['polls', 'waits']) {
  for (const [name, options, giveUp, code] of ways) {
    test(`within cancelGraceMs a handler that ${handler} ends by itself after ${name}, and its worker lives on`, () =>
      withPool({ module, workers: 1 }, async (pool) => {
        await pool.dispatch('count');
        const shared = words();
        const controller = new AbortController();
        const { signal } = controller;
        const task = pool.dispatch(handler, shared, { ...options, signal, cancelGraceMs: LONG_MS });
        const rejected = codeOf(task);
        await runs(shared);
        await giveUp({ task, controller });
        assert.equal(await rejected, code);
        assert.equal(await pool.dispatch('count'), 2, 'the same worker');
        assert.notEqual(Atomics.load(shared, 1), 0, 'it ended by itself');
        const { kills, stops, recentStops } = pool.diagnostics();
        assert.deepEqual([kills, stops.check.count, stops.terminate.count], [0, 0, 0]);
        // A quick one ends before it must be stopped.
        assert.ok(recentStops.every(({ rung, taskId }) => rung === 'flag' && taskId === task.id));
        assert.ok(recentStops.length <= 1);
      }));
  }
}

test('the grace of a pool is for tasks that have none of their own', () =>
  withPool({ module, workers: 1, cancelGraceMs: LONG_MS }, async (pool) => {
    await pool.dispatch('count');
    const [own, pools] = [words(), words()];
    const short = pool.dispatch('ignores', own, { cancelGraceMs: 20 });
    const ended = codeOf(short);
    await runs(own);
    await short.terminate(); // it would take a minute
    assert.equal(await ended, 'CANCELLED');
    assert.equal(await pool.dispatch('count'), 1, 'a new worker');
    const long = pool.dispatch('polls', pools);
    const other = codeOf(long);
    await runs(pools);
    await long.terminate();
    assert.equal(await other, 'CANCELLED');
    assert.equal(await pool.dispatch('count'), 2, 'the same worker');
    const { kills, recentStops } = pool.diagnostics();
    assert.equal(kills, 1);
    assert.ok(recentStops[0].ms >= 20, 'not before its grace was over');
  }));

test('a handler that is only cancelled hears of it by its signal, while its event loop is idle', () =>
  withPool({ module, workers: 1 }, async (pool) => {
    const shared = words();
    const task = pool.dispatch('waits', shared);
    await runs(shared);
    assert.ok(task.cancel('not wanted'));
    assert.equal(await codeOf(task), 'CANCELLED');
    await until(() => Atomics.load(shared, 1) === 1);
    assert.equal(await pool.dispatch('count'), 1);
    assert.equal(pool.diagnostics().kills, 0);
  }));

test('a task that is waited for after its time limit hears of it by its signal', () =>
  withPool({ module, workers: 1, recycleTimeoutMs: Infinity }, async (pool) => {
    const shared = words();
    assert.equal(await codeOf(pool.dispatch('waits', shared, { timeoutMs: 30 })), 'TIMEOUT');
    await until(() => Atomics.load(shared, 1) === 2);
    assert.equal(await pool.dispatch('count'), 1);
    assert.deepEqual(pool.diagnostics().recentStops, []);
  }));

test('a signal that is asked for after the task was given up is aborted from the start', () =>
  withPool({ module, workers: 1 }, async (pool) => {
    const shared = words();
    const task = pool.dispatch('asksLate', shared);
    await runs(shared);
    task.cancel();
    Atomics.store(shared, 1, 1);
    Atomics.notify(shared, 1);
    await until(() => Atomics.load(shared, 2) !== 0);
    assert.equal(Atomics.load(shared, 2), 1);
    assert.equal(await codeOf(task), 'CANCELLED');
  }));

test('the signal of a task that ended is never aborted, nor is that of the next task in its slot', () =>
  withPool({ module, workers: 1 }, async (pool) => {
    const task = pool.dispatch('keeps');
    assert.deepEqual(await task, [undefined, false]);
    assert.equal(task.cancel(), false);
    for (let round = 0; round < 20; round++) {
      const shared = words();
      const given = pool.dispatch('waits', shared);
      await runs(shared);
      given.cancel();
      assert.deepEqual(await pool.dispatch('keeps'), [false, false]);
      assert.equal(await codeOf(given), 'CANCELLED');
    }
  }));

test('a pool that is destroyed during a grace ends at once, and nothing of the grace is left', async () => {
  const pool = await createPool({ module, workers: 1, cancelGraceMs: LONG_MS });
  const shared = words();
  const task = pool.dispatch('ignores', shared);
  const rejected = codeOf(task);
  await runs(shared);
  const stopped = task.terminate();
  assert.equal(await rejected, 'CANCELLED');
  await pool.destroy();
  await stopped;
});

test('each stop counts once, and names its task: a time limit, a cancelled task that is stopped later, while clocks are looked at', () =>
  withPool({ module, wasm: C_MODULE, workers: 3 }, async (pool) => {
    const ticks = setInterval(() => void pool.dispatch('echo', 0, { timeoutMs: 600_000 }), 1);
    try {
      const ids = [];
      for (const [name, graceMs] of [
        ['c_spin', 1],
        ['c_spin', 40],
        ['c_wait', 40],
        ['ignores', 40],
      ]) {
        const task = pool.dispatch(name, name === 'ignores' ? words() : undefined, {
          timeoutMs: 30,
          cancelGraceMs: graceMs,
        });
        ids.push(task.id);
        assert.equal(await codeOf(task), 'TIMEOUT');
      }
      const shared = words();
      const cancelled = pool.dispatch('ignores', shared, { timeoutMs: 2000, cancelGraceMs: 4000 });
      ids.push(cancelled.id);
      await runs(shared);
      const end = cancelled.terminate(); // its limit passes during its grace
      assert.equal(await codeOf(cancelled), 'CANCELLED');
      await end;
      await until(() => pool.diagnostics().recentStops.length >= ids.length);
      const { stops, recentStops, kills } = pool.diagnostics();
      assert.deepEqual(recentStops.map(({ taskId }) => taskId).sort(), ids.sort());
      assert.equal(stops.flag.count + stops.check.count + stops.terminate.count, ids.length);
      assert.equal(stops.terminate.count, kills); // with little processor time a C task, too, may be stopped with its thread
      assert.ok(kills >= 3);
    } finally {
      clearInterval(ticks);
    }
  }));

test('a cancelled task that hangs past its time limit is stopped then, under its own name', () =>
  withPool({ module, workers: 1 }, async (pool) => {
    const shared = words();
    const task = pool.dispatch('ignores', shared, { timeoutMs: 2000 });
    await runs(shared);
    task.cancel();
    assert.equal(await codeOf(task), 'CANCELLED');
    assert.equal(await pool.dispatch('count'), 1);
    await until(() => pool.diagnostics().recentStops.length === 1);
    assert.equal(pool.diagnostics().recentStops[0].taskId, task.id);
  }));

const withdrawals = [
  ['cancelled', {}, (task) => task.cancel(), 'CANCELLED'],
  ['timed out', { timeoutMs: 20 }, () => undefined, 'TIMEOUT'],
];
for (const [how, options, withdraw, code] of withdrawals) {
  for (const [name, rung] of [
    ['c_spin', 'check'],
    ['ignores', 'terminate'],
  ]) {
    test(`terminate() stops a task that was ${how} before and runs on (${name})`, () =>
      withPool({ module, wasm: C_MODULE, workers: 1, recycleTimeoutMs: Infinity, cancelGraceMs: 0 }, async (pool) => {
        const shared = words();
        const task = pool.dispatch(name, shared, options);
        await pool.ready;
        await until(() => pool.stats().queued === 0);
        withdraw(task);
        assert.equal(await codeOf(task), code);
        assert.equal(pool.diagnostics().recentStops.length, 0, 'it runs on');
        await Promise.all([task.terminate(), task.terminate()]);
        assert.deepEqual(
          pool.diagnostics().recentStops.map((stop) => [stop.taskId, stop.rung]),
          [[task.id, rung]],
        );
        await task.terminate(); // it is over
        assert.equal(await pool.dispatch('count'), 1);
      }));
  }
}

test('alone: no other task runs beside it on its worker, and others do beside each other', () =>
  withPool({ module, workers: 1, concurrentTasksPerWorker: 4 }, async (pool) => {
    const [others, alone, next] = [words(), words(), words()];
    const before = [pool.dispatch('counts', others), pool.dispatch('counts', others)];
    await until(() => Atomics.load(others, 3) === 2);
    const single = pool.dispatch('counts', alone, { alone: true });
    const after = pool.dispatch('counts', next);
    const low = pool.dispatch('echo', 'low', { priority: 'low' });
    Atomics.store(others, 1, 1);
    await Promise.all(before);
    await runs(alone);
    assert.equal(Atomics.load(alone, 3), 1, 'it runs alone');
    assert.deepEqual([pool.stats().queued, Atomics.load(next, 0)], [2, 0], 'the others wait');
    Atomics.store(alone, 1, 1);
    await runs(next);
    assert.equal(Atomics.load(next, 3), 1);
    assert.equal(await low, 'low', 'beside another one');
    Atomics.store(next, 1, 1);
    await Promise.all([single, after]);
  }));
