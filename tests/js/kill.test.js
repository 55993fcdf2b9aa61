import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { createPool, Pool } from '../../js/index.js';
import { blocker, C_MODULE, codeOf, MODULE, until, withPool } from './helpers.js';

const threadCount = () => readdirSync('/proc/self/task').length;
const quick = { minMs: 1, maxMs: 1, max: -1 };

test('AM-03: the time limit counts from the start of a task, not from its submission', () =>
  withPool({ workers: 1, taskTimeoutMs: 300 }, async (pool) => {
    assert.deepEqual(await Promise.all(Array.from({ length: 8 }, () => pool.dispatch('burn', 60))), Array(8).fill(60));
  }));

test('AM-43, AM-44, AM-46: a task over its limit rejects at once; its late answer is dropped and the worker used again', () =>
  withPool({ workers: 1 }, async (pool) => {
    const errors = [];
    pool.on('error', (_message, id) => errors.push(id));
    const word = new Int32Array(new SharedArrayBuffer(8));
    const late = pool.dispatch('block', word, { timeoutMs: 50 });
    const next = pool.dispatch('echo', 'its own value');
    assert.equal(await codeOf(late), 'TIMEOUT');
    assert.deepEqual(errors, [late.id]);
    assert.equal(pool.stats().freeWorkers, 0, 'poisoned, not free');
    assert.equal(pool.stats().queued, 1, 'what waits goes on waiting');
    Atomics.store(word, 1, 1);
    Atomics.notify(word, 1);
    assert.equal(await next, 'its own value');
    await until(() => pool.stats().freeWorkers === 1);
  }));

test('AM-04, AM-45, AM-51: a worker that stays silent is killed after the recycle time, and a new thread serves its seat', () =>
  withPool({ workers: 1, taskTimeoutMs: 60, recycleTimeoutMs: 40 }, async (pool) => {
    const before = await pool.dispatch('thread');
    assert.equal(await codeOf(pool.dispatch('spin')), 'TIMEOUT');
    const after = await pool.dispatch('thread');
    assert.notEqual(after, before);
    assert.equal(pool.stats().totalWorkers, 1);
    assert.deepEqual(await pool.broadcast('worker'), [{ index: 0, name: 'Worker_1' }]);
  }));

for (const task of ['spin', 'wait', 'c_spin', 'c_wait', 'c_malloc']) {
  test(`AM-51, XP-03: ${task} that never ends is killed; the others' tasks and the memory are as before`, () =>
    withPool({ wasm: C_MODULE, recycleTimeoutMs: 0 }, async (pool) => {
      await pool.map(
        'c_sum',
        Array.from({ length: 50 }, () => new Uint8Array(5000)),
      );
      const { heapBytes } = pool.diagnostics();
      const hung = pool.dispatch(task, undefined, { timeoutMs: 100 });
      const others = pool.map(
        'c_sum',
        Array.from({ length: 300 }, (_, i) => new Uint8Array(i * 10).fill(1)),
      );
      assert.equal(await codeOf(hung), 'TIMEOUT');
      assert.deepEqual(
        await others,
        Array.from({ length: 300 }, (_, i) => i * 10),
      );
      await until(() => pool.diagnostics().threads === 2 && pool.stats().freeWorkers === 2);
      assert.deepEqual(await pool.broadcast('echo', 1), [1, 1]);
      // One more stack and control block at the most, for the thread record that was used for the first time.
      assert.ok(
        pool.diagnostics().heapBytes - heapBytes < 1 << 20,
        `${heapBytes} before, ${pool.diagnostics().heapBytes} after`,
      );
    }));
}

test('terminate and abort kill the worker of a running task, now, and only that', () =>
  withPool({}, async (pool) => {
    const hung = pool.dispatch('spin');
    await until(() => pool.stats().freeWorkers === 1);
    const neighbour = blocker(pool);
    await neighbour.running;
    await hung.terminate();
    assert.equal(await codeOf(hung), 'CANCELLED');
    assert.equal(await neighbour.release(), 'released');
    const controller = new AbortController();
    const aborted = pool.dispatch('spin', 0, { signal: controller.signal });
    await until(() => pool.stats().freeWorkers < 2 && pool.stats().queued === 0);
    controller.abort();
    assert.equal(await codeOf(aborted), 'CANCELLED');
    await until(() => pool.stats().freeWorkers === 2);
  }));

test('XP-16: terminating tasks that end at that very moment never hits the task that the worker runs next', () =>
  withPool({ workers: 1 }, async (pool) => {
    const thread = await pool.dispatch('thread');
    for (let round = 0; round < 300; round++) {
      const victim = pool.dispatch('echo', round);
      const next = pool.dispatch('echo', `next ${round}`);
      if (round % 3) await null;
      const ended = victim.terminate();
      assert.equal(await next, `next ${round}`);
      await ended;
      await victim.catch((error) => assert.equal(error.code, 'CANCELLED'));
    }
    assert.equal(typeof thread, 'number');
  }));

test('spares: a killed worker is replaced by a thread that was already there', () =>
  withPool({ workers: 1, spares: 1 }, async (pool) => {
    await until(() => pool.diagnostics().threads === 2);
    const hung = pool.dispatch('spin');
    await until(() => pool.stats().freeWorkers === 0 && pool.stats().queued === 0);
    const next = pool.dispatch('worker');
    await hung.terminate();
    assert.deepEqual(await next, { index: 0, name: 'Worker_1' });
  }));

test('AM-54: process.exit, memory exhaustion and uncaught errors lose the running task only; the seat is refilled', () =>
  withPool({ restart: quick, resourceLimits: { maxOldGenerationSizeMb: 32 } }, async (pool) => {
    const down = [];
    pool.on('workerDown', ({ worker, error }) => down.push([worker, error.message]));
    const lost = await pool.dispatch('exit', 3).catch((error) => error);
    assert.equal(lost.code, 'WORKER_LOST');
    assert.match(lost.message, /Worker_\d ended .* code 3/);
    assert.equal(await codeOf(pool.dispatch('exhaust')), 'WORKER_LOST');
    assert.equal(down.length, 2);
    await until(() => pool.stats().freeWorkers === 2);
    assert.equal(await pool.dispatch('throwLater'), 'fine');
    await until(() => down.length === 3);
    assert.equal(await pool.dispatch('rejectLater'), 'fine');
    await until(() => down.length === 4);
    await until(() => pool.stats().freeWorkers === 2);
    assert.deepEqual(await pool.broadcast('echo', 1), [1, 1]);
  }));

test('a stack overflow in a handler fails its task only', () =>
  withPool({ workers: 1 }, async (pool) => {
    const thread = await pool.dispatch('thread');
    const error = await pool.dispatch('recurse').catch((caught) => caught);
    assert.deepEqual([error.code, error.cause.name], ['TASK_FAILED', 'RangeError']);
    assert.equal(await pool.dispatch('thread'), thread);
  }));

test('a trap in a C task fails its task only, and the next result is right', () =>
  withPool({ workers: 1, wasm: C_MODULE }, async (pool) => {
    for (let round = 0; round < 20; round++) {
      const error = await pool.dispatch('c_trap').catch((caught) => caught);
      assert.deepEqual([error.code, error.cause.name], ['TASK_FAILED', 'RuntimeError']);
      assert.equal(await pool.dispatch('c_sum', new Uint8Array(100).fill(2)), 200);
    }
    assert.equal((await pool.dispatch('c_fail').catch((caught) => caught)).message, 'as asked, in C');
    const seen = [];
    assert.equal(await pool.dispatch('c_progress', undefined, { onProgress: (value) => seen.push(value) }), 'done');
    assert.deepEqual(seen, [1, 2, 3]);
    assert.deepEqual(await pool.dispatch('c_echo', { json: [1] }), { json: [1] });
    assert.equal(await pool.dispatch('c_echo', 2.5), 2.5);
    assert.equal(await pool.dispatch('c_echo'), undefined);
  }));

test('onLost requeue: a lost task runs again, and not for ever', () =>
  withPool({ workers: 1, restart: quick }, async (pool) => {
    const error = await pool.dispatch('exit', 1, { onLost: 'requeue' }).catch((caught) => caught);
    assert.equal(error.code, 'POISON_JOB');
    assert.equal(await pool.dispatch('echo', 1), 1);
  }));

test('the budget of restarts: a seat that crashes too often is given up, and nothing waits for it for ever', async () => {
  const pool = await createPool({ module: MODULE, workers: 1, restart: { ...quick, max: 2 } });
  const retired = [];
  pool.on('workerRetired', ({ worker }) => retired.push(worker));
  for (let i = 0; i < 3; i++) assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST');
  await until(() => retired.length === 1);
  assert.equal(await codeOf(pool.dispatch('echo', 1)), 'WORKER_LOST');
  assert.equal(await codeOf(pool.broadcast('echo', 1)), 'WORKER_LOST');
  await pool.destroy();
});

test('AM-42: a worker that cannot start rejects the start with a reason, and leaves no thread', async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'wasmpool-'));
  const before = threadCount();
  const failing = {
    'throws.js': "throw new Error('at import')",
    'never.js': 'await new Promise(() => {})',
    'syntax.js': 'export const = 5;',
  };
  for (const [name, text] of Object.entries(failing)) writeFileSync(join(scratch, name), text);
  for (const name of [...Object.keys(failing), 'missing.js']) {
    const start = createPool({ module: join(scratch, name), workers: 2, readyTimeoutMs: 2000 });
    const error = await start.catch((caught) => caught);
    assert.equal(error.code, 'START_FAILED', name);
    assert.match(error.message, /Worker_\d/);
  }
  const early = new Pool({ module: join(scratch, 'throws.js'), workers: 1 });
  assert.equal(await codeOf(early.dispatch('echo', 1)), 'START_FAILED');
  assert.equal(await codeOf(createPool({ wasm: join(scratch, 'no.mjs') })), 'START_FAILED');
  rmSync(scratch, { recursive: true });
  await until(() => threadCount() <= before + 4); // Node keeps a few of its own
});

test('XP-04, NF-87: two hundred kills: threads, boxes and heap are back where they were', async () => {
  await withPool({ wasm: C_MODULE, recycleTimeoutMs: 0, spares: 1 }, async (pool) => {
    const round = async () => {
      const names = ['spin', 'c_spin', 'c_malloc', 'wait'];
      await Promise.all(names.map((name) => codeOf(pool.dispatch(name, undefined, { timeoutMs: 5 }))));
      assert.deepEqual(await pool.broadcast('echo', 1), [1, 1]);
    };
    for (let i = 0; i < 5; i++) await round();
    await until(() => pool.diagnostics().threads === 3);
    const { heapBytes } = pool.diagnostics();
    for (let i = 0; i < 50; i++) await round();
    await until(() => pool.diagnostics().threads === 3);
    assert.ok(
      pool.diagnostics().heapBytes <= heapBytes + (1 << 20),
      `${heapBytes} before, ${pool.diagnostics().heapBytes} after`,
    );
  });
});
