/** What C tasks that are linked with the core may do wrong to shared memory. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { C_TASKS, codeOf, withPool } from './helpers.js';

const C = { wasm: C_TASKS, workers: 1 };

test("sbrk gives a C task none of the pool's own memory", () =>
  withPool(C, async (pool) => {
    for (let i = 0; i < 3; i++) assert.equal(await pool.dispatch('ask_for_break'), -1);
    assert.equal(await pool.dispatch('churn', 200), 0);
  }));

test('a C task that writes through NULL hits no word of the pool: loop checks work as before, and diagnostics tell', () =>
  withPool(C, async (pool) => {
    assert.equal(pool.diagnostics().nullWrites, 0);
    await pool.dispatch('write_to_null');
    assert.equal(pool.diagnostics().nullWrites, 511);
    for (let i = 0; i < 3; i++) {
      assert.equal(await codeOf(pool.dispatch('hold_and_hang', undefined, { timeoutMs: 20 })), 'TIMEOUT');
      assert.equal(await pool.dispatch('twice', 21), 42);
    }
    assert.equal(pool.diagnostics().kills, 0, 'no thread had to end');
  }));
