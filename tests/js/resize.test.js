/** pool.resize(): how many workers there are, whatever they do meanwhile. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createPool, Pool } from '../../js/index.js';
import { FakeClock } from './fake-clock.js';
import { blocker, blockers, codeOf, ending, eventsOf, MODULE, printedBy, release, until, withPool } from './helpers.js';

const LEAVING = new URL('./fixtures/leaving.js', import.meta.url);

test('resize() settles when there are so many workers, and those that are too many have ended', async () => {
  await withPool({ workers: 1 }, async (pool) => {
    const events = eventsOf(pool);
    await pool.resize(3);
    assert.deepEqual([pool.size, pool.stats().totalWorkers, pool.diagnostics().threads], [3, 3, 3]);
    assert.deepEqual(events.splice(0).toSorted(), ['workerUp Worker_2', 'workerUp Worker_3']);
    const gates = blockers(pool, 3);
    await Promise.all(gates.map(({ running }) => running));
    const resized = pool.resize(1);
    let settled = false;
    resized.then(
      () => (settled = true),
      () => undefined,
    );
    assert.deepEqual([pool.size, pool.stats().totalWorkers], [1, 1]);
    await gates[0].release();
    await until(() => events.length === 1 || pool.stats().freeWorkers === 1);
    assert.equal(settled, false, 'two of them still run what they had');
    await release(gates.slice(1));
    await resized;
    assert.equal(events.filter((event) => event.startsWith('workerLeft')).length, 2);
    assert.equal(events.filter((event) => event.startsWith('workerDown')).length, 0);
    await until(() => pool.diagnostics().threads === 1);
    assert.equal(await pool.dispatch('echo', 1), 1);
  });
});

test('a pool that was resized does not grow or shrink by itself any more', async () => {
  const clock = new FakeClock(1000);
  const options = { workers: { min: 1, max: 4, idleMs: 100 }, scheduler: clock.scheduler };
  await withPool(options, async (pool) => {
    await pool.resize(2);
    const gates = blockers(pool, 4);
    await Promise.all(gates.slice(0, 2).map(({ running }) => running));
    await pool.resize(2); // done at once; by then the fleet has looked at the waiting tasks
    assert.equal(pool.size, 2);
    await release(gates);
    await pool.drain();
    clock.advance(1000);
    clock.advance(1000);
    assert.equal(pool.size, 2);
  });
});

test('resize() before the pool has started has it start with as many', async (t) => {
  const pool = ending(t, new Pool({ module: MODULE, workers: 3 }));
  await pool.resize(2);
  assert.equal(pool.size, 2);
  await pool.ready;
  await until(() => pool.diagnostics().threads === 2);
  assert.equal(pool.stats().totalWorkers, 2);
});

test('resize() that is called while an earlier one comes about settles when its own size is there', async () => {
  await withPool({ workers: 1 }, async (pool) => {
    let back;
    pool.on('workerUp', () => {
      back ??= pool.resize(1).then(() => pool.diagnostics().threads);
    });
    await pool.resize(2);
    assert.equal(await back, 1);
  });
});

test('seats that were given up do not count: the pool has as many workers as resize() was asked for', async () => {
  await withPool({ workers: 3, restart: { policy: 'never' } }, async (pool) => {
    assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST');
    await until(() => pool.stats().totalWorkers === 2);
    assert.equal(pool.size, 2);
    for (const workers of [3, 1, 2]) {
      await pool.resize(workers);
      assert.deepEqual([pool.size, pool.stats().totalWorkers], [workers, workers]);
      assert.equal((await pool.broadcast('worker')).length, workers);
    }
    assert.deepEqual(await Promise.all([1, 2].map(() => codeOf(pool.dispatch('exit', 1)))), [
      'WORKER_LOST',
      'WORKER_LOST',
    ]);
    await until(() => pool.size === 0);
    assert.equal(await codeOf(pool.dispatch('echo', 1)), 'WORKER_LOST');
    await pool.resize(2);
    assert.deepEqual(await pool.broadcast('echo', 1), [1, 1]);
  });
});

test('a process goes on if nobody handles that its pool ended before resize() came about', async () => {
  const printed = await printedBy(`
    const pool = await createPool({ module: MODULE, workers: 1 });
    pool.resize(2);
    await pool.destroy();
    pool.resize(2);
    setImmediate(() => console.log('goes on'));`);
  assert.equal(printed, 'goes on\n');
});

test('a process does not end while it awaits resize(), also of a pool that was let go', async () => {
  const printed = await printedBy(`
    const pool = await createPool({ module: MODULE, workers: 1, unref: true });
    await pool.resize(2);
    console.log(pool.size);`);
  assert.equal(printed, '2\n');
});

test('resize() refuses what is no number of workers, and a pool that is closing or gone', async () => {
  const pool = await createPool({ module: MODULE, workers: 1 });
  for (const wrong of [0, -1, 1.5, NaN, '2', undefined, 33])
    assert.equal(await codeOf(pool.resize(wrong)), 'INVALID_ARGUMENT', String(wrong));
  const gate = blocker(pool);
  await gate.running;
  await pool.resize(2);
  const gate2 = blocker(pool);
  await gate2.running;
  const pending = codeOf(pool.resize(1)); // for that one of them would have to finish
  const ends = [codeOf(gate.promise), codeOf(gate2.promise)];
  const destroyed = pool.destroy();
  assert.equal(await pending, 'POOL_DESTROYED');
  await destroyed;
  assert.deepEqual(await Promise.all(ends), ['POOL_DESTROYED', 'POOL_DESTROYED']);
  assert.equal(await codeOf(pool.resize(1)), 'POOL_DESTROYED');
});

test('tasks whose arguments have been sent to a worker that is not needed any more still run there', async () => {
  await withPool({ workers: 2 }, async (pool) => {
    const gates = blockers(pool, 2);
    await Promise.all(gates.map(({ running }) => running));
    const sent = Array.from({ length: 8 }, (_, i) => {
      const { buffer } = new Uint8Array(64).fill(i);
      return pool.dispatch('echo', buffer, { transfer: [buffer] });
    });
    const resized = pool.resize(1);
    const later = pool.dispatch('echo', 'later');
    await release(gates);
    const values = await Promise.all(sent);
    values.forEach((value, i) => assert.deepEqual(new Uint8Array(value), new Uint8Array(64).fill(i)));
    assert.equal(await later, 'later');
    await resized;
  });
});

test('a hung task does not keep a worker that is not needed any more: it is stopped at its limit as always', async () => {
  await withPool({ workers: 2, restart: { minMs: 1 } }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const hung = codeOf(pool.dispatch('spin', undefined, { timeoutMs: 300 }));
    await until(() => pool.stats().freeWorkers === 0 && pool.stats().queued === 0);
    const resized = pool.resize(1);
    await gate.release();
    assert.equal(await hung, 'TIMEOUT');
    await resized;
    await until(() => pool.diagnostics().threads === 1);
    assert.equal(await pool.dispatch('echo', 1), 1);
  });
});

test('a worker that crashes while it is to leave is lost, and nothing else', async () => {
  await withPool({ module: LEAVING, workers: 2, restart: { minMs: 1 } }, async (pool) => {
    const events = eventsOf(pool);
    const words = [0, 1].map(() => new Int32Array(new SharedArrayBuffer(8)));
    const ends = words.map((word) => codeOf(pool.dispatch('exitWhenTold', word)));
    await until(() => words.every((word) => Atomics.load(word, 0) === 1));
    const resized = pool.resize(1);
    for (const word of words) {
      Atomics.store(word, 1, 1);
      Atomics.notify(word, 1);
    }
    assert.deepEqual(await Promise.all(ends), ['WORKER_LOST', 'WORKER_LOST']);
    await resized;
    assert.equal(events.filter((event) => event.startsWith('workerDown')).length, 2);
    await until(() => pool.diagnostics().threads === 1);
    assert.equal(pool.size, 1);
  });
});

test('a message goes to workers that there are, and to no other index', async () => {
  await withPool({ workers: 1 }, async (pool) => {
    assert.throws(() => pool.postMessage('x', { worker: 1 }), { code: 'INVALID_ARGUMENT' });
    for (let free = 0; free < 3; free++) {
      await pool.resize(3);
      const gates = blockers(pool, 3);
      await Promise.all(gates.map(({ running }) => running));
      await gates[free].release();
      await pool.resize(2); // ends the free worker, whichever seat it has
      await release(gates);
      const indexes = (await pool.broadcast('worker')).map(({ index }) => index);
      for (const worker of [0, 1, 2]) {
        const post = () => pool.postMessage('x', { worker });
        if (indexes.includes(worker)) post();
        else assert.throws(post, { code: 'INVALID_ARGUMENT', message: /^worker: there is no worker \d, only \d, \d$/ });
      }
    }
  });
});

test('a trace names the workers that resize() has added', async () => {
  await withPool({ workers: 1 }, async (pool) => {
    await pool.resize(3);
    const trace = pool.trace();
    const gates = Array.from({ length: 3 }, () => blocker(pool));
    await Promise.all(gates.map(({ running }) => running));
    await Promise.all(gates.map((gate) => gate.release()));
    const names = trace
      .stop()
      .traceEvents.filter(({ ph }) => ph === 'M')
      .map(({ args }) => args.name);
    assert.deepEqual(names, ['main', 'Worker_1', 'Worker_2', 'Worker_3']);
  });
});

test('resize({ min, max }) makes a fixed pool elastic: it grows while tasks wait; a wrong range is refused', () =>
  withPool({ workers: 1 }, async (pool) => {
    assert.equal(await codeOf(pool.resize({ min: 2, max: 1 })), 'INVALID_ARGUMENT');
    assert.equal(await codeOf(pool.resize({ min: 0, max: 1 })), 'INVALID_ARGUMENT');
    await pool.resize({ min: 1, max: 3 });
    assert.equal(pool.size, 1);
    const gates = [1, 2, 3].map(() => blocker(pool));
    await Promise.all(gates.map(({ running }) => running)); // hangs unless each has a worker
    assert.equal(pool.size, 3);
    await Promise.all(gates.map((gate) => gate.release()));
  }));
