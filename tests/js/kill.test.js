import assert from 'node:assert/strict';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { createPool } from '../../js/index.js';
import {
  blocker,
  C_MODULE,
  codeOf,
  countingThreads,
  DEADLY,
  ending,
  MODULE,
  randomFrom,
  rounds,
  seed,
  until,
  withPool,
} from './helpers.js';

const quick = { minMs: 1, maxMs: 1, max: -1 };

test('the time limit counts from the start of a task, not from its submission [AM-03]', () =>
  withPool({ workers: 1, taskTimeoutMs: 2000 }, async (pool) => {
    const [tasks, ms] = [12, 200]; // together they take longer than the limit of each
    const all = await Promise.all(Array.from({ length: tasks }, () => pool.dispatch('burn', ms)));
    assert.deepEqual(all, Array(tasks).fill(ms));
  }));

test('with default options a task that hangs is stopped at its time limit, and its worker serves again [C-06]', () =>
  withPool({ workers: 1, wasm: C_MODULE }, async (pool) => {
    for (const task of ['spin', 'c_spin', 'wait']) {
      const hung = pool.dispatch(task, undefined, { timeoutMs: 30 });
      const next = pool.dispatch('echo', task); // it needs the only worker
      assert.equal(await codeOf(hung), 'TIMEOUT');
      assert.equal(await next, task);
    }
  }));

test('recycleTimeoutMs: Infinity waits for a task that is over its time, as long as it takes [C-06]', () =>
  withPool({ workers: 1, recycleTimeoutMs: Infinity }, async (pool) => {
    const thread = await pool.dispatch('thread');
    const gate = blocker(pool, { timeoutMs: 20 });
    assert.equal(await codeOf(gate.promise), 'TIMEOUT');
    const next = pool.dispatch('thread');
    for (let look = 0; look < 20; look++) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(pool.stats().queued, 1);
    await codeOf(gate.release());
    assert.equal(await next, thread);
    assert.equal(pool.diagnostics().kills, 0);
  }));

test('a task over its limit rejects at once; its late answer is dropped and the worker used again [AM-43, AM-44, AM-46]', () =>
  withPool({ workers: 1, recycleTimeoutMs: Infinity }, async (pool) => {
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

test('a worker that stays silent is killed after the recycle time, and a new thread serves its seat [AM-04, AM-45, AM-51]', () =>
  withPool({ workers: 1, taskTimeoutMs: 60, recycleTimeoutMs: 40 }, async (pool) => {
    const unlimited = (/** @type {string} */ task) => pool.dispatch(task, undefined, { timeoutMs: Infinity });
    const before = await unlimited('thread');
    assert.equal(await codeOf(pool.dispatch('spin')), 'TIMEOUT');
    const after = await unlimited('thread');
    assert.notEqual(after, before);
    assert.equal(pool.stats().totalWorkers, 1);
    assert.deepEqual(await unlimited('worker'), { index: 0, name: 'Worker_1' });
  }));

for (const [task, loopChecks] of [
  ['spin', true],
  ['wait', true],
  ['c_spin', true],
  ['c_spin', false],
  ['c_wait', true],
  ['c_malloc', true],
  ['c_malloc', false],
]) {
  const how = loopChecks ? '' : ' without loop checks';
  test(`${task} that never ends${how} is killed; the others' tasks and the memory are as before [AM-51, XP-03]`, () =>
    withPool({ wasm: C_MODULE, recycleTimeoutMs: 0, loopChecks }, async (pool) => {
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
      // At most one stack and control block more, for a thread record that was used for the first time.
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

test('terminate() ends an endless loop with all that it holds, and the others run on meanwhile [NF-42]', () =>
  withPool({ module: DEADLY }, async (pool) => {
    await pool.map('echo', [1, 2, 3, 4]);
    const before = pool.diagnostics();
    let holds;
    const hung = pool.dispatch('holdAndHang', 1 << 20, { onProgress: (value) => (holds ||= value === 'holds') });
    await until(() => holds);
    assert.ok(pool.diagnostics().boxesInUse >= before.boxesInUse + 3);
    const death = hung.terminate();
    const others = pool.map('echo', [...Array(500).keys()]);
    assert.deepEqual(await others, [...Array(500).keys()]);
    await death;
    assert.equal(await codeOf(hung), 'CANCELLED');
    await until(() => pool.stats().freeWorkers === 2);
    const { boxesInUse, tasksInUse, threads } = pool.diagnostics();
    assert.deepEqual({ boxesInUse, tasksInUse, threads }, { boxesInUse: 0, tasksInUse: 0, threads: 2 });
  }));

test(`terminate and abort, at any moment, hit their own task only (SEED=${seed}) [XP-16]`, () =>
  withPool({ workers: 3, spares: 1 }, async (pool) => {
    const random = randomFrom(seed);
    for (let round = 0; round < rounds(40); round++) {
      const kept = [];
      const victims = [];
      for (let i = 0; i < 16; i++) {
        const kind = random() < 0.12 ? 'spin' : random() < 0.3 ? 'slow' : 'echo';
        const controller = new AbortController();
        const task = pool.dispatch(kind, kind === 'slow' ? 1 : `${round}.${i}`, { signal: controller.signal });
        if (kind !== 'spin' && random() < 0.6) {
          kept.push(task.then((value) => assert.equal(value, kind === 'slow' ? 1 : `${round}.${i}`)));
          continue;
        }
        const end = random() < 0.5 ? () => task.terminate() : () => controller.abort();
        const delay = Math.floor(random() * 6);
        victims.push(
          (async () => {
            for (let turn = 0; turn < delay; turn++) await new Promise((resolve) => setImmediate(resolve));
            await end();
            const code = await codeOf(task);
            assert.ok(code === 'CANCELLED' || (code === 'fulfilled' && kind !== 'spin'), `${kind} ${code}`);
          })(),
        );
      }
      await Promise.all([...kept, ...victims]);
    }
    await until(() => pool.stats().freeWorkers === 3);
    assert.deepEqual(await pool.broadcast('echo', 'alive'), Array(3).fill('alive'));
  }));

test('a task that hangs is killed also when it is terminated at the moment of its start [XP-16]', () =>
  withPool({ workers: 1, spares: 1 }, async (pool) => {
    for (let round = 0; round < rounds(60); round++) {
      const hung = pool.dispatch('spin');
      const end = performance.now() + (round % 20) / 100; // 0 to 0.19 ms: about what a worker takes to wake up
      while (performance.now() < end);
      await hung.terminate();
      assert.equal(await codeOf(hung), 'CANCELLED');
      assert.equal(await pool.dispatch('echo', round), round); // hangs if the worker still spins
    }
  }));

test(`answers that come at the very time limit are either in time or dropped (SEED=${seed}) [AM-44]`, () =>
  withPool({ workers: 2, recycleTimeoutMs: 3 }, async (pool) => {
    const random = randomFrom(seed);
    const limit = 5;
    const tasks = Array.from({ length: rounds(120) }, async (_, i) => {
      if (i % 2) return assert.equal(await pool.dispatch('echo', i), i);
      const ms = limit - 2 + random() * 6;
      const result = await pool.dispatch('burn', ms, { timeoutMs: limit }).catch((error) => error.code);
      assert.ok(result === ms || result === 'TIMEOUT', String(result));
    });
    await Promise.all(tasks);
    await until(() => pool.stats().freeWorkers === 2);
  }));

test('when every worker is poisoned and none is to be killed, the queue waits until one answers [AM-46]', () =>
  withPool({ workers: 2, recycleTimeoutMs: Infinity }, async (pool) => {
    const words = [0, 1].map(() => new Int32Array(new SharedArrayBuffer(8)));
    const hung = words.map((word) => pool.dispatch('block', word, { timeoutMs: 30 }));
    assert.deepEqual(await Promise.all(hung.map(codeOf)), ['TIMEOUT', 'TIMEOUT']);
    const waiting = pool.dispatch('thread');
    const { freeWorkers, busyWorkers, queued } = pool.stats();
    assert.deepEqual([freeWorkers, busyWorkers, queued], [0, 2, 1]);
    assert.equal(pool.diagnostics().kills, 0);
    Atomics.store(words[1], 1, 1);
    Atomics.notify(words[1], 1);
    assert.equal(typeof (await waiting), 'number');
    assert.equal(pool.stats().freeWorkers, 1);
    Atomics.store(words[0], 1, 1);
    Atomics.notify(words[0], 1);
    await until(() => pool.stats().freeWorkers === 2);
  }));

/** A thread id between those of threads that are started before and after this call. */
async function threadMark() {
  const worker = new Worker('', { eval: true });
  const { threadId } = worker;
  await new Promise((resolve) => worker.once('exit', resolve));
  return threadId;
}

test('spares: the seat of a killed worker is served by a thread that was there before', () =>
  countingThreads((started) =>
    withPool({ workers: 2, spares: 1 }, async (pool) => {
      await until(() => started.warm === 3);
      const threads = await pool.broadcast('thread');
      const mark = await threadMark();
      const hung = pool.dispatch('spin');
      await until(() => pool.stats().freeWorkers === 1 && pool.stats().queued === 0);
      const after = pool.broadcast('thread');
      const names = pool.broadcast('worker');
      await hung.terminate();
      const [served] = (await after).filter((thread) => !threads.includes(thread));
      assert.ok(served < mark, `thread ${served} was started after ${mark}`);
      assert.deepEqual(
        (await names).map(({ name }) => name),
        ['Worker_1', 'Worker_2'],
      );
      await until(() => pool.diagnostics().threads === 3); // there is a new spare
    }),
  ));

test('spares: more workers die at once than there are spares', () =>
  withPool({ workers: 3, spares: 1, recycleTimeoutMs: 0 }, async (pool) => {
    for (let round = 0; round < 3; round++) {
      const names = ['spin', 'wait', 'spin', 'spin', 'wait'];
      const hung = names.map((name) => codeOf(pool.dispatch(name, undefined, { timeoutMs: 50 })));
      assert.deepEqual(await Promise.all(hung), Array(5).fill('TIMEOUT'));
      assert.deepEqual(await pool.broadcast('echo', round), Array(3).fill(round));
    }
    await until(() => pool.diagnostics().threads === 4 && pool.stats().freeWorkers === 3);
  }));

for (const [task, argument] of Object.entries({ holdAndHang: 300_000, progressForEver: 3000, allocForEver: 50_000 })) {
  test(`${task} is killed in the middle; boxes, events and memory come back [XP-01, XP-03]`, () =>
    withPool({ module: DEADLY }, async (pool) => {
      const round = async () => {
        let seen = 0;
        const hung = pool.dispatch(task, argument, { onProgress: () => seen++ });
        await until(() => seen > 0);
        await hung.terminate();
        assert.equal(await codeOf(hung), 'CANCELLED');
        assert.deepEqual(await pool.map('echo', [1, 2, 3]), [1, 2, 3]);
        await until(() => pool.stats().freeWorkers === 2 && pool.diagnostics().threads === 2);
      };
      for (let i = 0; i < rounds(20); i++) {
        await round();
        const { boxesInUse, tasksInUse } = pool.diagnostics();
        assert.deepEqual([boxesInUse, tasksInUse], [0, 0], `round ${i}`);
      }
    }));
}

test('a worker that is killed while it stands in line for a leased box gives its place up', () =>
  withPool({ module: DEADLY, boxes: { count: 1 }, recycleTimeoutMs: 0 }, async (pool) => {
    const holder = await pool.dispatch('bytes', 10, { deliver: 'lease' });
    for (let round = 0; round < 3; round++) {
      const stuck = pool.dispatch('bytes', 20, { deliver: 'lease', timeoutMs: 30 });
      assert.equal(await codeOf(stuck), 'TIMEOUT');
    }
    const next = pool.dispatch('bytes', 30, { deliver: 'lease' });
    await until(() => pool.stats().queued === 0);
    holder.release();
    const box = await next;
    assert.equal(box.byteLength, 30);
    box.release();
    for (let round = 0; round < 5; round++) (await pool.dispatch('bytes', 40, { deliver: 'lease' })).release();
    await until(() => pool.stats().freeWorkers === 2);
  }));

test('a task that was cancelled while it ran, and hangs, is killed at its time limit all the same', () =>
  withPool({ workers: 1, recycleTimeoutMs: 0 }, async (pool) => {
    const hung = pool.dispatch('spin', 0, { timeoutMs: 2000 });
    await until(() => pool.stats().freeWorkers === 0 && pool.stats().queued === 0);
    assert.equal(hung.cancel(), true);
    assert.equal(await codeOf(hung), 'CANCELLED');
    assert.equal(await pool.dispatch('echo', 1), 1);
    assert.equal(pool.diagnostics().kills, 1);
  }));

test('process.exit, memory exhaustion and uncaught errors lose the running task only; the seat is refilled [AM-54]', () =>
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

test('the budget of restarts: a seat that crashes too often is given up, and nothing waits for it for ever', async (t) => {
  const pool = ending(t, await createPool({ module: MODULE, workers: 1, restart: { ...quick, max: 2 } }));
  const retired = [];
  pool.on('workerRetired', ({ worker }) => retired.push(worker));
  for (let i = 0; i < 3; i++) assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST');
  await until(() => retired.length === 1);
  assert.equal(await codeOf(pool.dispatch('echo', 1)), 'WORKER_LOST');
  assert.equal(await codeOf(pool.broadcast('echo', 1)), 'WORKER_LOST');
  await pool.destroy();
});

test('two hundred kills: threads, boxes and heap are back where they were [XP-04, NF-87]', async () => {
  await withPool({ wasm: C_MODULE, recycleTimeoutMs: 0, spares: 1, loopChecks: false }, async (pool) => {
    const round = async () => {
      const names = ['spin', 'c_spin', 'c_malloc', 'wait'];
      await Promise.all(names.map((name) => codeOf(pool.dispatch(name, undefined, { timeoutMs: 5 }))));
      assert.deepEqual(await pool.broadcast('echo', 1), [1, 1]);
    };
    for (let i = 0; i < 5; i++) await round();
    await until(() => pool.diagnostics().threads === 3);
    const { heapBytes, memoryBytes } = pool.diagnostics();
    for (let i = 0; i < 50; i++) await round();
    await until(() => pool.diagnostics().threads === 3);
    assert.ok(pool.diagnostics().kills >= 200);
    assert.ok(pool.diagnostics().memoryBytes <= memoryBytes + (8 << 20), 'the wasm memory is flat');
    assert.ok(
      pool.diagnostics().heapBytes <= heapBytes + (1 << 20),
      `${heapBytes} before, ${pool.diagnostics().heapBytes} after`,
    );
  });
});
