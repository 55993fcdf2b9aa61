/** What is counted, and when the pool says that it has nothing left to do. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as L from '../../js/generated/layout.js';
import { createPool, Pool } from '../../js/index.js';
import { readStats } from '../../js/threads/open.js';
import { blocker, codeOf, ending, MODULE, until, withPool } from './helpers.js';

test('tasks that destroy() rejects count as processed and as errors, those of before stay [AM-28]', async (t) => {
  const pool = ending(t, await createPool({ module: MODULE, workers: 1 }));
  for (let i = 0; i < 5; i++) await pool.dispatch('echo', i);
  const gate = blocker(pool);
  await gate.running;
  const rest = [gate.promise, pool.dispatch('echo'), pool.dispatch('echo')].map(codeOf);
  const before = pool.stats();
  assert.deepEqual([before.processed, before.errors], [5, 0]);
  const gone = pool.destroy();
  const meanwhile = pool.stats();
  assert.ok(meanwhile.processed >= 5 && meanwhile.errors <= meanwhile.processed);
  assert.deepEqual(await Promise.all(rest), Array(3).fill('POOL_DESTROYED'));
  await gone;
  assert.deepEqual(pool.stats(), {
    freeWorkers: 0,
    busyWorkers: 0,
    totalWorkers: 0,
    queued: 0,
    processed: 8,
    errors: 3,
  });
  await codeOf(pool.dispatch('echo')); // was never accepted
  assert.equal(pool.stats().processed, 8);
});

test('tasks that destroy() rejects count also while they wait for the core, or while main’s budget holds them back [AM-28]', async (t) => {
  const early = ending(t, new Pool({ module: MODULE, workers: 1 }));
  const lost = [early.dispatch('echo'), early.dispatch('echo')].map(codeOf);
  await early.destroy();
  assert.deepEqual(await Promise.all(lost), Array(2).fill('POOL_DESTROYED'));
  assert.deepEqual([early.stats().processed, early.stats().errors], [2, 2]);

  const pool = ending(t, await createPool({ module: MODULE, workers: 1, dispatchBudgetMs: 0 }));
  const held = Array.from({ length: 3 }, () => codeOf(pool.dispatch('echo', 1, { weight: 'light' })));
  await pool.destroy();
  assert.deepEqual(await Promise.all(held), Array(3).fill('POOL_DESTROYED'));
  assert.deepEqual([pool.stats().processed, pool.stats().errors], [3, 3]);
});

test('members that a failing batch cancels are processed, and no errors [AM-28]', () =>
  withPool({ workers: 1 }, async (pool) => {
    const told = [];
    pool.on('error', (message) => told.push(message));
    const jobs = ['echo', 'fail', 'echo', 'echo'].map((task) => ({ task, payload: 'no' }));
    assert.equal(await codeOf(pool.batch(jobs)), 'TASK_FAILED');
    await until(() => pool.stats().processed === 4);
    assert.deepEqual([pool.stats().errors, told], [1, ['no']]);
  }));

test('drained: not at the start, not while work waits in a paused pool, not by destroy() [AM-35]', async (t) => {
  const pool = ending(t, new Pool({ module: MODULE, workers: 2, telemetry: { tickMs: 1 } }));
  let drained = 0;
  pool.on('drained', () => drained++);
  await pool.ready;
  const someTicks = async () => {
    const { SampleCount } = pool.report() ?? { SampleCount: 0 };
    await until(() => pool.report()?.SampleCount > SampleCount + 3);
  };
  await someTicks();
  assert.equal(drained, 0, 'nothing has run yet');
  const gate = blocker(pool);
  await gate.running;
  pool.pause();
  const waiting = [pool.dispatch('echo', 1), pool.dispatch('echo', 2)];
  await gate.release();
  await until(() => pool.stats().freeWorkers === 2);
  assert.deepEqual([drained, pool.stats().queued], [0, 2]);
  pool.resume();
  await Promise.all(waiting);
  await until(() => drained > 0);
  await someTicks();
  assert.equal(drained, 1, 'once, however often main looks');
  const last = blocker(pool);
  await last.running;
  const rejected = codeOf(last.promise);
  await pool.destroy();
  assert.equal(await rejected, 'POOL_DESTROYED');
  assert.equal(drained, 1);
});

test('drained waits for a worker that is poisoned [C-18, AM-35]', () =>
  withPool({ workers: 2, recycleTimeoutMs: Infinity }, async (pool) => {
    let drained = 0;
    pool.on('drained', () => drained++);
    const gate = blocker(pool, { timeoutMs: 20 });
    assert.equal(await codeOf(gate.promise), 'TIMEOUT');
    assert.equal(await pool.dispatch('echo', 1), 1);
    await until(() => pool.stats().freeWorkers === 1);
    assert.equal(drained, 0, 'one of its workers still runs something');
    gate.release().catch(() => undefined);
    await until(() => pool.stats().freeWorkers === 2 && drained > 0);
    assert.equal(drained, 1);
  }));

test('counts of tasks and bytes have more than 32 bits', () => {
  const AT = 64;
  const u32 = new Uint32Array((AT + L.STATS_SIZE) >>> 2);
  const read = (/** @type {unknown} */ _pool, /** @type {number} */ at) => {
    for (let field = 0; field < L.STATS_SIZE; field += 4) u32[(at + field) >>> 2] = field + 1;
  };
  const core = { exports: { _wp_stats_read: read }, pool: 8, memory: { u32 } };
  const stats = readStats(/** @type {any} */ (core), AT);
  const wide = (/** @type {number} */ field) => field + 1 + (field + 5) * 2 ** 32;
  assert.deepEqual(stats, {
    free: L.STATS_FREE_WORKERS + 1,
    busy: L.STATS_BUSY_WORKERS + 1,
    total: L.STATS_TOTAL_WORKERS + 1,
    queued: L.STATS_QUEUED + 1,
    processed: wide(L.STATS_PROCESSED),
    errors: wide(L.STATS_ERRORS),
    boxesInUse: L.STATS_BOXES_IN_USE + 1,
    boxes: {
      count: L.STATS_BOX_COUNT + 1,
      size: wide(L.STATS_BOX_BYTES),
      leased: L.STATS_BOXES_LEASED + 1,
      reserved: L.STATS_BOXES_RESERVED + 1,
    },
    tasksInUse: L.STATS_TASKS_IN_USE + 1,
    heapBytes: wide(L.STATS_HEAP_BYTES),
    brokenLocks: wide(L.STATS_BROKEN_LOCKS),
    keptBytes: wide(L.STATS_KEPT_BYTES),
  });
});
