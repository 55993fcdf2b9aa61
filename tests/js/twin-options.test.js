import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULTS, keysOf, poolOptions, schedulerOf } from '../../js/compat/twin-options.js';

test('each of Twin’s settings is the pool’s option of that meaning, in milliseconds [TW-65, TW-51]', () => {
  const names = Object.keys(DEFAULTS).filter((name) => typeof DEFAULTS[name] === 'number');
  const given = Object.fromEntries(names.map((name, i) => [name, i + 1]));
  const at = (name) => given[name];
  const { module, ...options } = poolOptions({
    ...DEFAULTS,
    ...given,
    TELEMETRY_ENABLED: true,
    ENABLE_STRICT_API_PARAMETER_CHECKER_POLICE: true,
  });
  assert.ok(module);
  assert.deepEqual(options, {
    workers: at('SERVER_WORKER_COUNT'),
    aging: { heavySkips: at('STARVATION_THRESHOLD'), lowSkips: at('BG_STARVATION_THRESHOLD') },
    slowMs: at('SPECULATIVE_THRESHOLD') * 1000,
    dispatchBudgetMs: at('FRAME_BUDGET_SEC') * 1000,
    maxSliceItems: at('MAX_BATCH_SIZE'),
    telemetry: {
      ring: at('TELEMETRY_RING_SIZE'),
      thresholds: {
        freePart: [at('POOL_WARN_RATIO'), at('POOL_CRIT_RATIO')],
        depth: [at('QUEUE_WARN_DEPTH'), at('QUEUE_CRIT_DEPTH')],
        execSeconds: [at('WORKER_WARN_EXEC'), at('WORKER_CRIT_EXEC')],
        overBudget: [at('OVER_BUDGET_RATE_WARN'), at('OVER_BUDGET_RATE_CRIT')],
        activeBulks: [at('ACTIVE_BULK_WARN'), at('ACTIVE_BULK_CRIT')],
        lowSkips: [at('BG_SKIP_WARN'), at('BG_SKIP_CRITICAL')],
        heavySkips: [at('HEAVY_SKIP_WARN'), at('HEAVY_SKIP_CRITICAL')],
        interventions: [at('WATCHDOG_INTERVENTIONS_WARN'), at('WATCHDOG_INTERVENTIONS_CRITICAL')],
      },
    },
    liveness: { timeoutMs: at('WATCHDOG_TIMEOUT') * 1000, scanMs: at('WATCHDOG_INTERVAL') * 1000 },
    dev: true,
    unref: true,
  });
  const off = poolOptions({ ...DEFAULTS, WATCHDOG_ENABLED: false });
  assert.deepEqual([off.telemetry, off.liveness, off.dev], [false, false, false]);
});

test('a library’s names may begin with a capital, both of them [TW-60]', () => {
  const cancelled = [];
  const { setTimeout, clearTimeout } = schedulerOf({
    Delay: (seconds) => seconds,
    Cancel: (handle) => cancelled.push(handle),
  });
  clearTimeout(setTimeout(() => assert.fail('called'), 250));
  assert.deepEqual(cancelled, [0.25]);
});

test('names that nobody knows are a mistake, and so is what is no table [TW-61]', () => {
  assert.deepEqual({ ...keysOf('Options', { ____Weight: 'light' }, ['Weight']) }, { Weight: 'light' });
  assert.deepEqual({ ...keysOf('Options', undefined, ['Weight']) }, {});
  for (const table of [{ Weight: 'light', Other: 1 }, { toString: 1 }, null, 5])
    assert.throws(() => keysOf('Options', table, ['Weight']), { code: 'INVALID_ARGUMENT', message: /^Options: / });
});
