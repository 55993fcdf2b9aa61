/** When a pool has come to rest: leases that end, tasks that were given up and run on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { host } from '../../js/host/index.js';
import { codeOf, withPool } from './helpers.js';

test('the end of a lease lets a worker go on that waits for a box, although nobody else does anything', async () => {
  await withPool({ workers: 1, boxes: { count: 1 }, leaseMs: 50 }, async (pool) => {
    const first = await pool.dispatch('echo', 1, { deliver: 'lease' });
    const second = await pool.dispatch('echo', 2, { deliver: 'lease' });
    assert.throws(() => first.raw(), { code: 'LEASE_EXPIRED' });
    second.release();
    const third = await pool.dispatch('echo', 3, { deliver: 'lease' });
    third.release();
  });
});

for (const [name, end] of /** @type {const} */ ([
  ['cancelled', (/** @type {any} */ task) => task.cancel()],
  ['timed out', () => undefined],
]))
  test(`drain() waits for a task that was ${name} and runs on`, async () => {
    await withPool({ workers: 1, recycleTimeoutMs: Infinity }, async (pool) => {
      const flag = new Int32Array(new SharedArrayBuffer(8));
      const task = pool.dispatch('block', flag, name === 'timed out' ? { timeoutMs: 20 } : undefined);
      while (Atomics.load(flag, 0) === 0) await new Promise((resolve) => setImmediate(resolve)); // it runs
      end(task);
      await task.catch(() => undefined);
      let drained = false;
      const drain = pool.drain().then(() => (drained = true));
      await pool.ready;
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(drained, false);
      Atomics.store(flag, 1, 1);
      Atomics.notify(flag, 1);
      await drain;
      assert.equal(pool.stats().busyWorkers, 0);
    });
  });

test('drain() waits for a thread that is to die, also when a spare has its seat and all workers are free', async (t) => {
  const { createThread } = host;
  /** @type {() => void} */
  let letDie = () => undefined;
  const held = new Promise((resolve) => (letDie = () => resolve(undefined)));
  t.mock.method(host, 'createThread', (/** @type {Parameters<typeof createThread>} */ ...given) => {
    const thread = createThread(...given);
    return { ...thread, stop: () => held.then(() => thread.stop()) };
  });
  await withPool({ workers: 1, spares: 1, recycleTimeoutMs: 0 }, async (pool) => {
    try {
      const drained = new Promise((resolve) => pool.on('drained', () => resolve(undefined)));
      assert.equal(await codeOf(pool.dispatch('spin', null, { timeoutMs: 1 })), 'TIMEOUT');
      await drained; // the spare is free, and the spinning thread is still there
      const order = /** @type {string[]} */ ([]);
      const drain = pool.drain().then(() => order.push('drain'));
      await new Promise((resolve) => setImmediate(resolve));
      order.push('may die');
      letDie();
      await drain;
      assert.deepEqual(order, ['may die', 'drain']);
    } finally {
      letDie();
    }
  });
});
