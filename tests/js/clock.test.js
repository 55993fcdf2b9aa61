/** The pool's time: a clock of the user's own may begin anywhere, run beside the runtime's, or stand still until it is moved. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { host } from '../../js/host/index.js';
import { Time } from '../../js/time/scheduler.js';
import { TICK_MS } from '../../js/time/ticker.js';
import { FakeClock } from './fake-clock.js';
import { blocker, codeOf, until, withPool } from './helpers.js';
import { bulk, JOBS, upTo } from './jobs-support.js';

// ---- Clocks that run ----

const RUNNING = [
  ['performance.now', () => performance.now()],
  ['Date.now', () => Date.now()],
  ['one far ahead', () => performance.now() + 1e12],
  ['one before 0', () => performance.now() - 1e12],
];

for (const [name, now] of RUNNING) {
  test(`limits, deadlines and leases hold by a clock that runs, wherever it began: ${name} [TW-60, AM-03]`, () =>
    withPool({ module: JOBS, workers: 1, scheduler: { now }, recycleTimeoutMs: 0 }, async (pool) => {
      assert.equal(await codeOf(pool.dispatch('spin', undefined, { timeoutMs: 30 })), 'TIMEOUT');
      const gate = blocker(pool);
      await gate.running;
      const singles = upTo(3).map((i) => pool.dispatch('note', i, { timeoutMs: 60_000 }));
      const late = bulk(pool, 'noteFirst', ['late'], { maxWaitMs: 60_000 });
      const due = bulk(pool, 'noteFirst', ['due'], { maxWaitMs: 0 });
      await gate.release();
      await Promise.all([...singles, late, due]);
      assert.deepEqual(await pool.dispatch('notes'), [0, 1, 2, 'late', 'due'], 'the head of the lane is not due');
      const first = blocker(pool);
      await first.running;
      const after = pool.dispatch('note', 'single');
      const ahead = bulk(pool, 'noteFirst', ['due'], { maxWaitMs: 1 });
      const given = now();
      await until(() => now() - given > 20); // however coarse the clock is, and however far from the workers' clock
      await first.release();
      await Promise.all([after, ahead]);
      assert.deepEqual(await pool.dispatch('notes'), ['due', 'single']);
      const box = await pool.dispatch('echo', 'x'.repeat(100), { deliver: 'lease' });
      assert.equal(box.string().length, 100);
      box.release();
    }));
}

// ---- Clocks that stand ----

test('by a clock that stands, a limit is counted from the start, and is over when the clock is moved [TW-60, AM-03]', async () => {
  const LIMIT_MS = 100;
  for (const start of [0, -1e6, performance.now(), Date.now()]) {
    const clock = new FakeClock(start);
    const { scheduler } = clock;
    await withPool({ workers: 1, scheduler, liveness: false }, async (pool) => {
      const first = blocker(pool);
      await first.running;
      const second = blocker(pool, { timeoutMs: LIMIT_MS });
      const ended = codeOf(second.promise);
      clock.advance(10 * LIMIT_MS); // meanwhile the task waits
      await first.release();
      await second.running;
      clock.advance(LIMIT_MS - TICK_MS); // the workers' time may be a tick old
      assert.equal(pool.stats().processed, 1);
      clock.advance(TICK_MS);
      assert.equal(await ended, 'TIMEOUT');
      second.release();
    });
    assert.equal(clock.timers, 0);
  }
});

test('a lease is over when the clock that stands has been moved past it [TW-60, NF-35]', async () => {
  for (const start of [-1e9, 1e12]) {
    const clock = new FakeClock(start);
    await withPool({ workers: 1, scheduler: clock.scheduler, leaseMs: 1000 }, async (pool) => {
      const box = await pool.dispatch('echo', 'x'.repeat(100), { deliver: 'lease' });
      const gate = blocker(pool, { timeoutMs: 10_000 }); // by then main must have looked at the clocks
      await gate.running;
      clock.advance(990);
      assert.equal(box.string().length, 100);
      clock.advance(10);
      assert.throws(() => box.string(), { code: 'LEASE_EXPIRED' });
      await gate.release();
    });
  }
});

test('nobody looks at a clock that stands while nothing is in flight [TW-60]', async () => {
  const clock = new FakeClock();
  await withPool({ workers: 1, scheduler: clock.scheduler }, async (pool) => {
    assert.equal(clock.timers, 0);
    const gate = blocker(pool);
    await gate.running;
    assert.equal(clock.timers, 1);
    clock.advance(100);
    assert.equal(clock.timers, 1, 'at each tick');
    const other = new FakeClock();
    pool.inject('other', other.scheduler);
    assert.deepEqual([clock.timers, other.timers], [0, 1], 'who looks now looks at that one');
    await gate.release();
    assert.equal(other.timers, 0);
  });
});

test('a limit holds across a change of clocks [TW-60]', () =>
  withPool({ workers: 1, recycleTimeoutMs: 0 }, async (pool) => {
    const clock = new FakeClock();
    const gate = blocker(pool, { timeoutMs: 60_000 });
    const ended = codeOf(gate.promise);
    await gate.running;
    pool.inject('fake', clock.scheduler);
    await new Promise((resolve) => setTimeout(resolve, 10)); // long enough to see that the clock stands still
    assert.equal(pool.stats().processed, 0);
    clock.advance(30_000);
    assert.equal(pool.stats().processed, 0);
    pool.inject('another', new FakeClock(1e9).scheduler);
    pool.inject('again', clock.scheduler);
    clock.advance(30_000);
    assert.equal(await ended, 'TIMEOUT');
    gate.release();
    pool.inject('native', {});
    assert.equal(await codeOf(pool.dispatch('spin', undefined, { timeoutMs: 30 })), 'TIMEOUT');
  }));

// ---- Which is which ----

/** A pool's time, over a runtime whose clock the test moves. */
function timeOver(t, now) {
  const runtime = { ms: 1000 };
  t.mock.method(host.time, 'now', () => runtime.ms);
  const time = new Time({ now: () => now(runtime.ms) });
  const told = { offsetMs: NaN, standsMs: NaN };
  time.follow({ tell: (offsetMs, standsMs) => Object.assign(told, { offsetMs, standsMs }), replaced: () => undefined });
  const pass = (ms) => {
    runtime.ms += ms;
    time.now();
  };
  return { time, told, pass };
}

test('a clock that keeps pace, if coarsely, or a little fast, is one that runs [TW-60]', (t) => {
  const coarse = timeOver(t, (ms) => Math.floor(ms));
  for (let i = 0; i < 10_000; i++) coarse.pass(0.37);
  assert.equal(coarse.time.stands, false);
  assert.equal(coarse.told.standsMs, 0);
  t.mock.restoreAll();
  const fast = timeOver(t, (ms) => 7 + ms * 1.0005);
  const { offsetMs } = fast.told;
  for (let i = 0; i < 600; i++) fast.pass(100);
  assert.equal(fast.time.stands, false);
  const gained = fast.told.offsetMs - offsetMs;
  assert.ok(gained > 28 && gained < 31, `${gained}: workers are told of what it gains in a minute`);
});

test('a clock that stands, or jumps, or is slow, is told as it is read [TW-60]', (t) => {
  for (const [now, passed] of [
    [() => 50, 0],
    [(ms) => ms / 2, 10],
    [(ms) => (ms > 1010 ? ms + 100 : ms), 120],
  ]) {
    const { time, told, pass } = timeOver(t, now);
    assert.equal(time.stands, false);
    const before = time.poolNow();
    pass(20);
    assert.equal(time.stands, true);
    assert.equal(told.standsMs, before + passed);
    pass(0);
    assert.equal(time.poolNow(), told.standsMs);
    t.mock.restoreAll();
  }
});

test('by a clock of whole milliseconds, the pool’s time is whole; other timers beside the same clock change nothing [TW-60]', (t) => {
  t.mock.method(host.time, 'now', () => 1000.123456789);
  let ms = 0;
  const now = () => ms;
  const time = new Time({ now });
  assert.ok(Number.isInteger(time.poolNow()));
  ms = 50;
  const poolMs = time.poolNow();
  assert.equal(time.stands, true);
  time.inject({ now, setTimeout: () => 0 });
  assert.deepEqual([time.stands, time.poolNow()], [true, poolMs]);
});

test('a moment in which the thread did not run between two clocks is no jump [TW-60]', (t) => {
  let delayMs = 0;
  const runtime = { ms: 1000 };
  t.mock.method(host.time, 'now', () => runtime.ms);
  const time = new Time({
    now: () => {
      runtime.ms += delayMs;
      return runtime.ms;
    },
  });
  for (delayMs of [0, 100, 0, 3000, 5]) time.now();
  assert.equal(time.stands, false);
});

test('the pool’s time goes on evenly when clocks are replaced [TW-60]', (t) => {
  const { time, told, pass } = timeOver(t, () => 5);
  const start = time.poolNow();
  time.inject({ now: () => 1e9 });
  assert.ok(time.poolNow() - start >= 0 && time.poolNow() - start < 1);
  pass(20);
  assert.equal(time.stands, true);
  const stood = time.poolNow();
  time.inject({});
  assert.equal(told.standsMs, 0);
  assert.ok(time.poolNow() - stood >= 0 && time.poolNow() - stood < 1);
  pass(20);
  assert.ok(time.poolNow() - stood >= 20 && time.poolNow() - stood < 21);
  for (const now of [() => NaN, () => undefined, 7])
    assert.throws(() => time.inject(/** @type {any} */ ({ now })), { code: 'INVALID_ARGUMENT' });
  assert.equal(time.stands, false);
});
