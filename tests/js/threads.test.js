/** Workers are threads: how they start, what they are called, and that they run beside main and beside one another. */
import assert from 'node:assert/strict';
import { Session } from 'node:inspector';
import test from 'node:test';
import { host } from '../../js/host/index.js';
import { Pool } from '../../js/index.js';
import { codeOf, MODULE, until, withPool } from './helpers.js';

/**
 * Lets a test see, and hold back, what workers say about their start while `use` runs.
 * @param {(trace: string[], release: () => void) => Promise<void>} use
 */
async function holdingStarts(use) {
  const { createThread } = host;
  const trace = [];
  const held = [];
  let isHeld = true;
  host.createThread = (url, name, events, options) => {
    const onMessage = (message) => {
      if (message.kind === 'started' && isHeld) {
        trace.push('confirms');
        held.push(() => events.onMessage(message));
        return;
      }
      if (typeof message.kind === 'string') trace.push(message.kind);
      events.onMessage(message);
    };
    const thread = createThread(url, name, { ...events, onMessage }, options);
    const { post } = thread;
    thread.post = (message, transfer) => {
      trace.push(message.kind);
      if (message.kind === 'init') assert.ok(message.wasmMemory.buffer instanceof SharedArrayBuffer);
      post.call(thread, message, transfer);
    };
    return thread;
  };
  const release = () => {
    isHeld = false;
    for (const go of held.splice(0)) go();
  };
  try {
    await use(trace, release);
  } finally {
    host.createThread = createThread;
  }
}

test('ready, then the shared memory, then the confirmation; only then is a worker free and takes a task [AM-40]', () =>
  holdingStarts(async (trace, release) => {
    const pool = new Pool({ module: MODULE, workers: 1 });
    try {
      const ran = new Int32Array(new SharedArrayBuffer(4));
      const early = pool.dispatch('add1', ran).then(() => trace.push('result'));
      const copies = pool.broadcast('echo', 1);
      await until(() => trace.includes('confirms'));
      const late = pool.dispatch('echo', 'late');
      for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(trace, ['ready', 'init', 'confirms']);
      const { freeWorkers, busyWorkers, queued, processed } = pool.stats();
      assert.deepEqual(
        { freeWorkers, busyWorkers, queued, processed },
        { freeWorkers: 0, busyWorkers: 1, queued: 3, processed: 0 },
      );
      assert.equal(Atomics.load(ran, 0), 0);
      release();
      await Promise.all([early, copies, late, pool.ready]);
      assert.ok(trace.includes('result'));
      await until(() => pool.stats().freeWorkers === 1);
    } finally {
      await pool.destroy();
    }
  }));

test('a worker that never confirms never gets a task, and is given up at the ready time-out [AM-40, AM-42]', () =>
  holdingStarts(async (trace) => {
    const pool = new Pool({ module: MODULE, workers: 1, readyTimeoutMs: 200 });
    try {
      const task = codeOf(pool.dispatch('echo', 1));
      assert.equal(await codeOf(pool.ready), 'START_FAILED');
      assert.equal(await task, 'START_FAILED');
      assert.ok(!trace.includes('started'));
    } finally {
      await pool.destroy();
    }
  }));

test('main’s event loop turns while all workers compute, and their computation ends by what it does [AM-49]', () =>
  withPool({}, async (pool) => {
    const words = [0, 1].map(() => new Int32Array(new SharedArrayBuffer(8)));
    const tasks = words.map((word) => pool.dispatch('spinUntil', word));
    await until(() => words.every((word) => Atomics.load(word, 0) === 1)); // main turns while both compute
    assert.equal(pool.stats().freeWorkers, 0);
    await new Promise((resolve) => setTimeout(resolve, 1)); // a timer as well
    for (const word of words) Atomics.store(word, 1, 1);
    assert.deepEqual(await Promise.all(tasks), [true, true]);
  }));

test('workers run at the same time: each goes on only when all have come, and main stands still meanwhile [AM-49]', () =>
  withPool({ workers: 4 }, async (pool) => {
    const word = new Int32Array(new SharedArrayBuffer(8));
    const tasks = Array.from({ length: 4 }, () => pool.dispatch('meet', { word, all: 4 }));
    await until(() => Atomics.load(word, 0) > 0); // shared memory travels by message, for which main must turn
    assert.deepEqual(await Promise.all(tasks), [4, 4, 4, 4]);
    const words = Array.from({ length: 4 }, () => new Int32Array(new SharedArrayBuffer(8)));
    const held = words.map((own) => pool.dispatch('spinUntil', own));
    await until(() => words.every((own) => Atomics.load(own, 0) === 1)); // no worker is left to take what comes now
    const queued = Array.from({ length: 400 }, (_, i) => pool.dispatch('burn', 0.01 * (i % 3)));
    assert.equal(pool.stats().queued, 400);
    for (const own of words) Atomics.store(own, 1, 1);
    const hangs = performance.now() + 60_000;
    while (pool.stats().queued > 0 && performance.now() < hangs); // main is blocked: no message, no timer
    assert.equal(pool.stats().queued, 0);
    assert.deepEqual(await Promise.all(held), [true, true, true, true]);
    await Promise.all(queued);
  }));

test('Worker_1 to Worker_N are the names of the threads, in time-outs, losses and crashes [AM-56]', async () => {
  const names = [];
  const { createThread } = host;
  host.createThread = (url, name, events, options) => {
    names.push(name);
    return createThread(url, name, events, options);
  };
  try {
    await withPool({ workers: 3, recycleTimeoutMs: 0, restart: { minMs: 1 } }, async (pool) => {
      assert.deepEqual(names, ['Worker_1', 'Worker_2', 'Worker_3']);
      assert.deepEqual(
        (await pool.broadcast('worker')).map(({ name }) => name),
        names,
      );
      const errors = [];
      for (const [task, options] of [
        ['spin', { timeoutMs: 20 }],
        ['exit', {}],
      ]) {
        const error = await pool.dispatch(task, 3, options).catch((caught) => caught);
        assert.match(error.worker, /^Worker_[123]$/);
        assert.ok(error.message.includes(error.worker), error.message);
        errors.push(error);
        await until(() => pool.stats().freeWorkers === 3);
        assert.equal(names.at(-1), error.worker, 'a replacement is called as its seat');
      }
      assert.deepEqual(
        errors.map(({ code }) => code),
        ['TIMEOUT', 'WORKER_LOST'],
      );
    });
  } finally {
    host.createThread = createThread;
  }
});

test('the runtime knows each thread by that name [AM-56]', async () => {
  const session = new Session();
  session.connect();
  const titles = [];
  session.on('NodeWorker.attachedToWorker', ({ params }) => titles.push(params.workerInfo.title));
  session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  try {
    await withPool({ workers: 2, spares: 1 }, () => until(() => titles.length === 3));
  } finally {
    session.disconnect();
  }
  assert.deepEqual(
    titles.map((title) => title.replace(/^\[worker \d+\] /, '')).sort(), // threads start side by side
    ['Spare_1', 'Worker_1', 'Worker_2'],
  );
});
