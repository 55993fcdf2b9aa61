import assert from 'node:assert/strict';
import test from 'node:test';
import { createPool, defineWorker, Pool } from '../../js/index.js';
import { nearestName, parseSize } from '../../js/base/check.js';
import { DEFAULTS } from '../../js/options/options.js';
import { codeOf, ending, MODULE, withPool } from './helpers.js';

/** @param {any} options */
const make = (options) => () => new Pool(options);

test('a pool without a module fails at construction, naming the option [AM-01]', () => {
  assert.throws(make({}), { code: 'INVALID_ARGUMENT', message: /module/ });
  assert.throws(make({ module: 5 }), { code: 'INVALID_ARGUMENT', message: /module/ });
  assert.throws(make(undefined), { code: 'INVALID_ARGUMENT' });
});

test('the number of workers is checked, not clamped [AM-02]', async () => {
  for (const workers of [0, -1, NaN, 1.5, '2', 1025, { min: 1, max: 1025 }, { min: 1025, max: 1025 }]) {
    assert.throws(make({ module: MODULE, workers }), {
      code: 'INVALID_ARGUMENT',
      message: /workers.*1024/,
    });
  }
  assert.throws(make({ module: MODULE, workers: 1000, spares: 25 }), {
    code: 'INVALID_ARGUMENT',
    message: /spares.*24/,
  });
  await withPool({ workers: 9 }, async (pool) => {
    assert.equal(pool.stats().totalWorkers, 9);
    assert.equal(new Set(await pool.broadcast('thread')).size, 9);
  });
});

test('every option is checked before a thread starts [AM-01]', () => {
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
    onTaskError: 1,
  };
  for (const [name, value] of Object.entries(wrong)) {
    assert.throws(
      make({ module: MODULE, [name]: value }),
      { code: 'INVALID_ARGUMENT', message: new RegExp(name) },
      name,
    );
  }
  const both = { onTaskError() {}, onWorkerError() {} };
  assert.throws(make({ module: MODULE, ...both }), { code: 'INVALID_ARGUMENT', message: /the same option/ });
  assert.throws(make({ module: MODULE, topology: 'mesh' }), {
    code: 'UNSUPPORTED',
    message: /topology/,
  });
});

/** @param {string} text */
const exactly = (text) => ({ code: 'INVALID_ARGUMENT', message: text });

test('the nearest name is the one with the fewest steps to it, and none that is far', () => {
  assert.equal(nearestName('wrkers', ['workers', 'wasm', 'worker']), 'workers');
  assert.equal(nearestName('abcdef', ['abxyef', 'abcxef', 'xbcxef']), 'abcxef');
  assert.equal(nearestName('mab', ['kabc']), 'kabc', 'two steps');
  for (const [name, far] of [
    ['mab', 'kabcz'],
    ['kabcz', 'mab'],
    ['zcbak', 'bam'],
    ['bam', 'zcbak'],
    ['pool', 'abort'],
  ])
    assert.equal(nearestName(name, [far]), undefined, `${name} is no ${far}`);
});

test('an unknown option is refused, and the message gives the nearest known name', () => {
  const hints = {
    taskTimeout: 'taskTimeoutMs',
    timeout: 'taskTimeoutMs',
    timeoutMs: 'taskTimeoutMs',
    timeLimit: 'taskTimeoutMs',
    recycleTimeout: 'recycleTimeoutMs',
    worker: 'workers',
    maxThreads: 'workers',
    filename: 'module',
    concurentTasksPerWorker: 'concurrentTasksPerWorker',
    idleTimeout: 'workers',
    maxtasksperchild: 'maxTasksPerWorker',
    maxMemoryLimitBeforeRecycle: 'maxHeapBytes',
  };
  for (const [name, meant] of Object.entries(hints))
    assert.throws(make({ module: MODULE, [name]: 1 }), exactly(`${name}: unknown option; did you mean ${meant}?`));
  assert.throws(make({ module: MODULE, xyzzy: 1 }), { message: /^xyzzy: unknown option; known: module, wasm, / });
  for (const [group, name, meant] of [
    ['memory', 'max', 'maximum'],
    ['restart', 'minMS', 'minMs'],
    ['liveness', 'timeout', 'timeoutMs'],
    ['boxes', 'sizes', 'size'],
    ['aging', 'lowSkip', 'lowSkips'],
    ['telemetry', 'rings', 'ring'],
    ['resourceLimits', 'maxOldGenerationSize', 'maxOldGenerationSizeMb'],
  ])
    assert.throws(
      make({ module: MODULE, [group]: { [name]: 1 } }),
      exactly(`${group}.${name}: unknown option; did you mean ${group}.${meant}?`),
    );
  assert.throws(make({ module: MODULE, telemetry: { thresholds: { deph: [1, 2] } } }), {
    message: 'telemetry.thresholds.deph: unknown option; did you mean telemetry.thresholds.depth?',
  });
});

test('an option of a wrong type is refused, in groups too', () => {
  for (const [name, values] of Object.entries({
    unref: ['no', 1, null],
    dev: ['yes'],
    loopChecks: [0],
    resourceLimits: [5, { stackSizeMb: '4' }, null],
    boxes: [5, []],
    memory: ['512mb'],
    restart: [true, { jitter: '0.1' }, { minMs: '5' }, { max: 1.5 }],
    liveness: [true, { timeoutMs: '5' }],
    aging: [1, null],
    telemetry: ['on', { thresholds: [] }],
    main: [5, { log: 'x' }],
    workers: [null],
    spares: [null],
    scheduler: [5],
    module: [{}],
  }))
    for (const value of values)
      assert.throws(
        make({ module: MODULE, [name]: value }),
        { code: 'INVALID_ARGUMENT', message: new RegExp(`^${name}`) },
        `${name}: ${JSON.stringify(value)}`,
      );
});

test('a time that is too long is refused with the longest that there is', async () => {
  const expected = 'expected milliseconds from 0 to 2147483647, or Infinity, got';
  for (const name of ['taskTimeoutMs', 'recycleTimeoutMs', 'readyTimeoutMs', 'leaseMs'])
    for (const ms of [2 ** 31, -1, NaN])
      assert.throws(make({ module: MODULE, [name]: ms }), exactly(`${name}: ${expected} ${ms}`));
  await withPool({ taskTimeoutMs: 2 ** 31 - 1 }, async (pool) => {
    await assert.rejects(
      pool.dispatch('echo', 1, { timeoutMs: 2 ** 31 }),
      exactly(`timeoutMs: ${expected} ${2 ** 31}`),
    );
    assert.equal(await pool.dispatch('echo', 1, { timeoutMs: 2 ** 31 - 1 }), 1);
  });
});

test('an option that is undefined is one that is not given', () =>
  withPool(
    { spares: undefined, restart: { minMs: undefined }, boxes: { count: undefined }, unref: undefined },
    async (pool) => assert.equal(await pool.dispatch('echo', 1, { timeoutMs: undefined, priority: undefined }), 1),
  ));

test('an option of the pool that is given to a single call is refused as such, wherever options are taken', () =>
  withPool({}, async (pool) => {
    const exact = (/** @type {string} */ path) =>
      exactly(`${path}: an option of the pool, not of a single call; give it to createPool or new Pool`);
    for (const name of ['recycleTimeoutMs', 'taskTimeoutMs', 'leaseMs', 'maxQueue', 'spares']) {
      const wrong = { [name]: 5 };
      await assert.rejects(pool.dispatch('echo', 1, wrong), exact(name));
      await assert.rejects(pool.batch([{ task: 'echo' }], wrong), exact(name));
      await assert.rejects(pool.batch([{ task: 'echo', ...wrong }]), exact(`jobs[0].${name}`));
      await assert.rejects(pool.map('echo', [1], wrong), exact(name));
      await assert.rejects(pool.broadcast('echo', 1, wrong), exact(name));
      await assert.rejects(pool.close(wrong), exact(name));
      assert.throws(() => pool.split('echo', 1, () => undefined, wrong), exact(name));
      assert.throws(() => pool.sequence([{ task: 'echo', ...wrong }]), exact(`steps[0].${name}`));
      assert.throws(() => pool.postMessage(1, wrong), exact(name));
    }
  }));

test('an unknown task option rejects with the nearest known name, wherever options are taken', () =>
  withPool({}, async (pool) => {
    const timeout = exactly('timeout: unknown option; did you mean timeoutMs?');
    await assert.rejects(pool.dispatch('echo', 1, { timeout: 5 }), timeout);
    await assert.rejects(pool.tasks.echo(1, { timeout: 5 }), timeout);
    await assert.rejects(pool.batch([{ task: 'echo' }], { timeout: 5 }), timeout);
    await assert.rejects(
      pool.batch([{ task: 'echo' }, { task: 'echo', prio: 'high' }]),
      exactly('jobs[1].prio: unknown option; did you mean jobs[1].priority?'),
    );
    await assert.rejects(pool.map('echo', [1], { timeout: 5 }), timeout);
    await assert.rejects(
      pool.map('echo', [1], { batchsize: 5 }),
      exactly('batchsize: unknown option; did you mean batchSize?'),
    );
    await assert.rejects(pool.broadcast('echo', 1, { stick: true }), { message: /did you mean sticky\?$/ });
    assert.throws(() => pool.split('echo', 1, () => undefined, { timeout: 5 }), timeout);
    assert.throws(() => pool.bulkSplit('echo', [1], () => undefined, { timeout: 5 }), timeout);
    assert.throws(() => pool.bulkSplit('echo', [1], () => undefined, { weight: 'light' }), {
      message: /^weight: unknown option/,
    });
    assert.throws(
      () => pool.sequence([{ task: 'echo' }, { task: 'echo', timeout: 5 }]),
      exactly('steps[1].timeout: unknown option; did you mean steps[1].timeoutMs?'),
    );
    assert.equal(pool.stats().queued, 0);
  }));

test('a task option of a wrong type rejects', () =>
  withPool({}, async (pool) => {
    const wrong = [{ onProgress: null }, { signal: 0 }, { transfer: 5 }, { timeoutMs: '5' }, { weight: 1 }, [], 'x', 5];
    for (const options of wrong)
      assert.equal(await codeOf(pool.dispatch('echo', 1, options)), 'INVALID_ARGUMENT', JSON.stringify(options));
    assert.equal(await codeOf(pool.map('echo', [1], { batchSize: '2' })), 'INVALID_ARGUMENT');
    assert.equal(await codeOf(pool.map('echo', [1], { onItems: 2 })), 'INVALID_ARGUMENT');
    assert.equal(await codeOf(pool.broadcast('echo', 1, { sticky: 'no' })), 'INVALID_ARGUMENT');
    assert.equal(await pool.dispatch('echo', 1, { signal: null }), 1); // as fetch() takes it
  }));

test('an unknown event is refused, and so is a listener that is no function', () =>
  withPool({}, async (pool) => {
    const never = () => undefined;
    assert.throws(
      () => pool.on('workerdown', never),
      exactly("event: unknown event 'workerdown'; did you mean 'workerDown'?"),
    );
    assert.throws(() => pool.on('toString', never), { code: 'INVALID_ARGUMENT' });
    assert.throws(() => pool.on('drained'), { code: 'INVALID_ARGUMENT' });
    assert.throws(() => pool.on('drained', 5), { code: 'INVALID_ARGUMENT' });
  }));

test('what stands on Object.prototype is no option', async () => {
  const polluted = { workers: 0, dev: 'yes', timeoutMs: 'soon', priority: 'urgent', sticky: 5, count: 0, maximum: 1 };
  for (const [name, value] of Object.entries(polluted))
    Object.defineProperty(Object.prototype, name, { value, configurable: true, enumerable: true });
  try {
    await withPool({ boxes: {}, memory: {} }, async (pool) => {
      assert.equal(await pool.dispatch('echo', 1, {}), 1);
      assert.deepEqual(await pool.map('echo', [1, 2], {}), [1, 2]);
      assert.deepEqual(await pool.batch([{ task: 'echo', payload: 3 }]), [3]);
    });
  } finally {
    for (const name of Object.keys(polluted)) delete (/** @type {any} */ (Object.prototype)[name]);
  }
});

test('defaults are one frozen object, and sizes are powers of 1,024', () => {
  assert.ok(Object.isFrozen(DEFAULTS));
  assert.equal(DEFAULTS.leaseMs, 5000);
  assert.equal(DEFAULTS.recycleTimeoutMs, 0);
  assert.deepEqual(
    ['1mb', '1.5 KB', '2GiB', 7].map((size) => parseSize('size', size)),
    [1048576, 1536, 2147483648, 7],
  );
  for (const size of ['5xb', '', '-1kb', 0, Infinity])
    assert.throws(() => parseSize('size', size), { code: 'INVALID_ARGUMENT' });
});

test('an unknown priority rejects, nothing is queued [AM-14]', () =>
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

test('defineWorker marks handlers and has no effect elsewhere; misuse says so [AM-47, AM-48]', async (t) => {
  const handlers = { twice: (x) => 2 * x };
  assert.equal(defineWorker(handlers), handlers);
  assert.throws(() => defineWorker(undefined), { name: 'TypeError', message: /worker module/ });
  assert.throws(() => defineWorker({ twice: 2 }), { name: 'TypeError', message: /twice/ });
  await import('../../js/entry/boot-node.js'); // on main: no effect, no throw
  await import('../../js/entry/boot-browser.js');
  const pool = ending(
    t,
    await createPool({
      module: new URL('../smoke/handlers.js', import.meta.url),
      workers: 1,
    }),
  );
  assert.equal(await pool.dispatch('add', { a: 1, b: 2 }), 3);
  await pool.destroy();
});

test('auto takes WASMPOOL_WORKERS first [AM-02]', async (t) => {
  process.env.WASMPOOL_WORKERS = '3';
  try {
    const pool = ending(t, new Pool({ module: MODULE }));
    assert.equal(pool.size, 3);
    await pool.destroy();
  } finally {
    delete process.env.WASMPOOL_WORKERS;
  }
});
