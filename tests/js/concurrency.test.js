/** Several tasks on one worker at a time: how many run, how many may wait, and how many are refused. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { blocker, codeOf, until, withPool } from './helpers.js';

const CONCURRENCY = 3;

/** Tasks that run until they are released. @param {any} pool */
function crowd(pool) {
  const words = new Int32Array(new SharedArrayBuffer(12));
  return {
    words,
    start: (/** @type {object} */ options = {}) => pool.dispatch('overlap', words, options),
    running: (/** @type {number} */ count) => until(() => Atomics.load(words, 0) === count),
    release: () => Atomics.store(words, 2, 1),
  };
}

test('a worker runs as many tasks at a time as it may, and no more', () =>
  withPool({ workers: 1, concurrentTasksPerWorker: CONCURRENCY }, async (pool) => {
    const all = crowd(pool);
    const tasks = Array.from({ length: 2 * CONCURRENCY + 1 }, () => all.start());
    await all.running(CONCURRENCY);
    const { queued, busyWorkers } = pool.stats();
    assert.deepEqual([queued, busyWorkers], [CONCURRENCY + 1, 1]);
    all.release();
    await Promise.all(tasks);
    assert.equal(all.words[1], CONCURRENCY);
  }));

test('maxQueue counts what waits: not what runs, nor what a worker has room for [AM-05]', () =>
  withPool({ workers: 1, concurrentTasksPerWorker: CONCURRENCY, maxQueue: 2 }, async (pool) => {
    const all = crowd(pool);
    const tasks = Array.from({ length: CONCURRENCY + 2 }, () => all.start());
    assert.equal(await codeOf(all.start()), 'QUEUE_FULL', 'none has started');
    await all.running(CONCURRENCY);
    assert.equal(await codeOf(all.start()), 'QUEUE_FULL', 'some run');
    all.release();
    await Promise.all(tasks);
  }));

test('maxQueue 0 admits as many as there is room for now, and one more for each that ends [AM-05]', () =>
  withPool({ workers: 2, concurrentTasksPerWorker: CONCURRENCY, maxQueue: 0 }, async (pool) => {
    const [first, others] = [crowd(pool), crowd(pool)];
    const one = first.start();
    await first.running(1);
    const tasks = Array.from({ length: 2 * CONCURRENCY - 1 }, () => others.start());
    await others.running(2 * CONCURRENCY - 1);
    assert.equal(await codeOf(others.start()), 'QUEUE_FULL');
    assert.equal(pool.stats().queued, 0);
    first.release();
    await one;
    const next = others.start();
    await others.running(2 * CONCURRENCY);
    assert.equal(await codeOf(others.start()), 'QUEUE_FULL');
    others.release();
    await Promise.all([next, ...tasks]);
  }));

test('a worker that runs a task has room for so many less, also while it cannot take them [AM-05]', () =>
  withPool({ workers: 1, concurrentTasksPerWorker: CONCURRENCY, maxQueue: 0 }, async (pool) => {
    const gate = blocker(pool); // its event loop stands still
    await gate.running;
    const tasks = Array.from({ length: CONCURRENCY - 1 }, (_, i) => pool.dispatch('echo', i));
    assert.equal(await codeOf(pool.dispatch('echo', 9)), 'QUEUE_FULL');
    await gate.release();
    assert.deepEqual(await Promise.all(tasks), [0, 1]);
  }));

test('a batch is admitted as a whole, or refused as a whole [AM-21]', () =>
  withPool({ workers: 1, concurrentTasksPerWorker: CONCURRENCY, maxQueue: 0 }, async (pool) => {
    const all = crowd(pool);
    const jobs = (/** @type {number} */ count) =>
      Array.from({ length: count }, () => ({ task: 'overlap', payload: all.words }));
    assert.equal(await codeOf(pool.batch(jobs(CONCURRENCY + 1))), 'QUEUE_FULL');
    assert.equal(pool.stats().queued, 0);
    const batch = pool.batch(jobs(CONCURRENCY));
    await all.running(CONCURRENCY);
    all.release();
    assert.equal((await batch).length, CONCURRENCY);
  }));

test('a worker whose task is over its limit has no room, whatever it could run [AM-05, AM-46]', () =>
  withPool(
    { workers: 1, concurrentTasksPerWorker: CONCURRENCY, maxQueue: 0, recycleTimeoutMs: Infinity },
    async (pool) => {
      const all = crowd(pool);
      assert.equal(await codeOf(all.start({ timeoutMs: 20 })), 'TIMEOUT');
      assert.equal(await codeOf(pool.dispatch('echo', 1)), 'QUEUE_FULL');
      all.release();
      await until(() => pool.stats().freeWorkers === 1);
      assert.equal(await pool.dispatch('echo', 1), 1);
    },
  ));

test('a paused pool has no room but its queue', () =>
  withPool({ workers: 1, concurrentTasksPerWorker: CONCURRENCY, maxQueue: 1 }, async (pool) => {
    pool.pause();
    const waits = pool.dispatch('echo', 1);
    assert.equal(await codeOf(pool.dispatch('echo', 2)), 'QUEUE_FULL');
    pool.resume();
    assert.equal(await waits, 1);
  }));
