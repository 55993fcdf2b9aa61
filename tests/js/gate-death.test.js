/** Unplanned deaths inside or next to the core: whatever the thread had in hand comes back, and the pool goes on. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { C_TASKS, codeOf, DEADLY, until, withPool } from './helpers.js';

const restart = { minMs: 1, maxMs: 1, jitter: 0, max: -1 };

/** Checks that all workers serve and tasks are answered. */
async function works(pool) {
  assert.deepEqual(await pool.map('echo', [1, 2, 3]), [1, 2, 3]);
  await until(() => pool.stats().freeWorkers === pool.size);
  assert.deepEqual(await pool.broadcast('echo', 1), Array(pool.size).fill(1));
}

for (const task of ['die_in_gate', 'die_with_lock']) {
  test(`${task}: its task is lost, what waits runs once, in order, and nothing is left behind [XP-05, XP-16]`, () =>
    withPool({ module: DEADLY, wasm: C_TASKS, restart }, async (pool) => {
      const down = [];
      pool.on('workerDown', ({ error }) => down.push(error.message));
      for (let round = 0; round < 5; round++) {
        const word = new Int32Array(new SharedArrayBuffer(4));
        const deadly = pool.dispatch(task);
        const others = Array.from({ length: 200 }, (_, i) => pool.dispatch('echo', i));
        const counted = Array.from({ length: 50 }, () => pool.dispatch('count', word));
        assert.equal(await codeOf(deadly), 'WORKER_LOST');
        const results = await Promise.all(others);
        assert.deepEqual(results, [...results.keys()]);
        await Promise.all(counted);
        assert.equal(Atomics.load(word, 0), 50, 'each ran once');
        await works(pool);
      }
      assert.deepEqual(down, Array(5).fill('unreachable'));
      await until(() => pool.diagnostics().tasksInUse === 0 && pool.diagnostics().boxesInUse === 0);
    }));
}

test('deaths inside the gate while others are killed and crash: every task settles [XP-05]', () =>
  withPool({ module: DEADLY, wasm: C_TASKS, workers: 3, restart, recycleTimeoutMs: 0 }, async (pool) => {
    for (let round = 0; round < 5; round++) {
      const codes = await Promise.all([
        codeOf(pool.dispatch('die_with_lock')),
        codeOf(pool.dispatch('spin', 0, { timeoutMs: 5 })),
        codeOf(pool.dispatch('exit', 1)),
        codeOf(pool.dispatch('die_in_gate')),
        ...Array.from({ length: 40 }, (_, i) => codeOf(pool.dispatch('echo', i))),
      ]);
      assert.deepEqual(codes.splice(0, 4), ['WORKER_LOST', 'TIMEOUT', 'WORKER_LOST', 'WORKER_LOST']);
      assert.deepEqual(new Set(codes), new Set(['fulfilled']));
    }
    await works(pool);
  }));

test('a C task that uses up its stack, at any depth and in any call into the core, fails alone [XP-16]', () =>
  withPool({ module: DEADLY, wasm: C_TASKS }, async (pool) => {
    assert.equal(await pool.dispatch('recurse', 480), 481, 'most of the stack can be used');
    // With each byte more, a different call may be the one for which the stack is too short.
    const failures = Array.from({ length: 300 }, (_, i) => pool.dispatch('recurse_into_core', i * 16));
    for (const failed of [pool.dispatch('recurse', 1e6), ...failures]) {
      const error = await failed.catch((caught) => caught);
      assert.equal(error.code, 'TASK_FAILED', String(error));
      assert.match(error.message, /stack is used up/);
    }
    assert.equal(await pool.dispatch('recurse', 480), 481, 'and again: nothing of it is lost');
    const { threads, interventions, boxesInUse } = pool.diagnostics();
    assert.deepEqual({ threads, interventions, boxesInUse }, { threads: 2, interventions: 0, boxesInUse: 0 });
    await works(pool);
  }));

/** How each way out of a handler ends for a value that does something while it is encoded. */
const EXPECTED = {
  throw: { result: 'NOT_SERIALIZABLE', progress: 'NOT_SERIALIZABLE', error: 'TASK_FAILED' },
  exit: { result: 'WORKER_LOST', progress: 'WORKER_LOST' },
  overflow: { result: 'NOT_SERIALIZABLE', progress: 'NOT_SERIALIZABLE' },
  // Too late for the result, as the task has ended; and only one value can be encoded at a time.
  send: { result: 'NOT_SERIALIZABLE', progress: 'NOT_SERIALIZABLE' },
};
for (const [how, ways] of Object.entries(EXPECTED))
  for (const [where, expected] of Object.entries(ways))
    test(`a getter that does '${how}' while a ${where} is encoded: ${expected} [XP-16]`, () =>
      withPool({ module: DEADLY, restart }, async (pool) => {
        for (let i = 0; i < 3; i++) assert.equal(await codeOf(pool.dispatch('hostileValue', { how, where })), expected);
        await works(pool);
      }));
