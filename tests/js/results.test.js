/** Results that are moved, or made in memory from context.alloc(); and progress. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Mail } from '../../js/engine/mail.js';
import { codeOf, liveness, until, withPool } from './helpers.js';

const module = new URL('./fixtures/results.js', import.meta.url);

test('context.move moves its result: the worker has it no more', () =>
  withPool({ module, workers: 1 }, async (pool) => {
    assert.deepEqual(await pool.dispatch('moveAndKeep', 100_000), new Uint8Array(100_000).fill(9));
    assert.deepEqual(await pool.dispatch('keptBytes'), [0]);
  }));

test('context.move moves every item of a batch', () =>
  withPool({ module, workers: 1 }, async (pool) => {
    assert.deepEqual(await pool.map('moveAndKeep', [5, 6], { batchSize: 2 }), [
      new Uint8Array(5).fill(9),
      new Uint8Array(6).fill(9),
    ]);
    assert.deepEqual(await pool.dispatch('keptBytes'), [0, 0]);
  }));

for (const deliver of ['copy', 'lease']) {
  const take = (/** @type {any} */ result) => {
    if (deliver === 'copy') return result;
    const value = result.binary();
    result.release();
    return value;
  };

  test(`a result that begins in memory of context.alloc() and is longer is a copy, and ends where it says (${deliver})`, () =>
    withPool({ module, workers: 1 }, async (pool) => {
      for (const bytes of [8, 1000, 100_000]) {
        const result = take(await pool.dispatch('longerThanAlloc', bytes, { deliver }));
        assert.equal(result.length, bytes + 64);
        assert.deepEqual(result.subarray(0, bytes), new Uint8Array(bytes).fill(3));
      }
    }));

  test(`a part of context.alloc(), its beginning or not, arrives as it was returned (${deliver})`, () =>
    withPool({ module, workers: 1 }, async (pool) => {
      for (const bytes of [16, 1000, 100_000]) {
        const beginning = take(await pool.dispatch('beginning', { bytes, length: 10 }, { deliver }));
        assert.deepEqual(beginning, new Uint8Array(10).fill(4));
        const ending = take(await pool.dispatch('ending', { bytes, from: 6 }, { deliver }));
        assert.deepEqual(ending, new Uint8Array(bytes - 6).fill(5));
      }
    }));
}

test('memory of context.alloc() inside a larger result arrives as it was', () =>
  withPool({ module, workers: 1 }, async (pool) => {
    for (const bytes of [16, 1000, 100_000]) {
      assert.deepEqual(await pool.dispatch('inside', bytes), { bytes: new Uint8Array(bytes).fill(6) });
      assert.deepEqual(await pool.dispatch('both', bytes), [
        new Uint8Array(bytes).fill(7),
        new Uint8Array(bytes).fill(8),
      ]);
    }
  }));

test('progress of a task that was given up never reaches the task that has its place now', () =>
  withPool({ module, workers: 1 }, async (pool) => {
    for (let round = 0; round < 20; round++) {
      const word = new Int32Array(new SharedArrayBuffer(8));
      const given = pool.dispatch('progressUntilCancelled', word, { onProgress: () => undefined });
      await until(() => Atomics.load(word, 0) === 1);
      given.cancel();
      while (Atomics.load(word, 1) === 0); // main takes nothing meanwhile, so the value is still on its way
      /** @type {unknown[]} */
      const strange = [];
      const onProgress = (/** @type {unknown} */ value) => strange.push(value);
      const heirs = Array.from({ length: 8 }, (_, i) => pool.dispatch('echo', i, { onProgress }));
      assert.equal(await codeOf(given), 'CANCELLED');
      assert.deepEqual(await Promise.all(heirs), [0, 1, 2, 3, 4, 5, 6, 7]);
      assert.deepEqual(strange, []);
    }
  }));

test('progress is a sign of life [NF-40]', () =>
  withPool({ module, workers: 1, liveness }, async (pool) => {
    let steps = 0;
    const onProgress = () => steps++;
    assert.equal(await pool.dispatch('progressOnly', 4 * liveness.timeoutMs, { onProgress }), 4 * liveness.timeoutMs);
    assert.equal(pool.diagnostics().interventions, 0);
    assert.ok(steps > 0);
  }));

test('a value that came by message for a task that was given up before its end is not kept', () => {
  const ended = [];
  const ledger = { leave() {}, checkDrained() {}, end: (task, error, value) => ended.push([task.id, error, value]) };
  const members = new Map([[1, { thread: {} }]]);
  const mail = new Mail(/** @type {any} */ (ledger), /** @type {any} */ (members));
  const task = /** @type {any} */ ({ id: 'task', index: 3, generation: 5 });
  const come = (/** @type {string} */ value) => mail.receive({ slot: 3, generation: 5, value }, task);
  come('first');
  mail.forget(/** @type {any} */ ({ index: 3, generation: 4 }));
  mail.collect(task, 1);
  assert.deepEqual(ended.splice(0), [['task', undefined, 'first']]);
  come('second');
  mail.forget(task);
  mail.collect(task, 1);
  assert.deepEqual(ended, [], 'its value is still to come');
  assert.deepEqual(mail.takeLost(2), []);
  assert.deepEqual(mail.takeLost(1), [task]);
});
