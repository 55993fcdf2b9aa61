/** How soon and how often lost workers are replaced: delays, the window of the budget, and spares. (Jitter, windows, limits: tests/unit/restart_test.c.) */
import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeClock } from './fake-clock.js';
import { codeOf, countingThreads, DEADLY, until, withPool } from './helpers.js';

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

test('jitter moves the delay by at most its part', () =>
  countingThreads(async (threads) => {
    const delays = [];
    for (let round = 0; round < 4; round++) {
      const time = new FakeClock();
      const restart = { minMs: 1000, maxMs: 1000, jitter: 0.2, max: -1, windowMs: 0 };
      const pooled = { module: DEADLY, workers: 1, scheduler: time.scheduler, restart, liveness: false };
      await withPool(pooled, async (pool) => {
        const { started } = threads;
        assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST');
        await until(() => pool.diagnostics().threads === 0);
        time.advance(799);
        assert.equal(threads.started, started);
        let delayMs = 799;
        for (; threads.started === started && delayMs <= 1200; delayMs++) time.advance(1);
        assert.equal(threads.started, started + 1);
        delays.push(delayMs);
      });
    }
    assert.ok(new Set(delays).size > 1, `four times ${delays[0]} ms`); // fails by chance once in 64 million runs
  }));
