/** Static variables of C tasks that point to memory of a task that was killed: that memory stays; all the rest comes back. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { codeOf, withPool } from './helpers.js';

const C = { wasm: new URL('../../build/js/locks.mjs', import.meta.url), workers: 1 };

/** Runs a task, stops it by its time limit, and has freed memory overwritten. */
async function kill(pool, name, argument, timeoutMs = 3) {
  assert.equal(await codeOf(pool.dispatch(name, argument, { timeoutMs })), 'TIMEOUT', name);
  await pool.dispatch('scribble');
}

for (const loopChecks of [true, false]) {
  const how = loopChecks ? 'with' : 'without';
  test(`statics: what a killed task was the first to make is there for the next ones, ${how} loop checks`, () =>
    withPool({ ...C, loopChecks }, async (pool) => {
      for (let i = 0; i < 5; i++) {
        await kill(pool, 'first_use_of_text', 1);
        assert.equal(await pool.dispatch('first_use_of_text', 0), 1);
      }
      assert.ok(pool.diagnostics().keptBytes >= 5000);
    }));

  test(`statics: a list that killed tasks have made longer is whole, and only its nodes stay, ${how} loop checks`, () =>
    withPool({ ...C, loopChecks }, async (pool) => {
      for (let i = 0; i < 20; i++) {
        await kill(pool, 'lengthen');
        assert.ok((await pool.dispatch('length')) > 0);
      }
    }));

  test(`statics: the environment is whole after kills in setenv, ${how} loop checks`, () =>
    withPool({ ...C, loopChecks }, async (pool) => {
      for (let i = 0; i < 20; i++) {
        await kill(pool, 'change_environment');
        assert.equal(await pool.dispatch('environment'), 1);
      }
    }));
}

test('statics: memory that only the killed task knew comes back, however much it was', () =>
  withPool({ ...C, memory: { maximum: 256 << 20 } }, async (pool) => {
    await kill(pool, 'hog', undefined, 20);
    const before = pool.diagnostics().heapBytes;
    for (let i = 0; i < 20; i++) await kill(pool, 'hog', undefined, 20);
    const { heapBytes, keptBytes } = pool.diagnostics();
    assert.ok(heapBytes - before < 21 * 5_000_000, `${heapBytes} after ${before}: scribble leaves 4.7 MB each time`);
    assert.equal(keptBytes, 0);
  }));

test('statics: wp_keep keeps a block to which nothing points', () =>
  withPool(C, async (pool) => {
    await kill(pool, 'keep');
    assert.equal(await pool.dispatch('was_kept'), 1);
  }));
