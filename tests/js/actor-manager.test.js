/** The entry point `wasmpool/actor-manager`: every usage example of ActorManager's documentation, and what the facade adds. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { isMainThread, threadId } from 'node:worker_threads';
import { ActorManager, defineWorker } from '../../js/compat/actor-manager.js';
import { codeOf, countingThreads, until } from './helpers.js';
import { checkExample } from './page-example.js';

const workerModule = new URL('./fixtures/actor-manager-echo.js', import.meta.url);

/** Time limit of tasks that are to succeed, in seconds: enough on a busy machine. */
const LIMIT = 2;

/**
 * Runs a test against a manager and destroys it.
 * @param {object} options
 * @param {(manager: ActorManager) => Promise<void>} use
 */
async function withManager(options, use) {
  const manager = ActorManager.new({ workerModule, workerCount: 2, ...options });
  try {
    await use(manager);
  } finally {
    await manager.Destroy();
  }
}

/** Starts a task that ends when `release` is called. */
async function blocker(manager) {
  const word = new Int32Array(new SharedArrayBuffer(8));
  const promise = manager.Dispatch('block', word);
  await until(() => Atomics.load(word, 0) === 1);
  return () => {
    Atomics.store(word, 1, 1);
    Atomics.notify(word, 1);
    return promise;
  };
}

/** What a call throws, or the reason of a promise. */
const errorOf = async (call) => {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

// ---- The examples ----

test('quick start: a worker module, a manager, a sum [AM-07, AM-10, AM-41, AM-47]', async () => {
  const manager = ActorManager.new({ workerModule, workerCount: 4, taskTimeout: 10 });
  const promise = manager.Dispatch('add', { a: 10, b: 32 });
  assert.equal(await promise.then((result) => result).catch((err) => err), 42);
  await manager.Destroy();
});

test('Dispatch: fire and forget, with a priority, awaited [AM-07, AM-09, AM-11]', () =>
  withManager({}, async (manager) => {
    manager.Dispatch('fail', 'nobody listens');
    manager.Dispatch('echo', { value: 1 });
    assert.deepEqual(await manager.Dispatch('echo', { value: 1 }, { priority: 'CRITICAL' }), { value: 1 });
    assert.equal(await manager.Dispatch('add', { a: 5, b: 5 }).then((result) => result), 10);
  }));

test('Batch: results in order [AM-18, AM-20]', () =>
  withManager({}, async (manager) => {
    const results = await manager.Batch([
      { task: 'add', payload: { a: 1, b: 1 } },
      { task: 'add', payload: { a: 2, b: 2 } },
      { task: 'add', payload: { a: 3, b: 3 } },
    ]);
    assert.deepEqual(results, [2, 4, 6]);
    assert.deepEqual(await manager.Batch([]), []);
  }));

test('Broadcast: every worker once, one result each [AM-22]', () =>
  withManager({ workerCount: 3 }, async (manager) => {
    const results = await manager.Broadcast('reload_config', { level: 7 });
    assert.equal(new Set(results).size, 3);
    assert.deepEqual(await manager.Broadcast('config'), Array(3).fill({ level: 7 }));
  }));

test('GetStats: the numbers of the documentation, a new object each time [AM-27, AM-28]', () =>
  withManager({ workerCount: 4 }, async (manager) => {
    await manager.Broadcast('echo');
    await Promise.all(Array.from({ length: 137 }, (_, i) => manager.Dispatch('echo', i)));
    await codeOf(manager.Dispatch('fail'));
    const release = await blocker(manager);
    await until(() => manager.GetStats().freeWorkers === 3);
    const stats = manager.GetStats();
    const expected = { freeWorkers: 3, busyWorkers: 1, totalWorkers: 4, queued: 0, processed: 142, errors: 1 };
    assert.deepEqual(stats, expected);
    stats.processed = 0;
    assert.deepEqual(manager.GetStats(), expected);
    await release();
  }));

test('Pause and Resume: tasks gather and start with Resume; neither nests [AM-29, AM-30]', () =>
  withManager({}, async (manager) => {
    await manager.Broadcast('echo');
    manager.Pause();
    manager.Pause();
    const tasks = [1, 2, 3].map((n) => manager.Dispatch('echo', n));
    assert.equal(manager.GetStats().queued, 3);
    manager.Resume();
    assert.deepEqual(await Promise.all(tasks), [1, 2, 3]);
  }));

test('Destroy: running and queued tasks reject, once is enough, nothing works afterwards [AM-32, AM-33]', async () => {
  const manager = ActorManager.new({ workerModule, workerCount: 1 });
  await blocker(manager);
  const queued = [manager.Dispatch('echo'), manager.Batch([{ task: 'echo' }]), manager.Broadcast('echo')];
  const ends = [manager.Destroy(), manager.Destroy()];
  assert.deepEqual(await Promise.all(queued.map(codeOf)), Array(3).fill('POOL_DESTROYED'));
  await Promise.all(ends);
  for (const late of [manager.Dispatch('echo'), manager.Batch([{ task: 'echo' }]), manager.Broadcast('echo')])
    assert.equal(await codeOf(late), 'POOL_DESTROYED');
  manager.Pause();
  manager.Resume();
  assert.equal(manager.GetStats().totalWorkers, 0);
});

test('onError: message and id for every listener that is connected [AM-16, AM-34, AM-36]', () =>
  withManager({}, async (manager) => {
    const heard = [];
    const listener = (...details) => heard.push(details);
    const [first, second] = [manager.onError.Connect(listener), manager.onError.Connect(listener)];
    const failing = manager.Dispatch('fail', 'no');
    await codeOf(failing);
    assert.deepEqual(heard, [
      ['no', failing.id],
      ['no', failing.id],
    ]);
    first.Disconnect();
    first.Disconnect();
    await codeOf(manager.Dispatch('fail', 'again'));
    assert.equal(heard.length, 3);
    second.Disconnect();
    await codeOf(manager.Dispatch('fail', 'unheard'));
    assert.equal(heard.length, 3);
  }));

test('onDrained: once when the queue is empty and all workers are free [AM-34, AM-35]', () =>
  withManager({}, async (manager) => {
    let drained = 0;
    const connection = manager.onDrained.Connect(() => drained++);
    const five = () => Promise.all(Array.from({ length: 5 }, () => manager.Dispatch('echo')));
    for (const [round, run] of [() => manager.Broadcast('echo'), five, five].entries()) {
      await run();
      await until(() => drained > round);
      assert.equal(drained, round + 1);
    }
    connection.Disconnect();
    let later = 0;
    manager.onDrained.Connect(() => later++);
    await manager.Dispatch('echo');
    await until(() => later === 1);
    assert.equal(drained, 3);
  }));

test('a worker of its own: heavy work runs on another thread [AM-47, AM-49]', () =>
  withManager({}, async (manager) => {
    const { result, threadId: thread } = await manager.Dispatch('myTask', 1000);
    assert.equal(result, 500500);
    assert.notEqual(thread, threadId);
  }));

test('task.synchronize: a handler has something done on this thread, by a function of the option main [AM-50]', async () => {
  const part = {};
  const movePart = (position) => {
    assert.ok(isMainThread);
    part.position = position;
  };
  await withManager({ main: { movePart } }, async (manager) => {
    assert.equal(await manager.Dispatch('movePart', { position: [1, 2, 3] }), true);
    assert.deepEqual(part, { position: [1, 2, 3] });
  });
});

test('the example of docs/actor-manager.md prints what its comments say [AM-59]', () => {
  const page = readFileSync(new URL('../../docs/actor-manager.md', import.meta.url), 'utf8');
  const entry = JSON.stringify(new URL('../../js/compat/actor-manager.js', import.meta.url));
  const blocks = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, text]) => text);
  const [worker, program] = blocks.map((text) => text.replace("'wasmpool/actor-manager'", entry));
  checkExample({ 'echo-worker.js': worker, 'main.mjs': program });
});

// ---- Options ----

test('a wrong option throws at construction, under the name that it has here [AM-01, AM-02]', () => {
  const wrong = [
    ['workerModule', {}],
    ['workerModule', undefined],
    ['workerModule', { workerModule: 5 }],
    ...[0, -1, 1.5, NaN, '4'].map((workerCount) => ['workerCount', { workerModule, workerCount }]),
    ...[-1, NaN, '1', null].map((taskTimeout) => ['taskTimeout', { workerModule, taskTimeout }]),
    ['taskTimeout', { workerModule, taskTimeout: 1e9 }],
    ['workerRecycleTimeout', { workerModule, workerRecycleTimeout: -1 }],
    ['maxQueueSize', { workerModule, maxQueueSize: -1 }],
    ['onWorkerError', { workerModule, onWorkerError: 1 }],
  ];
  for (const [name, options] of wrong) {
    const expected = { code: 'INVALID_ARGUMENT', message: new RegExp(`^${name}: `) };
    assert.throws(() => ActorManager.new(options), expected);
    assert.throws(() => new ActorManager(options), expected);
  }
});

test('eight workers unless told otherwise [C-20, AM-02]', () =>
  withManager({ workerCount: undefined }, async (manager) => {
    assert.equal(manager.GetStats().totalWorkers, 8);
    assert.equal((await manager.Broadcast('echo')).length, 8);
  }));

test('times are in seconds; a late answer is dropped, its worker goes on [C-19, AM-03, AM-04, AM-43, AM-44]', async () => {
  await withManager({ workerCount: 1, taskTimeout: 30 }, async (manager) => {
    assert.equal(await manager.Dispatch('slow', 0.1), 'late'); // 30 milliseconds would be too short
  });
  await withManager({ workerCount: 1, taskTimeout: LIMIT, workerRecycleTimeout: 600 }, async (manager) => {
    assert.equal(await manager.Dispatch('count'), 1);
    const word = new Int32Array(new SharedArrayBuffer(8));
    assert.equal(await codeOf(manager.Dispatch('block', word)), 'TIMEOUT');
    assert.equal(manager.GetStats().freeWorkers, 0); // they are seconds: 600 milliseconds would be long over
    const next = manager.Dispatch('count');
    Atomics.store(word, 1, 1);
    Atomics.notify(word, 1);
    assert.equal(await next, 2);
  });
});

test('a worker that stays silent is replaced; the new one gets sticky broadcasts [AM-04, AM-26, AM-45, AM-51]', () =>
  withManager({ workerCount: 1, taskTimeout: LIMIT, workerRecycleTimeout: 0.05 }, async (manager) => {
    await manager.Broadcast('reload_config', 'kept', { sticky: true });
    assert.equal(await manager.Dispatch('count'), 1);
    assert.equal(await codeOf(manager.Dispatch('spin')), 'TIMEOUT');
    assert.equal(manager.GetStats().totalWorkers, 1);
    assert.deepEqual(await Promise.all([manager.Dispatch('count'), manager.Dispatch('config')]), [1, 'kept']);
  }));

test('without workerRecycleTimeout a silent worker stays out of service, and the others work on [AM-46]', () =>
  withManager({ taskTimeout: LIMIT }, async (manager) => {
    await manager.Broadcast('echo');
    assert.equal(await codeOf(manager.Dispatch('spin')), 'TIMEOUT');
    for (let n = 0; n < 10; n++) assert.equal(await manager.Dispatch('echo', n), n);
    await until(() => manager.GetStats().freeWorkers === 1);
    assert.equal(manager.GetStats().busyWorkers, 1);
  }));

test('with maxQueueSize tasks waiting, the next one rejects and those finish [AM-05]', () =>
  withManager({ workerCount: 1, maxQueueSize: 2 }, async (manager) => {
    const release = await blocker(manager);
    const tasks = [1, 2, 3].map((n) => manager.Dispatch('echo', n));
    assert.equal(await codeOf(tasks[2]), 'QUEUE_FULL');
    await release();
    assert.deepEqual(await Promise.all(tasks.slice(0, 2)), [1, 2]);
  }));

test('onWorkerError gets the message and the id of a throw and of a time-out [AM-06, AM-16, AM-36, AM-43]', async () => {
  const heard = [];
  const onWorkerError = (err, id) => heard.push([typeof err, err, id]);
  await withManager({ workerCount: 1, taskTimeout: LIMIT, onWorkerError }, async (manager) => {
    const failing = manager.Dispatch('fail', 'no');
    await codeOf(failing);
    const slow = manager.Dispatch('spin');
    const { message } = await errorOf(() => slow);
    assert.deepEqual(heard, [
      ['string', 'no', failing.id],
      ['string', message, slow.id],
    ]);
  });
});

// ---- Tasks ----

test('levels in upper case, for Dispatch and Batch; NORMAL is the default [AM-11, AM-12, AM-13]', () =>
  withManager({ workerCount: 1 }, async (manager) => {
    const release = await blocker(manager);
    const levels = ['LOW', undefined, 'NORMAL', 'HIGH', 'CRITICAL'];
    const single = levels.map((priority) => manager.Dispatch('note', priority ?? 'none', { priority }));
    const batch = manager.Batch(levels.map((priority) => ({ task: 'note', payload: `${priority} 2`, priority })));
    await release();
    await Promise.all([...single, batch]);
    assert.deepEqual(
      await manager.Dispatch('notes'),
      'CRITICAL,CRITICAL 2,HIGH,HIGH 2,none,NORMAL,undefined 2,NORMAL 2,LOW,LOW 2'.split(','),
    );
  }));

test('what is no level, and what is no job, rejects; nothing is queued, nothing thrown [AM-07, AM-14]', () =>
  withManager({ workerCount: 1 }, async (manager) => {
    const release = await blocker(manager);
    for (const priority of ['urgent', 5, 'toString']) {
      assert.equal(await codeOf(manager.Dispatch('echo', 1, { priority })), 'INVALID_ARGUMENT');
      assert.equal(await codeOf(manager.Batch([{ task: 'echo', priority }])), 'INVALID_ARGUMENT');
    }
    for (const jobs of [undefined, {}, [null], [{}]])
      assert.equal(await codeOf(manager.Batch(jobs)), 'INVALID_ARGUMENT');
    assert.equal(manager.GetStats().queued, 0);
    await release();
  }));

test('Batch and Broadcast reject as a whole and may be ignored [AM-09, AM-19, AM-24]', () =>
  withManager({ workerCount: 1 }, async (manager) => {
    manager.Batch([{ task: 'fail' }]);
    manager.Broadcast('fail');
    const error = await errorOf(() => manager.Batch([{ task: 'count' }, { task: 'fail' }, { task: 'count' }]));
    assert.deepEqual([error.code, error.index], ['TASK_FAILED', 1]);
  }));

test('a result is delivered in one turn: the event, then the promise by microtask [C-17]', () =>
  withManager({}, async (manager) => {
    const order = [];
    const nextTurn = new Promise((resolve) => {
      manager.onError.Connect(() => {
        order.push('event');
        setImmediate(() => resolve(order.push('next turn')));
      });
    });
    manager.Dispatch('fail').catch(() => order.push('promise'));
    await nextTurn;
    assert.deepEqual(order, ['event', 'promise', 'next turn']);
  }));

// ---- The worker side ----

test('outside a worker, neither the worker module nor this entry point has an effect [AM-47]', () =>
  countingThreads(async (threads) => {
    const { default: handlers } = await import(workerModule);
    assert.equal(handlers.add({ a: 1, b: 2 }), 3);
    await import('../../js/compat/actor-manager.js?loaded-again');
    assert.equal(threads.started, 0);
  }));

test('a wrong scope is refused, here and in a worker, and the message says where it belongs [AM-48]', async () => {
  const inside = /must be called inside a worker/;
  for (const scope of [undefined, null, {}, { echo: () => 1 }])
    assert.throws(() => defineWorker(scope, {}), { name: 'TypeError', message: inside });
  assert.throws(() => defineWorker(globalThis, { add: 5 }), { name: 'TypeError', message: /'add'/ });
  assert.throws(() => defineWorker(globalThis, undefined), TypeError);
  const wrongScope = new URL('./fixtures/actor-manager-scope.js', import.meta.url);
  await withManager({ workerModule: wrongScope }, async (manager) => {
    const error = await errorOf(() => manager.Dispatch('echo'));
    assert.equal(error.code, 'START_FAILED');
    assert.match(error.message, inside);
  });
});

test('destroying one manager leaves another alone [AM-53]', () =>
  withManager({}, async (manager) => {
    await withManager({}, (other) => other.Dispatch('echo'));
    assert.equal(await manager.Dispatch('echo', 1), 1);
  }));
