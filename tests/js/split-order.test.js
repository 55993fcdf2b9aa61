/** Single jobs beside bulk jobs: weights and ageing; and main's budget for them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createPool, Pool } from '../../js/index.js';
import { blocker, codeOf, ending, until } from './helpers.js';
import { FakeClock } from './fake-clock.js';
import { bulk, errorsOf, job, JOBS, release, settles, upTo, withJobs, words } from './jobs-support.js';

const NEVER = { maxWaitMs: Infinity };
const patient = { aging: { heavySkips: 1e6 } };

/** The order in which a worker that was blocked takes what `send` submits meanwhile. */
async function orderOf(options, send) {
  let order;
  await withJobs({ workers: 1, ...options }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const jobs = send(pool);
    await gate.release();
    await Promise.all(jobs);
    order = await pool.dispatch('notes');
  });
  return order;
}

/** An active bulk job whose only slice runs until it is released. */
async function activeBulk(pool) {
  const gate = words(3);
  const done = bulk(pool, 'blockSlice', [0], { sharedArgs: { words: gate } });
  await until(() => Atomics.load(gate, 2) === 1);
  return () => (release(gate), done);
}

// ---- Weights ----

test('while no bulk job is active light goes before heavy, first come first served within each [TW-10]', async () => {
  const send = (pool) =>
    ['H1', 'L1', 'H2', 'L2'].map((n) => job(pool, 'note', n, n[0] === 'L' ? { weight: 'light' } : {}));
  assert.deepEqual(await orderOf({}, send), ['L1', 'L2', 'H1', 'H2']);
});

test('heavy is the default, and starts after the callback of the bulk job, though a worker is idle [TW-07]', () =>
  withJobs(patient, async (pool) => {
    const gate = words(3);
    const runs = words(1);
    const order = [];
    pool.bulkSplit('blockSlice', [0], () => order.push(`bulk, runs ${Atomics.load(runs, 0)}`), {
      sharedArgs: { words: gate },
    });
    await until(() => Atomics.load(gate, 2) === 1);
    const heavy = [
      job(pool, 'count', runs).then(() => order.push('default')),
      job(pool, 'count', runs, { weight: 'heavy' }).then(() => order.push('heavy')),
      job(pool, 'count', runs, { weight: undefined }).then(() => order.push('undefined')),
    ];
    for (let i = 0; i < 50; i++) assert.equal(await pool.dispatch('echo', i), i, 'plain tasks go on');
    assert.equal(Atomics.load(runs, 0), 0);
    assert.equal(pool.stats().queued, 3);
    release(gate);
    await Promise.all(heavy);
    assert.equal(order[0], 'bulk, runs 0');
    assert.equal(order.length, 4);
  }));

test('light runs beside a bulk job when no slice waits [C-03, TW-08]', () =>
  withJobs(patient, async (pool) => {
    const end = await activeBulk(pool);
    assert.equal(await job(pool, 'echo', 'light', { weight: 'light' }), 'light');
    await end();
  }));

test('light lets slices that wait go first, until the first one’s maxWaitMs is over [TW-08]', async () => {
  const send = (maxWaitMs) => (pool) => [
    job(pool, 'note', 'light', { weight: 'light' }),
    bulk(pool, 'noteFirst', ['slice', 'slice'], { batchSize: 1, priority: 'low', maxWaitMs }),
  ];
  assert.deepEqual(await orderOf({ slowMs: 1e6 }, send(Infinity)), ['slice', 'slice', 'light']);
  assert.deepEqual(await orderOf({ slowMs: 1e6 }, send(0)), ['light', 'slice', 'slice']);
});

test('light runs beside slices that wait while some busy worker takes 16 ms and more on average [TW-08]', async () => {
  for (const [ms, expected] of [
    [0, ['slice', 'slice', 'light']],
    [60, ['light', 'slice', 'slice']],
  ]) {
    await withJobs({}, async (pool) => {
      for (let i = 0; i < 3; i++) await pool.broadcast('burn', ms);
      const gates = [blocker(pool), blocker(pool)];
      await Promise.all(gates.map((gate) => gate.running));
      const jobs = [
        job(pool, 'note', 'light', { weight: 'light' }),
        bulk(pool, 'noteFirst', ['slice', 'slice'], { batchSize: 1, ...NEVER }),
      ];
      gates[0].release(); // the other worker is always busy, so one worker notes everything
      await Promise.all(jobs);
      const order = await pool.dispatch('notes');
      await gates[1].release();
      assert.deepEqual(order, expected, `${ms} ms`);
    });
  }
});

test('critical heavy jobs know no gate [C-01]', () =>
  withJobs(patient, async (pool) => {
    const end = await activeBulk(pool);
    assert.equal(await job(pool, 'echo', 'critical', { priority: 'critical' }), 'critical');
    await end();
  }));

test('a heavy job runs after 10 tasks that went before it while bulk jobs are active; then the count begins anew [TW-09]', async () => {
  const send = (pool) => [
    job(pool, 'note', 'heavy'),
    job(pool, 'note', 'heavy'),
    bulk(pool, 'noteFirst', upTo(40), { batchSize: 1, ...NEVER }),
  ];
  const places = async (aging) => {
    const order = await orderOf({ aging, slowMs: 1e6 }, send);
    return [order.indexOf('heavy'), order.lastIndexOf('heavy')];
  };
  const [first, second] = await places(undefined);
  assert.equal(first, 10);
  assert.ok(second > 15 && second <= 22, `then at ${second}`);
  assert.equal((await places({ heavySkips: 3 }))[0], 3);
  assert.deepEqual(await places(false), [40, 41]);
});

test('under a stream of bulk jobs without an end, heavy jobs are served [TW-09]', () =>
  withJobs({}, async (pool) => {
    let streaming = true;
    const next = () => streaming && pool.bulkSplit('doubles', upTo(8), next, { batchSize: 1 });
    for (let i = 0; i < 4; i++) next();
    for (let i = 0; i < 20; i++) assert.equal(await job(pool, 'double', i), 2 * i);
    streaming = false;
    await pool.drain();
  }));

// ---- The budget ----

/** A pool whose clock the test moves: while `costMs` is set, handing a job to the core takes so long. */
async function withBudget(options, use) {
  const clock = new FakeClock();
  await withJobs({ scheduler: clock.scheduler, liveness: false, ...options }, (pool) => use(pool, clock));
}

test('5,000 jobs keep to the budget of each tick, in order; bulk jobs and dispatch are not held back [TW-31]', () =>
  withBudget({ workers: 1 }, async (pool, clock) => {
    const results = [];
    clock.costMs = 1;
    for (const i of upTo(5000)) pool.split('echo', i, (value) => results.push(value), { weight: 'light' });
    await until(() => results.length === 8);
    assert.deepEqual(
      await bulk(pool, 'doubles', upTo(300)),
      upTo(300).map((i) => 2 * i),
    );
    assert.equal(await pool.dispatch('echo', 'plain'), 'plain');
    assert.equal(results.length, 8);
    assert.equal(pool.stats().queued, 4992, 'held ones are counted as waiting');
    clock.advance(16);
    await until(() => results.length === 16);
    assert.equal(pool.stats().queued, 4984);
    clock.costMs = 0; // from now on they cost nothing, so all go in one tick
    clock.advance(16);
    await until(() => results.length === 5000);
    assert.deepEqual(results, upTo(5000));
    clock.advance(16);
    clock.advance(16);
    assert.equal(clock.timers, 0, 'no tick is needed any more');
  }));

test('steps of a sequence keep to the budget as well; dispatchBudgetMs: Infinity switches it off [TW-31]', async () => {
  await withBudget({ dispatchBudgetMs: 2 }, async (pool, clock) => {
    clock.costMs = 1;
    const seen = [];
    const steps = upTo(5).map((i) => ({ task: 'echo', payload: () => (seen.push(i), i) }));
    const results = pool.sequence(steps);
    await until(() => seen.length === 2 && pool.stats().queued === 1); // the third argument is made only when its job goes
    clock.advance(16);
    await until(() => seen.length === 4 && pool.stats().queued === 1);
    clock.advance(16);
    assert.deepEqual(await results, upTo(5));
  });
  await withBudget({ dispatchBudgetMs: Infinity }, async (pool, clock) => {
    clock.costMs = 1;
    assert.deepEqual(await Promise.all(upTo(100).map((i) => job(pool, 'echo', i))), upTo(100));
  });
});

test('however small the budget, some job goes in each tick [TW-31]', () =>
  withBudget({ dispatchBudgetMs: 0 }, async (pool, clock) => {
    const result = job(pool, 'echo', 'served');
    for (let tick = 0; tick < 3; tick++) clock.advance(16);
    assert.equal(await result, 'served');
  }));

/** Jobs until the budget is used up, and their results. */
async function useUp(pool, clock) {
  clock.costMs = 8;
  assert.equal(await job(pool, 'echo', 'first'), 'first');
  clock.costMs = 0;
}

test('a job that is held is disconnected: it never runs, and drain() settles [TW-31, TW-13]', () =>
  withBudget({}, async (pool, clock) => {
    await useUp(pool, clock);
    const handle = pool.split('echo', 1, () => assert.fail('called'));
    const others = pool.sequence([{ task: 'echo' }], () => assert.fail('called'));
    assert.equal(pool.stats().queued, 2);
    let drained = 0;
    pool.on('drained', () => drained++);
    await until(() => pool.stats().freeWorkers === 2);
    const drain = pool.drain();
    handle.disconnect();
    others.disconnect();
    assert.equal(pool.stats().queued, 0);
    assert.ok(await settles(drain), 'drain() waits for ever');
    assert.equal(drained, 1);
    clock.advance(16);
  }));

test('held jobs that fail on their way are told of, and drain() settles [TW-31, TW-12]', () =>
  withBudget({}, async (pool, clock) => {
    await useUp(pool, clock);
    const errors = errorsOf(pool);
    const abort = new AbortController();
    const failing = [job(pool, 'echo', Symbol('no value')), job(pool, 'echo', 1, { signal: abort.signal })];
    await until(() => pool.stats().freeWorkers === 2);
    const drain = pool.drain();
    abort.abort();
    clock.advance(16);
    assert.deepEqual(await Promise.all(failing), [undefined, undefined]);
    assert.equal(errors.length, 2);
    assert.ok(await settles(drain), 'drain() waits for ever');
  }));

test('the payload of a held job is a copy of what it was when split was called [TW-31, TW-62]', () =>
  withBudget({}, async (pool, clock) => {
    await useUp(pool, clock);
    const payload = { n: 1 };
    const result = job(pool, 'echo', payload);
    payload.n = 2;
    clock.advance(16);
    assert.deepEqual(await result, { n: 1 });
  }));

test('a job that is held is encoded once, at once: a Box may be released, what it was sent with is its own [TW-31]', () =>
  withBudget({}, async (pool, clock) => {
    const box = await pool.dispatch('echo', new Uint8Array([1, 2, 3]), { deliver: 'lease' });
    await useUp(pool, clock);
    let reads = 0;
    const results = [job(pool, 'echo', box), job(pool, 'echo', { get n() { return ++reads; } })]; // prettier-ignore
    box.release();
    assert.deepEqual([pool.stats().queued, reads], [2, 1]);
    clock.advance(16);
    assert.deepEqual(await Promise.all(results), [new Uint8Array([1, 2, 3]), { n: 1 }]);
    assert.equal(reads, 1);
  }));

test('what is held goes by level, then in order, with tasks of dispatch that have a weight among them [C-01, TW-31]', () =>
  withBudget({ workers: 1 }, async (pool, clock) => {
    await useUp(pool, clock);
    const order = [];
    const note = (value) => order.push(value);
    pool.split('echo', 'normal 1', note);
    const dispatched = pool.dispatch('echo', 'normal 2', { weight: 'heavy' }).then(note);
    pool.split('echo', 'critical', note, { priority: 'critical' });
    pool.split('echo', 'normal 3', note);
    assert.equal(pool.stats().queued, 4);
    clock.advance(16);
    await dispatched;
    await pool.drain();
    assert.deepEqual(
      order.filter((name) => name !== 'normal 2'),
      ['critical', 'normal 1', 'normal 3'],
    );
    assert.ok(order.includes('normal 2'));
  }));

test('a held task of dispatch is cancelled or aborted like any other [TW-31]', () =>
  withBudget({}, async (pool, clock) => {
    await useUp(pool, clock);
    const abort = new AbortController();
    const cancelled = pool.dispatch('echo', 1, { weight: 'light' });
    const aborted = pool.dispatch('echo', 1, { weight: 'light', signal: abort.signal });
    const terminated = pool.dispatch('echo', 1, { weight: 'light' });
    assert.equal(pool.stats().queued, 3);
    assert.equal(cancelled.cancel(), true);
    abort.abort();
    await terminated.terminate();
    assert.equal(pool.stats().queued, 0);
    for (const task of [cancelled, aborted, terminated]) assert.equal(await codeOf(task), 'CANCELLED');
  }));

test('a job that was admitted is not refused later: what is held counts for everybody [C-09, TW-31]', () =>
  withBudget({ workers: 1, maxQueue: 2 }, async (pool, clock) => {
    const gate = blocker(pool);
    await gate.running;
    clock.costMs = 8;
    const first = job(pool, 'echo', 'first');
    clock.costMs = 0;
    const held = job(pool, 'echo', 'held');
    assert.equal(await codeOf(pool.dispatch('echo', 'too many')), 'QUEUE_FULL');
    clock.advance(16);
    await gate.release();
    assert.deepEqual(await Promise.all([first, held]), ['first', 'held']);
  }));

test('jobs that come before the core is loaded keep to the budget as well [TW-31]', async (t) => {
  const clock = new FakeClock();
  const pool = ending(t, new Pool({ module: JOBS, workers: 1, scheduler: clock.scheduler, liveness: false }));
  clock.costMs = 1;
  const results = upTo(20).map((n) => job(pool, 'echo', n));
  await pool.ready;
  await until(() => pool.stats().queued === 12);
  clock.costMs = 0;
  clock.advance(16);
  assert.deepEqual(await Promise.all(results), upTo(20));
  await pool.destroy();
});

test('a job that comes in the middle of a tick does not overtake those that are held [TW-31]', async (t) => {
  const clock = new FakeClock();
  const pool = ending(t, new Pool({ module: JOBS, workers: 1, scheduler: clock.scheduler, liveness: false }));
  const order = [];
  const send = (payload) => pool.split('echo', payload, (value) => order.push(value), { weight: 'light' });
  clock.costMs = 8;
  for (const payload of ['first', Symbol('fails when it is sent'), 'held 1', 'held 2']) send(payload);
  pool.on('error', () => send('late'));
  await pool.ready;
  clock.costMs = 0;
  clock.advance(16);
  await until(() => order.length === 5);
  assert.deepEqual(order.filter(Boolean), ['first', 'held 1', 'held 2', 'late']);
  await pool.destroy();
});

test('held jobs count for maxQueue: what is too many is refused at once [C-09, TW-31]', () =>
  withBudget({ workers: 1, maxQueue: 5 }, async (pool, clock) => {
    await useUp(pool, clock);
    await until(() => pool.stats().freeWorkers === 1);
    const results = [];
    for (const i of upTo(100)) pool.split('echo', i, (value) => results.push(value));
    await until(() => results.length === 94); // five wait, one would run now
    clock.advance(16);
    await until(() => results.length === 100);
    assert.deepEqual(results.slice(94), upTo(6));
  }));

test('destroy calls back what is held, once; a callback that tries again does not keep it from ending [TW-31, TW-30]', async (t) => {
  const clock = new FakeClock();
  const pool = ending(t, await createPool({ module: JOBS, workers: 1, scheduler: clock.scheduler, liveness: false }));
  await useUp(pool, clock);
  let calls = 0;
  const again = (value) => {
    assert.equal(value, undefined);
    if (++calls < 20) pool.split('echo', 1, again);
  };
  pool.split('echo', 1, again);
  const other = [];
  pool.split('echo', 1, (value) => other.push(value));
  await pool.destroy();
  assert.deepEqual(other, [undefined]);
  await until(() => calls === 20);
  assert.equal(clock.timers, 0);
});

test('a pool that is given another clock keeps to that one [TW-60, TW-31]', () =>
  withJobs({ liveness: false, dev: true }, async (pool) => {
    const clock = new FakeClock();
    pool.inject('fake', { ...clock.scheduler, frobnicate: 1 });
    await useUp(pool, clock);
    const result = job(pool, 'echo', 'held');
    assert.equal(pool.stats().queued, 1);
    clock.advance(16);
    assert.equal(await result, 'held');
    for (const [name, lib] of [
      ['', {}],
      ['fake', null],
      ['fake', 7],
      ['fake', { now: 1 }],
    ])
      assert.throws(() => pool.inject(name, lib), { code: 'INVALID_ARGUMENT' });
    assert.throws(() => pool.inject('fake'), { code: 'INVALID_ARGUMENT' });
    clock.advance(100);
    pool.inject('native', {}); // the runtime's functions stand in for what is missing
    assert.deepEqual(await Promise.all(upTo(500).map((i) => job(pool, 'echo', i))), upTo(500));
  }));
