/** Batches and broadcasts: signals, what one failure means for the others, and what workers that start later get. */
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import test from 'node:test';
import { Pool } from '../../js/index.js';
import { blocker, codeOf, ending, MODULE, until, withPool } from './helpers.js';

const notes = (/** @type {unknown[]} */ ...values) => values.map((payload) => ({ task: 'note', payload }));
const failureOf = (/** @type {PromiseLike<unknown>} */ promise) =>
  Promise.resolve(promise).then(
    () => assert.fail('it was fulfilled'),
    (error) => error,
  );

test('aborting the signal of a batch rejects it, stops what runs, and what waits never runs', () =>
  withPool({ workers: 1 }, async (pool) => {
    const controller = new AbortController();
    const word = new Int32Array(new SharedArrayBuffer(4));
    const jobs = [{ task: 'countAndHang', payload: word }, ...notes('b', 'c')];
    const batch = pool.batch(jobs, { signal: controller.signal });
    const other = pool.dispatch('note', 'other');
    await until(() => Atomics.load(word, 0) === 1);
    controller.abort(new Error('why'));
    const error = await failureOf(batch);
    assert.deepEqual([error.code, error.cause.message], ['CANCELLED', 'why']);
    assert.equal(await other, 'other');
    assert.deepEqual(await pool.dispatch('notes'), ['other']);
    await pool.drain();
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  }));

test('a signal that is aborted already rejects a batch, and none of its members starts', () =>
  withPool({ workers: 1 }, async (pool) => {
    const batch = pool.batch(notes('a', 'b'), { signal: AbortSignal.abort(new Error('why')) });
    assert.deepEqual([pool.diagnostics().tasksInUse, pool.stats().queued], [0, 0]);
    const error = await failureOf(batch);
    assert.deepEqual([error.code, error.cause.message], ['CANCELLED', 'why']);
    assert.deepEqual(await pool.dispatch('notes'), []);
  }));

test('a batch that waits for the core is aborted as others are, and leaves no listener', async (t) => {
  const pool = ending(t, new Pool({ module: MODULE, workers: 1 }));
  const [aborted, kept] = [new AbortController(), new AbortController()];
  const first = pool.batch(notes('a', 'b'), { signal: aborted.signal });
  const second = pool.batch(notes('c'), { signal: kept.signal });
  assert.equal(pool.stats().queued, 3);
  aborted.abort();
  assert.equal(pool.stats().queued, 1);
  assert.equal(await codeOf(first), 'CANCELLED');
  await second;
  assert.deepEqual(await pool.dispatch('notes'), ['c']);
  for (const { signal } of [aborted, kept]) assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('a signal that is aborted when its batch is done changes nothing', () =>
  withPool({ workers: 1 }, async (pool) => {
    const controller = new AbortController();
    assert.deepEqual(await pool.batch(notes('a', 'b'), { signal: controller.signal }), ['a', 'b']);
    controller.abort();
    assert.deepEqual(await pool.dispatch('notes'), ['a', 'b']);
  }));

test('when one copy of a broadcast fails, copies that still wait run all the same [AM-24]', () =>
  withPool({}, async (pool) => {
    const gates = [blocker(pool), blocker(pool)];
    await Promise.all(gates.map((gate) => gate.running));
    const word = new Int32Array(new SharedArrayBuffer(4));
    const broadcast = pool.broadcast('countAndFail', word);
    await gates[0].release();
    assert.equal((await failureOf(broadcast)).code, 'TASK_FAILED');
    assert.equal(word[0], 1);
    assert.equal(pool.stats().queued, 1, 'the other copy waits for its worker');
    await gates[1].release();
    await pool.drain();
    assert.equal(word[0], 2);
  }));

test('a sticky broadcast is replayed as it was when it was sent [AM-26]', () =>
  withPool({ workers: 1 }, async (pool) => {
    const config = { level: 1, list: [1] };
    await pool.broadcast('setConfig', config, { sticky: true });
    config.level = 2;
    config.list.push(2);
    const hung = pool.dispatch('spin');
    await until(() => pool.stats().queued === 0 && pool.stats().freeWorkers === 0);
    await hung.terminate();
    assert.deepEqual(await pool.dispatch('getConfig'), { level: 1, list: [1] });
  }));

test('a sticky broadcast that waits for the core keeps what it was sent with [AM-26]', async (t) => {
  const pool = ending(t, new Pool({ module: MODULE, workers: 1 }));
  const config = { level: 1 };
  const broadcast = pool.broadcast('setConfig', config, { sticky: true });
  config.level = 2;
  await broadcast;
  assert.deepEqual(await pool.dispatch('getConfig'), { level: 1 });
  const hung = pool.dispatch('spin');
  await until(() => pool.stats().queued === 0 && pool.stats().freeWorkers === 0);
  await hung.terminate();
  assert.deepEqual(await pool.dispatch('getConfig'), { level: 1 });
});
