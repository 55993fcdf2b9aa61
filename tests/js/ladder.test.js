/** Which rung stops what: the flag that a task reads, a loop check, or the end of its thread. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { host } from '../../js/host/index.js';
import { LIMITS_MS } from '../../js/threads/fleet-core.js';
import { FakeClock } from './fake-clock.js';
import { C_MODULE, C_TASKS, DEADLY, codeOf, rounds, until, withPatience, withPool } from './helpers.js';

/** @param {any} pool */
const counts = (pool) => {
  const { flag, check, terminate } = pool.diagnostics().stops;
  return { flag: flag.count, check: check.count, terminate: terminate.count };
};

/** Starts a task, ends it once a worker runs it, and settles when that is over. */
async function stop(pool, name) {
  const task = pool.dispatch(name);
  await until(() => pool.stats().queued === 0 && pool.stats().freeWorkers < pool.size);
  await Promise.all([task.terminate(), codeOf(task).then((code) => assert.equal(code, 'CANCELLED'))]);
  return task.id;
}

test('a handler that reads isCancelled is stopped by its flag, and its thread lives on', () =>
  withPatience(() =>
    withPool({ workers: 1 }, async (pool) => {
      const thread = await pool.dispatch('thread');
      const taskId = await stop(pool, 'polite');
      assert.equal(await pool.dispatch('thread'), thread);
      assert.deepEqual(counts(pool), { flag: 1, check: 0, terminate: 0 });
      const [noted] = pool.diagnostics().recentStops;
      assert.deepEqual({ ...noted, ms: 0 }, { rung: 'flag', worker: 'Worker_1', taskId, ms: 0 });
      assert.equal(pool.diagnostics().kills, 0);
    }),
  ));

test('a C task that reads wp_task_cancelled is stopped by its flag', () =>
  withPatience(() =>
    withPool({ workers: 1, wasm: C_TASKS }, async (pool) => {
      const thread = await pool.dispatch('thread');
      // A loop check may be faster. Either way the thread must be the same.
      let tries = 0;
      while (tries < 20 || (counts(pool).flag === 0 && tries < 2000)) {
        await stop(pool, 'until_cancelled');
        tries++;
      }
      const { flag, check, terminate } = counts(pool);
      assert.deepEqual([flag > 0, flag + check, terminate], [true, tries, 0]);
      assert.equal(await pool.dispatch('thread'), thread);
    }),
  ));

test('a JavaScript loop that reads nothing ends with its thread', () =>
  withPool({ workers: 1 }, async (pool) => {
    const thread = await pool.dispatch('thread');
    await stop(pool, 'spin');
    assert.notEqual(await pool.dispatch('thread'), thread);
    assert.deepEqual(counts(pool), { flag: 0, check: 0, terminate: 1 });
    const { maxMs, totalMs } = pool.diagnostics().stops.terminate;
    assert.ok(maxMs > 0 && maxMs === totalMs);
  }));

test('a JavaScript loop in a pool with loop checks: no check is waited for that cannot come', () =>
  withPatience(
    () =>
      withPool({ workers: 1, wasm: C_MODULE }, async (pool) => {
        await stop(pool, 'spin');
        const { count, maxMs } = pool.diagnostics().stops.terminate;
        assert.equal(count, 1);
        assert.ok(maxMs < LIMITS_MS.check, `${maxMs} ms`);
      }),
    ['check'],
  ));

for (const task of ['c_spin', 'c_malloc', 'c_recurse'])
  test(`${task} traps at its next loop check, again and again on one thread, and what it held comes back`, () =>
    withPatience(() =>
      withPool({ workers: 1, wasm: C_MODULE }, async (pool) => {
        // All figures are exact, so what a stop leaves behind shows after the second. A hundred show that none in a row needs the thread's
        // end (a rung that is wrong one time in 30 is found with 97 %); the soak test makes ten thousand.
        const times = rounds(110);
        const thread = await pool.dispatch('thread');
        await stop(pool, task);
        await pool.dispatch('c_sum', new Uint8Array(1));
        const { heapBytes } = pool.diagnostics();
        for (let i = 1; i < times; i++) {
          await stop(pool, task);
          assert.equal(await pool.dispatch('c_sum', new Uint8Array(i).fill(2)), 2 * i);
        }
        assert.equal(await pool.dispatch('thread'), thread);
        assert.deepEqual(counts(pool), { flag: 0, check: times, terminate: 0 });
        assert.equal(pool.diagnostics().heapBytes, heapBytes);
      }),
    ));

/** Three tasks run on one thread, side by side. */
async function threeOn(/** @type {any} */ pool, options = {}) {
  const tasks = [1, 2, 3].map(() => pool.dispatch('never', undefined, options));
  await until(() => pool.stats().queued === 0 && pool.diagnostics().tasksInUse === 3);
  await pool.dispatch('echo'); // by now their handlers have been called
  return tasks;
}

/** Checks that all three were stopped with their thread and are named. */
function assertEnded(/** @type {any} */ pool, /** @type {any[]} */ tasks) {
  const { kills, recentStops } = pool.diagnostics();
  assert.equal(kills, 1);
  assert.deepEqual(recentStops.map(({ taskId }) => taskId).sort(), tasks.map(({ id }) => id).sort());
  assert.ok(recentStops.every(({ rung, worker }) => rung === 'terminate' && worker === 'Worker_1'));
  assert.deepEqual(counts(pool), { flag: 0, check: 0, terminate: tasks.length });
}

test('several tasks that end with one thread are stopped each, and named', () => {
  const clock = new FakeClock(); // it stands still, so all limits pass at the same moment
  return withPool(
    { module: DEADLY, workers: 1, concurrentTasksPerWorker: 4, scheduler: clock.scheduler },
    async (pool) => {
      const tasks = await threeOn(pool, { timeoutMs: 50 });
      clock.advance(50);
      assert.deepEqual(await Promise.all(tasks.map(codeOf)), ['TIMEOUT', 'TIMEOUT', 'TIMEOUT']);
      await until(() => counts(pool).terminate === 3);
      assertEnded(pool, tasks);
    },
  );
});

test('a task that is given up while its thread is being ended for another one has been stopped, too', async () => {
  const { createThread } = host;
  let end = () => {};
  const mayEnd = new Promise((resolve) => (end = () => resolve(undefined)));
  let isEnding = false;
  host.createThread = (...given) => {
    const thread = createThread(...given);
    const stop = thread.stop.bind(thread);
    thread.stop = async () => {
      isEnding = true;
      await mayEnd;
      return stop();
    };
    return thread;
  };
  try {
    await withPool({ module: DEADLY, workers: 1, concurrentTasksPerWorker: 4 }, async (pool) => {
      const [first, ...others] = await threeOn(pool);
      const ends = [first.terminate()];
      await until(() => isEnding);
      ends.push(...others.map((task) => task.terminate()));
      for (const task of [first, ...others]) assert.equal(await codeOf(task), 'CANCELLED');
      end();
      await Promise.all(ends);
      assertEnded(pool, [first, ...others]);
    });
  } finally {
    end();
    host.createThread = createThread;
  }
});

test('a task that still has time to end by itself when its thread is ended for another one is stopped, too', () =>
  withPool({ module: DEADLY, workers: 1, concurrentTasksPerWorker: 4 }, async (pool) => {
    const patient = pool.dispatch('never', undefined, { cancelGraceMs: 100_000 });
    const hasty = pool.dispatch('never');
    const neighbour = pool.dispatch('never');
    await until(() => pool.stats().queued === 0 && pool.diagnostics().tasksInUse === 3);
    await pool.dispatch('echo');
    const ends = [patient, hasty].map((task) => Promise.all([task.terminate(), codeOf(task)]));
    assert.equal(await codeOf(neighbour), 'WORKER_LOST', 'taken along');
    await Promise.all(ends);
    await until(() => pool.diagnostics().recentStops.length === 2);
    const { recentStops } = pool.diagnostics();
    assert.deepEqual(recentStops.map(({ taskId }) => taskId).sort(), [patient.id, hasty.id].sort());
    assert.deepEqual(counts(pool), { flag: 0, check: 0, terminate: 2 });
  }));

test('an attempt that is over leaves the others on its thread as they are', () =>
  withPool({ module: DEADLY, workers: 1, concurrentTasksPerWorker: 4 }, async (pool) => {
    const patient = pool.dispatch('never', undefined, { cancelGraceMs: 100_000 });
    const polite = pool.dispatch('leaves', undefined, { cancelGraceMs: 100_000 });
    const hasty = pool.dispatch('never');
    await until(() => pool.stats().queued === 0 && pool.diagnostics().tasksInUse === 3);
    await pool.dispatch('echo');
    const first = Promise.all([patient.terminate(), codeOf(patient)]);
    await Promise.all([polite.terminate(), codeOf(polite)]);
    await until(() => pool.diagnostics().recentStops.length === 1);
    await Promise.all([first, hasty.terminate(), codeOf(hasty)]);
    await until(() => pool.diagnostics().recentStops.length === 3);
    const stops = pool.diagnostics().recentStops.map(({ rung, taskId }) => `${rung} ${taskId}`);
    assert.equal(stops[0], `flag ${polite.id}`);
    assert.deepEqual(stops.slice(1).sort(), [`terminate ${patient.id}`, `terminate ${hasty.id}`].sort());
  }));

test('a C task without loop checks ends with its thread', () =>
  withPool({ workers: 1, wasm: C_MODULE, loopChecks: false }, async (pool) => {
    const thread = await pool.dispatch('thread');
    await stop(pool, 'c_spin');
    assert.notEqual(await pool.dispatch('thread'), thread);
    assert.deepEqual(counts(pool), { flag: 0, check: 0, terminate: 1 });
  }));
