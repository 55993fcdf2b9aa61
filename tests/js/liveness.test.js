/** Workers that give no sign of life while they run a task. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Stops } from '../../js/engine/stops.js';
import { FakeClock } from './fake-clock.js';
import { C_MODULE, codeOf, liveness, until, withPatience, withPool } from './helpers.js';

test('a handler that is silent is stopped with its thread, and its task lost; one that awaits is not silent [NF-41, TW-55]', () =>
  withPool({ liveness }, async (pool) => {
    const [a, b] = await pool.broadcast('thread');
    const silent = pool.dispatch('spin');
    const awaiting = pool.dispatch('slow', 600);
    assert.equal(await codeOf(silent), 'WORKER_LOST');
    assert.equal(await awaiting, 600);
    await until(() => pool.stats().freeWorkers === 2);
    const after = await pool.broadcast('thread');
    assert.equal([a, b].filter((thread) => after.includes(thread)).length, 1, 'one thread is new');
    const { interventions, recentStops } = pool.diagnostics();
    assert.equal(interventions, 1);
    assert.deepEqual(
      recentStops.map(({ rung, taskId }) => [rung, taskId]),
      [['terminate', silent.id]],
    );
  }));

test('all tasks of a silent worker are named that end with it; one that is cancelled once', () =>
  withPool({ liveness, workers: 1, concurrentTasksPerWorker: 3 }, async (pool) => {
    const waits = pool.dispatch('slow', 1e6);
    const cancelled = pool.dispatch('slow', 1e6);
    await pool.dispatch('echo', 1);
    cancelled.cancel();
    assert.equal(await codeOf(cancelled), 'CANCELLED');
    const spins = pool.dispatch('spin');
    assert.deepEqual([await codeOf(spins), await codeOf(waits)], ['WORKER_LOST', 'WORKER_LOST']);
    await until(() => pool.diagnostics().recentStops.length >= 3);
    const ids = pool.diagnostics().recentStops.map(({ taskId }) => taskId);
    assert.deepEqual(ids.sort(), [waits.id, cancelled.id, spins.id].sort());
    assert.equal(pool.diagnostics().stops.terminate.count, 3);
  }));

test('heartbeats from a loop that never returns to its event loop keep it alive [NF-40]', () =>
  withPool({ liveness: { timeoutMs: 1000, scanMs: 10 }, workers: 1 }, async (pool) => {
    const thread = await pool.dispatch('thread');
    assert.equal(await pool.dispatch('beating', 2500), 2500);
    assert.equal(await pool.dispatch('thread'), thread);
    assert.equal(pool.diagnostics().interventions, 0);
  }));

test('a task that hangs once runs again at the head of its lane; interventions: 1 [TW-54]', () =>
  withPool({ liveness, workers: 1 }, async (pool) => {
    const word = new Int32Array(new SharedArrayBuffer(4));
    const order = [];
    const hanging = pool.dispatch('hangOnce', word, { onLost: 'requeue' }).then((value) => order.push(value));
    const behind = pool.dispatch('echo', 'behind').then((value) => order.push(value));
    await Promise.all([hanging, behind]);
    assert.deepEqual(order, ['second time', 'behind']);
    assert.equal(pool.diagnostics().interventions, 1);
  }));

test('at the head of its own lane: behind what is of a higher level, before others of its own [TW-54]', () =>
  withPool({ liveness, workers: 1, aging: false }, async (pool) => {
    const word = new Int32Array(new SharedArrayBuffer(4));
    const order = [];
    const note = (name, priority) => pool.dispatch('echo', name, { priority }).then((value) => order.push(value));
    const options = { onLost: 'requeue', priority: 'normal' };
    const hanging = pool.dispatch('hangOnce', word, options).then((value) => order.push(value));
    await until(() => Atomics.load(word, 0) === 1);
    const others = [note('normal', 'normal'), note('low', 'low'), note('high', 'high'), note('critical', 'critical')];
    await Promise.all([hanging, ...others]);
    assert.deepEqual(order, ['critical', 'high', 'second time', 'normal', 'low']);
  }));

test('liveness: false: nobody looks for signs of life, of jobs and of tasks [TW-54]', () => {
  const clock = new FakeClock();
  return withPool({ liveness: false, workers: 2, scheduler: clock.scheduler }, async (pool) => {
    const words = [0, 1].map(() => new Int32Array(new SharedArrayBuffer(8)));
    const results = [
      pool.dispatch('spinUntil', words[0]),
      new Promise((resolve) => pool.split('spinUntil', words[1], resolve)),
    ];
    await until(() => words.every((word) => Atomics.load(word, 0) === 1));
    for (let second = 0; second < 60; second++) clock.advance(1000);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([pool.diagnostics().interventions, pool.stats().freeWorkers], [0, 0]);
    for (const word of words) Atomics.store(word, 1, 1);
    assert.deepEqual(await Promise.all(results), [true, true], 'they have gone on all the time');
  });
});

test('a task that hangs every time ends with POISON_JOB after the redeliveries that are allowed [TW-57]', () =>
  withPool({ liveness: { ...liveness, maxRedeliveries: 2 }, workers: 1 }, async (pool) => {
    const word = new Int32Array(new SharedArrayBuffer(4));
    assert.equal(await codeOf(pool.dispatch('countAndHang', word, { onLost: 'requeue' })), 'POISON_JOB');
    assert.equal(word[0], 3);
    assert.equal(await pool.dispatch('echo', 1), 1);
  }));

test('a task that was cancelled and hangs is stopped, and not run again [TW-56]', () =>
  withPool({ liveness, workers: 1 }, async (pool) => {
    const word = new Int32Array(new SharedArrayBuffer(4));
    const task = pool.dispatch('countAndHang', word, { onLost: 'requeue' });
    await until(() => Atomics.load(word, 0) === 1);
    task.cancel();
    assert.equal(await codeOf(task), 'CANCELLED');
    assert.equal(await pool.dispatch('echo', 'served'), 'served');
    assert.equal(word[0], 1);
  }));

test('a silent C task is stopped by a loop check: lost, or run again, and its thread lives on [NF-41, TW-57]', () =>
  withPatience(() =>
    withPool({ liveness: { ...liveness, maxRedeliveries: 1 }, workers: 1, wasm: C_MODULE }, async (pool) => {
      const thread = await pool.dispatch('thread');
      const lost = pool.dispatch('c_spin');
      assert.equal(await codeOf(lost), 'WORKER_LOST');
      const poison = pool.dispatch('c_malloc', undefined, { onLost: 'requeue' });
      assert.equal(await codeOf(poison), 'POISON_JOB');
      // Main learns that a task is over before it learns what stopped it.
      await until(() => Object.values(pool.diagnostics().stops).reduce((sum, { count }) => sum + count, 0) === 3);
      const { interventions, stops, kills, recentStops } = pool.diagnostics();
      assert.equal(await pool.dispatch('thread'), thread);
      assert.deepEqual([interventions, stops.check.count, kills], [3, 3, 0]);
      assert.deepEqual(
        recentStops.map(({ taskId }) => taskId),
        [lost.id, poison.id, poison.id],
      );
    }),
  ));

test('what ends with a silent worker: main names the tasks that it runs, wanted or not', () => {
  const running = new Set(['1 4 7', '1 5 1', '2 6 1']); // thread, slot, generation
  const exports = {
    _wp_worker_runs: (_pool, thread, slot, generation) => (running.has(`${thread} ${slot} ${generation}`) ? 1 : 0),
  };
  const core = { exports, pool: 8, memory: { u32: new Uint32Array(100) }, slots: { record: () => 0 } };
  const told = [];
  const recover = (...args) => told.push(args);
  const stops = new Stops(/** @type {any} */ (core), /** @type {any} */ ({ suspicions: { recover }, tell() {} }), 0);
  const task = (id, index, generation) => /** @type {any} */ ({ id, index, generation });
  const wanted = [undefined, task('here', 5, 1), task('elsewhere', 6, 1), task('older', 4, 6)];
  stops.note(1, task('given up', 4, 7));
  const look = () => {
    stops.stopSilent(1, 17, wanted);
    const [thread, beat, tasks] = told.pop();
    assert.deepEqual([thread, beat], [1, 17]);
    return tasks().map(({ index, generation, taskId }) => [index, generation, taskId]);
  };
  assert.deepEqual(look(), [
    [4, 7, 'given up'],
    [5, 1, 'here'],
  ]);
  running.delete('1 4 7');
  assert.deepEqual(look(), [[5, 1, 'here']]);
  running.clear();
  assert.deepEqual(look(), []);
});
