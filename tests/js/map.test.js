/** What a map may have in flight, how it ends, and what it leaves behind. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { blocker, codeOf, until, withPool as withOther } from './helpers.js';

const MODULE = new URL('./fixtures/map-items.js', import.meta.url);
const withPool = (options, use) => withOther({ module: MODULE, ...options }, use);

const MB = 1 << 20;

/** Errors that the pool tells of, by its event. */
function told(pool) {
  const errors = [];
  pool.on('error', (message) => errors.push(message));
  return errors;
}

/** Items from a function, made when they are asked for; `taken` counts them. */
function lazy(count, make) {
  const source = {
    taken: 0,
    *[Symbol.iterator]() {
      while (source.taken < count) yield make(source.taken++);
    },
  };
  return source;
}

/** Whether the pool has done all that it has, but for `running` tasks. */
const rests = (pool, running = 0) =>
  until(
    () => pool.stats().queued === 0 && pool.stats().busyWorkers === running && pool.diagnostics().tasksInUse <= running,
  );

const word = () => new Int32Array(new SharedArrayBuffer(8));
const runs = (gate) => until(() => Atomics.load(gate, 0) === 1);
const release = (gate) => {
  Atomics.store(gate, 1, 1);
  Atomics.notify(gate, 1);
};

// ---- Memory ----

test('map: items larger than the memory as a whole complete, whatever the source and the batch', () =>
  withPool({ memory: { maximum: '64mb' } }, async (pool) => {
    const errors = told(pool);
    const bytes = 4 * MB;
    const items = () => lazy(30, (i) => new Uint8Array(bytes).fill(i));
    async function* later() {
      yield* items();
    }
    const expected = Array.from({ length: 30 }, (_, i) => i);
    for (const [source, options] of [
      [items(), {}],
      [later(), {}],
      [items(), { batchSize: 8 }],
      [lazy(30, (i) => ({ in: { side: new Uint8Array(bytes).fill(i) } })), { batchSize: 16 }], // its size does not show
    ]) {
      const found = [];
      for await (const result of pool.map('echo', source, options)) found.push((result.in?.side ?? result)[bytes - 1]);
      assert.deepEqual(found, expected);
    }
    assert.deepEqual(errors, []);
    assert.equal(pool.stats().errors, 0);
  }));

test('map: an item waits while there is no memory beside others, and fails only if it cannot fit alone', () =>
  withPool({ memory: { maximum: '64mb' } }, async (pool) => {
    const errors = told(pool);
    const found = [];
    for await (const result of pool.map(
      'echo',
      lazy(6, (i) => new Uint8Array(22 * MB).fill(i)),
    ))
      found.push(result[0]);
    assert.deepEqual(found, [0, 1, 2, 3, 4, 5]);
    assert.deepEqual(errors, []);
    const error = await pool.map('echo', [1, new Uint8Array(63 * MB), 2]).catch((caught) => caught);
    assert.ok(['NO_MEMORY', 'TOO_LARGE'].includes(error.code), error.code);
    assert.equal(error.index, 1);
    assert.equal(errors.length, 1);
  }));

test('map: results that wait for their turn count as well', () =>
  withPool({ memory: { maximum: '64mb' } }, async (pool) => {
    const first = word();
    const source = lazy(40, (i) => (i === 0 ? first : { alloc: 2 * MB, fill: i }));
    const results = pool.map('mixed', source)[Symbol.asyncIterator]();
    const oldest = results.next();
    await runs(first);
    await rests(pool, 1);
    assert.ok(source.taken <= 1 + 16 / 2 + 2 * 2, `${source.taken} taken`); // a quarter of the memory
    release(first);
    assert.equal((await oldest).value, 'released');
    for (let i = 1; i < 40; i++) assert.equal((await results.next()).value[2 * MB - 1], i);
    assert.equal((await results.next()).done, true);
  }));

test('a result for which there is no shared memory arrives by message', () =>
  withPool({ memory: { maximum: '64mb' } }, async (pool) => {
    const box = await pool.dispatch('alloc', 40 * MB, { deliver: 'lease' });
    const bytes = await pool.dispatch('alloc', 30 * MB);
    assert.deepEqual([bytes.length, bytes[0], bytes.at(-1)], [30 * MB, 3, 3]);
    const parts = await pool.dispatch('repeat', { text: 'äx', count: 12 * MB });
    assert.deepEqual([parts.list.length, parts.list[1].length, parts.list[1].slice(-2)], [2, 24 * MB, 'äx']);
    box.release();
  }));

// ---- The window ----

test('map: the window begins small, and is never more than 64 items for each worker', () =>
  withPool({ workers: 1 }, async (pool) => {
    const source = lazy(1000, (i) => i);
    pool.pause();
    const results = pool.map('echo', source)[Symbol.asyncIterator]();
    const first = results.next();
    await until(() => pool.stats().queued > 0);
    assert.equal(source.taken, 2);
    pool.resume();
    assert.equal((await first).value, 0);
    let most = 0;
    for (let read = 1; read < 200; read++) {
      assert.equal((await results.next()).value, read);
      await rests(pool);
      most = Math.max(most, source.taken - read);
    }
    assert.equal(most, 64);
    await results.return();
  }));

test('map: onItems is told after each item, or each batch of them', () =>
  withPool({}, async (pool) => {
    const steps = [];
    const onItems = (done, total) => steps.push([done, total]);
    await pool.map('echo', [1, 2, 3], { onItems });
    assert.deepEqual(steps.splice(0), [[1, 3], [2, 3], [3, 3]]); // prettier-ignore
    await pool.map('echo', new Set([1, 2, 3, 4, 5]), { onItems, batchSize: 2 });
    assert.deepEqual(new Set(steps.map(([, total]) => total)), new Set([undefined]));
    assert.deepEqual([steps.length, steps.at(-1)[0]], [3, 5]);
  }));

test('map: maxQueue does not count its items', () =>
  withPool({ workers: 1, maxQueue: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const mapped = pool.map(
      'echo',
      lazy(300, (i) => i),
    );
    await until(() => pool.stats().queued > 1);
    assert.equal(await codeOf(pool.dispatch('echo', 1)), 'QUEUE_FULL');
    await gate.release();
    assert.equal((await mapped).length, 300);
  }));

// ---- Ends ----

test('map: leaving the loop is no error: what waits never runs, nothing is counted and nobody is told', () =>
  withPool({ workers: 1 }, async (pool) => {
    const errors = told(pool);
    const gate = word();
    for await (const result of pool.map('mixed', [1, gate, 'a', 'b', 'c'])) {
      assert.equal(result, 1);
      await runs(gate);
      break;
    }
    assert.equal(pool.stats().queued, 0);
    release(gate);
    await rests(pool);
    assert.deepEqual(await pool.dispatch('notes'), [1]);
    assert.deepEqual([errors, pool.stats().errors], [[], 0]);
    for await (const result of pool.map(
      'echo',
      lazy(1000, (i) => i),
    ))
      if (result === 20) break;
    await rests(pool);
    assert.deepEqual([errors, pool.stats().errors], [[], 0]);
  }));

test('map: a failure is one error: what waits behind it never runs, and the source is closed', () =>
  withPool({ workers: 1 }, async (pool) => {
    const errors = told(pool);
    const gate = word();
    let closed = false;
    function* items() {
      try {
        yield new Error('the second fails');
        yield gate;
        for (;;) yield 'never';
      } finally {
        closed = true;
      }
    }
    const error = await pool.map('mixed', items()).catch((caught) => caught);
    assert.deepEqual([error.code, error.index, closed], ['TASK_FAILED', 0, true]);
    assert.equal(pool.stats().queued, 0);
    release(gate); // the worker may have been faster than the news of the failure
    await rests(pool);
    assert.deepEqual(await pool.dispatch('notes'), []);
    assert.deepEqual([errors, pool.stats().errors], [['the second fails'], 1]);
  }));

test('map: a failure behind a slow item ends what comes after it at once; earlier results are still given', () =>
  withPool({ workers: 2 }, async (pool) => {
    const slow = word();
    const later = word();
    const results = pool.map('mixed', [slow, new Error('second'), later, 'x', 'y'])[Symbol.asyncIterator]();
    const first = results.next();
    await until(() => pool.stats().errors === 1);
    assert.equal(pool.stats().queued, 0);
    release(slow);
    assert.equal((await first).value, 'released');
    const error = await results.next().catch((caught) => caught);
    assert.deepEqual([error.message, error.index], ['second', 1]);
    release(later);
    await rests(pool);
    assert.deepEqual(await pool.broadcast('notes'), [[], []]);
  }));

test('map: an abort stops what runs and ends the map, also while the source waits; it is no failed task', () =>
  withPool({ workers: 1, recycleTimeoutMs: 0 }, async (pool) => {
    const errors = told(pool);
    const controller = new AbortController();
    const gate = word();
    const mapped = pool.map('mixed', [gate, 'x'], { signal: controller.signal });
    const code = codeOf(mapped);
    await runs(gate);
    controller.abort(new Error('enough'));
    assert.equal(await code, 'CANCELLED');
    assert.equal((await mapped.catch((error) => error)).cause.message, 'enough');
    assert.equal(await pool.dispatch('echo', 1), 1);
    const other = new AbortController();
    let asked = false;
    async function* source() {
      asked = true;
      await new Promise(() => undefined);
      yield 1;
    }
    const waiting = codeOf(pool.map('echo', source(), { signal: other.signal }));
    await until(() => asked);
    other.abort();
    assert.equal(await waiting, 'CANCELLED');
    assert.equal(await codeOf(pool.map('echo', [1], { signal: AbortSignal.abort() })), 'CANCELLED');
    assert.deepEqual([errors, pool.stats().errors], [[], 0]);
  }));

test('map: settle goes on after failures and gives each outcome as Promise.allSettled does', () =>
  withPool({}, async (pool) => {
    const items = ['a', new Error('b fails'), 'c', new Error('d fails'), 'e'];
    for (const options of [{}, { sharedArgs: 1 }]) {
      const steps = [];
      const onItems = (done) => steps.push(done);
      const outcomes = await pool.map('mixed', items, { ...options, settle: true, onItems });
      assert.deepEqual(
        outcomes.map(({ status, value, reason }) => (status === 'fulfilled' ? value : [reason.message, reason.index])),
        ['a', ['b fails', 1], 'c', ['d fails', 3], 'e'],
      );
      assert.equal(steps.at(-1), 5);
    }
    const notes = (await pool.broadcast('notes')).flat();
    assert.equal(notes.length, 6, 'no item ran twice');
    const unfit = await pool.map('echo', [1, () => 2, 3], { settle: true, batchSize: 3 });
    assert.deepEqual(
      unfit.map(({ status, reason }) => reason?.code ?? status),
      ['fulfilled', 'NOT_SERIALIZABLE', 'fulfilled'],
    );
  }));

test('map: what concerns every item rejects, with settle too', () =>
  withPool({}, async (pool) => {
    assert.equal(await codeOf(pool.map('echo', [1], { settle: 'yes' })), 'INVALID_ARGUMENT');
    assert.equal(await codeOf(pool.map('echo', [], { priority: 'urgent', settle: true })), 'INVALID_ARGUMENT');
    assert.equal(await codeOf(pool.map('echo', [1], { deliver: 'lease', batchSize: 2 })), 'INVALID_ARGUMENT');
    assert.equal(await codeOf(pool.map('', [1], { settle: true })), 'INVALID_ARGUMENT');
    const gate = word();
    const code = codeOf(pool.map('mixed', [gate, 2], { settle: true }));
    await runs(gate);
    await pool.destroy();
    assert.equal(await code, 'POOL_DESTROYED');
    assert.equal(
      await codeOf(
        pool.map(
          'echo',
          lazy(Infinity, (i) => i),
          { settle: true },
        ),
      ),
      'POOL_DESTROYED',
    );
  }));

test('map: it is awaited or iterated, once', () =>
  withPool({}, async (pool) => {
    const awaited = pool.map('echo', [1, 2]);
    assert.deepEqual(await awaited, [1, 2]);
    assert.throws(() => awaited[Symbol.asyncIterator](), { code: 'INVALID_ARGUMENT' });
    assert.deepEqual(await awaited, [1, 2]);
    const iterated = pool.map('echo', [1, 2]);
    const results = iterated[Symbol.asyncIterator]();
    assert.equal(await codeOf(iterated), 'INVALID_ARGUMENT');
    assert.throws(() => iterated[Symbol.asyncIterator](), { code: 'INVALID_ARGUMENT' });
    assert.equal((await results.next()).value, 1);
    assert.equal((await results.next()).value, 2);
    assert.equal((await results.next()).done, true);
  }));
