import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { Pool } from '../../js/index.js';
import { blocker, codeOf, ending, MODULE, until, withPool } from './helpers.js';

test('destroy rejects everything, ends all threads, and leaves nothing to use [AM-32, AM-33]', async (t) => {
  const pool = ending(t, new Pool({ module: MODULE, workers: 2 }));
  await pool.ready;
  let drained = 0;
  pool.on('drained', () => drained++);
  const hung = [pool.dispatch('spin'), pool.dispatch('spin')];
  await until(() => pool.stats().freeWorkers === 0 && pool.stats().queued === 0); // otherwise a broadcast would overtake them
  const tasks = [...hung, pool.dispatch('echo', 1), pool.batch([{ task: 'echo' }]), pool.broadcast('echo')];
  const closing = pool.destroy();
  assert.equal(pool.destroy(), closing);
  assert.deepEqual(await Promise.all(tasks.map(codeOf)), Array(5).fill('POOL_DESTROYED'));
  await closing;
  for (const call of [
    () => pool.dispatch('echo'),
    () => pool.batch([{ task: 'echo' }]),
    () => pool.broadcast('echo'),
    () => pool.map('echo', [1]),
  ]) {
    assert.equal(await codeOf(call()), 'POOL_DESTROYED');
  }
  pool.pause();
  pool.resume();
  await pool.drain();
  const { freeWorkers, busyWorkers, totalWorkers, queued } = pool.stats();
  assert.deepEqual([freeWorkers, busyWorkers, totalWorkers, queued, drained], [0, 0, 0, 0, 0]);
});

/** @param {string} body statements after `pool` */
function program(body, options = '') {
  const text = `import { createPool } from ${JSON.stringify(new URL('../../js/index.js', import.meta.url))};
    const pool = await createPool({ module: new URL(${JSON.stringify(MODULE)}), workers: 2, ${options} });
    ${body}`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', text], {
    encoding: 'utf8',
    timeout: 60_000,
  });
}

test('an idle pool with unref lets the process end; with tasks pending it does not; destroy leaves no handle [XP-12]', () => {
  assert.equal(program('', 'unref: true').status, 0);
  const pending = program("pool.dispatch('slow', 300).then((ms) => console.log('settled', ms));", 'unref: true');
  assert.deepEqual([pending.status, pending.stdout.trim()], [0, 'settled 300']);
  const destroyed = program(
    "await pool.dispatch('echo', 1); pool.dispatch('spin').catch(() => console.log('rejected')); await pool.destroy();",
  );
  assert.deepEqual([destroyed.status, destroyed.stdout.trim()], [0, 'rejected']);
});

test('map: results in input order, awaited or iterated, from any iterable', () =>
  withPool({}, async (pool) => {
    const numbers = Array.from({ length: 1000 }, (_, i) => i);
    assert.deepEqual(await pool.map('echo', numbers), numbers);
    assert.deepEqual(await pool.map('echo', new Set(numbers), { batchSize: 64 }), numbers);
    assert.deepEqual(
      await pool.map('shared', numbers, { sharedArgs: 5 }),
      numbers.map((n) => n + 5),
    );
    assert.deepEqual(await pool.map('slow', [20, 0, 10, 0], { batchSize: 2 }), [20, 0, 10, 0]);
    assert.deepEqual(await pool.map('echo', []), []);
    async function* source() {
      for (const n of numbers) yield n;
    }
    const found = [];
    for await (const value of pool.map('echo', source())) found.push(value);
    assert.deepEqual(found, numbers);
    const steps = [];
    await pool.map('echo', [1, 2, 3], { onItems: (done, total) => steps.push([done, total]) });
    assert.deepEqual(steps, [
      [1, 3],
      [2, 3],
      [3, 3],
    ]);
  }));

test('map: inputs are taken no faster than results are read; stopping closes the source', () =>
  withPool({}, async (pool) => {
    let taken = 0;
    let closed = false;
    function* endless() {
      try {
        for (;;) yield taken++;
      } finally {
        closed = true;
      }
    }
    let read = 0;
    for await (const value of pool.map('echo', endless())) {
      assert.equal(value, read++);
      assert.ok(taken - read <= 2 * 64 + 1, `${taken} taken, ${read} read`);
      if (read === 1000) break;
    }
    assert.ok(closed);
    await pool.drain();
  }));

test('map: a source that waits for its next input holds up neither results nor the end', () =>
  withPool({}, async (pool) => {
    let next;
    async function* source() {
      for (let i = 0; ; i++) {
        yield i;
        await new Promise((resolve) => (next = resolve)); // until its result was read
      }
    }
    const read = [];
    for await (const value of pool.map('echo', source())) {
      read.push(value);
      if (read.length === 5) break; // while the source waits
      next();
    }
    assert.deepEqual(read, [0, 1, 2, 3, 4]);
    async function* broken() {
      yield 1;
      throw new Error('no further line');
    }
    await assert.rejects(async () => pool.map('echo', broken()), /no further line/);
    await pool.drain();
  }));

test('map: what onItems throws is logged, and neither ends the map nor touches its neighbours', (t) =>
  withPool({}, async (pool) => {
    const logged = t.mock.method(console, 'error', () => undefined);
    const onItems = () => {
      throw new Error('in onItems');
    };
    const neighbours = Array.from({ length: 50 }, (_, i) => pool.dispatch('echo', i));
    assert.deepEqual(await pool.map('echo', [1, 2, 3], { onItems }), [1, 2, 3]);
    assert.equal((await Promise.all(neighbours)).length, 50);
    assert.equal(logged.mock.callCount(), 3);
  }));

test('map: the first failure in input order rejects, with its index; wrong options reject', () =>
  withPool({}, async (pool) => {
    const error = await pool.map('add', [{ a: 1, b: 1 }, null, { a: 2, b: 2 }]).catch((caught) => caught);
    assert.deepEqual([error.code, error.index], ['TASK_FAILED', 1]);
    assert.equal(await codeOf(pool.map('echo', 5)), 'INVALID_ARGUMENT');
    assert.equal(await codeOf(pool.map('echo', [1], { batchSize: 0 })), 'INVALID_ARGUMENT');
    await pool.drain();
  }));

test('a leased result is a box of exact length, read in place in the format it has [NF-16, NF-21, NF-22]', () =>
  withPool({}, async (pool) => {
    const lease = (value) => pool.dispatch('echo', value, { deliver: 'lease' });
    const bytes = await lease(new Uint8Array([1, 0, 0]));
    assert.deepEqual([bytes.type, bytes.byteLength, [...bytes.binary()]], ['binary', 3, [1, 0, 0]]);
    assert.equal(bytes.raw().buffer, bytes.raw().buffer);
    assert.ok(bytes.raw().buffer instanceof SharedArrayBuffer);
    const text = await lease('grüße');
    assert.deepEqual([text.type, text.string()], ['string', 'grüße']);
    const tree = await lease({ a: [1, 'x', null] });
    assert.deepEqual([tree.type, tree.cbor()], ['cbor', { a: [1, 'x', null] }]);
    const empty = await lease(new Uint8Array(0));
    assert.equal(empty.byteLength, 0);
    assert.equal(pool.diagnostics().boxesInUse, 4);
    for (const box of [bytes, text, tree, empty]) box.release();
    assert.equal(await codeOf(lease(() => 1)), 'NOT_SERIALIZABLE');
  }));

test('a released box is stale for ever, also when its memory is used again; releasing twice does nothing [NF-25, NF-27]', () =>
  withPool({}, async (pool) => {
    const first = await pool.dispatch('echo', 'one', { deliver: 'lease' });
    first.release();
    assert.throws(() => first.raw(), { code: 'LEASE_EXPIRED' });
    const second = await pool.dispatch('echo', 'two', { deliver: 'lease' });
    first.release();
    assert.throws(() => first.string(), { code: 'LEASE_EXPIRED' });
    assert.equal(second.string(), 'two');
    assert.equal(await codeOf(pool.dispatch('echo', first)), 'LEASE_EXPIRED');
    second.release();
  }));

test('when all boxes are leased, writers wait and are served first come, first served [NF-18]', () =>
  withPool({ workers: 3, boxes: { count: 1 } }, async (pool) => {
    let held = 0;
    const tasks = [1, 2, 3].map(async (n) => {
      const box = await pool.dispatch('echo', `n${n}`, { deliver: 'lease' });
      assert.equal(++held, 1, 'the others wait');
      assert.equal(box.string(), `n${n}`);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      held--;
      box.release();
    });
    await Promise.all(tasks);
  }));

test('a value larger than a box gets a larger one; beyond the memory a clear error, and the pool goes on [XP-14]', () =>
  withPool({ boxes: { size: '1kb' }, memory: { maximum: '64mb' } }, async (pool) => {
    const box = await pool.dispatch('echo', new Uint8Array(3072).fill(1), { deliver: 'lease' });
    assert.equal(box.byteLength, 3072);
    box.release();
    assert.ok(['NO_MEMORY', 'TOO_LARGE'].includes(await codeOf(pool.dispatch('echo', new Uint8Array(100 << 20)))));
    assert.ok(['NO_MEMORY', 'TOO_LARGE'].includes(await codeOf(pool.dispatch('alloc', 100 << 20))));
    assert.equal(await pool.dispatch('echo', 1), 1);
  }));

test('nothing that the pool does later changes what a box shows; a box can be read by several tasks [NF-23, XP-18]', () =>
  withPool({}, async (pool) => {
    const box = await pool.dispatch('alloc', 1 << 20, { deliver: 'lease' });
    const before = box.binary();
    assert.deepEqual(await Promise.all([pool.dispatch('sum', box), pool.dispatch('sum', box)]), [3 << 20, 3 << 20]);
    await pool.map(
      'echo',
      Array.from({ length: 200 }, (_, i) => 'x'.repeat(i * 50)),
    );
    assert.deepEqual(box.binary(), before);
    box.release();
  }));

test('a lease ends by the clock of the pool; what is over cannot be read [NF-35]', async () => {
  let now = 1000;
  /** @type {Set<{ run: () => void, at: number }>} */
  const timers = new Set();
  const scheduler = {
    now: () => now,
    setTimeout(run, ms) {
      const timer = { run, at: now + ms };
      timers.add(timer);
      return timer;
    },
    clearTimeout: (timer) => timers.delete(timer),
  };
  const advance = (ms) => {
    now += ms;
    for (const timer of [...timers]) if (timer.at <= now && timers.delete(timer)) timer.run();
  };
  await withPool({ scheduler, leaseMs: 5000 }, async (pool) => {
    const box = await pool.dispatch('echo', 'kept', { deliver: 'lease' });
    advance(4999);
    assert.equal(box.string(), 'kept');
    advance(2);
    assert.throws(() => box.raw(), { code: 'LEASE_EXPIRED' });
    assert.equal(pool.diagnostics().boxesInUse, 0);
  });
});

test('memory that grows does not disturb what was delivered before [XP-10]', () =>
  withPool({}, async (pool) => {
    const box = await pool.dispatch('echo', 'before', { deliver: 'lease' });
    const before = pool.diagnostics().memoryBytes;
    const big = await pool.dispatch('alloc', 32 << 20);
    assert.ok(pool.diagnostics().memoryBytes > before);
    assert.equal(big[(32 << 20) - 1], 3);
    assert.equal(box.string(), 'before');
    const fresh = await pool.dispatch('alloc', 32 << 20, { deliver: 'lease' });
    assert.equal(fresh.raw()[(32 << 20) - 1], 3);
    fresh.release();
    box.release();
  }));

test('cancel(): a running task is finished by its worker, and its result dropped [AM-17]', () =>
  withPool({ workers: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    assert.equal(gate.promise.cancel(), true);
    assert.equal(await codeOf(gate.promise), 'CANCELLED');
    const next = pool.dispatch('echo', 'next');
    gate.release().catch(() => undefined);
    assert.equal(await next, 'next');
  }));
