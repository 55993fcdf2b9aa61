import assert from 'node:assert/strict';
import test from 'node:test';
import { Ticker, TICK_MS } from '../../js/time/ticker.js';

/** Checks that there is at most one timer, and whether it keeps the process alive. */
function makeScheduler() {
  const scheduler = {
    /** @type {{ run: () => void, ms: number, isHeld: boolean } | undefined} */
    timer: undefined,
    now: () => 0,
    setTimeout: (/** @type {() => void} */ run, /** @type {number} */ ms) => {
      assert.equal(scheduler.timer, undefined, 'one timer at a time');
      const timer = {
        run,
        ms,
        isHeld: true,
        ref: () => void (timer.isHeld = true),
        unref: () => void (timer.isHeld = false),
      };
      scheduler.timer = timer;
      return timer;
    },
    clearTimeout: (/** @type {unknown} */ timer) => {
      assert.equal(timer, scheduler.timer);
      scheduler.timer = undefined;
    },
    tick: () => {
      const { timer } = scheduler;
      scheduler.timer = undefined;
      timer?.run();
    },
  };
  return scheduler;
}

test('ticks come while somebody needs them, and the process waits for those that it must', () => {
  const scheduler = makeScheduler();
  /** @type {('busy' | 'idle' | 'over')[]} */
  const answers = ['busy', 'idle', 'over', 'over'];
  const ticker = new Ticker(scheduler, TICK_MS, () => answers.shift() ?? 'over');
  assert.equal(scheduler.timer, undefined);
  ticker.need();
  ticker.need();
  assert.deepEqual([scheduler.timer?.ms, scheduler.timer?.isHeld], [16, false]);
  ticker.need(true);
  assert.equal(scheduler.timer?.isHeld, true);
  ticker.need();
  assert.equal(scheduler.timer?.isHeld, true, 'who waits for it still does');
  scheduler.tick();
  assert.equal(scheduler.timer?.isHeld, true, 'busy');
  scheduler.tick();
  assert.equal(scheduler.timer?.isHeld, false, 'idle');
  scheduler.tick();
  assert.equal(scheduler.timer, undefined, 'over');
  ticker.need();
  ticker.rest();
  ticker.rest();
  assert.equal(scheduler.timer, undefined);
  ticker.need();
  scheduler.tick();
  assert.equal(answers.length, 0);
});

test('no tick comes after the end, whoever needs it', () => {
  const scheduler = makeScheduler();
  const ticker = new Ticker(scheduler, 1, () => assert.fail('a tick'));
  ticker.need(true);
  ticker.stop();
  ticker.need(true);
  assert.equal(scheduler.timer, undefined);
});
