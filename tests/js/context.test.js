/** Callbacks run in the asynchronous context of the call that submitted the work, whichever task main has been busy with before. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import test from 'node:test';
import { createPool, Pool } from '../../js/index.js';
import { MODULE, until } from './helpers.js';

const storage = new AsyncLocalStorage();
const where = () => storage.getStore();
/** Each kind of work that calls back; each gives the contexts in which its callbacks ran. */
const WORK = {
  onProgress: async (pool, seen) => {
    await pool.dispatch('progress', [1, 2], { onProgress: () => seen.push(where()) });
  },
  'onProgress of a batch': async (pool, seen) => {
    await pool.batch([{ task: 'progress', payload: [1] }], { onProgress: () => seen.push(where()) });
  },
  onItems: async (pool, seen) => {
    await pool.map('echo', [1, 2, 3], { onItems: () => seen.push(where()) });
  },
  'onItems and onProgress of a map that is iterated, its source': async (pool, seen) => {
    const source = (function* () {
      for (let i = 0; i < 300; i++) {
        seen.push(where());
        yield [i];
      }
    })();
    const note = () => seen.push(where());
    for await (const end of pool.map('progress', source, { onItems: note, onProgress: note }))
      seen.push(end && where());
  },
  'split and its progress': (pool, seen) =>
    new Promise((resolve) => {
      const done = () => resolve(seen.push(where()));
      pool.split('progress', [1], done, { onProgress: () => seen.push(where()) });
    }),
  'split that is refused': (pool, seen) =>
    new Promise((resolve) => void pool.split('echo', () => 1, () => resolve(seen.push(where())))), // prettier-ignore
  bulkSplit: (pool, seen) =>
    new Promise((resolve) => void pool.bulkSplit('parts', [1, 2, 3], () => resolve(seen.push(where())))), // prettier-ignore
  'sequence: payload functions and callback': (pool, seen) =>
    new Promise((resolve) => {
      const payload = () => seen.push(where());
      const steps = [{ task: 'echo', payload }, { task: 'fail', payload }, { task: 'askMain', payload }]; // prettier-ignore
      pool.sequence(steps, () => resolve(seen.push(where())));
    }),
  'main, plain': (pool) => pool.dispatch('askMain', 1),
  'main, with options': (pool) => pool.dispatch('askMain', 1, { priority: 'high' }),
  'main, of a map': (pool) => pool.map('askMain', [1, 2, 3]),
  'main, of a batch': (pool) => pool.batch([{ task: 'askMain', payload: 1 }]),
  'main, of a broadcast': (pool) => pool.broadcast('askMain', 1),
  'main, of split': (pool) => new Promise((resolve) => void pool.split('askMain', 1, resolve)),
};

/** @param {any} pool @param {unknown[]} called contexts of functions of main */
async function check(pool, called) {
  const run = async (name, id) => {
    const seen = [];
    await storage.run(id, () => WORK[name](pool, seen));
    if (name.startsWith('main')) return;
    assert.ok(seen.length > 0, name);
    assert.deepEqual(seen, Array(seen.length).fill(id), name);
  };
  const names = Object.keys(WORK);
  await Promise.all(names.flatMap((name) => [1, 2, 3].map((n) => run(name, `${name} ${n}`))));
  for (const name of names.filter((text) => text.startsWith('main')))
    for (const n of [1, 2, 3]) assert.ok(called.includes(`${name} ${n}`), `${name} ${n}`);
  assert.ok(!called.includes(undefined) && !called.includes('pool'));
}

const open = (Class, called, more = {}) =>
  storage.run('pool', () => {
    const twice = async (value) => {
      called.push(where());
      await null;
      called.push(where());
      return 2 * value;
    };
    return new Class({ module: MODULE, workers: 2, main: { twice }, ...more });
  });

for (const concurrentTasksPerWorker of [1, 4]) {
  test(`AsyncLocalStorage reaches all callbacks and functions of main, with ${concurrentTasksPerWorker} tasks per worker`, async () => {
    const called = [];
    const pool = open(Pool, called, { concurrentTasksPerWorker });
    await check(pool, called); // before the core is loaded
    await pool.ready;
    await check(pool, called);
    await pool.destroy();
  });
}

test('events and onWorkerError run in the context in which the pool was made', async () => {
  const seen = [];
  const pool = open(Pool, [], { workers: 1, onTaskError: () => seen.push(where()) });
  storage.run('listener', () => pool.on('error', () => seen.push(where())));
  await storage.run('task', async () => {
    await pool.dispatch('fail', 'text').catch(() => {});
    await pool.dispatch('echo', () => 'refused at once').catch(() => {});
  });
  await until(() => seen.length === 4);
  assert.deepEqual(seen, Array(4).fill('pool'));
  await pool.destroy();
});

test('work that is submitted in no context has none, though others have', async () => {
  const called = [];
  const pool = await createPool({ module: MODULE, workers: 1, main: { twice: () => called.push(where()) } });
  await storage.run('other', () => pool.dispatch('askMain', 1));
  await storage.exit(() => pool.dispatch('askMain', 1));
  assert.deepEqual(called, ['other', undefined]);
  await pool.destroy();
});
