/** Before the core is loaded: what is submitted, bounded, counted, given up, or held by pause(). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Pool } from '../../js/index.js';
import { FakeClock } from './fake-clock.js';
import { codeOf, ending, MODULE } from './helpers.js';

/** @param {import('node:test').TestContext} t @param {object} [options] */
function open(t, options) {
  const pool = ending(t, new Pool({ module: MODULE, workers: 1, ...options }));
  return pool;
}

test('maxQueue bounds what waits for the core: single tasks and batches, each as a whole [AM-05]', async (t) => {
  const pool = open(t, { maxQueue: 3 });
  const two = pool.batch([{ task: 'note', payload: 'a' }, { task: 'note', payload: 'b' }]); // prettier-ignore
  const third = pool.dispatch('note', 'c');
  const refused = [pool.dispatch('note', 'd'), pool.batch([{ task: 'note', payload: 'e' }])];
  assert.deepEqual(await Promise.all(refused.map(codeOf)), ['QUEUE_FULL', 'QUEUE_FULL']);
  assert.equal(pool.stats().freeWorkers, 0, 'they were refused at once');
  assert.deepEqual([await two, await third], [['a', 'b'], 'c']);
  assert.deepEqual(await pool.dispatch('notes'), ['a', 'b', 'c']);
});

test('a batch that is larger than maxQueue is refused at once, before the core is loaded as well [AM-21]', async (t) => {
  const pool = open(t, { maxQueue: 1 });
  const batch = pool.batch([{ task: 'note', payload: 'a' }, { task: 'note', payload: 'b' }]); // prettier-ignore
  assert.equal(await codeOf(batch), 'QUEUE_FULL');
  assert.equal(pool.stats().queued, 0);
  const fits = pool.dispatch('note', 'c');
  await Promise.all([fits, pool.ready]);
  assert.deepEqual(await pool.dispatch('notes'), ['c']);
});

test('a task that is cancelled while it waits for the core frees its place, is counted once, and never runs', async (t) => {
  const pool = open(t, { maxQueue: 2 });
  const tasks = [pool.dispatch('note', 1), pool.dispatch('note', 2)];
  assert.equal(pool.stats().queued, 2);
  assert.equal(tasks[0].cancel(), true);
  assert.equal(tasks[0].cancel(), false);
  assert.deepEqual([pool.stats().queued, pool.stats().processed, pool.stats().errors], [1, 1, 1]);
  const third = pool.dispatch('note', 3);
  assert.equal(pool.stats().queued, 2);
  assert.equal(await codeOf(tasks[0]), 'CANCELLED');
  await Promise.all([tasks[1], third]);
  await pool.ready;
  assert.deepEqual(await pool.dispatch('notes'), [2, 3]);
  await pool.drain();
  assert.deepEqual([pool.stats().processed, pool.stats().errors, pool.stats().queued], [4, 1, 0]);
});

test('tasks that wait for the core are counted one by one, and none is lost on the way in [AM-28]', async (t) => {
  const pool = open(t);
  const tasks = [
    pool.dispatch('echo', 1),
    pool.batch([{ task: 'echo', payload: 2 }, { task: 'echo', payload: 3 }]), // prettier-ignore
    new Promise((resolve) => pool.split('echo', 4, resolve)),
    new Promise((resolve) => pool.bulkSplit('echo', [5, 6, 7], (found) => resolve([...found]), { batchSize: 1 })),
  ];
  const wrong = pool.dispatch('echo', 0, { timeoutMs: -1 });
  assert.deepEqual(pool.stats(), {
    freeWorkers: 0,
    busyWorkers: 1,
    totalWorkers: 1,
    queued: 1 + 2 + 1 + 3,
    processed: 1,
    errors: 1,
  });
  assert.equal(await codeOf(wrong), 'INVALID_ARGUMENT');
  assert.deepEqual(await Promise.all(tasks), [1, [2, 3], 4, [5, 6, 7]]);
  await pool.ready;
  await pool.drain();
  const { queued, processed, errors } = pool.stats();
  assert.deepEqual([queued, processed, errors], [0, 8, 1]);
});

test('pause() before the core is loaded holds everything; resume() starts it in priority order', async (t) => {
  const pool = open(t);
  pool.pause();
  const low = pool.dispatch('note', 'low', { priority: 'low' });
  await pool.ready;
  assert.equal(await open(t).dispatch('echo', 1), 1); // a whole pool starts meanwhile, so the worker has had time to look
  const { queued, freeWorkers } = pool.stats();
  assert.deepEqual([queued, freeWorkers], [1, 1]);
  const critical = pool.dispatch('note', 'critical', { priority: 'critical' });
  pool.resume();
  await Promise.all([low, critical]);
  assert.deepEqual(await pool.dispatch('notes'), ['critical', 'low']);
});

test('resume() before the core is loaded takes pause() back', async (t) => {
  const pool = open(t);
  pool.pause();
  pool.resume();
  assert.equal(await pool.dispatch('echo', 1), 1);
});

test('a callback that destroys the pool while it opens leaves no task behind', async (t) => {
  const time = new FakeClock();
  time.costMs = 100; // main's budget is used up by the first task with a weight
  const pool = open(t, { scheduler: time.scheduler });
  pool.on('error', () => void pool.destroy());
  const tasks = [
    pool.dispatch('echo', () => 'not to be sent'), // fails as soon as the core is loaded
    pool.dispatch('echo', 1),
    pool.batch([{ task: 'echo', payload: 2 }]),
    pool.broadcast('echo', 3),
    pool.map('echo', [4]),
    ...[5, 6, 7].map((value) => pool.dispatch('echo', value, { weight: 'heavy' })),
  ];
  const codes = await Promise.all(tasks.map(codeOf));
  assert.deepEqual(codes, ['NOT_SERIALIZABLE', ...Array(7).fill('POOL_DESTROYED')]);
});

test('a callback that cancels a task while the pool opens keeps it from running', async (t) => {
  const pool = open(t);
  const word = new Int32Array(new SharedArrayBuffer(4));
  const wrong = pool.dispatch('echo', () => 'not to be sent');
  const cancelled = pool.dispatch('add1', word);
  const kept = pool.dispatch('echo', 1);
  pool.on('error', (_message, taskId) => taskId === wrong.id && cancelled.cancel());
  assert.deepEqual(await Promise.all([wrong, cancelled, kept].map(codeOf)), [
    'NOT_SERIALIZABLE',
    'CANCELLED',
    'fulfilled',
  ]);
  await pool.drain();
  assert.deepEqual([word[0], pool.stats().processed], [0, 3]);
});

test('drain() settles although what it waited for was given up before the core was loaded [AM-35]', async (t) => {
  const pool = open(t);
  const task = pool.dispatch('echo', 1);
  const drained = pool.drain();
  task.cancel();
  await drained;
  assert.equal(await codeOf(task), 'CANCELLED');
});
