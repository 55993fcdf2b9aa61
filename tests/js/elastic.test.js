import assert from 'node:assert/strict';
import test from 'node:test';
import { createPool, Pool } from '../../js/index.js';
import { FakeClock } from './fake-clock.js';
import {
  blocker,
  blockers,
  codeOf,
  ending,
  eventsOf,
  MODULE,
  printedBy,
  randomFrom,
  release,
  until,
  withPool,
} from './helpers.js';

const LEAVING = new URL('./fixtures/leaving.js', import.meta.url);
const STOPS = new URL('./fixtures/stops.js', import.meta.url);

// ---- Growth ----

test('an elastic pool starts with its least, and grows while tasks wait and every worker is busy, up to its most', async () => {
  await withPool({ workers: { min: 1, max: 3 } }, async (pool) => {
    const events = eventsOf(pool);
    assert.deepEqual([pool.size, pool.stats().totalWorkers, pool.diagnostics().threads], [1, 1, 1]);
    const gates = blockers(pool, 5);
    await Promise.all(gates.slice(0, 3).map(({ running }) => running));
    assert.deepEqual(events, ['workerUp Worker_2', 'workerUp Worker_3']);
    assert.deepEqual([pool.size, pool.stats().queued, pool.diagnostics().threads], [3, 2, 3]);
    await release(gates);
    assert.equal(pool.stats().totalWorkers, 3, 'nobody has been idle for long');
  });
});

test('a pool that may have 1,024 workers runs, kills and grows with those that it has', async () => {
  await withPool({ workers: { min: 1, max: 1024 } }, async (pool) => {
    const events = eventsOf(pool);
    for (let i = 0; i < 100; i++) assert.equal(await pool.dispatch('echo', i), i);
    assert.deepEqual([events, pool.size, pool.diagnostics().threads], [[], 1, 1]);
    assert.equal(await codeOf(pool.dispatch('spin', undefined, { timeoutMs: 20 })), 'TIMEOUT');
    const gates = blockers(pool, 3);
    await Promise.all(gates.map(({ running }) => running));
    assert.equal(pool.size, 3);
    await release(gates);
    await pool.resize(1);
    assert.equal(pool.size, 1);
  });
});

test('it does not grow while one worker is enough', async () => {
  await withPool({ workers: { min: 1, max: 3 } }, async (pool) => {
    const events = eventsOf(pool);
    for (let i = 0; i < 300; i++) assert.equal(await pool.dispatch('echo', i), i);
    assert.deepEqual([events, pool.size], [[], 1]);
  });
});

test('a paused pool does not grow; when it goes on it does', async () => {
  await withPool({ workers: { min: 1, max: 2 } }, async (pool) => {
    const first = blocker(pool);
    await first.running;
    pool.pause();
    const second = blocker(pool);
    await pool.resize(1); // by then the fleet has looked at the waiting tasks
    assert.equal(pool.size, 1);
    await first.release();
    pool.resume();
    await second.running;
    await second.release();
  });
  await withPool({ workers: { min: 1, max: 2 } }, async (pool) => {
    const first = blocker(pool);
    await first.running;
    pool.pause();
    const second = blocker(pool);
    pool.resume();
    await second.running; // beside the first one
    assert.equal(pool.size, 2);
    await release([first, second]);
  });
});

test('tasks that were submitted before the core was loaded have the pool grow as well', async (t) => {
  const pool = ending(t, new Pool({ module: MODULE, workers: { min: 1, max: 3 } }));
  assert.equal(pool.size, 1);
  const gates = blockers(pool, 3);
  await Promise.all(gates.map(({ running }) => running));
  assert.equal(pool.size, 3);
  await release(gates);
});

// ---- Shrinking ----

test('a worker that has been idle for idleMs ends, down to the least; it is no loss', async () => {
  const clock = new FakeClock(1000);
  await withPool({ workers: { min: 1, max: 3, idleMs: 500 }, scheduler: clock.scheduler }, async (pool) => {
    const gates = blockers(pool, 3);
    await Promise.all(gates.map(({ running }) => running));
    const events = eventsOf(pool);
    await release(gates);
    await pool.drain();
    clock.advance(500); // main looks at what the workers have done since
    assert.equal(pool.size, 3);
    clock.advance(499);
    assert.equal(pool.size, 3);
    clock.advance(1);
    assert.equal(pool.size, 1);
    await until(() => pool.diagnostics().threads === 1);
    assert.deepEqual(events.toSorted(), ['workerLeft Worker_2', 'workerLeft Worker_3']);
    clock.advance(100_000);
    assert.equal(pool.size, 1);
    assert.equal(await pool.dispatch('echo', 'still here'), 'still here');
  });
});

test('a worker that runs a task is not idle, however long that takes; with idleMs Infinity none is', async () => {
  for (const idleMs of [500, Infinity]) {
    const clock = new FakeClock(1000);
    await withPool({ workers: { min: 1, max: 2, idleMs }, scheduler: clock.scheduler }, async (pool) => {
      const gates = blockers(pool, 2);
      await Promise.all(gates.map(({ running }) => running));
      if (idleMs === Infinity) await release(gates);
      await (idleMs === Infinity ? pool.drain() : undefined);
      clock.advance(10_000);
      clock.advance(10_000);
      assert.equal(pool.size, 2);
      if (idleMs !== Infinity) await release(gates);
    });
  }
});

test('a pool that has shrunk grows again', async () => {
  const clock = new FakeClock(1000);
  await withPool({ workers: { min: 1, max: 2, idleMs: 100 }, scheduler: clock.scheduler }, async (pool) => {
    for (let round = 0; round < 3; round++) {
      const gates = blockers(pool, 2);
      await Promise.all(gates.map(({ running }) => running));
      await release(gates);
      await pool.drain();
      await until(() => {
        clock.advance(100);
        return pool.size === 1 && pool.diagnostics().threads === 1;
      });
    }
  });
});

test('the idle time of an elastic pool keeps no process alive that unref() lets go', async () => {
  const printed = await printedBy(`
    const pool = await createPool({ module: MODULE, workers: { min: 1, max: 2, idleMs: 86_400_000 } });
    const words = Array.from({ length: 2 }, () => new Int32Array(new SharedArrayBuffer(8)));
    const tasks = words.map((word) => pool.dispatch('block', word));
    while (words.some((word) => Atomics.load(word, 0) === 0)) await new Promise(setImmediate);
    for (const word of words) { Atomics.store(word, 1, 1); Atomics.notify(word, 1); }
    await Promise.all(tasks);
    pool.unref();
    console.log(pool.size);`);
  assert.equal(printed, '2\n');
});

// ---- Farewells ----

test('a worker that leaves runs the onStop of its module, once, and is waited for', async () => {
  const log = new Int32Array(new SharedArrayBuffer(64));
  await withPool({ module: STOPS, workers: 3, initData: { log, how: '' } }, async (pool) => {
    await pool.resize(1);
    assert.deepEqual([log[0], log[1]], [2, 2]);
    await pool.close();
    assert.deepEqual([log[0], log[1]], [3, 3]);
  });
});

test('close() does not have a worker say farewell twice that was leaving', async () => {
  const log = new Int32Array(new SharedArrayBuffer(64));
  const pool = await createPool({ module: STOPS, workers: 3, initData: { log, how: '' } });
  const resized = codeOf(pool.resize(1));
  await until(() => log[0] === 2);
  await pool.close();
  await resized;
  assert.deepEqual([log[0], log[1]], [3, 3]);
});

test('an onStop that fails, hangs or ends its worker is told, and keeps nobody', async () => {
  const tells = {
    fails: ['onStop failed: no way'],
    exits: [],
    hangs: ['onStop took longer than 5000 ms'],
  };
  for (const [how, told] of Object.entries(tells)) {
    const clock = new FakeClock(1000);
    const log = new Int32Array(new SharedArrayBuffer(64));
    const options = { module: STOPS, workers: 2, initData: { log, how }, scheduler: clock.scheduler };
    await withPool(options, async (pool) => {
      const messages = [];
      pool.on('error', (message) => messages.push(message));
      const events = eventsOf(pool);
      const resized = pool.resize(1);
      await until(() => log[0] === 1);
      if (how === 'hangs') clock.advance(5000);
      await resized;
      assert.deepEqual(
        messages,
        told.map((text) => `Worker_2: ${text}`),
      );
      assert.deepEqual(events, ['workerLeft Worker_2']);
      assert.equal(await pool.dispatch('echo', 1), 1);
    });
  }
});

// ---- Recycling ----

test('a worker that has finished maxTasksPerWorker tasks is replaced by one that has started before it ends', async () => {
  await withPool({ workers: 1, maxTasksPerWorker: 3 }, async (pool) => {
    const events = eventsOf(pool);
    const threads = [];
    pool.on('workerLeft', () => threads.push(pool.diagnostics().threads));
    const first = await pool.dispatch('thread');
    for (let round = 1; round <= 3; round++) {
      const before = await pool.dispatch('thread');
      while (events.length < 2 * round) await pool.dispatch('echo', 1);
      assert.deepEqual(events.slice(-2), ['workerLeft Worker_1', 'workerUp Worker_1']);
      assert.notEqual(await pool.dispatch('thread'), before);
      assert.equal(pool.stats().totalWorkers, 1);
    }
    assert.notEqual(await pool.dispatch('thread'), first);
    assert.ok(
      threads.every((count) => count === 2),
      'the next one was there already',
    );
    assert.equal(pool.diagnostics().kills, 0);
  });
});

test('tasks that go on while a worker is replaced all end well, those with state of their own too', async () => {
  await withPool({ workers: 2, maxTasksPerWorker: 50 }, async (pool) => {
    let left = 0;
    pool.on('workerLeft', () => left++);
    await pool.broadcast('setConfig', 'sticks', { sticky: true });
    let sent = 0;
    while (left < 6) {
      const results = await Promise.all(
        Array.from({ length: 100 }, (_, i) => {
          sent++;
          if (i % 3 === 0) return pool.dispatch('getConfig').then((value) => assert.equal(value, 'sticks'));
          const { buffer } = new Uint8Array(8).fill(i);
          const transfer = i % 3 === 1 ? [buffer] : [];
          return pool.dispatch('echo', buffer, { transfer }).then((value) => assert.equal(new Uint8Array(value)[7], i));
        }),
      );
      assert.equal(results.length, 100);
    }
    assert.ok(sent > 100);
    assert.equal(pool.stats().errors, 0);
  });
});

test('a successor that cannot start keeps the worker in its place', async () => {
  const log = new Int32Array(new SharedArrayBuffer(4));
  const options = {
    module: LEAVING,
    workers: 1,
    maxTasksPerWorker: 2,
    initData: { startsLeft: log },
    restart: { minMs: 1, maxMs: 1, max: 0 },
  };
  log[0] = 1;
  await withPool(options, async (pool) => {
    const events = eventsOf(pool);
    const thread = await pool.dispatch('thread');
    await pool.dispatch('thread');
    await until(() => events.length > 0);
    assert.match(events[0], /^workerDown Spare_/);
    for (let i = 0; i < 20; i++) assert.equal(await pool.dispatch('thread'), thread);
  });
});

test('a worker whose heap is larger than maxHeapBytes after a task is replaced, one whose heap is not stays', async () => {
  await withPool({ module: LEAVING, workers: 1, maxHeapBytes: '64mb' }, async (pool) => {
    let left = 0;
    pool.on('workerLeft', () => left++);
    const thread = await pool.dispatch('thread');
    for (let i = 0; i < 50; i++) assert.equal(await pool.dispatch('thread'), thread);
    assert.equal(left, 0);
    await pool.dispatch('retain', 80 << 20);
    await until(() => left === 1);
    assert.notEqual(await pool.dispatch('thread'), thread);
    assert.equal(pool.stats().errors, 0);
  });
});

// ---- Beside everything else ----

test('a broadcast reaches the workers that there are, a sticky one also those that come with growth', async () => {
  await withPool({ workers: { min: 2, max: 4 } }, async (pool) => {
    assert.equal((await pool.broadcast('worker')).length, 2);
    const threads = await pool.broadcast('setConfig', 'sticky', { sticky: true });
    assert.equal(new Set(threads).size, 2);
    const gates = blockers(pool, 4);
    await Promise.all(gates.map(({ running }) => running));
    await release(gates);
    assert.deepEqual(
      await pool.broadcast('getConfig'),
      Array.from({ length: 4 }, () => 'sticky'),
    );
    const indexes = (await pool.broadcast('worker')).map(({ index }) => index);
    assert.deepEqual(indexes, [0, 1, 2, 3]);
    await pool.resize(1);
    assert.equal((await pool.broadcast('worker')).length, 1);
  });
});

test('map and bulk jobs use the workers that a pool may have, not those that it has', async () => {
  await withPool({ workers: { min: 1, max: 3 } }, async (pool) => {
    const word = new Int32Array(new SharedArrayBuffer(4));
    await pool.map(
      'add1',
      Array.from({ length: 20 }, () => word),
    );
    assert.equal(word[0], 20);
    const gates = Array.from({ length: 3 }, () => new Int32Array(new SharedArrayBuffer(8)));
    const mapped = pool.map('block', gates);
    void mapped.then(() => undefined);
    await until(() => gates.every((gate) => Atomics.load(gate, 0) === 1));
    for (const gate of gates) {
      Atomics.store(gate, 1, 1);
      Atomics.notify(gate, 1);
    }
    assert.deepEqual(await mapped, ['released', 'released', 'released']);
  });
});

test('telemetry lists the workers that there are', async () => {
  await withPool({ workers: 1, telemetry: true }, async (pool) => {
    await pool.resize(3);
    await until(() => pool.report()?.Workers.Total === 3);
    assert.equal(pool.report().Workers.AvgExecTime.length, 3);
    await pool.resize(1);
    await until(() => pool.report().Workers.Total === 1);
    assert.equal(pool.report().Workers.AvgExecTime.length, 1);
  });
});

test('wrong sizes and limits are refused by name', () => {
  const wrong = {
    'workers.min': [{ workers: { min: 0, max: 2 } }, { workers: { max: 2 } }, { workers: { min: '1', max: 2 } }],
    'workers.max': [{ workers: { min: 3, max: 2 } }, { workers: { min: 1 } }, { workers: { min: 1, max: 1e6 } }],
    'workers.idleMs': [{ workers: { min: 1, max: 2, idleMs: -1 } }, { workers: { min: 1, max: 2, idleMs: 'x' } }],
    'workers.idle': [{ workers: { min: 1, max: 2, idle: 1 } }],
    workers: [{ workers: 0 }, { workers: null }, { workers: [] }, { workers: 'all' }],
    maxTasksPerWorker: [{ maxTasksPerWorker: 0 }, { maxTasksPerWorker: 1.5 }, { maxTasksPerWorker: '9' }],
    maxHeapBytes: [{ maxHeapBytes: 0 }, { maxHeapBytes: 'much' }, { maxHeapBytes: -1 }],
  };
  for (const [name, all] of Object.entries(wrong))
    for (const options of all)
      assert.throws(
        () => new Pool({ module: MODULE, ...options }),
        (error) => error.code === 'INVALID_ARGUMENT' && error.message.includes(name),
        JSON.stringify(options),
      );
});

// ---- Anything at any time ----

const SEEDS = [1, 2, 3, 4, 5, 6];

for (const seed of SEEDS) {
  test(`no task is lost or run twice while a pool grows, shrinks, recycles, kills and crashes (seed ${seed})`, async () => {
    const random = randomFrom(seed);
    const below = (limit) => Math.floor(random() * limit);
    const options = {
      workers: seed % 2 ? { min: 1, max: 4, idleMs: 20 } : 2,
      spares: below(2),
      maxTasksPerWorker: seed % 3 ? 25 : undefined,
      concurrentTasksPerWorker: seed % 4 ? 1 : 3,
      restart: { minMs: 1, maxMs: 2, max: -1 },
    };
    await withPool(options, async (pool) => {
      const word = new Int32Array(new SharedArrayBuffer(4));
      const ends = [];
      let counted = 0;
      // A task ends with its worker when another task there kills it.
      const isShared = options.concurrentTasksPerWorker > 1;
      const expect = (promise, check) =>
        ends.push(promise.then(check, ({ code }) => (isShared && code === 'WORKER_LOST') || check(code)));
      for (let step = 0; step < 250; step++) {
        const kind = below(20);
        if (kind < 8) expect(pool.dispatch('echo', step), (value) => assert.equal(value, step));
        else if (kind < 12) {
          counted++;
          expect(pool.dispatch('add1', word), (value) => assert.equal(typeof value, 'number'));
        } else if (kind < 14) {
          const { buffer } = new Uint8Array(16).fill(step);
          // Its worker may die before the task starts; then the transferred value is lost.
          expect(pool.dispatch('echo', buffer, { transfer: [buffer] }), (value) =>
            value === 'WORKER_LOST' ? undefined : assert.equal(new Uint8Array(value)[0], step & 255),
          );
        } else if (kind === 14) expect(pool.dispatch('exit', 1), (code) => assert.equal(code, 'WORKER_LOST'));
        else if (kind === 15)
          expect(pool.dispatch('spin', 0, { timeoutMs: 2 }), (code) => assert.match(code, /^(TIMEOUT|WORKER_LOST)$/));
        else if (kind < 18 && seed % 2 === 0)
          expect(pool.resize(1 + below(5)), (value) => assert.equal(value, undefined));
        else if (kind === 18) await pool.dispatch('echo', 0).catch(() => undefined);
        else await new Promise((resolve) => setImmediate(resolve));
      }
      await Promise.all(ends);
      await pool.drain();
      if (!isShared) assert.equal(word[0], counted);
      if (seed % 2 === 0) {
        await pool.resize(3);
        assert.deepEqual([pool.size, pool.stats().totalWorkers], [3, 3]);
        await pool.resize(1);
      }
      await until(() => pool.diagnostics().threads === (seed % 2 ? pool.size : 1) + options.spares);
      assert.equal(await pool.dispatch('echo', 'end'), 'end');
    });
  });
}
