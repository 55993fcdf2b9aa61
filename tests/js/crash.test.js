/** Deaths that nobody asked for, on Node: what is lost, what comes back, who serves the seat next. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createPool } from '../../js/index.js';
import { host } from '../../js/host/index.js';
import { FakeClock } from './fake-clock.js';
import { codeOf, countingThreads, DEADLY, ending, until, withPool } from './helpers.js';

const quick = { minMs: 1, maxMs: 1, jitter: 0, max: -1 };
const patient = { minMs: 1, maxMs: 1, jitter: 0 };
const D = { module: DEADLY, restart: quick };

test('a task that dies with its worker rejects with WORKER_LOST, naming task, worker and reason; others wait and run [AM-54]', () =>
  withPool({ ...D, workers: 1 }, async (pool) => {
    const down = [];
    pool.on('workerDown', (event) => down.push(event));
    const lost = pool.dispatch('exit', 7);
    const waiting = [1, 2, 3].map((value) => pool.dispatch('echo', value));
    const broadcast = pool.broadcast('echo', 'all');
    const error = await lost.catch((caught) => caught);
    assert.deepEqual([error.code, error.worker, error.taskId], ['WORKER_LOST', 'Worker_1', lost.id]);
    assert.match(error.message, /Worker_1 .* code 7/);
    assert.deepEqual(await Promise.all(waiting), [1, 2, 3]);
    assert.deepEqual(await broadcast, ['all']);
    assert.deepEqual(
      down.map(({ worker }) => worker),
      ['Worker_1'],
    );
  }));

test('a worker that dies between tasks costs nobody a result [AM-54]', () =>
  withPool({ ...D, workers: 1 }, async (pool) => {
    for (let round = 0; round < 5; round++) {
      let down = 0;
      const off = pool.on('workerDown', () => down++);
      assert.equal(await pool.dispatch('exitSoon', round), round);
      const moved = await pool.dispatch('exitAfterMove', 100_000).catch((error) => error);
      // Its worker ends by its own exit or by that of the task before it; either way it settles.
      assert.ok(moved.length === 100_000 || moved.code === 'WORKER_LOST', String(moved));
      await until(() => down > 0);
      assert.equal(await pool.dispatch('echo', 'next', { onLost: 'requeue' }), 'next');
      off();
    }
    await until(() => pool.stats().freeWorkers === 1);
  }));

for (const [policy, task, retired] of [
  [undefined, 'exit', false],
  [undefined, 'exitLater', false],
  ['on-failure', 'exit', false],
  ['on-failure', 'exitLater', true],
]) {
  const when = task === 'exit' ? 'in a task' : 'between tasks';
  test(`process.exit(0) ${when}, policy ${policy}: ${retired ? 'no' : 'a'} new worker comes [AM-54, AT-28]`, () =>
    withPool({ module: DEADLY, workers: 1, restart: { ...patient, ...(policy && { policy }) } }, async (pool) => {
      const seen = [];
      pool.on('workerRetired', ({ worker }) => seen.push(worker));
      let down = 0;
      pool.on('workerDown', () => down++);
      assert.equal(await codeOf(pool.dispatch(task, 0)), task === 'exit' ? 'WORKER_LOST' : 'fulfilled');
      await until(() => down === 1);
      assert.equal(await codeOf(pool.dispatch('echo', 1)), retired ? 'WORKER_LOST' : 'fulfilled');
      assert.deepEqual(seen, retired ? ['Worker_1'] : []);
    }));
}

test('a spare that exits with 0 is replaced [AM-54]', () =>
  countingThreads(async (threads) => {
    const loads = new Int32Array(new SharedArrayBuffer(4));
    const options = { module: DEADLY, workers: 1, spares: 1, restart: patient, initData: { secondExits: loads } };
    await withPool(options, async () => {
      await until(() => threads.gone === 1);
      await until(() => threads.warm === 3);
    });
  }));

test('a map goes on over crashes, and says where they were [AM-54]', () =>
  withPool({ ...D }, async (pool) => {
    const results = await Promise.all(
      Array.from({ length: 60 }, (_, i) => codeOf(i % 20 === 9 ? pool.dispatch('exit', 1) : pool.dispatch('echo', i))),
    );
    assert.deepEqual(
      results.flatMap((code, i) => (code === 'fulfilled' ? [] : [`${i} ${code}`])),
      ['9 WORKER_LOST', '29 WORKER_LOST', '49 WORKER_LOST'],
    );
    const error = await pool.map('exit', [1, 2]).catch((caught) => caught);
    assert.deepEqual([error.code, error.index], ['WORKER_LOST', 0]);
    const batch = pool.batch([
      { task: 'echo', payload: 1 },
      { task: 'exit', payload: 1 },
    ]);
    assert.equal(await codeOf(batch), 'WORKER_LOST');
    await until(() => pool.stats().freeWorkers === 2);
  }));

test("onLost 'requeue': runs again where the others do, four times at most, then POISON_JOB", () =>
  withPool({ ...D, workers: 1 }, async (pool) => {
    const word = new Int32Array(new SharedArrayBuffer(4));
    assert.equal(await codeOf(pool.dispatch('countAndExit', word, { onLost: 'requeue' })), 'POISON_JOB');
    assert.equal(word[0], 4);
    word[0] = 0;
    const seen = [];
    const again = pool.dispatch('exitOnce', word, { onLost: 'requeue' }).then((thread) => seen.push('again', thread));
    const next = pool.dispatch('echo', 'next').then((value) => seen.push(value));
    await Promise.all([again, next]);
    assert.equal(seen[0], 'again', 'it does not go to the end of the queue');
    assert.equal(await codeOf(pool.dispatch('countAndExit', word)), 'WORKER_LOST');
    assert.equal(word[0], 3, 'once only without it');
  }));

test('what a handler throws, whatever it is, fails its task only', () =>
  withPool({ ...D, workers: 1 }, async (pool) => {
    const thread = await pool.dispatch('thread');
    assert.equal(await codeOf(pool.dispatch('throwNothing')), 'TASK_FAILED');
    assert.equal(await codeOf(pool.dispatch('throwHostile')), 'TASK_FAILED');
    assert.equal(await codeOf(pool.dispatch('tooMuchMemory')), 'TASK_FAILED');
    assert.equal(await pool.dispatch('thread'), thread);
  }));

for (const method of ['progress', 'boxed', 'alloc', 'heartbeat', 'isCancelled', 'id']) {
  test(`a stack that overflows inside context.${method}, at any depth, leaves a pool that works [XP-16]`, () =>
    withPool({ ...D }, async (pool) => {
      for (let padding = 0; padding < 24; padding++) {
        for (const task of ['overflowIn', 'overflowAndCatch']) {
          const error = await pool.dispatch(task, { method, padding }).catch((caught) => caught);
          assert.ok(['TASK_FAILED', 'WORKER_LOST'].includes(error.code) || error === 'caught', String(error));
        }
        assert.deepEqual(await pool.map('echo', [1, 2, 3]), [1, 2, 3]);
      }
      await until(() => pool.stats().freeWorkers === 2);
      assert.deepEqual(await pool.broadcast('echo', 1), [1, 1]);
    }));
}

test('values that only messages carry are not kept for tasks that were given up', () =>
  withPool({ ...D, workers: 1 }, async (pool) => {
    setFlagsFromString('--expose_gc');
    const collect = runInNewContext('gc');
    collect();
    const before = process.memoryUsage().external;
    for (let round = 0; round < 40; round++) {
      const word = new Int32Array(new SharedArrayBuffer(8));
      const task = pool.dispatch('moveLate', word);
      await until(() => Atomics.load(word, 0) === 1);
      task.cancel();
      Atomics.store(word, 1, 1);
      Atomics.notify(word, 1);
      assert.equal(await codeOf(task), 'CANCELLED');
      await pool.dispatch('echo', 1);
    }
    let grown = Infinity;
    for (let turn = 0; turn < 100 && grown > 20 * 2 ** 20; turn++) {
      await new Promise((resolve) => setImmediate(resolve)); // another thread gives buffers back
      collect();
      grown = process.memoryUsage().external - before;
    }
    assert.ok(grown < 20 * 2 ** 20, `${grown} bytes more`);
  }));

test('a crash while the spare is not warm yet: the seat gets one thread, not two', (t) =>
  countingThreads(async (threads) => {
    const time = new FakeClock();
    const restart = { ...quick, minMs: 100, maxMs: 1000 };
    const options = { workers: 1, spares: 1, restart, scheduler: time.scheduler, liveness: false };
    const pool = ending(t, await createPool({ module: DEADLY, ...options }));
    await until(() => threads.warm === 2);
    assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST'); // the spare takes over
    assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST'); // nobody does
    await until(() => pool.diagnostics().threads === 0);
    time.advance(100); // a spare comes up, finds the seat empty and takes it; another spare follows
    assert.equal(threads.started, 3);
    await until(() => threads.warm === 3);
    assert.deepEqual(await pool.broadcast('echo', 1), [1]);
    time.advance(100); // now the seat's own delay is over as well
    await until(() => threads.warm === 4);
    time.advance(100_000);
    assert.deepEqual([threads.started, pool.diagnostics().threads], [4, 2], 'the seat is served already');
    await pool.destroy();
  }));

test('restart delays double up to the maximum, and destroy clears them', (t) =>
  countingThreads(async (threads) => {
    const time = new FakeClock();
    const restart = { minMs: 100, maxMs: 300, jitter: 0, max: 4, windowMs: 0 };
    const options = { workers: 1, restart, scheduler: time.scheduler, liveness: false };
    const pool = ending(t, await createPool({ module: DEADLY, ...options }));
    const retired = [];
    pool.on('workerRetired', ({ worker }) => retired.push(worker));
    for (const delayMs of [100, 200, 300, 300]) {
      assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST');
      await until(() => pool.diagnostics().threads === 0);
      const { started } = threads;
      assert.equal(time.timers, 1);
      time.advance(delayMs - 1);
      assert.equal(threads.started, started);
      time.advance(1);
      assert.equal(threads.started, started + 1);
    }
    assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST');
    assert.deepEqual(retired, ['Worker_1']);
    await until(() => time.timers === 0);
    assert.equal(await codeOf(pool.dispatch('echo', 1)), 'WORKER_LOST');
    await pool.destroy();
  }));

test('a pool that is destroyed while a restart waits leaves no timer', async () => {
  const time = new FakeClock();
  const restart = { minMs: 100, maxMs: 300, jitter: 0, max: 4, windowMs: 0 };
  const options = { workers: 1, restart, scheduler: time.scheduler, liveness: false };
  const pool = await createPool({ module: DEADLY, ...options });
  assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST');
  await until(() => pool.diagnostics().threads === 0);
  assert.equal(time.timers, 1);
  await pool.destroy();
  assert.equal(time.timers, 0);
});

test("restart 'never': the seat is given up at its first crash; a seat that others still serve is not", async (t) => {
  const pool = ending(t, await createPool({ module: DEADLY, workers: 2, restart: { policy: 'never' } }));
  const retired = [];
  pool.on('workerRetired', ({ worker }) => retired.push(worker));
  assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST');
  await until(() => retired.length === 1);
  assert.deepEqual(await pool.map('echo', [1, 2, 3]), [1, 2, 3]);
  assert.equal(await codeOf(pool.broadcast('echo', 1)), 'WORKER_LOST');
  assert.equal(await pool.dispatch('echo', 1), 1);
  await pool.destroy();
});

test('a host that refuses new threads: tasks wait, and run when it gives one [XP-16]', () =>
  withPool({ ...D, workers: 1 }, async (pool) => {
    const { createThread } = host;
    let refused = 0;
    try {
      host.createThread = () => {
        refused++;
        throw new Error('no more threads');
      };
      const hung = pool.dispatch('spin');
      const waiting = pool.dispatch('echo', 'patience');
      await until(() => pool.stats().freeWorkers === 0 && pool.stats().queued === 1);
      await hung.terminate();
      await until(() => refused >= 3);
      host.createThread = createThread;
      assert.equal(await waiting, 'patience');
      assert.equal(await codeOf(hung), 'CANCELLED');
    } finally {
      host.createThread = createThread;
    }
  }));

test('every way for a task to end settles it, once [XP-16]', () =>
  withPool({ ...D, recycleTimeoutMs: 0 }, async (pool) => {
    const ends = {
      fulfilled: () => pool.dispatch('echo', 1),
      TASK_FAILED: () => pool.dispatch('throwNothing'),
      TIMEOUT: () => pool.dispatch('never', 0, { timeoutMs: 20 }),
      CANCELLED: () => {
        const task = pool.dispatch('spin');
        void task.terminate();
        task.cancel();
        return task;
      },
      WORKER_LOST: () => pool.dispatch('exit', 1),
      POISON_JOB: () => pool.dispatch('exit', 1, { onLost: 'requeue' }),
      UNKNOWN_TASK: () => pool.dispatch('no such task'),
      NOT_SERIALIZABLE: () => pool.dispatch('echo', () => 1),
    };
    const { processed } = pool.stats();
    const names = [...Object.keys(ends), ...Object.keys(ends).reverse()];
    const codes = await Promise.all(names.map((name) => codeOf(ends[name]())));
    assert.deepEqual(codes, names);
    await pool.drain();
    assert.equal(pool.stats().processed - processed, names.length);
  }));
