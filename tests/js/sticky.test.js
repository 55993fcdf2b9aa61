/** Sticky broadcasts that go wrong on workers that start later: they do not take the pool with them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { blockers, codeOf, DEADLY, release, until, withPool } from './helpers.js';

const restart = { minMs: 0, maxMs: 1, max: -1 };
const D = { module: DEADLY, workers: 1, restart };

/** Texts of the events `error` of a pool. */
function errorsOf(/** @type {any} */ pool) {
  /** @type {string[]} */
  const errors = [];
  pool.on('error', (/** @type {string} */ message) => errors.push(message));
  return errors;
}

/** Ends the only worker, and waits for the next one and for what it runs first. */
async function replaceWorker(/** @type {any} */ pool) {
  assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST');
  return pool.dispatch('thread');
}

const ENDS = {
  exit: { reason: /Worker_1 exited with code 1/, options: {} },
  hang: {
    reason: /Worker_1 was killed: its task would not end/,
    options: { liveness: { timeoutMs: 1000, scanMs: 10 } },
  },
  never: { reason: /ran longer than 2000 ms/, options: { taskTimeoutMs: 2000 } },
};
for (const [fate, { reason, options }] of Object.entries(ENDS)) {
  test(`a sticky broadcast that ends each new worker (${fate}) is dropped after maxRedeliveries, and the pool serves [AM-26]`, () =>
    withPool({ ...D, ...options }, async (pool) => {
      const errors = errorsOf(pool);
      const word = new Int32Array(new SharedArrayBuffer(4));
      await pool.broadcast('fated', { word, fates: ['fine', fate] }, { sticky: true });
      await pool.broadcast('count', new Int32Array(word.buffer), { sticky: true }); // another broadcast, which is kept
      await replaceWorker(pool);
      const text = 'the sticky broadcast of fated is dropped: 4 workers in a row ended in it, the last one with: ';
      assert.equal(errors.filter((message) => message.startsWith(text)).length, 1);
      assert.equal(errors.length, 6, 'that, the task that ended the first worker, and four replays');
      for (const message of errors.slice(1)) assert.match(message, reason);
      const runs = word[0];
      await replaceWorker(pool);
      assert.equal(word[0], runs + 1, 'only the other one');
    }));
}

test('a sticky broadcast that fails now and then is kept: only failures in a row count, and thrown errors end no worker [AM-26]', () =>
  withPool({ ...D }, async (pool) => {
    const errors = errorsOf(pool);
    const word = new Int32Array(new SharedArrayBuffer(4));
    const twice = ['exit', 'exit', 'exit', 'fine', 'exit', 'exit', 'exit', 'throw', 'exit', 'exit', 'exit', 'fine'];
    await pool.broadcast('fated', { word, fates: ['fine', ...twice] }, { sticky: true });
    for (const runs of [5, 9, 13, 14]) {
      await replaceWorker(pool);
      assert.equal(word[0], runs);
    }
    assert.ok(!errors.some((message) => message.includes('dropped')));
  }));

test('what a new worker replays has the time of its start, if tasks have no limit [AM-26]', () =>
  withPool({ ...D, readyTimeoutMs: 4000 }, async (pool) => {
    const errors = errorsOf(pool);
    const word = new Int32Array(new SharedArrayBuffer(4));
    await pool.broadcast('fated', { word, fates: ['fine', 'never', 'fine'] }, { sticky: true });
    await replaceWorker(pool);
    assert.equal(word[0], 3);
    assert.equal(errors.length, 2);
    assert.match(errors[1], /ran longer than 4000 ms/);
  }));

test('a worker that was leaving while a sticky broadcast was sent, and stays after all, has run it', () =>
  withPool({ workers: 2 }, async (pool) => {
    const gates = blockers(pool, 2);
    await Promise.all(gates.map(({ running }) => running));
    const resized = pool.resize(1);
    const sent = pool.broadcast('note', 'sticky', { sticky: true });
    const again = pool.resize(2);
    await release(gates);
    assert.equal((await sent).length, 1);
    await Promise.all([resized, again]);
    assert.deepEqual(await pool.broadcast('notes'), [['sticky'], ['sticky']]);
  }));

test('a new worker runs sticky broadcasts in their order, also if its seat was closed for some of them', () =>
  withPool({ workers: 1 }, async (pool) => {
    const all = [pool.broadcast('note', 'a', { sticky: true }), pool.resize(2)];
    all.push(pool.broadcast('note', 'b', { sticky: true }), pool.resize(1)); // kept for a worker that has not started yet
    all.push(pool.broadcast('note', 'c', { sticky: true }), pool.resize(2));
    all.push(pool.broadcast('note', 'd', { sticky: true }));
    await Promise.all(all);
    assert.deepEqual(
      await pool.broadcast('notes'),
      Array.from({ length: 2 }, () => ['a', 'b', 'c', 'd']),
    );
  }));

test('a sticky broadcast that waited for a seat which was given up runs on the next worker that takes the seat', () => {
  const startsLeft = new Int32Array(new SharedArrayBuffer(4));
  startsLeft[0] = 1;
  const module = new URL('./fixtures/leaving.js', import.meta.url);
  const options = { module, workers: 1, initData: { startsLeft }, restart: { minMs: 1, maxMs: 1, max: 1 } };
  return withPool(options, async (pool) => {
    assert.equal(await codeOf(pool.dispatch('exit', 1)), 'WORKER_LOST');
    assert.equal(await codeOf(pool.broadcast('note', 'sticky', { sticky: true })), 'WORKER_LOST');
    await until(() => pool.size === 0);
    Atomics.store(startsLeft, 0, 1);
    await pool.resize(1);
    assert.deepEqual(await pool.broadcast('notes'), [['sticky']]);
  });
});
