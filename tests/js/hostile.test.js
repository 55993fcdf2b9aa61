/** Handlers and C tasks that return, send and throw what nobody expects: nobody else is harmed. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { C_TASKS, codeOf, DEADLY, withPool } from './helpers.js';

const D = { module: DEADLY, workers: 1 };

/** Runs `use` with console.error silenced; gives what was written there. */
async function quietly(use) {
  const { error } = console;
  const written = [];
  console.error = (...parts) => written.push(parts);
  try {
    await use();
  } finally {
    console.error = error;
  }
  return written;
}

test('a thenable that settles twice settles its own task, once [AM-39]', () =>
  withPool(D, async (pool) => {
    for (const how of ['twice', 'ownThen']) {
      assert.equal(await pool.dispatch('thenable', how), 'first');
      for (const value of ['a', 'b']) assert.equal(await pool.dispatch('settleAgain', value), value);
    }
  }));

test('a thenable that throws, wherever it does, fails its task, and its worker goes on [AM-39]', () =>
  withPool(D, async (pool) => {
    const thread = await pool.dispatch('thread');
    for (const how of ['getter', 'throws', 'nested']) {
      const error = await pool.dispatch('thenable', how).catch((caught) => caught);
      assert.deepEqual([error.code, error.cause.message.slice(0, 5)], ['TASK_FAILED', 'from '], how);
    }
    assert.equal(await pool.dispatch('thread'), thread);
  }));

test('what throws when it is looked at fails its task when it is thrown, and its worker goes on', () =>
  withPool({ ...D, main: { echo: (value) => value } }, async (pool) => {
    const thread = await pool.dispatch('thread');
    for (const how of ['throws', 'rejects', 'later', 'getter', 'then', 'progress', 'main']) {
      const error = await pool.dispatch('throwGuarded', { how }, { onProgress: () => undefined }).catch((e) => e);
      assert.equal(error.code, 'TASK_FAILED', how);
      assert.match(error.message, /\S/, how);
      for (const options of [{}, { settle: true, batchSize: 4 }]) {
        const all = await pool.map('throwGuarded', [{ how }], options).catch((e) => [{ reason: e }]);
        assert.equal(all[0].reason.code, 'TASK_FAILED', how);
      }
    }
    assert.equal(await pool.dispatch('thread'), thread);
  }));

test('progress that nobody can read is reported, and costs no other task its result', () =>
  withPool({ wasm: C_TASKS, workers: 1 }, async (pool) => {
    const seen = [];
    const written = await quietly(async () => {
      const tasks = [pool.dispatch('twice', 1)];
      tasks.push(pool.dispatch('progress_broken', 2, { onProgress: (value) => seen.push(value) }));
      tasks.push(pool.dispatch('twice', 3));
      assert.deepEqual(await Promise.all(tasks), [2, 2, 6]);
    });
    assert.deepEqual(seen, []);
    assert.equal(written[0]?.[1]?.code, 'NOT_SERIALIZABLE');
  }));

test('a payload may dispatch another task while it is encoded, and a result send progress [AM-08]', () =>
  withPool({ ...D, wasm: C_TASKS }, async (pool) => {
    for (const [task, key] of [
      ['echo', 'get'],
      ['input_type', 'toJSON'],
    ]) {
      const inner = [];
      const act = () => {
        inner.push(pool.dispatch('echo', new Map([[1, 'inner']])), pool.dispatch('echo', 'inner'.repeat(100)));
        return 2;
      };
      const payload =
        key === 'get' ? Object.defineProperty({ x: 1 }, 'y', { get: act, enumerable: true }) : { toJSON: act };
      const expected = key === 'get' ? { x: 1, y: 2 } : 3;
      pool.pause();
      const outer = pool.dispatch(task, payload);
      pool.resume();
      assert.deepEqual(await outer, expected);
      assert.deepEqual(await Promise.all(inner), [new Map([[1, 'inner']]), 'inner'.repeat(100)]);
    }
  }));

const FOREIGN = {
  null: null,
  undefined,
  number: 1,
  text: 'hello',
  list: [],
  unknown: { kind: 'unknown' },
  'value of nothing': { kind: 'value' },
  'value of a place that is none': { kind: 'value', slot: 'length', generation: undefined },
  'value without a name': { kind: 'value', slot: { toString: 1, valueOf: 1 }, generation: { toString: 1 } },
  'value of a task that is not': { kind: 'value', slot: 1e9, generation: 1, value: 1 },
  'kind without a name': { kind: { toString: 1, valueOf: 1 } },
  'call without a number': { kind: 'main', name: 'x' },
  'a start': { kind: 'started' },
  ready: { kind: 'ready' },
  failed: { kind: 'failed', error: { message: { toString: 1, valueOf: 1 } } },
};

for (const [name, message] of Object.entries(FOREIGN)) {
  test(`what a handler posts to main by itself (${name}) is nobody's trouble`, () =>
    withPool(D, async (pool) => {
      const thread = await pool.dispatch('thread');
      assert.equal(await codeOf(pool.dispatch('post', message)), 'fulfilled');
      await pool.dispatch('post', { kind: 'argument', call: 0 }); // arrives after the task has ended
      assert.equal(await pool.dispatch('thread'), thread);
      assert.deepEqual(await pool.dispatch('echo', new SharedArrayBuffer(8)), new SharedArrayBuffer(8), 'by message');
    }));
}

test('a handler that closes its parentPort loses that, and no more [AM-54]', () =>
  withPool(D, async (pool) => {
    const thread = await pool.dispatch('thread');
    assert.equal(await pool.dispatch('closePort'), 'later');
    assert.equal(await pool.dispatch('thread'), thread);
  }));

test('what a function of main throws reaches the handler, whatever it is', () => {
  const hostile = () => {
    throw {
      toString() {
        throw new Error('no text');
      },
    };
  };
  return withPool({ ...D, main: { hostile } }, async (pool) => {
    assert.equal(await codeOf(pool.dispatch('callMain', 'hostile')), 'TASK_FAILED');
    assert.equal(await pool.dispatch('echo', 1), 1);
  });
});
