/** Sub-tasks of C tasks in the wasm build: any worker may run them, and they end with their task. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { C_TASKS, codeOf, withPool } from './helpers.js';

const C = { wasm: C_TASKS };
const ISOLATED = new URL('../../build/js/isolated.mjs', import.meta.url);

test('parts of C tasks: fork and join on one worker and on several give the same', async () => {
  for (const workers of [1, 2, 4])
    await withPool({ ...C, workers }, async (pool) => {
      assert.deepEqual(await pool.map('parts_fib', [20, 1, 15, 22]), [6765, 1, 610, 17711]);
      const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i % 7);
      const sum = bytes.reduce((a, b) => a + b);
      assert.equal(await pool.dispatch('parts_sum', bytes), sum);
      assert.equal(pool.stats().processed, 5); // helpers are no tasks
    });
});

test('parts of C tasks: a task that hangs on all workers is stopped on all of them, again and again', () =>
  withPool({ ...C, workers: 3 }, async (pool) => {
    const rounds = 20;
    for (let round = 0; round < rounds; round++) {
      if (round % 2) assert.equal(await codeOf(pool.dispatch('parts_hang', undefined, { timeoutMs: 30 })), 'TIMEOUT');
      else {
        /** @type {() => void} */
        let begun = () => {};
        const begins = new Promise((resolve) => (begun = () => resolve(undefined)));
        const hung = pool.dispatch('parts_hang', undefined, { onProgress: begun });
        const code = codeOf(hung);
        await begins;
        await hung.terminate();
        assert.equal(await code, 'CANCELLED');
      }
      assert.deepEqual(await pool.map('parts_fib', [12, 12, 12, 12]), [144, 144, 144, 144]);
    }
    assert.ok((await pool.dispatch('parts_hanging')) > rounds, 'parts hung on other workers as well');
    assert.equal(pool.stats().totalWorkers, 3);
  }));

test('parts of C tasks: in an instance of its own a task runs them at once', () =>
  withPool({ wasm: ISOLATED }, async (pool) => {
    assert.equal(await pool.dispatch('parts_count'), 100_000);
    assert.equal(await pool.dispatch('parts_result'), 1, 'a part has no result and no progress');
  }));
