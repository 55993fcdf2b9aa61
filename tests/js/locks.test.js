/** Locks of the C and C++ libraries, taken by C tasks that are killed at any moment: no other task waits for a lock of a dead one. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { codeOf, until, withPatience, withPool } from './helpers.js';

const C = { wasm: new URL('../../build/js/locks.mjs', import.meta.url), workers: 2 };
/** Tasks of the fixture that take and give back a lock as often as they are told, or for ever. */
const REPEATED = [
  'random_numbers',
  'locales',
  'new_locales',
  'local_times',
  'formatted_times',
  'prints',
  'mutex',
  'recursive_mutex',
  'readers',
  'writers',
  'spin_lock',
  'cpp_mutex',
  'c11_mutex',
];
const KILLS = 10;

/** Runs a task for ever, and stops it by its time limit. */
async function kill(pool, name, argument) {
  assert.equal(await codeOf(pool.dispatch(name, argument, { timeoutMs: 3 })), 'TIMEOUT', name);
}

for (const checks of [true, false])
  test(`locks: a task that is killed while it uses a lock leaves it open for all others, ${checks ? 'with' : 'without'} loop checks`, () =>
    withPatience(
      () =>
        withPool({ ...C, loopChecks: checks }, async (pool) => {
          for (const name of REPEATED) {
            for (let i = 0; i < KILLS; i++) await Promise.all([kill(pool, name), kill(pool, name)]);
            assert.equal(await pool.dispatch(name, 100), 100, name);
          }
          assert.equal(pool.diagnostics().brokenLocks, 0, 'each stop waited for the end of the critical section');
        }),
      ['check', 'locks'],
    ));

test('locks: what runs once is run again after a kill in its first use', () =>
  withPool(C, async (pool) => {
    for (const [name, value] of Object.entries({ call_once_c: 1, call_once_pthread: 1, static_variable: 7 })) {
      for (let i = 0; i < 3; i++) await Promise.all([kill(pool, name, 1), kill(pool, name, 1)]);
      assert.deepEqual(await Promise.all([pool.dispatch(name, 0), pool.dispatch(name, 0)]), [value, value], name);
      await kill(pool, 'mutex');
    }
  }));

test('locks: a stop takes effect at the end of the critical section, so what the section changes is whole', () =>
  withPatience(() =>
    withPool({ ...C, workers: 1 }, async (pool) => {
      for (let i = 0; i < 20; i++) {
        await kill(pool, i % 2 ? 'change_under_lock' : 'change_in_section');
        assert.equal(await pool.dispatch('difference'), 0);
      }
      await kill(pool, 'held_at_loop_heads');
      assert.equal(await pool.dispatch('all_open'), 1);
      const { brokenLocks, kills } = pool.diagnostics();
      assert.deepEqual({ brokenLocks, kills }, { brokenLocks: 0, kills: 0 });
    }),
  ));

/** Tasks that hang or trap while they hold locks. */
async function breakLocks(pool) {
  let reported = 0;
  pool.on('lockBroken', ({ worker, count }) => {
    assert.match(worker, /^Worker_/);
    reported += count;
  });
  let expected = 0;
  for (let count = 1; count <= 4; count++) {
    await kill(pool, 'hang_in_locks', count);
    expected += count;
    await until(() => reported === expected);
    assert.equal(await pool.dispatch('all_open'), 1, String(count));
  }
  await kill(pool, 'hang_in_section');
  await kill(pool, 'deadlock');
  assert.equal(await codeOf(pool.dispatch('trap_in_lock')), 'TASK_FAILED');
  await until(() => reported === expected + 3);
  assert.equal(await pool.dispatch('all_open'), 1);
  assert.equal(pool.diagnostics().brokenLocks, expected + 3);
}

test('locks: those of a task that hangs or traps while it holds them are opened, counted and reported, without loop checks', () =>
  withPool({ ...C, loopChecks: false }, breakLocks));

test('locks: those of a task that hangs or traps while it holds them are opened, counted and reported, with loop checks', () =>
  withPatience(
    () =>
      withPool(C, async (pool) => {
        await breakLocks(pool);
        assert.equal(pool.diagnostics().kills, 0, 'their threads live on');
      }),
    ['check', 'locks'],
    200,
  ));

test('locks: mutexes and read-write locks do what POSIX says of their types', () =>
  withPool(C, async (pool) => assert.equal(await pool.dispatch('promises'), 0)));

test('locks: several workers that use one lock exclude each other', () =>
  withPool({ ...C, workers: 4 }, async (pool) => {
    const each = 5000;
    for (const name of ['count_mutex', 'count_writers', 'count_spin', 'count_streams']) {
      await Promise.all(Array.from({ length: 4 }, () => pool.dispatch(name, each)));
      assert.equal(await pool.dispatch('take_count'), 4 * each, name);
    }
  }));
