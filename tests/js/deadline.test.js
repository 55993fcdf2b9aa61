/** deadlineMs: a limit that counts waiting, too. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Deadlines } from '../../js/task/deadlines.js';
import { Pool } from '../../js/index.js';
import { Task } from '../../js/task/task.js';
import { FakeClock } from './fake-clock.js';
import { blocker, codeOf, MODULE, randomFrom, seed, until, withPool } from './helpers.js';

const ITEMS = new URL('./fixtures/map-items.js', import.meta.url);
const failure = (promise) => Promise.resolve(promise).then(assert.fail, (error) => error);

test('a task that has not started by its deadline never does', () =>
  withPool({ workers: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const error = await failure(pool.dispatch('note', 'late', { deadlineMs: 20 }));
    assert.equal(error.code, 'TIMEOUT');
    assert.match(error.message, /deadline, 20 ms after it was submitted, has passed: it had not started/);
    assert.equal(pool.stats().queued, 0);
    await gate.release();
    assert.equal(await pool.dispatch('note', 'in time', { deadlineMs: 600_000 }), 'in time');
    assert.equal(await codeOf(pool.dispatch('note', 'never', { deadlineMs: 0 })), 'TIMEOUT');
    assert.equal(await codeOf(pool.dispatch('note', 'x', { deadlineMs: -1 })), 'INVALID_ARGUMENT');
    assert.equal(await pool.dispatch('echo', 1, { deadlineMs: Infinity }), 1);
    assert.deepEqual(await pool.dispatch('notes'), ['in time']);
  }));

test('no worker starts a task whose deadline has passed, also while main is busy', () =>
  withPool({ workers: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const late = failure(pool.dispatch('note', 'late', { deadlineMs: 10 }));
    const next = pool.dispatch('note', 'next');
    const end = performance.now() + 15;
    while (performance.now() < end);
    void gate.release();
    while (pool.stats().queued > 0); // main's timer cannot run
    const error = await late;
    assert.equal(error.code, 'TIMEOUT');
    assert.match(error.message, /it had not started/);
    assert.equal(await next, 'next');
    assert.deepEqual(await pool.dispatch('notes'), ['next']);
  }));

test('a deadline moves to the clock that is injected, also before the core is loaded', async () => {
  const [first, second] = [new FakeClock(), new FakeClock()];
  const pool = new Pool({ module: MODULE, workers: 1, scheduler: first.scheduler });
  try {
    const late = failure(pool.dispatch('note', 'late', { deadlineMs: 20 }));
    pool.inject('second', second.scheduler);
    second.advance(21);
    assert.equal(pool.stats().errors, 1, 'in the turn in which it passes');
    assert.match((await late).message, /deadline, 20 ms after it was submitted, has passed: it had not started/);
  } finally {
    await pool.destroy();
  }
});

test('a task that runs at its deadline is stopped as at its time limit', () => {
  let now = 0;
  return withPool({ workers: 1, scheduler: { now: () => now } }, async (pool) => {
    const word = new Int32Array(new SharedArrayBuffer(8));
    const running = pool.dispatch('spinUntil', word, { deadlineMs: 100 });
    await until(() => Atomics.load(word, 0) === 1);
    now = 101;
    const error = await failure(running);
    assert.deepEqual([error.code, error.worker, error.taskId], ['TIMEOUT', 'Worker_1', running.id]);
    assert.match(error.message, /it still ran on Worker_1/);
    assert.equal(await pool.dispatch('echo', 1), 1);
    const second = new Int32Array(new SharedArrayBuffer(8));
    const both = pool.dispatch('spinUntil', second, { deadlineMs: 600_000, timeoutMs: 20 });
    await until(() => Atomics.load(second, 0) === 1);
    now += 21;
    assert.match((await failure(both)).message, /ran longer than 20 ms/);
    assert.equal(pool.stats().errors, 2);
  });
});

test('deadlines of batches, maps, jobs and sequences', () =>
  withPool({ workers: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const how = { deadlineMs: 20 };
    const batch = await failure(pool.batch([{ task: 'echo', payload: 1 }, { task: 'echo' }], how));
    assert.deepEqual([batch.code, batch.index], ['TIMEOUT', 0]);
    const settled = await pool.map('note', ['a', 'b', 'c', 'd', 'e'], { ...how, settle: true });
    assert.deepEqual(
      settled.map(({ reason }) => reason.code),
      Array(5).fill('TIMEOUT'),
    );
    assert.equal((await failure(pool.map('note', ['m', 'n'], { ...how, batchSize: 2, maxWaitMs: 1 }))).index, 0);
    assert.equal(await new Promise((resolve) => pool.split('echo', 1, resolve, how)), undefined);
    assert.deepEqual(
      await new Promise((resolve) => pool.bulkSplit('echo', [1, 2], (list) => resolve([...list]), how)),
      [undefined, undefined],
    );
    await gate.release();
    assert.deepEqual(
      await pool.sequence([
        { task: 'echo', payload: 1, ...how },
        { task: 'note', payload: 2 },
      ]),
      [1, 2],
    );
    assert.deepEqual(await pool.dispatch('notes'), [2]);
  }));

test('map: what ran before the deadline of its batch is kept, what did not start is late', () =>
  withPool({ module: ITEMS, workers: 1 }, async (pool) => {
    const mapped = pool.map('hangAt2', [0, 1, 2, 3], { batchSize: 4, deadlineMs: 3000, settle: true });
    const outcomes = await mapped;
    assert.deepEqual(
      outcomes.map(({ value, reason }) => reason?.code ?? value),
      [0, 1, 'TIMEOUT', 'TIMEOUT'],
    );
    assert.match(outcomes[2].reason.message, /still ran on/);
    assert.match(outcomes[3].reason.message, /had not started/);
  }));

test('a deadline counts while the pool starts', async () => {
  const pool = new Pool({ module: MODULE, workers: 1 });
  const early = [pool.dispatch('echo', 1, { deadlineMs: 0 }), pool.batch([{ task: 'echo' }], { deadlineMs: 0 })];
  const later = pool.dispatch('echo', 2, { deadlineMs: 600_000 });
  assert.deepEqual(await Promise.all(early.map(codeOf)), ['TIMEOUT', 'TIMEOUT']);
  assert.equal(await later, 2);
  await pool.destroy();
});

test('a task that has settled leaves no timer', async () => {
  const timers = new Set();
  const scheduler = {
    setTimeout: (run, ms) => {
      const timer = setTimeout(run, ms);
      if (ms > 500_000) timers.add(timer);
      return timer;
    },
    clearTimeout: (timer) => {
      timers.delete(timer);
      clearTimeout(timer);
    },
  };
  await withPool({ workers: 1, scheduler }, async (pool) => {
    const gate = blocker(pool, { deadlineMs: 600_000 });
    await gate.running;
    const cancelled = pool.dispatch('echo', 1, { deadlineMs: 700_000 });
    const controller = new AbortController();
    const aborted = pool.dispatch('echo', 1, { deadlineMs: 700_000, signal: controller.signal });
    assert.equal(timers.size, 1);
    cancelled.cancel();
    controller.abort();
    assert.deepEqual(await Promise.all([cancelled, aborted].map(codeOf)), ['CANCELLED', 'CANCELLED']);
    await gate.release();
    assert.equal(timers.size, 0);
  });
});

test('deadlines pass in order, and one timer at most is set for all of them', () => {
  const random = randomFrom(seed);
  let now = 0;
  const timers = new Set();
  const time = {
    poolNow: () => now,
    setTimeout: (run, ms) => {
      const timer = { run, at: now + ms };
      timers.add(timer);
      return timer;
    },
    clearTimeout: (timer) => timers.delete(timer),
  };
  const passed = [];
  const deadlines = new Deadlines(time, (task, { at }) => passed.push([task.item, at]));
  const tasks = Array.from({ length: 500 }, (_, i) => new Task({}, i));
  const at = tasks.map(() => 1 + Math.floor(random() * 1000));
  for (const task of tasks) deadlines.watch(task, { at: at[task.item], ms: at[task.item] });
  const left = tasks.filter(() => random() < 0.5);
  for (const task of left) task.rare.deadline.forget();
  assert.equal(timers.size, 1);
  while (timers.size > 0) {
    assert.equal(timers.size, 1);
    const [timer] = timers;
    timers.delete(timer);
    now = Math.max(now, timer.at);
    timer.run();
  }
  const expected = tasks.filter((task) => !left.includes(task)).map((task) => at[task.item]);
  assert.deepEqual(
    passed.map(([, when]) => when),
    expected.sort((a, b) => a - b),
    `SEED=${seed}`,
  );
  for (const task of tasks) deadlines.watch(task, { at: now + 1000, ms: 1000 });
  for (const task of tasks) task.rare.deadline.forget();
  assert.equal(timers.size, 0, 'no timer is left when the last of them has settled');
});
