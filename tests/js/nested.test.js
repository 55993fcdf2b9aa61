/** Pools inside the handlers of other pools: the inner pool's main is a worker, whose event loop must run. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import test from 'node:test';
import { Pool } from '../../js/index.js';
import { C_TASKS, codeOf, until, withPool } from './helpers.js';

const NESTED = new URL('./fixtures/nested.js', import.meta.url);
const N = { module: NESTED, workers: 1, recycleTimeoutMs: 0, restart: { minMs: 1, maxMs: 1, max: -1 } };

for (const [kind, wasm] of Object.entries({ JavaScript: undefined, C: C_TASKS.href })) {
  test(`pools run inside handlers, three levels deep, with ${kind} tasks on each level`, () =>
    withPool({ ...N, wasm }, async (pool) => {
      const progress = [];
      for (let round = 0; round < 2; round++)
        assert.deepEqual(
          await pool.dispatch('nest', { depth: 3, wasm }, { onProgress: (value) => progress.push(value) }),
          [6, 4, 2, 'bottom'],
        );
      assert.deepEqual(progress, [3, 3]);
    }));
}

test('an ActorManager runs inside a handler', () =>
  withPool(N, async (pool) => assert.equal(await pool.dispatch('manage', 5), 5)));

/** A pool whose worker has a pool whose worker counts. */
async function counting(pool) {
  const word = new Int32Array(new SharedArrayBuffer(8));
  await pool.dispatch('keepCounting', word);
  await until(() => Atomics.load(word, 0) !== 0);
  return word;
}

/** Settles when the count stands still. */
async function stopped(word) {
  for (let before; before !== Atomics.load(word, 0);) {
    before = Atomics.load(word, 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('an inner pool outlives the task that opened it, works beside the outer one, and ends by its destroy()', () =>
  withPool(N, async (pool) => {
    const word = await counting(pool);
    assert.deepEqual(await pool.map('echo', [1, 2, 3]), [1, 2, 3]);
    await pool.dispatch('stopCounting');
    await stopped(word);
    assert.equal(await pool.dispatch('echo', 4), 4);
  }));

const ENDS = {
  exits: (pool) => pool.dispatch('exit'),
  'is killed': (pool) => pool.dispatch('spin', 1, { timeoutMs: 1 }),
  'ends with its pool': (pool) => pool.destroy(),
};

for (const [what, end] of Object.entries(ENDS)) {
  test(`an outer worker that ${what} takes the threads of its inner pool along`, async () => {
    const pool = new Pool(N);
    try {
      const word = await counting(pool);
      await codeOf(end(pool));
      await stopped(word);
    } finally {
      await pool.destroy();
    }
  });
}

test('readyTimeoutMs acts in an inner pool', () =>
  withPool(N, async (pool) => {
    assert.match(await pool.dispatch('neverReady', 50), /^START_FAILED: .*50 ms/);
    assert.equal(await pool.dispatch('echo', 1), 1);
  }));

test('readyTimeoutMs counts for a core that is never loaded; the next pool asks for it again', async () => {
  let requests = 0;
  const server = createServer(() => requests++); // never answers
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const wasm = `http://127.0.0.1:${server.address().port}/core.mjs`;
  try {
    for (let round = 1; round <= 2; round++) {
      const pool = new Pool({ module: NESTED, wasm, workers: 1, readyTimeoutMs: 50 });
      const [ready, task] = await Promise.allSettled([pool.ready, pool.dispatch('echo', 1)]);
      for (const { reason } of [ready, task]) {
        assert.equal(reason.code, 'START_FAILED');
        assert.match(reason.message, /core was not loaded within 50 ms/);
      }
      await pool.destroy();
      await until(() => requests === 2 * round); // the wasm, and the glue, which may have it inside
    }
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
