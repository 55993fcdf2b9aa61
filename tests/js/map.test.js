/** What a map may have in flight, how it ends, and what it leaves behind. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { blocker, codeOf, until, withPool as withOther } from './helpers.js';

const MODULE = new URL('./fixtures/map-items.js', import.meta.url);
const withPool = (options, use) => withOther({ module: MODULE, ...options }, use);

const MB = 1 << 20;

/** Errors that the pool emits. */
function told(pool) {
  const errors = [];
  pool.on('error', (message) => errors.push(message));
  return errors;
}

/** Items that a function makes when they are asked for; `taken` counts them. */
function lazy(count, make) {
  const source = {
    taken: 0,
    *[Symbol.iterator]() {
      while (source.taken < count) yield make(source.taken++);
    },
  };
  return source;
}

/** Whether the pool has finished everything except `running` tasks. */
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
      [lazy(30, (i) => ({ in: { side: new Uint8Array(bytes).fill(i) } })), { batchSize: 16 }], // the pool cannot see its size
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
    const gate = blocker(pool);
    await gate.running;
    const box = await pool.dispatch('alloc', 20 * MB, { deliver: 'lease' });
    const waiting = pool.map('sum', [new Uint8Array(35 * MB).fill(1)]); // no room until the lease is over
    const first = await Promise.race([waiting, new Promise((resolve) => setImmediate(resolve))]);
    assert.equal(first, undefined);
    box.release();
    await gate.release();
    assert.deepEqual(await waiting, [35 * MB]);
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

test('what is freed is free at once: large results in sequence, by turns of the workers, with little memory [NF-87]', () =>
  withPool({ memory: { maximum: '64mb' } }, async (pool) => {
    for (let i = 0; i < 12; i++) {
      const box = await pool.dispatch('alloc', 38 * MB, { deliver: 'lease' });
      assert.equal(box.raw()[38 * MB - 1], 3);
      box.release();
    }
    await Promise.all(Array.from({ length: 8 }, () => pool.dispatch('alloc', 12 * MB)));
    const box = await pool.dispatch('alloc', 45 * MB, { deliver: 'lease' });
    box.release();
    assert.equal(pool.stats().errors, 0);
    assert.ok(pool.diagnostics().heapBytes < 10 * MB);
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

test('map: leases of results begin when they are read; those that nobody reads are given back', () =>
  withPool({ leaseMs: 1500, boxes: { count: 3 } }, async (pool) => {
    const gate = word();
    const items = [gate, ...Array.from({ length: 9 }, (_, i) => ({ alloc: 100, fill: i + 1 }))];
    const results = pool.map('mixed', items, { deliver: 'lease' })[Symbol.asyncIterator]();
    const first = results.next();
    await runs(gate);
    await rests(pool, 1);
    const end = performance.now() + 1600; // results that wait for their turn are older than a lease now
    await until(() => performance.now() > end);
    release(gate);
    assert.equal((await first).value.string(), 'released');
    for (let i = 1; i < 10; i++) {
      const { value: box } = await results.next();
      assert.equal(box.raw()[0], i);
      box.release();
    }
    assert.equal((await results.next()).done, true);
    const other = word();
    for await (const box of pool.map('mixed', [{ alloc: 1 }, { alloc: 2 }, other, 'x'], { deliver: 'lease' })) {
      await runs(other);
      box.release();
      break;
    }
    release(other);
    await rests(pool);
    await until(() => pool.diagnostics().boxesInUse === 0);
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
    release(gate); // the worker may have taken the next item before main knew of the failure
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
    for (const options of [
      {},
      { batchSize: 2 },
      { batchSize: 5 },
      { batchSize: 3, sharedArgs: 1 },
      { sharedArgs: 1 },
    ]) {
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
    assert.equal(notes.length, 15, 'no item ran twice');
    const unfit = await pool.map('echo', [1, () => 2, 3], { settle: true, batchSize: 3 });
    assert.deepEqual(
      unfit.map(({ status, reason }) => reason?.code ?? status),
      ['fulfilled', 'NOT_SERIALIZABLE', 'fulfilled'],
    );
  }));

// ---- Batches ----

/** The index of each item that hangs, fails, or kills its worker. */
const troubles = (outcomes) =>
  outcomes.flatMap(({ status, reason }, i) => (status === 'rejected' ? [[i, reason.index, reason.code]] : []));

test('map: what is left of a batch after a failure runs on although nobody reads', () =>
  withPool({ workers: 1 }, async (pool) => {
    const counts = new Int32Array(new SharedArrayBuffer(16));
    const items = [0, 1, 2, 3].map((i) => ({ counts, i, hang: i === 2 }));
    const how = { batchSize: 2, timeoutMs: 2000, settle: true };
    const outcomes = pool.map('counted', items, how)[Symbol.asyncIterator]();
    assert.equal((await outcomes.next()).value.value, 0);
    await until(() => Atomics.load(counts, 3) === 1);
    const rest = [];
    for (let next = await outcomes.next(); !next.done; next = await outcomes.next()) rest.push(next.value.status);
    assert.deepEqual(rest, ['fulfilled', 'rejected', 'fulfilled']);
    assert.deepEqual([...counts], [1, 1, 1, 1]);
  }));

test('map: a time limit is for each item of a batch; the one that hangs is named, no other runs twice or is lost', () =>
  withPool({ recycleTimeoutMs: 0 }, async (pool) => {
    const counts = new Int32Array(new SharedArrayBuffer(4 * 20));
    const items = Array.from({ length: 20 }, (_, i) => ({
      counts,
      i,
      burn: 200,
      hang: i === 3 || i === 7 || i === 19,
    }));
    const how = { batchSize: 8, timeoutMs: 1000, settle: true };
    const outcomes = await pool.map('counted', items, how);
    const late = (i) => [i, i, 'TIMEOUT'];
    assert.deepEqual(troubles(outcomes), [late(3), late(7), late(19)]);
    assert.deepEqual([...counts], Array(20).fill(1));
    assert.deepEqual(
      outcomes.flatMap(({ value }) => value ?? []),
      [0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18],
    );
    counts.fill(0);
    const error = await pool.map('counted', items, { ...how, settle: false }).catch((caught) => caught);
    assert.deepEqual([error.code, error.index], ['TIMEOUT', 3]);
  }));

test('map: asynchronous items of a batch have a time limit each, too', () =>
  withPool({ recycleTimeoutMs: 0 }, async (pool) => {
    const outcomes = await pool.map('sleeper', [60, 60, 60, 10_000, 60], {
      batchSize: 5,
      timeoutMs: 3000,
      settle: true,
    });
    assert.deepEqual(troubles(outcomes), [[3, 3, 'TIMEOUT']]);
  }));

test('map: items of a batch that ran to their end are kept when its worker is lost', () =>
  withPool({}, async (pool) => {
    const counts = new Int32Array(new SharedArrayBuffer(4 * 9));
    const items = (exits) => Array.from({ length: 9 }, (_, i) => ({ counts, i, exit: exits && i === 4 }));
    const outcomes = await pool.map('counted', items(true), { batchSize: 9, settle: true });
    assert.deepEqual(troubles(outcomes), [[4, 4, 'WORKER_LOST']]);
    assert.deepEqual([...counts], Array(9).fill(1));
    counts.fill(0);
    const again = items(false);
    again[4].exitOnce = true;
    assert.deepEqual(
      await pool.map('counted', again, { batchSize: 9, onLost: 'requeue' }),
      [0, 1, 2, 3, 4, 5, 6, 7, 8],
    );
    assert.deepEqual([...counts], [1, 1, 1, 1, 2, 1, 1, 1, 1]);
  }));

test('map: results of a batch may be larger than expected, or such that only a message can carry them', () =>
  withPool({}, async (pool) => {
    const sizes = [1, 100_000, 5, 3_000_000, 7, 20_000];
    const texts = await pool.map('text', sizes, { batchSize: 6 });
    assert.deepEqual(
      texts.map((text) => text.length),
      sizes,
    );
    const shared = new SharedArrayBuffer(4);
    const found = await pool.map('echo', [1, { shared }, { shared }, 'x'], { batchSize: 4 });
    assert.ok(found[1].shared instanceof SharedArrayBuffer);
    assert.deepEqual([found[0], found[3]], [1, 'x']);
    new Uint8Array(shared)[0] = 7;
    assert.equal(new Uint8Array(found[2].shared)[0], 7);
    const moved = await pool.map('move', [new Uint8Array(2), new Uint8Array(3)], { batchSize: 2 });
    assert.deepEqual(
      moved.map((bytes) => [...bytes]),
      [
        [9, 9],
        [9, 9, 9],
      ],
    );
    const allocated = await pool.map('alloc', [3, 5000, 1], { batchSize: 3 });
    assert.deepEqual(
      allocated.map((bytes) => [bytes.length, bytes[0]]),
      [
        [3, 3],
        [5000, 3],
        [1, 3],
      ],
    );
  }));

test("map: an error of a batch is the handler's own, however long, and the item is named", () =>
  withPool({}, async (pool) => {
    const outcomes = await pool.map('failLong', [0, 50_000, 0, 10], { batchSize: 4, settle: true });
    assert.deepEqual(troubles(outcomes), [
      [1, 1, 'TASK_FAILED'],
      [3, 3, 'TASK_FAILED'],
    ]);
    const { cause } = outcomes[1].reason;
    assert.deepEqual([cause.message.length, cause.name, cause.kind], [50_000, 'RangeError', 'long']);
    const error = await pool.map('failLong', [0, 0, 10, 0], { batchSize: 4 }).catch((caught) => caught);
    assert.deepEqual([error.index, error.message, error.cause.kind], [2, 'xxxxxxxxxx', 'long']);
    const unknown = await pool.map('nobody', [1, 2], { batchSize: 2, settle: true });
    assert.deepEqual(troubles(unknown), [
      [0, 0, 'UNKNOWN_TASK'],
      [1, 1, 'UNKNOWN_TASK'],
    ]);
  }));

test('map: the rest of a batch still runs when a later one has failed', () =>
  withPool({ workers: 2 }, async (pool) => {
    const gate = word();
    const alone = { shared: new SharedArrayBuffer(1) }; // only a message can carry it, so it ends its task
    const mapped = pool.map('mixed', [gate, alone, 'rest', new Error('later')], { batchSize: 3 });
    const results = mapped[Symbol.asyncIterator]();
    const first = results.next();
    await until(() => pool.stats().errors === 1);
    release(gate);
    assert.equal((await first).value, 'released');
    assert.ok((await results.next()).value.shared instanceof SharedArrayBuffer);
    assert.equal((await results.next()).value, 'rest');
    const error = await results.next().catch((caught) => caught);
    assert.deepEqual([error.message, error.index], ['later', 3]);
  }));

test('map: a batch that nobody wants any more ends after the item that runs', () =>
  withPool({ workers: 1 }, async (pool) => {
    const gate = word();
    const controller = new AbortController();
    const code = codeOf(pool.map('mixed', ['a', gate, 'b'], { batchSize: 3, signal: controller.signal }));
    await runs(gate);
    const results = pool.map('mixed', [1], { batchSize: 3 });
    controller.abort();
    release(gate);
    assert.equal(await code, 'CANCELLED');
    assert.deepEqual(await results, [1]);
    const notes = await pool.dispatch('notes');
    assert.ok(!notes.includes('b'), String(notes));
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
