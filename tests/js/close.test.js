import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import { createPool, Pool } from '../../js/index.js';
import { countedTime } from './fake-clock.js';
import { blocker, codeOf, countingThreads, MODULE, until } from './helpers.js';

const STOPS = new URL('./fixtures/stops.js', import.meta.url);
const words = () => new Int32Array(new SharedArrayBuffer(32));

/** A pool of workers with something to close, and where they note it. */
async function stopping(how, options = {}) {
  const log = words();
  const pool = await createPool({ module: STOPS, workers: 2, initData: { log, how }, ...options });
  return { pool, log };
}

test('close() finishes what runs and waits, refuses what is new, and ends', async () => {
  const pool = await createPool({ module: MODULE, workers: 1 });
  const gate = blocker(pool);
  await gate.running;
  const waiting = pool.dispatch('echo', 'waited');
  const batch = pool.batch([
    { task: 'echo', payload: 1 },
    { task: 'echo', payload: 2 },
  ]);
  const mapped = pool.map('echo', [1, 2, 3]);
  const steps = pool.sequence([
    { task: 'echo', payload: 1 },
    { task: 'echo', payload: (one) => one + 1 },
  ]);
  const jobs = [];
  pool.bulkSplit('echo', [7, 8], (results) => jobs.push([...results]));
  const errors = [];
  pool.on('error', (message) => errors.push(message));
  const closed = pool.close();
  const late = [
    pool.dispatch('echo', 1),
    pool.tasks.echo(1),
    pool.batch([{ task: 'echo' }]),
    pool.broadcast('echo', 1),
    pool.map('echo', [1]),
    pool.sequence([{ task: 'echo' }]),
  ];
  assert.deepEqual(await Promise.all(late.map(codeOf)), Array(late.length).fill('SHUTTING_DOWN'));
  pool.split('echo', 1, (result) => jobs.push(result));
  pool.bulkSplit('echo', [1, 2], (results) => jobs.push([...results]));
  await until(() => jobs.length === 2);
  assert.deepEqual(jobs, [undefined, [undefined, undefined]]);
  assert.ok(errors.length >= late.length);
  assert.equal(await gate.release(), 'released');
  assert.equal(await waiting, 'waited');
  assert.deepEqual(await batch, [1, 2]);
  assert.deepEqual(await mapped, [1, 2, 3]);
  assert.deepEqual(await steps, [1, 2]);
  await closed;
  assert.deepEqual(jobs[2], [7, 8]);
  assert.equal(await codeOf(pool.dispatch('echo', 1)), 'POOL_DESTROYED');
  assert.equal(pool.diagnostics().threads, 0);
});

test('close() waits for a map whose inputs come slowly, for the handlers of a map that is read slowly, and for a paused pool', async () => {
  const pool = await createPool({ module: MODULE, workers: 1 });
  pool.pause();
  const paused = pool.dispatch('echo', 'held');
  async function* inputs() {
    for (let i = 0; i < 3; i++) {
      await pool.drain(); // nothing runs or waits when the next task comes
      await (await createPool({ module: MODULE, workers: 1 })).destroy(); // a close() that does not wait would be over by now
      yield i;
    }
  }
  const slow = pool.map('echo', inputs());
  const closed = pool.close();
  const read = [];
  assert.equal(await paused, 'held');
  assert.deepEqual(await slow, [0, 1, 2]);
  await closed;

  const other = await createPool({ module: MODULE, workers: 1 });
  const iterated = other.map('echo', [1, 2, 3]);
  const reading = (async () => {
    for await (const value of iterated) {
      read.push(value);
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  await other.close();
  await reading;
  assert.deepEqual(read, [1, 2, 3]);
});

test('after timeoutMs close() ends the pool as destroy() does, without onStop', async () => {
  const { pool, log } = await stopping('');
  const shared = words();
  const running = pool.dispatch('held', shared);
  const rejected = codeOf(running);
  await until(() => Atomics.load(shared, 0) === 1);
  await pool.close({ timeoutMs: 20 });
  assert.equal(await rejected, 'POOL_DESTROYED');
  assert.equal(Atomics.load(log, 0), 0);
});

test('a close() with a limit ends a pool that is closing without one', async () => {
  const pool = await createPool({ module: MODULE, workers: 1 });
  const gate = blocker(pool);
  await gate.running;
  const closed = pool.close();
  const ended = codeOf(gate.promise);
  await pool.close({ timeoutMs: 20 });
  assert.equal(await ended, 'POOL_DESTROYED');
  await closed;
  assert.equal(pool.diagnostics().threads, 0);
});

test('destroy() cuts a close() short, and a wrong timeoutMs rejects', async () => {
  const { pool } = await stopping('');
  const shared = words();
  const rejected = codeOf(pool.dispatch('held', shared));
  await until(() => Atomics.load(shared, 0) === 1);
  assert.equal(await codeOf(pool.close({ timeoutMs: 'soon' })), 'INVALID_ARGUMENT');
  assert.equal(await codeOf(pool.close({ timeout: 5 })), 'INVALID_ARGUMENT');
  const echo = pool.dispatch('echo', 'it goes on');
  assert.equal(await echo, 'it goes on');
  const closed = pool.close();
  await pool.destroy();
  assert.equal(await rejected, 'POOL_DESTROYED');
  await closed;
});

test('onStop runs once in every worker when all work is done, and is awaited; it is no task', () =>
  countingThreads(async (threads) => {
    const { pool, log } = await stopping('', { spares: 1 });
    await until(() => threads.warm === 3); // the spare, too
    assert.equal(await codeOf(pool.dispatch('onStop')), 'UNKNOWN_TASK');
    const last = pool.dispatch('slow', 30);
    let isDone = false;
    void last.then(() => (isDone = Atomics.load(log, 0) === 0));
    const closed = pool.close();
    assert.equal(await last, 30);
    await closed;
    assert.ok(isDone, 'not before the last task has ended');
    assert.deepEqual([...log.subarray(0, 2)], [3, 3], 'two workers and a spare');
    assert.deepEqual([log[3], log[4], log[5]], [1, 1, 1]);
  }));

test('onStop does not run at destroy()', async () => {
  const { pool, log } = await stopping('');
  assert.equal(await pool.dispatch('echo', 1), 1);
  await pool.destroy();
  assert.equal(Atomics.load(log, 0), 0);
});

test('an onStop that fails is told, one that hangs or ends its worker keeps nobody', async () => {
  for (const [how, expected] of [
    ['fails', [/^Worker_1: onStop failed: no way$/, /^Worker_2: onStop failed: no way$/]],
    ['exits', []],
    ['hangs', []],
  ]) {
    const told = [];
    const { pool, log } = await stopping(how, { onTaskError: (message) => told.push(message) });
    await pool.close(how === 'hangs' ? { timeoutMs: 2000 } : {});
    assert.ok(Atomics.load(log, 0) >= 1, how);
    told.sort();
    assert.equal(told.length, expected.length, how);
    for (const [i, text] of expected.entries()) assert.match(told[i], text);
  }
});

test('an onStop that takes longer than 5 seconds is told, and not waited for', async () => {
  const told = [];
  const quick = (run, ms) => setTimeout(run, ms === 5000 ? 50 : ms);
  const { pool } = await stopping('hangs', {
    workers: 1,
    scheduler: { setTimeout: quick },
    onTaskError: (message) => told.push(message),
  });
  await pool.close();
  assert.deepEqual(told, ['Worker_1: onStop took longer than 5000 ms']);
});

test('an onStop that a limit or destroy() cuts short leaves no timer, and is not told later', async () => {
  for (const end of [(pool) => pool.close({ timeoutMs: 50 }), (pool) => pool.destroy()]) {
    const { timers, scheduler } = countedTime();
    const { pool, log } = await stopping('hangs', { workers: 1, scheduler });
    const closed = pool.close();
    await until(() => Atomics.load(log, 0) === 1);
    assert.equal(timers.size, 1, 'of onStop');
    await end(pool);
    await closed;
    assert.equal(timers.size, 0);
  }
});

test('a pool that is closed before it has started finishes its tasks', async () => {
  const pool = new Pool({ module: MODULE, workers: 1 });
  const early = pool.dispatch('echo', 'early');
  await pool.close();
  assert.equal(await early, 'early');
});

test('events of workers name the worker, its thread, and how it ended', async () => {
  const pool = new Pool({ module: MODULE, workers: 2, restart: { minMs: 1, jitter: 0 } });
  const seen = [];
  for (const event of ['workerUp', 'workerDown']) pool.on(event, (detail) => seen.push([event, detail]));
  try {
    await pool.ready;
    assert.deepEqual(seen.map(([event, { worker, name, index }]) => [event, worker, name, index]).sort(), [
      ['workerUp', 'Worker_1', 'Worker_1', 0],
      ['workerUp', 'Worker_2', 'Worker_2', 1],
    ]);
    const threads = await pool.broadcast('thread');
    assert.deepEqual(
      seen.sort(([, a], [, b]) => a.index - b.index).map(([, { threadId }]) => threadId),
      threads,
    );
    seen.length = 0;
    assert.equal(await codeOf(pool.dispatch('exit', 7)), 'WORKER_LOST');
    await until(() => seen.length === 2);
    const [[, down], [, up]] = seen;
    assert.equal(down.exitCode, 7);
    assert.equal(down.threadId, threads[down.index]);
    assert.equal(down.error.code, 'WORKER_LOST');
    assert.equal(up.index, down.index);
    assert.notEqual(up.threadId, down.threadId);
    seen.length = 0;
    const hung = pool.dispatch('spin');
    const ended = codeOf(hung);
    await until(() => pool.stats().busyWorkers === 1);
    await hung.terminate();
    await until(() => seen.length === 2);
    assert.equal(await ended, 'CANCELLED');
    assert.deepEqual(
      seen.map(([event, { exitCode }]) => [event, exitCode]),
      [
        ['workerDown', undefined],
        ['workerUp', undefined],
      ],
    );
  } finally {
    await pool.destroy();
  }
});

/** Runs a program that ends by itself, or not: what it prints. */
async function program(body) {
  const code = `import { createPool } from ${JSON.stringify(new URL('../../js/index.js', import.meta.url).href)};
    const module = ${JSON.stringify(MODULE.href)};
    ${body}`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], {
    timeout: 120_000,
  });
  return stdout.trim();
}

test('unref() lets the process end while the pool is idle, not before its tasks are done', async () => {
  const out = await program(`
    const pool = await createPool({ module, workers: 1 });
    pool.unref();
    pool.dispatch('slow', 50).then(console.log);
  `);
  assert.equal(out, '50');
});

test('ref() keeps the process alive again', async () => {
  const out = await program(`
    const pool = await createPool({ module, workers: 1, unref: true });
    pool.ref();
    const timer = setTimeout(async () => {
      console.log('still here');
      pool.unref();
    }, 200);
    timer.unref();
  `);
  assert.equal(out, 'still here');
});

test('ref() and unref() count when they are called before the pool has started', async () => {
  const out = await program(`
    const { Pool } = await import(${JSON.stringify(new URL('../../js/index.js', import.meta.url).href)});
    const pool = new Pool({ module, workers: 1 });
    pool.unref();
    console.log(await pool.dispatch('echo', 'done'));
  `);
  assert.equal(out, 'done');
});
