/** What C tasks that are linked with the core may do wrong to shared memory. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createPool } from '../../js/index.js';
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
  }));

for (const loopChecks of [true, false]) {
  test(`a C task that writes 4 KB behind a block and is stopped costs no other task anything (loopChecks: ${loopChecks})`, () =>
    withPool({ wasm: C_TASKS, workers: 2, loopChecks, recycleTimeoutMs: 0 }, async (pool) => {
      for (let i = 0; i < 12; i++) {
        const others = pool.map('churn', new Array(20).fill(100));
        const bytes = [0, 0x22, 0xa5, 0xff][i % 4];
        assert.equal(await codeOf(pool.dispatch('overrun_and_hang', bytes, { timeoutMs: 20 })), 'TIMEOUT');
        // A neighbour on the same heap may meet the damage before its worker is replaced; then it is lost, and says so.
        await others.catch((error) => assert.ok(['WORKER_LOST', 'TASK_FAILED'].includes(error.code), error.code));
      }
      assert.deepEqual(await pool.map('twice', [1, 2, 3, 4]), [2, 4, 6, 8]);
    }));
}

test('a result whose header a C task has overwritten arrives, and main lives', () =>
  withPool(C, async (pool) => {
    for (const bytes of [1000, 100_000, 1 << 20, 1000])
      assert.equal((await pool.dispatch('underrun', bytes)).length, bytes);
    assert.equal(await pool.dispatch('twice', 21), 42);
  }));

test('where main itself cannot go on, the pool ends with BROKEN_INVARIANT: tasks reject, nothing is thrown, another pool works', async () => {
  const pool = await createPool(C);
  const told = new Promise((resolve) => pool.on('error', resolve));
  const hung = codeOf(pool.dispatch('hold_and_hang'));
  const damaging = codeOf(pool.dispatch('overwrite_pool', undefined, { priority: 'high' }));
  pool.resize(2).catch(() => undefined); // a second worker runs it
  assert.equal(await hung, 'BROKEN_INVARIANT');
  assert.equal(await damaging, 'BROKEN_INVARIANT');
  assert.match(await told, /damaged/);
  assert.equal(await codeOf(pool.dispatch('twice', 1)), 'POOL_DESTROYED');
  await pool.destroy();
  await withPool(C, async (other) => assert.equal(await other.dispatch('twice', 21), 42));
});
