import assert from 'node:assert/strict';
import test from 'node:test';
import { createPool, Pool } from '../../js/index.js';
import { countedTime } from './fake-clock.js';
import { blocker, codeOf, DEADLY, ending, MODULE, until, withPool } from './helpers.js';
import { poolError } from '../../js/base/errors.js';
import { GroupSink } from '../../js/task/task.js';

test('when maxQueue tasks wait, the next is refused at once and nothing is evicted [AM-05]', () =>
  withPool({ workers: 1, maxQueue: 2 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const waiting = [pool.dispatch('echo', 2), pool.dispatch('echo', 3)];
    let refused;
    pool.dispatch('echo', 4).catch((error) => (refused = error.code));
    for (let microtask = 0; microtask < 5; microtask++) await null; // no turn of the event loop
    assert.equal(refused, 'QUEUE_FULL');
    assert.equal(pool.stats().queued, 2);
    await gate.release();
    assert.deepEqual(await Promise.all(waiting), [2, 3]);
  }));

test('maxQueue 0 means: only if a worker is free now [AM-05]', () =>
  withPool({ workers: 1, maxQueue: 0 }, async (pool) => {
    assert.equal(await pool.dispatch('echo', 1), 1);
    await until(() => pool.stats().freeWorkers === 1);
    const gate = blocker(pool);
    assert.equal(await codeOf(pool.dispatch('echo', 2)), 'QUEUE_FULL');
    await gate.running;
    assert.equal(await codeOf(pool.dispatch('echo', 3)), 'QUEUE_FULL');
    await gate.release();
  }));

test('higher levels leave the queue first, running tasks are not interrupted [AM-11, AM-12]', () =>
  withPool({ workers: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const tasks = ['low', 'background', 'normal', undefined, 'high', 'critical'].map((priority) =>
      pool.dispatch('note', priority ?? 'none', { priority }),
    );
    await gate.release();
    await Promise.all(tasks);
    assert.deepEqual(await pool.dispatch('notes'), ['critical', 'high', 'normal', 'none', 'low', 'background']);
    const second = blocker(pool);
    await second.running;
    const low = Array.from({ length: 100 }, (_, i) => pool.dispatch('note', i, { priority: 'low' }));
    const critical = pool.dispatch('note', 'first', { priority: 'critical' });
    await second.release();
    await Promise.all([...low, critical]);
    assert.equal((await pool.dispatch('notes'))[0], 'first');
  }));

test('equal levels keep the order of submission [AM-13]', () =>
  withPool({ workers: 1 }, async (pool) => {
    const numbers = Array.from({ length: 1000 }, (_, i) => i);
    await Promise.all(numbers.map((i) => pool.dispatch('note', i)));
    assert.deepEqual(await pool.dispatch('notes'), numbers);
  }));

test('a batch gives results in order; an empty one needs no worker [AM-18, AM-20]', () =>
  withPool({}, async (pool) => {
    assert.deepEqual(await pool.batch([30, 20, 10, 0].map((payload) => ({ task: 'slow', payload }))), [30, 20, 10, 0]);
    pool.pause();
    assert.deepEqual(await pool.batch([]), []);
    pool.resume();
  }));

test('members that never started may be told of before the failure that ended them; it is what the batch rejects with [AM-19]', async () => {
  const ended = (tell) =>
    new Promise((resolve) => {
      const sink = new GroupSink(
        3,
        resolve,
        (error) => resolve(`${error.code} ${error.index}`),
        () => undefined,
      );
      tell(sink);
    });
  const swept = () => poolError('CANCELLED');
  const outcomes = [
    await ended((sink) => (sink.fail(2, swept(), true), sink.fulfil(0, 'a'), sink.fail(1, poolError('TASK_FAILED')))),
    await ended((sink) => (sink.fail(1, poolError('TIMEOUT')), sink.fail(2, swept(), true))),
    // Its failure was reported already, so nothing else comes.
    await ended((sink) => (sink.fail(2, swept(), true), sink.fulfil(0, 'a'), sink.fulfil(1, 'b'))),
    await ended((sink) => (sink.fulfil(0, 'a'), sink.fulfil(1, 'b'), sink.fail(2, swept(), true))),
  ];
  assert.deepEqual(outcomes, ['TASK_FAILED 1', 'TIMEOUT 1', 'CANCELLED 2', 'CANCELLED 2']);
});

test('the first failure rejects a batch with its index; members that wait never run, others are not touched [AM-19]', () =>
  withPool({ workers: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const batch = pool.batch([
      { task: 'note', payload: 'a' },
      { task: 'fail', payload: 'second' },
      { task: 'note', payload: 'c' },
      { task: 'note', payload: 'd' },
    ]);
    const other = pool.dispatch('note', 'other');
    await gate.release();
    const error = await batch.catch((caught) => caught);
    assert.deepEqual([error.code, error.message, error.index], ['TASK_FAILED', 'second', 1]);
    await other;
    assert.deepEqual(await pool.dispatch('notes'), ['a', 'other']);
    assert.equal(
      await codeOf(
        pool.batch([
          { task: 'echo', payload: 1 },
          { task: 'echo', payload: () => 1 },
        ]),
      ),
      'NOT_SERIALIZABLE',
    );
    await pool.drain();
  }));

test('a batch that does not fit is refused as a whole [AM-21]', () =>
  withPool({ workers: 1, maxQueue: 2 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    assert.equal(
      await codeOf(pool.batch(Array.from({ length: 4 }, () => ({ task: 'note', payload: 1 })))),
      'QUEUE_FULL',
    );
    assert.equal(pool.stats().queued, 0);
    const fits = pool.batch([
      { task: 'note', payload: 2 },
      { task: 'note', payload: 3 },
    ]);
    await gate.release();
    await fits;
    assert.deepEqual(await pool.dispatch('notes'), [2, 3]);
  }));

test('a broadcast runs once on every worker, before ordinary work [AM-22, AM-23]', () =>
  withPool({}, async (pool) => {
    const gates = [blocker(pool), blocker(pool)];
    await Promise.all(gates.map((gate) => gate.running));
    const queued = Array.from({ length: 50 }, () => pool.dispatch('note', 'ordinary'));
    const broadcast = pool.broadcast('note', 'all');
    gates.forEach((gate) => gate.release());
    assert.deepEqual(await broadcast, ['all', 'all']);
    await Promise.all(queued);
    for (const notes of await pool.broadcast('notes')) {
      assert.equal(notes.filter((note) => note === 'all').length, 1);
      assert.equal(notes[0], 'all');
    }
    assert.deepEqual(
      (await pool.broadcast('worker')).map(({ index }) => index),
      [0, 1],
    );
  }));

test('when one copy fails the broadcast rejects, and the others still run [AM-24]', () =>
  withPool({}, async (pool) => {
    await pool.broadcast('notes');
    const error = await pool.broadcast('fail', 'one').catch((caught) => caught);
    assert.equal(error.code, 'TASK_FAILED');
    await pool.drain();
    assert.equal(pool.stats().errors, 2);
  }));

test('a copy waits for a paused pool and for the replacement of its worker [AM-25, AM-31]', () =>
  withPool({}, async (pool) => {
    const hung = [pool.dispatch('spin'), pool.dispatch('spin')];
    await until(() => pool.stats().freeWorkers === 0);
    const before = pool.broadcast('thread');
    pool.pause();
    await hung[0].terminate();
    await hung[1].terminate();
    pool.resume();
    const threads = await before;
    assert.equal(new Set(threads).size, 2);
    for (const task of hung) assert.equal(await codeOf(task), 'CANCELLED');
  }));

test('a sticky broadcast is replayed to a new worker before it becomes free [AM-26]', () =>
  withPool({ workers: 1 }, async (pool) => {
    const [first] = await pool.broadcast('setConfig', { level: 3 }, { sticky: true });
    const hung = pool.dispatch('spin');
    const next = pool.dispatch('getConfig');
    await until(() => pool.stats().queued === 1);
    await hung.terminate();
    assert.deepEqual(await next, { level: 3 });
    assert.notEqual(await pool.dispatch('thread'), first);
  }));

test('a broadcast that waits for a new worker runs after what is replayed to it [AM-26]', () =>
  withPool({ workers: 1 }, async (pool) => {
    await pool.broadcast('setConfig', { level: 3 }, { sticky: true });
    const hung = pool.dispatch('spin');
    await until(() => pool.stats().queued === 0 && pool.stats().freeWorkers === 0);
    const waiting = pool.broadcast('getConfig');
    await hung.terminate();
    assert.deepEqual(await waiting, [{ level: 3 }]);
  }));

test('a sticky broadcast runs once on a worker that is being started when it is sent [AM-26]', () =>
  withPool({ workers: 1 }, async (pool) => {
    const sent = new Promise((resolve) => {
      const send = () => resolve(pool.broadcast('count', null, { sticky: true }));
      pool.on('workerDown', () => queueMicrotask(send)); // by then the next thread is being started
    });
    const task = pool.dispatch('spin');
    await until(() => pool.stats().freeWorkers === 0);
    await Promise.all([task.terminate(), codeOf(task)]);
    assert.deepEqual(await sent, [1]);
    assert.equal(await pool.dispatch('count'), 2);
  }));

test('a sticky broadcast runs once on a worker that it has waited for [AM-26]', async () => {
  const pool = new Pool({ module: MODULE, workers: 2, recycleTimeoutMs: 0 });
  try {
    assert.deepEqual(await pool.broadcast('count', null, { sticky: true }), [1, 1]);
    await pool.drain();
    assert.deepEqual(await pool.broadcast('count'), [2, 2]);
    const hung = pool.dispatch('spin');
    await until(() => pool.stats().busyWorkers === 1);
    await hung.terminate();
    await until(() => pool.stats().freeWorkers === 2);
    assert.deepEqual((await pool.broadcast('count')).sort(), [2, 3]);
  } finally {
    await pool.destroy();
  }
});

test('stats are snapshots, and their sums hold under load [AM-27, AM-28]', () =>
  withPool({}, async (pool) => {
    const first = pool.stats();
    first.queued = 99;
    assert.notEqual(pool.stats(), first);
    assert.equal(pool.stats().queued, 0);
    const gates = [blocker(pool), blocker(pool)];
    await Promise.all(gates.map((gate) => gate.running));
    const workers = () => {
      const { freeWorkers, busyWorkers, totalWorkers } = pool.stats();
      return [freeWorkers, busyWorkers, totalWorkers];
    };
    assert.deepEqual(workers(), [0, 2, 2]);
    let last = pool.stats();
    const tasks = Array.from({ length: 498 }, (_, i) => codeOf(pool.dispatch(i % 5 ? 'echo' : 'fail', i)));
    assert.deepEqual([pool.stats().queued, last.processed, last.errors], [498, 0, 0]);
    for (const gate of gates) await gate.release();
    let settled = 2;
    for (const task of tasks) {
      await task;
      settled++;
      const now = pool.stats();
      assert.ok(now.processed >= settled && now.errors >= last.errors, 'what has settled is counted');
      assert.ok(now.processed + now.queued <= 500, 'and what waits has not');
      last = now;
    }
    await until(() => pool.stats().freeWorkers === 2);
    assert.deepEqual(workers(), [2, 0, 2]);
    assert.deepEqual([last.processed, last.errors], [500, 100]);
  }));

test('a worker that is not replaced any more is no worker; one that is to restart is busy [AM-28]', async () => {
  const count = (/** @type {any} */ pool) => {
    const { freeWorkers, busyWorkers, totalWorkers } = pool.stats();
    return [freeWorkers, busyWorkers, totalWorkers];
  };
  await withPool({ module: DEADLY, restart: { policy: 'never' } }, async (pool) => {
    pool.on('error', () => undefined);
    for (const left of [1, 0]) {
      assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST');
      assert.deepEqual(count(pool), [left, 0, left]);
    }
    assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST');
  });
  await withPool({ module: DEADLY, restart: { minMs: 60_000, maxMs: 60_000 } }, async (pool) => {
    pool.on('error', () => undefined);
    assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST');
    assert.deepEqual(count(pool), [1, 1, 2]);
  });
});

test('pause holds the queue, resume starts it in priority order; neither nests [AM-29, AM-30]', () =>
  withPool({ workers: 1 }, async (pool) => {
    pool.pause();
    pool.pause();
    const tasks = ['low', 'normal', 'high'].map((priority) => pool.dispatch('note', priority, { priority }));
    assert.equal(pool.stats().queued, 3);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([pool.stats().queued, pool.stats().freeWorkers], [3, 1]);
    pool.resume();
    await Promise.all(tasks);
    assert.deepEqual(await pool.dispatch('notes'), ['high', 'normal', 'low']);
  }));

test('time limits of running tasks go on while the pool is paused [AM-31]', () =>
  withPool({ workers: 1, recycleTimeoutMs: 0 }, async (pool) => {
    const hung = pool.dispatch('spin', 0, { timeoutMs: 50 });
    await until(() => pool.stats().freeWorkers === 0 && pool.stats().queued === 0);
    pool.pause();
    assert.equal(await codeOf(hung), 'TIMEOUT');
    pool.resume();
    assert.equal(await pool.dispatch('echo', 1), 1);
  }));

test('listeners come and go; drained fires once when all is done [AM-34, AM-35]', () =>
  withPool({}, async (pool) => {
    let drained = 0;
    const errors = [];
    pool.on('drained', () => drained++);
    const off = pool.on('error', () => errors.push('a'));
    pool.on('error', () => errors.push('b'));
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(drained, 0, 'not at the start');
    for (let round = 1; round <= 2; round++) {
      const tasks = Array.from({ length: 5 }, (_, i) => pool.dispatch('echo', i));
      await pool.drain();
      await Promise.all(tasks);
      assert.equal(drained, round);
    }
    await codeOf(pool.dispatch('fail'));
    off();
    await codeOf(pool.dispatch('fail'));
    assert.deepEqual(errors, ['a', 'b', 'b']);
    await pool.drain();
  }));

test('no timer remains when all tasks have settled, nor after destroy [AM-58]', async (t) => {
  const { timers, scheduler } = countedTime();
  await withPool({ scheduler, taskTimeoutMs: 60_000 }, async (pool) => {
    assert.equal(timers.size, 0);
    const tasks = Array.from({ length: 20 }, (_, i) => pool.dispatch(i % 2 ? 'echo' : 'fail', i));
    assert.equal(timers.size, 1, 'one for all');
    tasks[3].cancel();
    await Promise.allSettled(tasks);
    assert.equal(timers.size, 0);
  });
  const pool = ending(t, await createPool({ module: MODULE, workers: 1, scheduler, taskTimeoutMs: 60_000 }));
  const running = codeOf(pool.dispatch('spin'));
  assert.equal(timers.size, 1);
  await pool.destroy();
  assert.equal(await running, 'POOL_DESTROYED');
  assert.equal(timers.size, 0);
});

test('drained fires although the last task ended before the last worker was ready; drain() settles [AM-35]', async (t) => {
  const pool = ending(t, new Pool({ module: MODULE, workers: 2 }));
  let drained = 0;
  pool.on('drained', () => drained++);
  await Promise.all([pool.dispatch('echo'), pool.drain()]);
  await pool.ready;
  await until(() => drained > 0); // emitted in the turn after the last worker got its seat
  assert.equal(drained, 1);
  await pool.destroy();
});

test('a batch or broadcast of something else rejects, and never throws [AM-07, AM-09]', () =>
  withPool({}, async (pool) => {
    for (const jobs of [{}, [null], [1], undefined]) {
      void pool.batch(/** @type {any} */ (jobs)); // nobody listens: no unhandled rejection
      assert.equal(await codeOf(pool.batch(/** @type {any} */ (jobs))), 'INVALID_ARGUMENT');
    }
    assert.equal(await codeOf(pool.batch([{ task: 'echo', priority: /** @type {any} */ (null) }])), 'INVALID_ARGUMENT');
    assert.equal(await codeOf(pool.broadcast('echo', 1, /** @type {any} */ (null))), 'INVALID_ARGUMENT');
  }));

test('after a failed start every task says why there is no pool [AM-42]', async (t) => {
  const pool = ending(t, new Pool({ module: new URL('./fixtures/not-there.js', import.meta.url), workers: 1 }));
  await assert.rejects(pool.ready, { code: 'START_FAILED' });
  const error = await pool.dispatch('echo').catch((/** @type {any} */ caught) => caught);
  assert.equal(error.code, 'POOL_DESTROYED');
  assert.equal(error.cause.code, 'START_FAILED');
  assert.ok(error.message.includes(error.cause.message));
});

test('a map with maxWaitMs goes ahead of single tasks once it has waited that long [TW-28]', () =>
  withPool({ workers: 1 }, async (pool) => {
    for (const [maxWaitMs, expected] of /** @type {any[]} */ ([
      [0, ['map', 'single', 'single']],
      [undefined, ['single', 'single', 'map']],
    ])) {
      const gate = blocker(pool);
      await gate.running;
      const singles = ['single', 'single'].map((value) => pool.dispatch('note', value));
      const mapped = pool.map('note', ['map'], { maxWaitMs });
      const done = mapped.then();
      await new Promise((resolve) => setImmediate(resolve)); // by then it has been submitted
      await gate.release();
      await Promise.all([...singles, done]);
      assert.deepEqual(await pool.dispatch('notes'), expected);
    }
    assert.equal(await codeOf(pool.map('note', [1], { maxWaitMs: -1 })), 'INVALID_ARGUMENT');
  }));
