/** Payloads that only a message can carry: they arrive before their tasks, and main is not needed again. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Pool, PoolError } from '../../js/index.js';
import { Deserted } from '../../js/engine/deserted.js';
import { isSmall, Outbox } from '../../js/engine/outbox.js';
import * as L from '../../js/generated/layout.js';
import { blocker, codeOf, until, withPool } from './helpers.js';

const AHEAD = { module: new URL('./fixtures/ahead.js', import.meta.url), restart: { minMs: 1, maxMs: 1, max: -1 } };
/** A payload so large that it is sent to one worker, instead of as bytes in the pool's memory. */
const LARGE = 300_000;

const words = () => new Int32Array(new SharedArrayBuffer(64));

/**
 * Blocks this thread until so many tasks have ended. A task that needs main never ends; the time is long enough for a busy machine.
 * @param {Int32Array} word
 * @param {number} count
 */
function blockUntil(word, count) {
  for (let ended; (ended = Atomics.load(word, 0)) < count;)
    assert.notEqual(Atomics.wait(word, 0, ended, 30_000), 'timed-out', `${ended} of ${count} tasks ended`);
}

/** What is sent, and how: [task, payload, options] for a shared word. */
const PAYLOADS = {
  'shared memory': (word) => ['count', { word }],
  'shared memory, with a weight': (word) => ['count', { word }, { weight: 'light' }],
  'shared memory and much else': (word) => ['sum', { word, bytes: new Uint8Array(LARGE).fill(1) }],
  'a large buffer that is transferred': (word) => {
    const bytes = new Uint8Array(LARGE).fill(1);
    return ['sum', { word, bytes }, { transfer: [bytes.buffer] }];
  },
  'a port': (word) => {
    const { port2 } = new MessageChannel();
    return ['say', { word, port: port2, text: 'hello' }, { transfer: [port2] }];
  },
};

for (const [what, make] of Object.entries(PAYLOADS)) {
  test(`tasks with ${what} start and end while main is blocked`, () =>
    withPool(AHEAD, async (pool) => {
      for (const count of [1, 20]) {
        const word = words();
        const tasks = Array.from({ length: count }, () => pool.dispatch(...make(word)));
        blockUntil(word, count);
        await Promise.all(tasks);
      }
    }));
}

test('a broadcast, and tasks that waited for their workers to start, need no main either', async () => {
  const pool = new Pool({ ...AHEAD, workers: 2 });
  try {
    pool.pause();
    const word = words();
    const early = Array.from({ length: 5 }, () => pool.dispatch('count', { word }));
    await pool.ready;
    pool.resume();
    const all = pool.broadcast('count', { word });
    blockUntil(word, 7);
    await Promise.all([...early, all]);
  } finally {
    await pool.destroy();
  }
});

test('a payload that goes to one worker goes to one that is free', () =>
  withPool({ ...AHEAD, workers: 3 }, async (pool) => {
    const gates = [blocker(pool), blocker(pool)];
    await Promise.all(gates.map(({ running }) => running));
    for (let i = 0; i < 5; i++) {
      const bytes = new Uint8Array(LARGE).fill(1);
      assert.equal(await pool.dispatch('sum', { word: words(), bytes }, { transfer: [bytes.buffer] }), LARGE);
      assert.equal(bytes.length, 0);
    }
    await Promise.all(gates.map((gate) => gate.release()));
  }));

test('small payloads with shared memory run on whatever worker is free, however long another one reads none', () =>
  withPool(AHEAD, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const word = words();
    await Promise.all(Array.from({ length: 3000 }, () => pool.dispatch('count', { word })));
    assert.equal(word[0], 3000);
    await gate.release();
    await Promise.all(Array.from({ length: 3000 }, () => pool.dispatch('count', { word })));
    assert.equal(word[0], 6000);
  }));

test('what a worker has read, and another one has taken, makes room for what comes', () =>
  withPool({ ...AHEAD, workers: 2 }, async (pool) => {
    const gates = [blocker(pool), blocker(pool)];
    await Promise.all(gates.map(({ running }) => running));
    const word = words();
    const tasks = Array.from({ length: 1500 }, () => pool.dispatch('count', { word }));
    await gates[0].release();
    await Promise.all(tasks);
    await gates[1].release();
    const meeting = (/** @type {Int32Array} */ at) => [1, 2].map(() => pool.dispatch('meet', { word: at, all: 2 }));
    await Promise.all(meeting(words())); // so that both have read
    const last = words();
    const both = meeting(last);
    blockUntil(last, 2);
    await Promise.all(both);
  }));

test('what a worker has kept for tasks that another one has taken makes room as well', () =>
  withPool({ ...AHEAD, workers: 2, main: { answer: () => 1 } }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const reader = words();
    const reading = pool.dispatch('reads', { word: reader });
    await until(() => Atomics.load(reader, 1));
    const word = words();
    const tasks = Array.from({ length: 600 }, () => pool.dispatch('count', { word }));
    Atomics.store(reader, 3, 1);
    await until(() => Atomics.load(reader, 2));
    await gate.release();
    await Promise.all(tasks);
    Atomics.store(reader, 4, 1);
    await reading;
    const last = words();
    const both = [1, 2].map(() => pool.dispatch('meet', { word: last, all: 2 }));
    blockUntil(last, 2);
    await Promise.all(both);
  }));

test('what a worker had no room for is sent to it as soon as it has', () =>
  withPool({ ...AHEAD, workers: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const word = words();
    const tasks = Array.from({ length: 1500 }, () => pool.dispatch('count', { word })); // 1,024 may be unread
    const released = gate.release();
    await tasks[999];
    blockUntil(word, 1500);
    await Promise.all([...tasks, released]);
  }));

test('a payload for one worker does not go to one whose task is over its limit, though it has less to do', () =>
  withPool({ ...AHEAD, workers: 2, recycleTimeoutMs: Infinity }, async (pool) => {
    const late = blocker(pool, { timeoutMs: 1 });
    assert.equal(await codeOf(late.promise), 'TIMEOUT');
    const gate = blocker(pool);
    await gate.running;
    const tasks = Array.from({ length: 5 }, () => {
      const bytes = new Uint8Array(LARGE).fill(1);
      return pool.dispatch('sum', { word: words(), bytes }, { transfer: [bytes.buffer] });
    });
    await gate.release();
    assert.deepEqual(await Promise.all(tasks), Array(5).fill(LARGE));
    await codeOf(late.release());
  }));

test('payloads for one worker are sent ahead however many were', () =>
  withPool({ ...AHEAD, workers: 1 }, async (pool) => {
    const sum = (/** @type {Int32Array} */ word) => pool.dispatch('sum', { word, bytes: new Uint8Array(LARGE) });
    for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 10 }, () => sum(words())));
    const word = words();
    const task = sum(word);
    blockUntil(word, 1);
    await task;
  }));

test('tasks that are bound to a worker by their payload keep the order of priorities', () =>
  withPool({ ...AHEAD, workers: 1 }, async (pool) => {
    const word = words();
    const large = () => ({ word, bytes: new Uint8Array(LARGE) });
    pool.pause();
    const tasks = [
      pool.dispatch('note', { ...large(), at: 5 }, { priority: 'low' }),
      pool.dispatch('note', { word, at: 3 }),
      pool.dispatch('note', { ...large(), at: 4 }),
      pool.dispatch('note', { word, at: 1 }, { priority: 'high' }),
      pool.dispatch('note', { ...large(), at: 2 }, { priority: 'high' }),
    ];
    pool.resume();
    await Promise.all(tasks);
    assert.deepEqual([...word.subarray(1, 6)], [1, 2, 3, 4, 5]);
  }));

for (const spares of [0, 1]) {
  const title = `what was transferred to a worker that ends before it began is lost with it; copies are sent again; ${spares} spares`;
  test(title, () => withPool({ ...AHEAD, workers: 1, spares }, losesTransferred));
}

/** @param {import('../../js/index.js').Pool} pool of one worker */
async function losesTransferred(pool) {
  const gate = blocker(pool);
  await gate.running;
  const word = words();
  const bytes = new Uint8Array(LARGE).fill(1);
  const moved = pool.dispatch('sum', { word, bytes }, { transfer: [bytes.buffer] });
  const copied = pool.dispatch('sum', { word, bytes: new Uint8Array(LARGE).fill(1) });
  const small = pool.dispatch('count', { word });
  const ended = gate.promise.terminate();
  assert.equal(await codeOf(gate.promise), 'CANCELLED');
  const error = await moved.catch((caught) => caught);
  assert.equal(error.code, 'WORKER_LOST');
  assert.match(error.message, /^Worker_1 ended before the task had started, .*: Worker_1 was killed/);
  assert.equal(error.worker, 'Worker_1');
  assert.equal(await copied, LARGE);
  await small;
  await ended;
}

for (const restart of [AHEAD.restart, { policy: 'never' }, { minMs: 60_000, maxMs: 60_000 }])
  test(`a transferred task that had not started says why its worker ended: restart ${JSON.stringify(restart)}`, () =>
    withPool({ ...AHEAD, restart, workers: 1 }, async (pool) => {
      pool.on('error', () => undefined);
      const running = pool.dispatch('exit', 4).catch((error) => error);
      const waiting = Array.from({ length: 2 }, () => {
        const buffer = new ArrayBuffer(LARGE);
        return pool.dispatch('size', buffer, { transfer: [buffer], onLost: 'requeue' }).catch((error) => error);
      });
      assert.match((await running).message, /^Worker_1 ended while it ran the task: Worker_1 exited with code 4$/);
      for (const error of await Promise.all(waiting)) {
        assert.equal(error.code, 'WORKER_LOST');
        if (restart.policy !== 'never') assert.match(error.message, /^Worker_1 ended before the task had started/);
        assert.match(error.message, /: Worker_1 exited with code 4$/);
        assert.equal(error.exitCode, 4);
        assert.equal(error.cause.message, 'Worker_1 exited with code 4');
      }
    }));

test('a WORKER_LOST that a handler hands on keeps its own text', () => {
  const ask = () => Promise.reject(new PoolError('WORKER_LOST', 'another pool lost its worker'));
  return withPool({ ...AHEAD, workers: 1, main: { ask } }, async (pool) => {
    const error = await pool.dispatch('asks').catch((caught) => caught);
    assert.deepEqual([error.code, error.message], ['WORKER_LOST', 'another pool lost its worker']);
  });
});

for (const options of [{}, { concurrentTasksPerWorker: 4 }]) {
  const title = `what is transferred is there when its handler has been loaded ${JSON.stringify(options)}`;
  test(title, () =>
    withPool({ ...AHEAD, ...options, workers: 1 }, async (pool) => {
      /** Done several times, since the two threads decide whether it comes before or after its task has begun. */
      const others = Array.from({ length: 15 }, (_, i) => new URL(`./fixtures/ahead.js?${i}`, import.meta.url));
      const sizes = await Promise.all(
        others.map((module, i) => {
          const buffer = new ArrayBuffer(LARGE + i);
          const onLost = i % 2 ? 'requeue' : 'reject';
          return pool.dispatch({ module, name: 'size' }, buffer, { transfer: [buffer], onLost });
        }),
      );
      assert.deepEqual(
        sizes,
        others.map((_, i) => LARGE + i),
      );
      for (const module of others) {
        const { port1, port2 } = new MessageChannel();
        const heard = new Promise((resolve) => port1.addEventListener('message', ({ data }) => resolve(data)));
        port1.start();
        const payload = { word: words(), port: port2, text: 'hello', bytes: new Uint8Array(LARGE) };
        await pool.dispatch({ module: `${module}&port`, name: 'say' }, payload, { transfer: [port2] });
        assert.equal(await heard, 'hello');
        port1.close();
      }
    }),
  );
}

test('what is transferred stays with its worker for as long as its handler takes to load', () =>
  withPool({ ...AHEAD, workers: 1 }, async (pool) => {
    // Longer than the worker waits between two looks at its letters. A module that takes even longer changes nothing.
    const source = 'await new Promise((go) => setTimeout(go, 200)); export const size = (buffer) => buffer.byteLength;';
    const buffer = new ArrayBuffer(LARGE);
    const slow = { module: `data:text/javascript,${encodeURIComponent(source)}`, name: 'size' };
    assert.equal(await pool.dispatch(slow, buffer, { transfer: [buffer] }), LARGE);
  }));

test('a task with shared memory runs again after the loss of its worker', () =>
  withPool(AHEAD, async (pool) => {
    assert.equal(await pool.dispatch('dieOnce', { word: words() }, { onLost: 'requeue' }), 'ran again');
    const bytes = new Uint8Array(LARGE);
    const moved = pool.dispatch('dieOnce', { word: words(), bytes }, { onLost: 'requeue', transfer: [bytes.buffer] });
    const error = await moved.catch((caught) => caught);
    assert.equal(error.code, 'WORKER_LOST');
    assert.match(
      error.message,
      /^Worker_. ended while it ran the task, and it cannot run again, .* exited with code 1$/,
    );
    assert.equal(error.exitCode, 1);
  }));

test('small buffers that are transferred arrive and are gone, both ways; what cannot be transferred is refused', () =>
  withPool(AHEAD, async (pool) => {
    const first = new Uint8Array(1000).fill(7);
    const part = new Uint8Array(first.buffer, 10, 20);
    const { whole, view, move } = await pool.dispatch(
      'back',
      { whole: first, view: part, move: first.buffer },
      { transfer: [first.buffer] },
    );
    assert.deepEqual([whole.length, view.byteOffset, view.length, move.byteLength], [1000, 10, 20, 1000]);
    assert.ok(view.buffer === whole.buffer && move === whole.buffer && whole[999] === 7);
    assert.equal(first.buffer.byteLength, 0);
    const partOnly = new Uint8Array(new ArrayBuffer(100), 8, 4);
    assert.deepEqual(await pool.dispatch('shape', partOnly, { transfer: [partOnly.buffer] }), [8, 100]);
    assert.equal(partOnly.length, 0);
    const twice = new ArrayBuffer(8);
    assert.equal(await codeOf(pool.dispatch('back', twice, { transfer: [twice, twice] })), 'NOT_SERIALIZABLE');
    assert.equal(twice.byteLength, 8);
    const withFunction = pool.dispatch('back', { twice, no: () => 1 }, { transfer: [twice] });
    assert.equal(await codeOf(withFunction), 'NOT_SERIALIZABLE');
    assert.equal(twice.byteLength, 8);
    assert.equal(await codeOf(pool.dispatch('back', first, { transfer: [first.buffer] })), 'NOT_SERIALIZABLE');
  }));

test('what is small is sent to all workers, by its bytes and its parts; shared memory counts for nothing', () => {
  const shared = new SharedArrayBuffer(1 << 20);
  assert.ok(isSmall({ shared, views: [new Uint8Array(shared), new Float64Array(shared)], text: 'x'.repeat(4000) }));
  assert.ok(!isSmall({ shared, text: 'x'.repeat(5000) }));
  assert.ok(!isSmall(new Map([['bytes', new Uint8Array(5000)]])));
  assert.ok(!isSmall({ list: Array.from({ length: 100 }, (_, i) => i) }));
});

test('what a worker had no room for is sent as others end, none left out', () => {
  let read = 0;
  const sent = [];
  const core = { thread: () => 0, load: () => read };
  const member = { number: 1, state: 'live', sent: 0, thread: { post: ({ slot }) => sent.push(slot) } };
  const outbox = new Outbox(core, new Map([[1, member]]));
  const tasks = Array.from({ length: 1024 + 20 }, (_, index) => {
    const more = { channel: { value: 1, transfer: [] } };
    return { index, generation: 0, more, rare: more };
  });
  for (const task of tasks) outbox.send(task, {});
  assert.equal(sent.length, 1024, 'as many as a worker may leave unread');
  read = sent.length;
  for (const task of tasks.slice(0, 3)) outbox.forget(task);
  assert.deepEqual(
    sent,
    tasks.map(({ index }) => index),
  );
});

test('a worker that asks for what is on its way to it does not end the task; one to which it was not sent does, as does a second run', () => {
  // Where messages arrive by the event loop alone (browsers), a worker may ask, get what was sent, and finish before main sees the question.
  let redeliveries = 0;
  const core = /** @type {any} */ ({
    slots: { record: () => 0 },
    load: (/** @type {number} */ at) => (at === L.SLOT_REDELIVERIES ? redeliveries : 0),
  });
  const ended = /** @type {unknown[]} */ ([]);
  const deserted = new Deserted(core, /** @type {any} */ ({}), /** @type {any} */ ({}), [], (task) => ended.push(task));
  const member = /** @type {any} */ ({ name: 'Worker_1', state: 'live' });
  const other = /** @type {any} */ ({ name: 'Worker_2', state: 'live' });
  const task = /** @type {any} */ ({ index: 0, id: 'task', rare: { boundTo: member } });
  assert.ok(deserted.misses(task, member) instanceof PoolError);
  assert.deepEqual(ended, []);
  assert.equal(deserted.misses(task, other).code, 'WORKER_LOST');
  assert.deepEqual(ended, [task]);
  redeliveries = 1;
  assert.equal(deserted.misses(task, member).code, 'WORKER_LOST');
  assert.deepEqual(ended, [task, task]);
});
