import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import test from 'node:test';
import { PoolError, Pool } from '../../js/index.js';
import { blocker, codeOf, ending, MODULE, until, withPool } from './helpers.js';

test('options of a wrong type reject with INVALID_ARGUMENT; neither dispatch nor broadcast throws [AM-07]', () =>
  withPool({}, async (pool) => {
    const wrong = [null, 5, { signal: {} }, { transfer: { length: 1 } }, { onProgress: 1 }, { weight: 'none' }];
    for (const options of wrong)
      assert.equal(await codeOf(pool.dispatch('echo', 1, options)), 'INVALID_ARGUMENT', JSON.stringify(options));
    assert.equal(await codeOf(pool.broadcast('', null, { sticky: true })), 'INVALID_ARGUMENT');
  }));

test('dispatch runs a handler and never throws [AM-07]', () =>
  withPool({}, async (pool) => {
    assert.equal(await pool.dispatch('add', { a: 10, b: 32 }), 42);
    assert.equal(await pool.tasks.add({ a: 1, b: 2 }), 3);
    const add = ({ a, b }) => a + b;
    assert.equal(await pool.dispatch(add, { a: 2, b: 2 }), 4);
  }));

const cycle = { name: 'cycle' };
cycle.self = cycle;
const VALUES = [
  undefined,
  null,
  false,
  0,
  -0,
  '',
  NaN,
  -Infinity,
  'x'.repeat(3_000_000),
  '\ud800 lone',
  { a: [1, { b: undefined }] },
  2n ** 200n,
  new Map([[{ k: 1 }, new Set([1, 'a'])]]),
  new Date(5),
  /x/gi,
  new Float64Array(100_000).fill(1.5),
  new Uint8Array([1, 0, 0]),
  new ArrayBuffer(3),
  Object.assign(new Array(3), { 1: 1 }),
  new Error('e', { cause: 'c' }),
  cycle,
  { deep: { '-0': -0 } },
];

test('every value that structured clone carries arrives as it was, in both directions, of any size [AM-08, XP-14]', () =>
  withPool({ boxes: { size: '1mb' } }, async (pool) => {
    for (const value of VALUES) assert.deepStrictEqual(await pool.dispatch('echo', value), structuredClone(value));
    assert.equal(await pool.dispatch('nothing'), undefined);
    const big = new Uint8Array(3 << 20).map((_, i) => i);
    assert.deepEqual(await pool.dispatch('echo', big), big);
  }));

test('what it cannot carry fails that task only, in both directions [AM-38, AM-39]', () =>
  withPool({ workers: 1 }, async (pool) => {
    for (const value of [() => 1, Symbol('s'), { f() {} }, new WeakMap(), Promise.resolve()]) {
      const task = pool.dispatch('echo', value);
      const error = await task.catch((caught) => caught);
      assert.deepEqual([error.code, error.taskId], ['NOT_SERIALIZABLE', task.id]);
      assert.match(error.message, /^echo: /);
    }
    assert.equal(await codeOf(pool.dispatch('aFunction')), 'NOT_SERIALIZABLE');
    assert.equal(await pool.dispatch('echo', 'usable'), 'usable');
    assert.equal(pool.stats().freeWorkers, 1);
  }));

test('values that only a message can carry, and transfer in both directions', () =>
  withPool({}, async (pool) => {
    const shared = new SharedArrayBuffer(8);
    await pool.dispatch('add1', new Int32Array(shared));
    assert.equal(new Int32Array(shared)[0], 1);
    for (const length of [1000, 1_000_000]) {
      const bytes = new Uint8Array(length).fill(4);
      assert.equal((await pool.dispatch('echo', bytes, { transfer: [bytes.buffer] }))[999], 4);
      assert.equal(bytes.length, 0, 'it was moved');
      assert.equal((await pool.dispatch('move', length))[999], 9);
    }
  }));

test('a task may be fired and forgotten; a later catch sees the error [AM-09]', () =>
  withPool({}, async (pool) => {
    const seen = [];
    const listen = (error) => seen.push(error);
    process.on('unhandledRejection', listen);
    const lost = [
      pool.dispatch('fail', 'x'),
      pool.batch([{ task: 'fail' }]),
      pool.broadcast('fail'),
      pool.map('fail', [1]),
    ];
    await pool.drain();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', listen);
    assert.deepEqual(seen, []);
    assert.equal(await codeOf(lost[0]), 'TASK_FAILED');
  }));

test('the result is a standard promise [AM-10]', () =>
  withPool({}, async (pool) => {
    const promise = pool.dispatch('echo', 5);
    assert.ok(promise instanceof Promise);
    assert.deepEqual(await Promise.all([promise, promise, promise.then((x) => x + 1)]), [5, 5, 6]);
    let finished = 0;
    await promise.finally(() => finished++);
    assert.equal(finished, 1);
  }));

test('unknown tasks and failing handlers reject with message, id, worker and cause; the worker stays usable [AM-15, AM-16]', () =>
  withPool({ workers: 1 }, async (pool) => {
    const events = [];
    pool.on('error', (message, taskId) => events.push([message, taskId]));
    const unknown = await pool.dispatch('nope').catch((error) => error);
    assert.equal(unknown.code, 'UNKNOWN_TASK');
    assert.match(unknown.message, /nope/);
    const failing = pool.dispatch('fail', 'boom');
    const error = await failing.catch((caught) => caught);
    assert.ok(error instanceof PoolError && error instanceof Error);
    assert.deepEqual(
      [error.code, error.message, error.taskId, error.worker],
      ['TASK_FAILED', 'boom', failing.id, 'Worker_1'],
    );
    assert.equal(error.cause.message, 'boom');
    assert.equal((await pool.dispatch('throwValue', 'text').catch((e) => e)).cause, 'text');
    assert.deepEqual(events.slice(1, 2), [['boom', failing.id]]);
    assert.equal(await pool.dispatch('echo', 1), 1);
    assert.equal(pool.stats().errors, 3);
  }));

for (const name of ['onTaskError', 'onWorkerError']) {
  test(`${name} gets message and id; what it throws is swallowed [AM-06]`, async (t) => {
    const logged = t.mock.method(console, 'error', () => undefined);
    const seen = [];
    const callback = (message, id) => {
      seen.push([message, id]);
      throw new Error('in the hook');
    };
    await withPool({ [name]: callback }, async (pool) => {
      const promise = pool.dispatch('fail', 'x');
      await codeOf(promise);
      assert.deepEqual(seen, [['x', promise.id]]);
      assert.equal(await pool.dispatch('echo', 1), 1);
    });
    assert.equal(logged.mock.callCount(), 1);
  });
}

test('an asynchronous handler keeps its worker busy until it settles [AM-17]', () =>
  withPool({ workers: 1 }, async (pool) => {
    const first = pool.dispatch('slow', 20);
    const order = [];
    await Promise.all([first.then(() => order.push('slow')), pool.dispatch('echo', 1).then(() => order.push('echo'))]);
    assert.deepEqual(order, ['slow', 'echo']);
  }));

test('concurrentTasksPerWorker lets asynchronous handlers overlap on one worker', () =>
  withPool({ workers: 1, concurrentTasksPerWorker: 2 }, async (pool) => {
    const words = new Int32Array(new SharedArrayBuffer(12));
    const first = pool.dispatch('overlap', words); // awaits its release, so the event loop turns
    await until(() => words[0] === 1);
    assert.equal(await pool.dispatch('echo', 'beside it'), 'beside it');
    Atomics.store(words, 2, 1);
    assert.equal(await first, 1);
  }));

test('ten thousand tasks have different ids [AM-36]', () =>
  withPool({}, async (pool) => {
    const tasks = Array.from({ length: 10_000 }, (_, i) => pool.dispatch('echo', i));
    assert.equal(new Set(tasks.map((task) => task.id)).size, 10_000);
    await Promise.all(tasks);
    const later = pool.dispatch('echo', 0);
    assert.ok(!tasks.some((task) => task.id === later.id));
    assert.equal(await pool.dispatch('id').then((id) => typeof id), 'string');
    await later;
  }));

test('results go through shared memory: no message carries a payload, and no box remains [AM-37]', async (t) => {
  const messages = [];
  const emit = EventEmitter.prototype.emit;
  t.mock.method(EventEmitter.prototype, 'emit', function spy(event, ...args) {
    if (event === 'message') messages.push(args[0]);
    return emit.call(this, event, ...args);
  });
  await withPool({}, async (pool) => {
    messages.length = 0;
    await pool.map(
      'echo',
      Array.from({ length: 20_000 }, (_, i) => ({ i, text: 'x'.repeat(100) })),
    );
    assert.ok(
      messages.every((message) => message === 0),
      'only doorbells',
    );
    assert.equal(pool.diagnostics().boxesInUse, 0);
  });
});

test('tasks dispatched at construction wait for the two-phase start and then run [AM-40, AM-41]', async (t) => {
  const pool = ending(t, new Pool({ module: MODULE, workers: 1 }));
  const early = pool.dispatch('add', { a: 1, b: 1 });
  const batch = pool.batch([{ task: 'echo', payload: 1 }]);
  assert.equal(pool.stats().freeWorkers, 0);
  assert.equal(pool.stats().queued, 2);
  assert.deepEqual([await early, await batch], [2, [1]]);
  await pool.ready;
  await pool.destroy();
});

test('each worker has its own copy of the module, and keeps it [AM-52]', () =>
  withPool({}, async (pool) => {
    assert.deepEqual(await pool.broadcast('count'), [1, 1]);
    assert.deepEqual(await pool.broadcast('count'), [2, 2]);
  }));

test('pools live side by side [AM-53]', async (t) => {
  const other = ending(t, new Pool({ module: MODULE, workers: 1 }));
  await withPool({}, async (pool) => {
    assert.equal(await other.dispatch('echo', 1), 1);
    await other.destroy();
    assert.equal(await pool.dispatch('echo', 2), 2);
  });
});

test('workers have numbered names, in errors and for themselves [AM-56]', () =>
  withPool({}, async (pool) => {
    assert.deepEqual(await pool.broadcast('worker'), [
      { index: 0, name: 'Worker_1' },
      { index: 1, name: 'Worker_2' },
    ]);
  }));

test('workers need nothing of main: 2,000 tasks are done while it sleeps, until the last of them wakes it [AM-49]', () =>
  withPool({}, async (pool) => {
    const words = [0, 1].map(() => new Int32Array(new SharedArrayBuffer(8)));
    const held = words.map((word) => pool.dispatch('spinUntil', word));
    await until(() => words.every((word) => Atomics.load(word, 0) === 1)); // so that all others still wait
    const tasks = Array.from({ length: 2000 }, (_, i) => pool.dispatch('echo', i));
    const done = new Int32Array(new SharedArrayBuffer(4));
    const last = [0, 1].map(() => pool.dispatch('wakeWhen', { word: done, all: 2 }));
    assert.equal(pool.stats().queued, 2002);
    for (const word of words) Atomics.store(word, 1, 1);
    for (let seen = 0; seen < 2; seen = Atomics.load(done, 0))
      assert.notEqual(Atomics.wait(done, 0, seen, 60_000), 'timed-out', 'workers stand still while main sleeps');
    assert.equal(pool.stats().queued, 0);
    assert.deepEqual(await Promise.all(tasks), [...tasks.keys()]);
    assert.deepEqual(await Promise.all([...held, ...last]), [true, true, 2, 2]);
  }));

test('a handler calls main and gets the answer; errors come back too [AM-50]', () =>
  withPool({ main: { twice: (x) => 2 * x } }, async (pool) => {
    assert.equal(await pool.dispatch('askMain', 21), 42);
    const error = await pool.dispatch('askNobody', 1).catch((caught) => caught);
    assert.match(error.message, /nobody/);
  }));

test('whatever a function of main throws is an error for the handler [AM-50]', async () => {
  const twice = (thrown) => {
    // Without text, and not to be cloned.
    if (thrown === 'odd') throw Object.assign(Object.create(null), { f() {} });
    throw thrown;
  };
  await withPool({ main: { twice } }, async (pool) => {
    for (const thrown of [undefined, null, 0, 'odd'])
      assert.equal(await codeOf(pool.dispatch('askMain', thrown)), 'TASK_FAILED', String(thrown));
  });
});

test('payloads are copies of what they are when a task is submitted, before the pool is ready as well [TW-62]', async () => {
  const pool = new Pool({ module: MODULE, workers: 1 });
  try {
    for (const state of ['starting', 'ready']) {
      const [tree, bytes, moved] = [{ a: [1] }, new Uint8Array(200).fill(1), new Uint8Array(8).fill(1)];
      const results = [
        pool.dispatch('echo', tree),
        pool.dispatch('echo', bytes),
        pool.dispatch('echo', moved, { transfer: [moved.buffer] }),
        pool.batch([{ task: 'echo', payload: tree }]),
        pool.broadcast('echo', tree),
        new Promise((resolve) => pool.bulkSplit('echo', [tree], (found) => resolve([...found]))),
      ];
      assert.equal(moved.byteLength, 0);
      tree.a.push(2);
      bytes.fill(2);
      const found = await Promise.all(results);
      assert.deepEqual(found[0], { a: [1] }, state);
      assert.deepEqual([found[1][0], found[2][0]], [1, 1], state);
      for (const list of found.slice(3)) assert.deepEqual(list, [{ a: [1] }], state);
    }
  } finally {
    await pool.destroy();
  }
});

test('initData reaches every worker', () =>
  withPool({ initData: { level: 3 } }, async (pool) => {
    assert.deepEqual(await pool.broadcast('initData'), [{ level: 3 }, { level: 3 }]);
  }));

test('progress arrives in order and before the result', () =>
  withPool({}, async (pool) => {
    const seen = [];
    const task = pool.dispatch('progress', [1, { two: 2 }, 'x'.repeat(1000)], {
      onProgress: (value) => seen.push(value),
    });
    seen.push(await task);
    assert.deepEqual(seen, [1, { two: 2 }, 'x'.repeat(1000), 'end']);
  }));

test('context.alloc returns a result without a copy of it; context.isCancelled is seen by a running handler', () =>
  withPool({}, async (pool) => {
    assert.deepEqual(await pool.dispatch('alloc', 5), new Uint8Array(5).fill(3));
    const word = new Int32Array(new SharedArrayBuffer(8));
    const task = pool.dispatch('cancelled', word);
    await until(() => Atomics.load(word, 0) !== 0);
    assert.equal(task.cancel('enough'), true);
    assert.equal((await task.catch((error) => error)).cause, 'enough');
    await until(() => Atomics.load(word, 1) !== 0);
    assert.equal(task.cancel(), false);
    await pool.broadcast('echo');
  }));

test('cancel: a waiting task never runs; an aborted signal cancels too', () =>
  withPool({ workers: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const controller = new AbortController();
    const waiting = [
      pool.dispatch('note', 1),
      pool.dispatch('note', 2, { signal: controller.signal }),
      pool.dispatch('note', 3),
    ];
    assert.equal(waiting[0].cancel(), true);
    controller.abort(new Error('why'));
    assert.equal(await codeOf(waiting[0]), 'CANCELLED');
    assert.equal((await waiting[1].catch((error) => error)).cause.message, 'why');
    assert.equal(await codeOf(pool.dispatch('note', 4, { signal: AbortSignal.abort() })), 'CANCELLED');
    assert.equal(pool.stats().queued, 1);
    await gate.release();
    await waiting[2];
    assert.deepEqual(await pool.dispatch('notes'), [3]);
  }));

test('ids grow, are the same before and after a task has a slot, and in its worker [AM-36, TW-66]', async (t) => {
  const pool = ending(t, new Pool({ module: MODULE, workers: 1 }));
  const early = pool.dispatch('id');
  const { id } = early;
  assert.equal(await early, id);
  assert.equal(early.id, id);
  const number = (/** @type {string} */ text) => Number(/^task-(\d+)$/.exec(text)?.[1]);
  const later = Array.from({ length: 3000 }, () => pool.dispatch('id'));
  const numbers = [id, ...(await Promise.all(later))].map(number);
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
  );
  await pool.destroy();
});

test('what a handler returns of a box that it was sent is a copy: the box may go at once [AM-50, TW-62]', () =>
  withPool({}, async (pool) => {
    for (const size of [4, 4000]) {
      const bytes = new Uint8Array(size).fill(7);
      const box = await pool.dispatch('echo', bytes, { deliver: 'lease' });
      const results = [pool.dispatch('echo', box), pool.dispatch('parts', box), pool.dispatch('echo', box.raw())];
      const inside = pool.dispatch('echo', { deep: [box.raw()] }, { transfer: [new ArrayBuffer(8)] });
      box.release();
      const [same, { record, map, set, of }, raw] = await Promise.all(results);
      for (const copy of [same, of, raw, record.list[0][0], [...set][0], (await inside).deep[0]]) {
        assert.deepEqual(copy, bytes);
        assert.equal(copy.buffer.byteLength, size, 'nothing else is behind it');
      }
      assert.deepEqual([record.view, record.words], [bytes.subarray(0, 2), new Uint16Array([0x0707])]);
      assert.equal(record.self, record);
      assert.equal(map.get('view').getUint8(1), 7);
    }
  }));
