/** Bulk jobs: slices out, results back in their places. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { blocker, codeOf, liveness, randomFrom, until } from './helpers.js';
import { FakeClock } from './fake-clock.js';
import { bulk, errorsOf, job, release, standStillUntil, upTo, withJobs, words } from './jobs-support.js';
import { Ticker, TICK_MS } from '../../js/time/ticker.js';

const NEVER = { maxWaitMs: Infinity };

/** The sizes of a bulk job's slices, in order. */
async function sliceSizes(pool, count, options) {
  const results = await bulk(pool, 'sizes', upTo(count), options);
  const found = [];
  for (let at = 0; at < count; at += results[at].size) found.push(results[at].size);
  return found;
}

// ---- Slices ----

test('1,000 items in slices that take different times come back in their order [TW-17]', () =>
  withJobs({ workers: 3 }, async (pool) => {
    const random = randomFrom(7);
    const items = upTo(1000).map((value) => ({ value, ms: Math.floor(random() * 4) }));
    assert.deepEqual(await bulk(pool, 'later', items, { batchSize: 7 }), upTo(1000));
  }));

test('a slice for each worker; the last may be shorter [TW-18]', async () => {
  await withJobs({ workers: 4 }, async (pool) => {
    assert.deepEqual(await sliceSizes(pool, 10), [3, 3, 3, 1]);
    assert.deepEqual(await sliceSizes(pool, 3), [1, 1, 1]);
    assert.deepEqual(await sliceSizes(pool, 8), [2, 2, 2, 2]);
  });
  await withJobs({ workers: 1 }, async (pool) => assert.deepEqual(await sliceSizes(pool, 10), [10]));
});

test('no slice is above 256 items or maxSliceItems; 5,000 items are served [TW-18, TW-25]', async () => {
  await withJobs({}, async (pool) => {
    assert.deepEqual(await sliceSizes(pool, 5000), [...new Array(19).fill(256), 136]);
    assert.deepEqual(await sliceSizes(pool, 600, { batchSize: 1000 }), [256, 256, 88]);
    assert.deepEqual(
      await bulk(pool, 'doubles', upTo(5000)),
      upTo(5000).map((i) => i * 2),
    );
  });
  await withJobs({ maxSliceItems: 5 }, async (pool) =>
    assert.deepEqual(await sliceSizes(pool, 12, { batchSize: 8 }), [5, 5, 2]),
  );
});

test('batchSize counts; what is no whole number from 1 is refused [TW-19]', () =>
  withJobs({ workers: 3 }, async (pool) => {
    assert.deepEqual(await sliceSizes(pool, 100, { batchSize: 1 }), new Array(100).fill(1));
    assert.deepEqual(await sliceSizes(pool, 10, { batchSize: 4 }), [4, 4, 2]);
    for (const batchSize of [0, -1, 1.5, NaN, Infinity, '3', null])
      assert.throws(
        () => pool.bulkSplit('doubles', [1], () => {}, { batchSize }),
        { code: 'INVALID_ARGUMENT' },
        `${batchSize}`,
      );
    for (const items of [undefined, null, 'text', { length: 1 }])
      assert.throws(() => pool.bulkSplit('doubles', items, () => {}), { code: 'INVALID_ARGUMENT' });
    assert.throws(() => pool.bulkSplit('doubles', [1], () => {}, { maxWaitMs: -1 }), { code: 'INVALID_ARGUMENT' });
    assert.equal(await job(pool, 'echo', 'heavy'), 'heavy', 'no bulk job is active');
  }));

test('slices start in the order of their items [TW-19, TW-26]', () =>
  withJobs({ workers: 1 }, async (pool) => {
    await bulk(pool, 'noteFirst', upTo(50), { batchSize: 2 });
    assert.deepEqual(
      await pool.dispatch('notes'),
      upTo(25).map((i) => 2 * i),
    );
  }));

test('every slice gets the same shared value, or undefined [TW-20, TW-05]', () =>
  withJobs({}, async (pool) => {
    const sharedArgs = { factor: [2, 3] };
    for (const { shared } of await bulk(pool, 'sizes', upTo(10), { batchSize: 2, sharedArgs }))
      assert.deepEqual(shared, sharedArgs);
    for (const result of await bulk(pool, 'sizes', upTo(4))) assert.equal(result.shared, undefined);
    assert.deepEqual((await bulk(pool, 'sizes', [1], { sharedArgs: 0 }))[0].shared, 0);
  }));

test('slices of wrong sizes leave gaps in their own places only; both are told of [TW-21]', () =>
  withJobs({}, async (pool) => {
    const errors = errorsOf(pool);
    const how = [0, -1, 1, 0, 'none', 2];
    const items = upTo(18).map((value) => ({ value, how: how[Math.floor(value / 3)] }));
    const expected = upTo(18);
    expected[5] = expected[12] = expected[13] = expected[14] = undefined;
    const results = await bulk(pool, 'misfit', items, { batchSize: 3 });
    assert.deepEqual(results, expected);
    assert.equal(results.length, 18, 'the last slice’s surplus is dropped too');
    assert.deepEqual(errors.sort(), [
      'items 12 to 14: expected 3 results, got 0',
      'items 15 to 17: expected 3 results, got 5',
      'items 3 to 5: expected 3 results, got 2',
      'items 6 to 8: expected 3 results, got 4',
    ]);
    assert.deepEqual(await bulk(pool, 'bytes', [1, 2, 3], { batchSize: 2 }), [1, 2, 3], 'typed arrays are lists too');
  }));

test('a slice that fails leaves a gap; the callback comes once, with the others [C-05, TW-22]', () =>
  withJobs({}, async (pool) => {
    const errors = errorsOf(pool);
    const items = upTo(8).map((value) => ({ value, how: value >= 4 && value < 6 ? 'throw' : 0 }));
    let calls = 0;
    pool.bulkSplit(
      'misfit',
      items,
      (results) => {
        calls++;
        assert.deepEqual(results, [0, 1, 2, 3, undefined, undefined, 6, 7]);
        assert.ok(4 in results, 'a place, not a hole');
      },
      { batchSize: 2 },
    );
    await pool.drain();
    assert.equal(calls, 1);
    assert.deepEqual(errors, ['slice 4']);
    assert.deepEqual(await bulk(pool, 'nobody', [1, 2]), [undefined, undefined]);
    assert.equal(errors.length, 3, 'the last slice that ends is told of too');
    const unserializable = await bulk(pool, 'doubles', [1, () => 2, 3], { batchSize: 1 });
    assert.deepEqual(unserializable, [2, undefined, 6]);
    assert.equal(await job(pool, 'echo', 'heavy'), 'heavy', 'no bulk job is active any more');
  }));

test('without items the callback has run when bulkSplit returns; nothing else happens [TW-23]', () =>
  withJobs({}, async (pool) => {
    const before = { ...pool.stats(), ...pool.diagnostics() };
    let given;
    const handle = pool.bulkSplit('doubles', [], (results) => (given = results));
    assert.deepEqual(given, []);
    handle.disconnect();
    assert.deepEqual({ ...pool.stats(), ...pool.diagnostics() }, before);
    assert.equal(await job(pool, 'echo', 'heavy'), 'heavy');
  }));

// ---- The lent buffer ----

test('results are lent: with dev they are spoiled after the callback, without they are used again [C-08, TW-24]', async () => {
  const run = (pool, items) => new Promise((resolve) => void pool.bulkSplit('doubles', items, resolve));
  await withJobs({ dev: true }, async (pool) => {
    const copy = [];
    const kept = await new Promise((resolve) => {
      pool.bulkSplit('doubles', [1, 2, 3], (results) => {
        copy.push(...results);
        resolve(results);
      });
    });
    assert.deepEqual(copy, [2, 4, 6]);
    for (const value of kept) assert.match(value.wasmpool, /copy what is to be kept/);
    const big = await run(pool, upTo(1500));
    assert.match(big[1499].wasmpool, /copy/);
    assert.deepEqual(await bulk(pool, 'doubles', [7]), [14], 'the next one starts clean');
  });
  await withJobs({}, async (pool) => {
    const kept = await run(pool, [1, 2, 3]);
    assert.equal(await run(pool, [5, 6]), kept, 'the same array');
    assert.deepEqual(kept, [10, 12]);
  });
});

test('a buffer is not lent twice at once, and a failed slice shows nothing of its last use [TW-24, TW-59]', () =>
  withJobs({ telemetry: { tickMs: 1 } }, async (pool) => {
    const open = new Set();
    const jobs = upTo(40).map(
      (n) =>
        new Promise((resolve) => {
          pool.bulkSplit('doubles', [n, n + 1], (results) => {
            assert.deepEqual(results, [2 * n, 2 * n + 2]);
            pool.bulkSplit('nobody', [1, 2, 3], (others) => {
              assert.deepEqual(others, [undefined, undefined, undefined]);
              pool.bulkSplit('doubles', [n], (last) => resolve(last[0]));
            });
            open.add(results);
          });
        }),
    );
    assert.deepEqual(
      await Promise.all(jobs),
      upTo(40).map((n) => 2 * n),
    );
    // The latest sample may be older than the last callback, so wait for one that shows that all are back.
    await until(() => pool.report()?.Pools.ResultBuffer.Value === 16);
    assert.equal(pool.report().Pools.ResultBuffer.Capacity, 16);
    const lent = await Promise.all(
      upTo(20).map((n) => new Promise((resolve) => void pool.bulkSplit('doubles', [n], resolve))),
    );
    assert.equal(new Set(lent).size, 20, 'all were lent at the same time');
    assert.ok(open.size > 16, 'more than there are buffers: the others were made for once');
  }));

for (const dev of [false, true])
  test(`what a callback does to the array that it was lent is its own affair (dev: ${dev}) [TW-04, TW-24]`, () =>
    withJobs({ dev }, async (pool) => {
      const harms = [
        Object.freeze,
        Object.seal,
        (results) => Object.defineProperty(results, 0, { get: () => 'mine', set: undefined, configurable: true }),
        (results) => Object.defineProperty(results, 0, { value: 'mine', writable: false }),
        (results) => Object.setPrototypeOf(results, null),
      ];
      const others = upTo(40).map((n) => pool.dispatch('echo', n));
      for (const harm of harms) pool.bulkSplit('doubles', [1, 2], harm);
      assert.deepEqual(await Promise.all(others), upTo(40));
      await pool.drain();
      for (let round = 0; round < 20; round++) {
        const lists = await Promise.all(
          upTo(16).map((n) => new Promise((resolve) => pool.bulkSplit('doubles', [n], (list) => resolve([...list])))),
        );
        assert.deepEqual(
          lists.flat(),
          upTo(16).map((n) => 2 * n),
        );
      }
    }));

test('of a job that was disconnected nothing is told, whatever its slices give [TW-21, TW-29]', () =>
  withJobs({ workers: 1 }, async (pool) => {
    const errors = errorsOf(pool);
    const gate = words(3);
    const handle = pool.bulkSplit('blockShort', [1], () => assert.fail('called'), { sharedArgs: { words: gate } });
    await until(() => Atomics.load(gate, 0) === 1);
    handle.disconnect();
    release(gate);
    await pool.drain();
    assert.deepEqual(errors, []);
  }));

test('a list above 1,024 items does not take the place of a kept buffer [TW-25]', () =>
  withJobs({}, async (pool) => {
    const run = (count) => new Promise((resolve) => void pool.bulkSplit('doubles', upTo(count), resolve));
    const [big, small] = await Promise.all([run(1025), run(3)]);
    assert.equal(big.length, 1025);
    assert.equal(await run(1024), small);
    assert.notEqual(await run(1025), big);
    assert.equal(await run(3), small);
  }));

// ---- Order ----

test('levels of bulk jobs: critical, normal, background, first come first served within one [TW-26]', () =>
  withJobs({ workers: 1, aging: false }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const list = (name) => [`${name} 1`, `${name} 2`];
    const send = (name, priority) => bulk(pool, 'noteFirst', list(name), { batchSize: 1, priority, ...NEVER });
    const jobs = [send('bg', 'background'), send('a', undefined), send('critical', 'critical'), send('b', 'normal')];
    await gate.release();
    await Promise.all(jobs);
    assert.deepEqual(await pool.dispatch('notes'), ['critical', 'a', 'b', 'bg'].flatMap(list));
  }));

test('background goes first once after 50 others, then after 50 more; with aging: false never [C-02, TW-27]', async () => {
  const places = async (aging) => {
    let found;
    await withJobs({ workers: 1, aging }, async (pool) => {
      const gate = blocker(pool);
      await gate.running;
      const low = bulk(pool, 'noteFirst', ['bg', 'bg'], { batchSize: 1, priority: 'background', ...NEVER });
      const critical = bulk(pool, 'noteFirst', upTo(120), { batchSize: 1, priority: 'critical', ...NEVER });
      await gate.release();
      await Promise.all([low, critical]);
      const order = await pool.dispatch('notes');
      found = [order.indexOf('bg'), order.lastIndexOf('bg')];
    });
    return found;
  };
  assert.deepEqual(await places(undefined), [50, 101]);
  assert.deepEqual(await places({ lowSkips: 7 }), [7, 15]);
  assert.deepEqual(await places(false), [120, 121]);
});

test('when its maxWaitMs is over a bulk job goes ahead of single jobs, of lower levels too [C-03, TW-28]', async () => {
  const order = async (options, passedMs) => {
    const clock = new FakeClock();
    let found;
    await withJobs({ workers: 1, scheduler: clock.scheduler, liveness: false }, async (pool) => {
      const gate = blocker(pool);
      await gate.running;
      const singles = upTo(5).map((i) => pool.dispatch('note', i));
      const low = pool.dispatch('note', 'low', { priority: 'low' });
      const high = pool.dispatch('note', 'high', { priority: 'high' });
      const bulks = bulk(pool, 'noteFirst', ['slice', 'slice'], { batchSize: 1, ...options });
      clock.advance(passedMs);
      await gate.release();
      await Promise.all([...singles, low, high, bulks]);
      found = await pool.dispatch('notes');
    });
    return found;
  };
  const ahead = ['high', 'slice', 'slice', 0, 1, 2, 3, 4, 'low'];
  const inTurn = ['high', 0, 1, 2, 3, 4, 'slice', 'slice', 'low'];
  assert.deepEqual(await order({ maxWaitMs: 0 }, 0), ahead);
  assert.deepEqual(await order({}, 50 + TICK_MS), ahead, '50 ms is the default; workers know the time to a tick');
  assert.deepEqual(await order({}, 49), inTurn);
  assert.deepEqual(await order({ maxWaitMs: 10_000 }, 9_999), inTurn);
  assert.deepEqual(await order({ maxWaitMs: 10_000 }, 10_000 + TICK_MS), ahead);
  assert.deepEqual(await order(NEVER, 1e6), inTurn);
});

// ---- Disconnected ----

test('disconnected, what waits never starts, what runs is finished; heavy jobs are let in, once [TW-29]', () =>
  withJobs({ workers: 2, telemetry: { tickMs: 1 }, aging: { heavySkips: 1e6 } }, async (pool) => {
    const gate = words(3);
    const options = { batchSize: 1, sharedArgs: { words: gate } };
    const handle = pool.bulkSplit('blockSlice', upTo(20), () => assert.fail('called'), options);
    await until(() => Atomics.load(gate, 2) === 2);
    const heavy = job(pool, 'echo', 'heavy');
    handle.disconnect();
    handle.disconnect();
    assert.equal(pool.stats().queued, 1, 'the heavy one');
    const light = job(pool, 'echo', 'light', { weight: 'light' });
    release(gate);
    assert.deepEqual(await Promise.all([heavy, light]), ['heavy', 'light']);
    assert.equal(gate[2], 2, 'slices that ran');
    await until(
      () =>
        pool.report()?.Pools.ResultBuffer.Value === 16 &&
        pool.report().Pools.BulkEntry.Value === pool.report().Pools.BulkEntry.Capacity,
    );
    // The count of active bulk jobs did not fall below 0: the next bulk job holds heavy jobs again.
    const again = words(3);
    const second = bulk(pool, 'blockSlice', [1], { sharedArgs: { words: again } });
    await until(() => Atomics.load(again, 2) === 1);
    let ran = false;
    const held = job(pool, 'echo', 'held').then(() => (ran = true));
    for (let i = 0; i < 20; i++) await pool.dispatch('echo', i);
    assert.equal(ran, false);
    release(again);
    await Promise.all([second, held]);
  }));

test('a bulk job is disconnected while its slices are finished and not delivered, or partly [TW-29, TW-16]', () => {
  const gate = words(2);
  return withJobs({ workers: 1, initData: gate }, async (pool) => {
    const fail = () => assert.fail('called');
    const handles = [
      pool.bulkSplit('doubles', upTo(10), fail, { batchSize: 1 }),
      pool.bulkSplit('nobody', upTo(10), fail, { batchSize: 3 }),
    ];
    const later = pool.dispatch('blockStill', 0);
    const cut = pool.bulkSplit('doubles', upTo(10), fail, { batchSize: 1 });
    standStillUntil(gate, 0, 1);
    for (const handle of [...handles, cut]) handle.disconnect();
    release(gate);
    await later;
    assert.equal(await job(pool, 'echo', 'heavy'), 'heavy');
  });
});

test('a bulk job whose callback disconnects it, and others of the same delivery [TW-29]', () =>
  withJobs({}, async (pool) => {
    let calls = 0;
    const handles = upTo(10).map(() =>
      pool.bulkSplit('doubles', [1, 2], (results) => {
        calls++;
        for (const handle of handles) handle.disconnect();
        assert.deepEqual(results, [2, 4], 'its own results stay what they are');
      }),
    );
    await pool.drain();
    assert.equal(calls, 1);
  }));

test('a signal ends all slices; the callback comes with gaps [TW-29]', () =>
  withJobs({ workers: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const abort = new AbortController();
    const results = bulk(pool, 'doubles', [1, 2], { batchSize: 1, signal: abort.signal });
    abort.abort();
    assert.deepEqual(await results, [undefined, undefined]);
    assert.deepEqual(await bulk(pool, 'doubles', [1], { signal: abort.signal }), [undefined], 'aborted already');
    await gate.release();
    assert.equal(await job(pool, 'echo', 'heavy'), 'heavy');
    assert.equal(await codeOf(pool.dispatch('echo', 1)), 'fulfilled');
  }));

// ---- Lost ----

test('only the slice that hangs runs again: every other one once, one callback [TW-58]', () =>
  withJobs({ liveness, workers: 2 }, async (pool) => {
    const runs = words(8);
    let calls = 0;
    let results;
    const sharedArgs = { words: runs, hangs: 3 };
    pool.bulkSplit('countEach', upTo(8), (given) => (calls++, (results = [...given])), { batchSize: 1, sharedArgs });
    await pool.drain();
    assert.deepEqual(results, upTo(8));
    assert.deepEqual([...runs], [1, 1, 1, 2, 1, 1, 1, 1]);
    assert.deepEqual([calls, pool.diagnostics().interventions], [1, 1]);
    assert.equal(await job(pool, 'echo', 'heavy'), 'heavy');
  }));

test('a slice that hangs every time leaves a gap after its redeliveries [TW-58, TW-57]', () =>
  withJobs({ liveness: { ...liveness, maxRedeliveries: 1 }, workers: 2 }, async (pool) => {
    const errors = errorsOf(pool);
    const runs = words(1);
    const items = [0, 1, 2].map((at) => ({ words: runs, at: 0, hangs: at === 1 ? Infinity : 0, value: at }));
    const results = await bulk(pool, 'hangIfAsked', items, { batchSize: 1 });
    assert.deepEqual(results, [0, undefined, 2]);
    assert.deepEqual([runs[0], errors.length], [2, 1]);
  }));

test('a disconnected bulk job whose slice hangs: it is stopped, not run again, and holds nothing [TW-56, TW-29]', () =>
  withJobs({ liveness, workers: 2 }, async (pool) => {
    const runs = words(4);
    const sharedArgs = { words: runs, hangs: 0 };
    const handle = pool.bulkSplit('countEach', [0], () => assert.fail('called'), { sharedArgs });
    await until(() => Atomics.load(runs, 0) === 1);
    handle.disconnect();
    assert.equal(await job(pool, 'echo', 'heavy'), 'heavy');
    await until(() => pool.stats().freeWorkers === 2);
    assert.deepEqual([runs[0], pool.diagnostics().interventions], [1, 1]);
  }));

test('a tick that the process waits for is waited for, whoever asks for it afterwards', () => {
  const calls = [];
  const timer = { ref: () => calls.push('ref'), unref: () => calls.push('unref') };
  const scheduler = { now: () => 0, setTimeout: () => timer, clearTimeout: () => undefined };
  const ticker = new Ticker(scheduler, 16, () => 'over');
  ticker.need();
  ticker.need(true);
  ticker.need();
  assert.deepEqual(calls, ['unref', 'ref']);
});
