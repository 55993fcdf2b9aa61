/** A task may name a module of its own, or be a function. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { findHandlers } from '../../js/handlers/handlers.js';
import { createPool } from '../../js/index.js';
import { codeOf, until, withPool } from './helpers.js';

const FIRST = new URL('./fixtures/tasks/first.js', import.meta.url);
const SECOND = new URL('./fixtures/tasks/second.js', import.meta.url);
const failure = (promise) => Promise.resolve(promise).then(assert.fail, (error) => error);

test('one pool serves several modules: each task names its own, wherever a task is named', () =>
  withPool({}, async (pool) => {
    const sum = { a: 1, b: 2 };
    const first = { module: FIRST, name: 'add' };
    const second = { module: SECOND.href, name: 'add' };
    assert.deepEqual(
      await Promise.all([pool.dispatch('add', sum), pool.dispatch(first, sum), pool.dispatch(second, sum)]),
      [3, 103, 203],
    );
    assert.deepEqual(await pool.dispatch({ module: FIRST }, 1), ['first', 1]);
    assert.equal(await pool.dispatch({ module: SECOND, name: 'later' }, 5), 5);
    assert.deepEqual(
      await pool.batch([
        { task: first, payload: sum },
        { task: 'add', payload: sum },
      ]),
      [103, 3],
    );
    assert.deepEqual(await pool.map(second, [sum, sum, sum], { batchSize: 2 }), [203, 203, 203]);
    assert.equal(new Set(await pool.broadcast({ module: FIRST, name: 'where' })).size, 2);
    assert.equal(await new Promise((resolve) => pool.split(first, sum, resolve)), 103);
    assert.deepEqual(
      await pool.sequence([
        { task: first, payload: sum },
        { task: 'echo', payload: (n) => n },
      ]),
      [103, 103],
    );
    const spread = { module: FIRST, name: 'where' };
    assert.deepEqual(
      await new Promise((resolve) => pool.bulkSplit({ module: FIRST }, [1, 2], (list) => resolve(list.length))),
      2,
    );
    assert.equal(typeof (await pool.dispatch(spread)), 'number');
  }));

test('a module is imported once by each worker, when it is first needed, and finds initData', () => {
  const initData = new Int32Array(new SharedArrayBuffer(4));
  return withPool({ initData, workers: 2 }, async (pool) => {
    assert.equal(initData[0], 0);
    await pool.broadcast({ module: FIRST });
    await pool.broadcast({ module: FIRST, name: 'where' });
    await pool.map({ module: FIRST, name: 'both' }, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.equal(initData[0], 2);
    assert.deepEqual(await pool.map({ module: FIRST, name: 'both' }, [1], { sharedArgs: 's' }), [[1, 's', true]]);
  });
});

test('a module that cannot be loaded fails its tasks with the cause; the worker lives on', () =>
  withPool({ workers: 1 }, async (pool) => {
    const folder = mkdtempSync(join(tmpdir(), 'wasmpool-'));
    try {
      const at = (name, text) => {
        writeFileSync(join(folder, name), text);
        return pathToFileURL(join(folder, name));
      };
      const thread = await pool.dispatch('thread');
      const broken = { module: at('broken.mjs', 'export const a = ;') };
      for (let round = 0; round < 2; round++) {
        const error = await failure(pool.dispatch(broken));
        assert.equal(error.code, 'TASK_FAILED');
        assert.ok(error.message.includes(String(broken.module)), error.message);
        assert.equal(error.cause.cause.name, 'SyntaxError');
      }
      const bad = at('bad.mjs', '\n\nexport const b = ;');
      const outer = await failure(pool.dispatch({ module: at('outer.mjs', "import './bad.mjs';\n"), name: 'x' }));
      assert.match(outer.message, /outer\.mjs cannot be loaded: SyntaxError: Unexpected token/);
      assert.ok(outer.message.endsWith(` (${bad}:3)`), outer.message);
      const throwing = { module: at('throwing.mjs', "throw new RangeError('at import')"), name: 'x' };
      const thrown = await failure(pool.dispatch(throwing));
      assert.deepEqual([thrown.cause.cause.name, thrown.cause.cause.message], ['RangeError', 'at import']);
      assert.equal(await codeOf(pool.dispatch({ module: pathToFileURL(join(folder, 'missing.mjs')) })), 'TASK_FAILED');
      const lacking = await failure(pool.dispatch({ module: FIRST, name: 'nobody' }));
      assert.equal(lacking.code, 'UNKNOWN_TASK');
      assert.match(lacking.message, /no handler 'nobody' in file:.*first\.js/);
      const slow = { module: at('slow.mjs', 'await new Promise(() => undefined); export default 1;') };
      assert.equal(await pool.dispatch('thread'), thread);
      assert.equal(await codeOf(pool.dispatch(slow, 1, { timeoutMs: 20 })), 'TIMEOUT');
      assert.equal(await pool.dispatch('echo', 1), 1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }));

test('what a module exports as onStop runs when the pool closes, and is no task', async () => {
  const initData = new Int32Array(new SharedArrayBuffer(8));
  const pool = await createPool({ module: SECOND, workers: 2, initData });
  await pool.broadcast({ module: FIRST });
  assert.equal(await codeOf(pool.dispatch({ module: FIRST, name: 'onStop' })), 'UNKNOWN_TASK');
  await pool.close();
  assert.deepEqual([...initData], [2, 2]);
});

test('wrong references are refused, and messages show names that people can read', () =>
  withPool({ workers: 1, dev: true }, async (pool) => {
    for (const task of [{}, { module: 5 }, { module: FIRST, name: '' }, { module: FIRST, name: 5 }, null, 7, 'a\0b'])
      assert.equal(await codeOf(pool.dispatch(task)), 'INVALID_ARGUMENT', String(task));
    assert.equal(await codeOf(pool.map({ module: FIRST, name: '' }, [1])), 'INVALID_ARGUMENT');
    assert.equal(
      await new Promise((resolve) => pool.split({ module: FIRST, name: 'add' }, { a: 1, b: 1 }, resolve)),
      102,
    );
    const error = await failure(pool.dispatch({ module: FIRST, name: 'add' }, () => 1));
    assert.match(error.message, /^add of file:.*first\.js: /);
    const unfit = await failure(pool.dispatch({ module: FIRST, name: 'where' }, Symbol('x')));
    assert.ok(!unfit.message.includes('\0'));
  }));

test('a function is sent by its source where the pool allows it; elsewhere it means the handler of its name', async () => {
  function add({ a, b }) {
    return a + b + 1000;
  }
  await withPool({}, async (pool) => assert.equal(await pool.dispatch(add, { a: 1, b: 2 }), 3));
  const pool = await createPool({ workers: 2, allowFunctions: true });
  try {
    assert.equal(await pool.dispatch(add, { a: 1, b: 2 }), 1003);
    assert.equal(await pool.dispatch((n) => n * 2, 21), 42);
    assert.match(await pool.dispatch(async (n, ctx) => `${n} on ${ctx.worker.name}`, 1), /^1 on Worker_[12]$/);
    const holder = {
      twice(n) {
        return n * 2;
      },
      async later(n) {
        return n + 1;
      },
    };
    assert.equal(await pool.dispatch(holder.twice, 4), 8);
    assert.equal(await pool.dispatch(holder.later, 4), 5);
    assert.deepEqual(await pool.map((n) => n ** 2, [1, 2, 3], { batchSize: 2 }), [1, 4, 9]);
    const outside = 5;
    const closed = await failure(pool.dispatch(() => outside));
    assert.deepEqual([closed.code, closed.cause.name], ['TASK_FAILED', 'ReferenceError']);
    assert.equal(await codeOf(pool.dispatch(add.bind(null))), 'INVALID_ARGUMENT');
    assert.equal(await codeOf(pool.dispatch(Math.max, 1)), 'INVALID_ARGUMENT');
    assert.equal(await codeOf(pool.dispatch('add', 1)), 'UNKNOWN_TASK');
    assert.deepEqual(await pool.dispatch({ module: FIRST }, 2), ['first', 2]);
    await until(() => pool.stats().freeWorkers === 2);
  } finally {
    await pool.destroy();
  }
});

test('handlers are found through modules that are default exports, and a module may be its own', () => {
  const inner = { add: () => 'inner', own: () => 'inner', default: () => 'a handler itself' };
  const found = findHandlers({ default: { default: inner, add: () => 'outer', version: 1 } });
  assert.deepEqual(
    [...found].map(([name, handler]) => [name, handler(undefined, /** @type {any} */ (undefined))]),
    [
      ['add', 'outer'],
      ['own', 'inner'],
      ['default', 'a handler itself'],
    ],
  );
  const commonJs = { default: /** @type {unknown} */ (undefined), run: () => 1 };
  commonJs.default = commonJs;
  assert.deepEqual([...findHandlers(commonJs).keys()], ['run']);
});
