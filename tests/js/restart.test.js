/** How soon and how often lost workers are replaced: delays, jitter, the window of the budget, and spares. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { RestartBudget } from '../../js/threads/restart.js';
import { FakeClock } from './fake-clock.js';
import { codeOf, countingThreads, DEADLY, until, withPool } from './helpers.js';

const options = /** @type {const} */ ({ policy: 'always', minMs: 100, maxMs: 1000, jitter: 0, max: 2, windowMs: 1000 });

test('jitter moves each delay by at most its part, to both sides', (t) => {
  const delays = (/** @type {number} */ random) => {
    t.mock.method(Math, 'random', () => random);
    const budget = new RestartBudget({ ...options, jitter: 0.2, max: -1 });
    return [0, 1, 2, 3, 4].map((now) => Math.round(Number(budget.take(0, now, false))));
  };
  assert.deepEqual(delays(0), [80, 160, 320, 640, 800]);
  assert.deepEqual(delays(0.5), [100, 200, 400, 800, 1000]);
  assert.deepEqual(delays(1), [120, 240, 480, 960, 1200]);
});

test('restarts are forgotten when the window is over, one by one; a seat that was given up stays so', () => {
  const budget = new RestartBudget(options);
  const take = (/** @type {number} */ now, seat = 0) => budget.take(seat, now, false);
  assert.deepEqual([take(0), take(600)], [100, 200]);
  assert.equal(take(0, 1), 100, 'each seat has a budget of its own');
  assert.equal(take(1000), 200, 'the first is forgotten, the second is not');
  assert.equal(budget.isSpent(0), false);
  assert.equal(take(1599), undefined);
  assert.deepEqual([budget.isSpent(0), budget.isSpent(1)], [true, false]);
  const patient = new RestartBudget({ ...options, windowMs: 0 });
  const times = [0, 1e6, 2e6].map((now) => patient.take(0, now, false));
  assert.deepEqual(times, [100, 200, undefined], 'without a window nothing is forgotten');
});

test('a pool forgets restarts by its own clock', () =>
  countingThreads(async (threads) => {
    const time = new FakeClock();
    const restart = { minMs: 100, maxMs: 10_000, jitter: 0, max: 2, windowMs: 60_000 };
    const pooled = { module: DEADLY, workers: 1, scheduler: time.scheduler, restart, liveness: false };
    await withPool(pooled, async (pool) => {
      for (let round = 0; round < 3; round++) {
        for (const delayMs of [100, 200]) {
          const { started } = threads;
          assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST');
          await until(() => pool.diagnostics().threads === 0);
          time.advance(delayMs - 1);
          assert.equal(threads.started, started);
          time.advance(1);
          assert.equal(threads.started, started + 1);
          assert.equal(await pool.dispatch('echo', round), round);
        }
        time.advance(60_000);
      }
    });
  }));

test('a seat that a spare takes at once is backed off all the same: the next spare starts after the delay', () =>
  countingThreads(async (threads) => {
    const time = new FakeClock();
    const restart = { minMs: 100, maxMs: 10_000, jitter: 0, max: -1, windowMs: 0 };
    const pooled = { module: DEADLY, workers: 1, spares: 1, scheduler: time.scheduler, restart, liveness: false };
    await withPool(pooled, async (pool) => {
      for (const delayMs of [100, 200, 400]) {
        await until(() => threads.warm === threads.started && pool.diagnostics().threads === 2);
        const { started } = threads;
        assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST');
        assert.equal(await pool.dispatch('echo', 'served'), 'served', 'by the spare');
        time.advance(delayMs - 1);
        assert.equal(threads.started, started);
        time.advance(1);
        assert.equal(threads.started, started + 1);
      }
    });
  }));
