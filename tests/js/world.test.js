/** What a worker's modules find around them: the same as in a bare thread of the runtime, and nothing of the pool. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { createPool } from '../../js/index.js';
import { keepGlobals } from '../../js/worker/disguise.js';
import { C_TASKS, until, withPool } from './helpers.js';

const WORLD = new URL('./fixtures/world.js', import.meta.url);
const W = { module: WORLD, workers: 1, recycleTimeoutMs: 0 };

/** What the fixture's `seen` finds in a thread without a pool. */
async function plainThread() {
  const code = `import(${JSON.stringify(WORLD.href)}).then(({ seen, tell }) => tell(seen()))`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`));
  try {
    return (await once(worker, 'message'))[0];
  } finally {
    await worker.terminate();
  }
}

for (const wasm of [undefined, C_TASKS]) {
  test(`modules find the globals, listeners and threads of a plain worker (${wasm ? 'C tasks' : 'no C tasks'})`, () =>
    withPool({ ...W, wasm }, async (pool) => {
      const found = await pool.dispatch('seen');
      const expected = await plainThread();
      const [{ threadId, globals }, { globals: plain }] = [found, expected];
      for (const it of [found, expected]) it.threadId = it.globals = undefined;
      assert.deepEqual(found, expected);
      assert.deepEqual(found.left, []);
      assert.deepEqual(
        globals.filter((name) => !plain.includes(name)),
        ['wasmpoolThread'],
      );
      assert.ok(threadId > 0);
    }));
}

test('workerData is what the pool was given, for every way to read it, and for workers that come later', () =>
  withPool({ ...W, workerData: { word: new Int32Array(new SharedArrayBuffer(4)) } }, async (pool) => {
    const threads = new Set();
    for (let round = 0; round < 2; round++) {
      const { workerData, threadId } = await pool.dispatch('seen');
      assert.deepEqual(
        workerData.map(({ word }) => word.length),
        [1, 1, 1],
      );
      threads.add(threadId);
      await pool.dispatch('spin', null, { timeoutMs: 1 }).catch(() => undefined);
    }
    assert.equal(threads.size, 2);
  }));

test('workerData that cannot be carried is refused with a reason', async () => {
  const { port1, port2 } = new MessageChannel();
  const throwing = {
    get state() {
      throw new Error('as asked');
    },
  };
  for (const [data, why] of [
    [() => 1, 'value is a function'],
    [{ list: [{ log: () => 1 }] }, 'value.list[0].log is a function'],
    [port1, 'value is a MessagePort'],
    [{ ports: [port1] }, 'value.ports[0] is a MessagePort'],
    [throwing, 'as asked (getters: value.state)'],
  ]) {
    for (const name of ['workerData', 'initData'])
      await assert.rejects(createPool({ ...W, [name]: data }), {
        name: 'PoolError',
        code: 'NOT_SERIALIZABLE',
        message: `${name}: ${why}`,
      });
  }
  port2.close();
});

test("what modules post to their parentPort reaches pool.on('message'), whatever it is", () =>
  withPool(W, async (pool) => {
    const messages = [0, null, 'text', { kind: 'started' }, { kind: 'failed', error: 1 }, { kind: 'main', call: 0 }];
    const heard = [];
    pool.on('message', (event) => heard.push(event));
    const { threadId } = await pool.dispatch('seen');
    for (const message of messages) await pool.dispatch('tell', message);
    await until(() => heard.length === messages.length);
    assert.deepEqual(
      heard,
      messages.map((message) => ({ worker: 'Worker_1', name: 'Worker_1', index: 0, threadId, message })),
    );
  }));

test('pool.postMessage reaches the parentPort of one worker or of all; what comes before they listen waits', () =>
  withPool({ ...W, workers: 2 }, async (pool) => {
    const heard = [];
    pool.on('message', ({ index, message }) => heard.push([index, message.heard]));
    pool.postMessage('early');
    await pool.broadcast('listen');
    pool.postMessage('one', { worker: 1 });
    const { buffer } = new Uint8Array(1);
    pool.postMessage(buffer, { worker: 0, transfer: [buffer] });
    assert.equal(buffer.byteLength, 0);
    await until(() => heard.length === 4);
    const by = (worker) => heard.filter(([index]) => index === worker).map(([, message]) => message);
    assert.deepEqual(by(0), ['early', new ArrayBuffer(1)]);
    assert.deepEqual(by(1), ['early', 'one']);
    assert.throws(() => pool.postMessage(1, { worker: 2 }), { code: 'INVALID_ARGUMENT' });
    assert.throws(
      () => pool.postMessage({ log: [() => 1] }),
      ({ name, code, message, cause }) => {
        assert.deepEqual([name, code, cause.name], ['PoolError', 'NOT_SERIALIZABLE', 'DataCloneError']);
        return message === 'value.log[0] is a function';
      },
    );
  }));

test('a handler may load an Emscripten module that starts threads of its own', () =>
  withPool({ ...W, workers: 2 }, async (pool) => {
    assert.deepEqual(await pool.map('twiceInThread', [1, 21, 300]), [2, 42, 600]);
  }));

test('a pool leaves no global name on main', async () => {
  const before = Reflect.ownKeys(globalThis);
  await withPool({ ...W, wasm: C_TASKS }, async () => {
    assert.deepEqual(Reflect.ownKeys(globalThis), before);
  });
});

test('a global of the runtime that cannot be deleted stays, and the worker starts', () => {
  const names = { fixed: Symbol('fixed'), late: 'wasmpoolTestLate', own: 'wasmpoolTestOwn' };
  globalThis[names.own] = 1;
  const restore = keepGlobals();
  try {
    Object.defineProperty(globalThis, names.fixed, { value: 1 }); // as Node 22 and later do for fetch
    globalThis[names.late] = 2;
    globalThis[names.own] = 3;
    restore();
    assert.equal(globalThis[names.fixed], 1);
    assert.equal(names.late in globalThis, false);
    assert.equal(globalThis[names.own], 1);
  } finally {
    delete globalThis[names.own];
  }
});
