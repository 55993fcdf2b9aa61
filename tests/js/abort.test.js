/** One signal for many tasks: one listener on it, none when they have ended, and abort reaches them all. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import test from 'node:test';
import { Pool } from '../../js/index.js';
import { blocker, codeOf, MODULE, until, withPool } from './helpers.js';

const listeners = (signal) => getEventListeners(signal, 'abort').length;

/** Warnings of the process while `use` runs, and in the turn after it, when they are emitted. */
async function warnings(use) {
  const seen = [];
  const note = (warning) => seen.push(warning.name);
  process.on('warning', note);
  await use();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', note);
  return seen;
}

test('2,000 tasks of every kind, of two pools, share one listener on their signal; it is gone when the last has ended', () =>
  withPool({ workers: 1 }, (pool) =>
    withPool({ workers: 1 }, async (other) => {
      const { signal } = new AbortController();
      const seen = await warnings(async () => {
        const gates = [blocker(pool), blocker(other)];
        await Promise.all(gates.map(({ running }) => running));
        const items = Array.from({ length: 500 }, (_, i) => i);
        const called = (method, ...rest) => new Promise((resolve) => method.call(pool, ...rest, resolve, { signal }));
        const ended = [
          ...items.map((i) => pool.dispatch('echo', i, { signal })),
          ...items.map((i) => other.dispatch('echo', i, { signal })),
          pool.batch(items.map((payload) => ({ task: 'echo', payload })), { signal }), // prettier-ignore
          ...items.slice(0, 20).map(() => pool.map('echo', items, { signal }).then((all) => all)),
          called(pool.bulkSplit, 'parts', items),
          called(pool.split, 'echo', 1),
          pool.sequence([{ task: 'echo', payload: 1, signal }, { task: 'echo', payload: 2, signal }]).then((all) => all), // prettier-ignore
          codeOf(pool.dispatch('echo', () => {}, { signal })),
          codeOf(pool.dispatch('nobody', 0, { signal })),
          codeOf(pool.dispatch('fail', 'text', { signal })),
        ];
        await until(() => pool.stats().queued > 1000);
        assert.equal(listeners(signal), 1);
        await Promise.all(gates.map(({ release }) => release()));
        await Promise.all(ended);
      });
      assert.deepEqual(seen, []);
      assert.equal(listeners(signal), 0);
      await pool.dispatch('echo', 1, { signal });
      assert.equal(listeners(signal), 0, 'one after the other, too');
    }),
  ));

test('abort ends all tasks of a signal, in the order in which they came; tasks without it, and of other signals, go on', () =>
  withPool({ workers: 1 }, async (pool) => {
    const [mine, others] = [new AbortController(), new AbortController()];
    const gate = blocker(pool);
    await gate.running;
    const order = [];
    const ended = Array.from({ length: 100 }, (_, i) =>
      pool.dispatch('echo', i, { signal: mine.signal }).catch((error) => {
        order.push(i);
        return error;
      }),
    );
    const rest = [pool.dispatch('echo', 'a', { signal: others.signal }), pool.dispatch('echo', 'b')];
    mine.abort('why');
    for (const error of await Promise.all(ended)) assert.deepEqual([error.code, error.cause], ['CANCELLED', 'why']);
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
    );
    assert.deepEqual([listeners(mine.signal), listeners(others.signal)], [0, 1]);
    await gate.release();
    assert.deepEqual(await Promise.all(rest), ['a', 'b']);
    assert.equal(listeners(others.signal), 0);
    assert.equal(await codeOf(pool.dispatch('echo', 1, { signal: mine.signal })), 'CANCELLED');
    assert.equal(listeners(mine.signal), 0);
  }));

test('a task that a callback of the same abort submits is ended at once; listeners of a destroyed pool are gone', async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const pool = new Pool({ module: MODULE, workers: 1 });
  const waits = codeOf(pool.dispatch('echo', 1, { signal })); // before the core is loaded
  assert.equal(listeners(signal), 1);
  await pool.destroy();
  assert.equal(await waits, 'POOL_DESTROYED');
  assert.equal(listeners(signal), 0);
  await withPool({ workers: 1 }, async (next) => {
    const gate = blocker(next);
    await gate.running;
    let again;
    next.split('echo', 1, () => (again = codeOf(next.dispatch('echo', 2, { signal }))), { signal });
    controller.abort();
    await until(() => again);
    assert.equal(await again, 'CANCELLED');
    await gate.release();
  });
});
