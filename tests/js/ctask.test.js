/** C tasks on Node: what goes in and comes out, how they fail, and what is left when they trap or are killed. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { C_TASKS, codeOf, DEADLY, until, withPool } from './helpers.js';

const C = { wasm: C_TASKS, module: DEADLY };
/** Fields of wp_type in src/wasmpool.h. */
const TYPES = { UNDEFINED: 0, BINARY: 1, STRING: 2, JSON: 3, NUMBER: 5 };

test('C tasks: arguments arrive as bytes, text, JSON text, a number or nothing', () =>
  withPool(C, async (pool) => {
    const cases = [
      [undefined, TYPES.UNDEFINED],
      [1.5, TYPES.NUMBER],
      ['text', TYPES.STRING],
      [new Uint8Array(3), TYPES.BINARY],
      [new ArrayBuffer(3000), TYPES.BINARY],
      [{ a: [1] }, TYPES.JSON],
      [[1, 2], TYPES.JSON],
      [null, TYPES.JSON],
    ];
    for (const [value, type] of cases) assert.equal(await pool.dispatch('input_type', value), type, String(value));
    assert.equal(await codeOf(pool.dispatch('input_type', { a: 1n })), 'NOT_SERIALIZABLE');
  }));

test('C tasks: a map gives them one item at a time, and says so if asked for more', () =>
  withPool(C, async (pool) => {
    assert.deepEqual(await pool.map('twice', [1, 2]), [2, 4]);
    for (const options of [{ batchSize: 2 }, { sharedArgs: 1 }])
      assert.equal(await codeOf(pool.map('twice', [1, 2], options)), 'UNSUPPORTED');
  }));

test('C tasks: results arrive as what their type says, in place or copied', () =>
  withPool(C, async (pool) => {
    assert.equal(await pool.dispatch('twice', -0.25), -0.5);
    assert.deepEqual(await pool.dispatch('json'), { list: [1, 2.5, null], text: 'grüße' });
    assert.equal(await pool.dispatch('nothing', 7), undefined);
    assert.deepEqual(await pool.map('twice', [1, 2, 3]), [2, 4, 6]);
    assert.deepEqual(await pool.broadcast('twice', 4), [8, 8]);
    const box = await pool.dispatch('json', undefined, { deliver: 'lease' });
    assert.equal(box.type, 'json');
    assert.deepEqual(box.json().list, [1, 2.5, null]);
    box.release();
    const error = await pool.dispatch('broken_json').catch((caught) => caught);
    assert.ok(error instanceof Error, 'rejects, and is not left pending');
    assert.equal(await pool.dispatch('twice', 1), 2);
  }));

test('C tasks: thread-local variables of any size', () =>
  withPool({ ...C, workers: 1 }, async (pool) => {
    for (const count of [1, 2, 3]) assert.equal(await pool.dispatch('count_on_thread'), count);
  }));

test('C tasks: a returned status is the code of the error; a text is its message', () =>
  withPool(C, async (pool) => {
    const codes = { [-4]: 'TASK_FAILED', [-22]: 'NO_MEMORY', [-1]: 'INVALID_ARGUMENT', [-10]: 'TOO_LARGE' };
    for (const [status, code] of Object.entries(codes)) {
      const error = await pool.dispatch('fail_with', Number(status)).catch((caught) => caught);
      assert.equal(error.code, code);
      assert.ok(error.message.length > 0);
      assert.match(error.taskId, /^task-/);
    }
    for (const status of [-999, 5, 12345, 2 ** 31 - 1, -(2 ** 31)]) {
      const error = await pool.dispatch('fail_with', status).catch((caught) => caught);
      assert.equal(error.code, 'TASK_FAILED', `a status that no table has (${status})`);
      assert.ok(error.message.endsWith(` no status of a task: ${status}`), error.message);
    }
    assert.equal((await pool.dispatch('fail_long').catch((caught) => caught)).message.length, 99_999);
  }));

test('C tasks: a result has a size that its type can have; any other is INVALID_ARGUMENT', () =>
  withPool({ ...C, workers: 1 }, async (pool) => {
    const most = 16;
    /** By type: undefined, binary, string, JSON, CBOR, number. */
    const fits = [(n) => n === 0, () => true, () => true, (n) => n > 0, (n) => n > 0, (n) => n === 8];
    for (const way of [0, 10_000])
      for (const [type, isFit] of fits.entries())
        for (let bytes = 0; bytes <= most; bytes++) {
          const error = await pool.dispatch('sized_result', way + 100 * type + bytes).catch((caught) => caught);
          const isRefused = error?.code === 'INVALID_ARGUMENT';
          assert.equal(isRefused, !isFit(bytes), `type ${type}, ${bytes} bytes`);
        }
  }));

test('C tasks: a trap fails its task only; what it held comes back, its worker goes on, results are right', () =>
  withPool({ ...C, workers: 1 }, async (pool) => {
    const thread = await pool.dispatch('thread');
    const held = async (name) => {
      const error = await pool.dispatch(name).catch((caught) => caught);
      assert.deepEqual([error.code, error.cause.name], ['TASK_FAILED', 'RuntimeError'], name);
      assert.equal(await pool.dispatch('twice', 21), 42);
      assert.equal(await pool.dispatch('churn', 200), 0);
    };
    await held('hold_and_trap');
    await held('out_of_bounds');
    const { heapBytes, memoryBytes } = pool.diagnostics();
    for (let i = 0; i < 100; i++) await held('hold_and_trap');
    for (let i = 0; i < 20; i++) await held('out_of_bounds');
    assert.equal(pool.diagnostics().heapBytes, heapBytes);
    assert.equal(pool.diagnostics().memoryBytes, memoryBytes);
    assert.equal(await pool.dispatch('thread'), thread);
  }));

test('C tasks: one that asks whether it is cancelled ends by itself, and its worker goes on', () =>
  withPool({ ...C, workers: 1 }, async (pool) => {
    const thread = await pool.dispatch('thread');
    let runs;
    const running = new Promise((resolve) => (runs = resolve));
    const task = pool.dispatch('until_cancelled', undefined, { onProgress: runs });
    await running;
    assert.equal(task.cancel(), true);
    assert.equal(await codeOf(task), 'CANCELLED');
    assert.equal(await pool.dispatch('thread'), thread);
  }));

for (const name of ['hold_and_hang', 'progress_for_ever', 'result_for_ever']) {
  test(`${name} dies with its thread again and again; memory and descriptors are as before [XP-03]`, () =>
    withPool({ ...C, recycleTimeoutMs: 0, loopChecks: false }, async (pool) => {
      const round = async () => {
        let seen = 0;
        const hung = pool.dispatch(name, undefined, { onProgress: () => seen++ });
        const others = pool.map('churn', new Array(20).fill(100));
        await until(() => seen > 0 || (name === 'result_for_ever' && pool.stats().queued === 0));
        await hung.terminate();
        assert.equal(await codeOf(hung), 'CANCELLED');
        assert.deepEqual(await others, new Array(20).fill(0), 'nobody wrote into their blocks');
        await until(() => pool.stats().freeWorkers === 2 && pool.diagnostics().threads === 2);
      };
      for (let i = 0; i < 3; i++) await round();
      const before = pool.diagnostics();
      for (let i = 0; i < 10; i++) await round();
      const after = pool.diagnostics();
      assert.deepEqual([after.boxesInUse, after.tasksInUse], [0, 0]);
      assert.equal(after.kills, 13);
      // The first rounds may have ended before two workers had as much progress under way as they may have.
      const room = name === 'progress_for_ever' ? 2 * 2 ** 20 : 600_000;
      assert.ok(after.heapBytes <= before.heapBytes + room, `${before.heapBytes} before, ${after.heapBytes} after`);
    }));
}
