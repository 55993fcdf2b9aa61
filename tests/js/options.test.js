import assert from 'node:assert/strict';
import test from 'node:test';
import { createPool, defineWorker, Pool } from '../../js/index.js';
import { DEFAULTS, parseSize } from '../../js/options.js';
import { codeOf, MODULE, withPool } from './helpers.js';

/** @param {any} options */
const make = (options) => () => new Pool(options);

test('AM-01: a pool without a module fails at construction, naming the option', () => {
  assert.throws(make({}), { code: 'INVALID_ARGUMENT', message: /module/ });
  assert.throws(make({ module: 5 }), { code: 'INVALID_ARGUMENT', message: /module/ });
  assert.throws(make(undefined), { code: 'INVALID_ARGUMENT' });
});

test('AM-02: the number of workers is checked, not clamped', async () => {
  for (const workers of [0, -1, NaN, 1.5, '2', 121]) {
    assert.throws(make({ module: MODULE, workers }), {
      code: 'INVALID_ARGUMENT',
      message: /workers/,
    });
  }
  await withPool({ workers: 9 }, async (pool) => {
    assert.equal(pool.stats().totalWorkers, 9);
    assert.equal(new Set(await pool.broadcast('thread')).size, 9);
  });
});

test('AM-01: every option is checked before a thread starts', () => {
  const wrong = {
    spares: -1,
    maxQueue: -1,
    taskTimeoutMs: -1,
    recycleTimeoutMs: 'soon',
    boxes: { count: 0 },
    leaseMs: NaN,
    memory: { maximum: '5xb' },
    restart: { policy: 'perhaps' },
    readyTimeoutMs: {},
    concurrentTasksPerWorker: 0,
    aging: { lowSkips: 0 },
    slowMs: -1,
    dispatchBudgetMs: 'x',
    maxSliceItems: 0,
    telemetry: { ring: 0 },
    onWorkerError: 1,
  };
  for (const [name, value] of Object.entries(wrong)) {
    assert.throws(
      make({ module: MODULE, [name]: value }),
      { code: 'INVALID_ARGUMENT', message: new RegExp(name) },
      name,
    );
  }
  assert.throws(make({ module: MODULE, topology: 'mesh' }), {
    code: 'UNSUPPORTED',
    message: /topology/,
  });
});

test('defaults are one frozen object, and sizes are powers of 1,024', () => {
  assert.ok(Object.isFrozen(DEFAULTS));
  assert.equal(DEFAULTS.leaseMs, 5000);
  assert.deepEqual(
    ['1mb', '1.5 KB', '2GiB', 7].map((size) => parseSize('size', size)),
    [1048576, 1536, 2147483648, 7],
  );
  for (const size of ['5xb', '', '-1kb', 0, Infinity])
    assert.throws(() => parseSize('size', size), { code: 'INVALID_ARGUMENT' });
});

test('AM-14: an unknown priority rejects, nothing is queued', () =>
  withPool({}, async (pool) => {
    for (const priority of ['urgent', 1, 'toString']) {
      assert.equal(await codeOf(pool.dispatch('echo', 1, { priority })), 'INVALID_ARGUMENT');
    }
    assert.equal(pool.stats().queued, 0);
    assert.equal(
      await codeOf(pool.batch([{ task: 'echo' }, { task: 'echo', priority: 'urgent' }])),
      'INVALID_ARGUMENT',
    );
    for (const options of [{ timeoutMs: -1 }, { onLost: 'x' }, { deliver: 'x' }, { weight: 'x' }]) {
      assert.equal(await codeOf(pool.dispatch('echo', 1, options)), 'INVALID_ARGUMENT');
    }
    assert.equal(await codeOf(pool.dispatch('echo', 1, { shardKey: 'a' })), 'UNSUPPORTED');
    assert.equal(await codeOf(pool.dispatch('', 1)), 'INVALID_ARGUMENT');
  }));

test('AM-47, AM-48: defineWorker marks handlers and has no effect elsewhere; misuse says so', async () => {
  const handlers = { twice: (x) => 2 * x };
  assert.equal(defineWorker(handlers), handlers);
  assert.throws(() => defineWorker(undefined), { name: 'TypeError', message: /worker module/ });
  assert.throws(() => defineWorker({ twice: 2 }), { name: 'TypeError', message: /twice/ });
  await import('../../js/host/boot-node.js'); // on main: no effect, no throw
  await import('../../js/host/boot-browser.js');
  const pool = await createPool({
    module: new URL('../smoke/handlers.js', import.meta.url),
    workers: 1,
  });
  assert.equal(await pool.dispatch('add', { a: 1, b: 2 }), 3);
  await pool.destroy();
});

test('AM-02: auto takes WASMPOOL_WORKERS first', async () => {
  process.env.WASMPOOL_WORKERS = '3';
  try {
    const pool = new Pool({ module: MODULE });
    assert.equal(pool.size, 3);
    await pool.destroy();
  } finally {
    delete process.env.WASMPOOL_WORKERS;
  }
});
