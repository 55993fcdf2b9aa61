/** The entry point `wasmpool/actor-manager`: what its users are told of failures, and how often. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ActorManager } from '../../js/compat/actor-manager.js';
import { codeOf, MODULE, until } from './helpers.js';

/**
 * Runs a test against a manager, with what its hook and its signal have heard, and destroys it.
 * @param {object} options
 * @param {(manager: ActorManager, heard: [err: string, taskId: string][]) => Promise<void>} use
 */
async function hearing(options, use) {
  const [hook, signal] = [[], []];
  const manager = ActorManager.new({
    workerModule: MODULE,
    workerCount: 1,
    onWorkerError: (...details) => hook.push(details),
    ...options,
  });
  manager.onError.Connect((...details) => signal.push(details));
  try {
    await use(manager, hook);
    assert.deepEqual(signal, hook, 'the hook and the signal hear the same');
  } finally {
    await manager.Destroy();
  }
}

test('a failing Batch is told once, not for each member that its failure cancels [AM-06, AM-19]', () =>
  hearing({}, async (manager, heard) => {
    const jobs = ['echo', 'fail', 'echo', 'echo', 'echo'].map((task) => ({ task, payload: 'no' }));
    assert.equal(await codeOf(manager.Batch(jobs)), 'TASK_FAILED');
    await until(() => manager.GetStats().processed === 5);
    assert.deepEqual(
      heard.map(([err]) => err),
      ['no'],
    );
    assert.equal(manager.GetStats().errors, 1);
  }));

test('a Batch that is refused as a whole is told once as well [AM-06, AM-21]', () =>
  hearing({ maxQueueSize: 2 }, async (manager, heard) => {
    await manager.Dispatch('echo');
    const four = Array.from({ length: 4 }, () => ({ task: 'echo' }));
    assert.equal(await codeOf(manager.Batch(four)), 'QUEUE_FULL');
    assert.equal(await codeOf(manager.Batch([{ task: 'echo', priority: 'urgent' }, ...four])), 'INVALID_ARGUMENT');
    assert.equal(heard.length, 2);
    assert.match(heard[0][0], /a batch of 4 does not fit/);
    assert.match(heard[1][0], /priority/);
  }));

test('a crash between tasks is told, with the name of the worker and no task [AM-06, AM-54, AM-56]', () =>
  hearing({}, async (manager, heard) => {
    assert.equal(await manager.Dispatch('throwLater'), 'fine');
    await until(() => heard.length > 0);
    assert.deepEqual(heard, [['Worker_1: after its end', '']]);
    assert.equal(await manager.Dispatch('echo', 'served again'), 'served again');
  }));

test('a crash in a task, and a worker that is killed for one, are told by the task only [AM-06, AM-54]', () =>
  hearing({ taskTimeout: 2, workerRecycleTimeout: 0 }, async (manager, heard) => {
    for (const [task, code] of [
      ['exit', 'WORKER_LOST'],
      ['spin', 'TIMEOUT'],
    ]) {
      const before = heard.length;
      const lost = manager.Dispatch(task, 7);
      assert.equal(await codeOf(lost), code);
      await until(() => manager.GetStats().freeWorkers === 1);
      assert.deepEqual(
        heard.slice(before).map(([, id]) => id),
        [lost.id],
      );
    }
  }));

test('workers that cannot start are told though no task waits for them [AM-06, AM-42]', () =>
  hearing({ workerModule: new URL('./fixtures/not-there.js', import.meta.url) }, async (_manager, heard) => {
    await until(() => heard.length > 0);
    assert.equal(heard.length, 1);
    assert.match(heard[0][0], /^Worker_1: .*not-there\.js/);
    assert.equal(heard[0][1], '');
  }));

test('a hook that throws is logged, and the signal hears of the error all the same [AM-06]', async (t) => {
  const logged = t.mock.method(console, 'error', () => undefined);
  const manager = ActorManager.new({
    workerModule: MODULE,
    workerCount: 1,
    onWorkerError: () => {
      throw new Error('the hook threw');
    },
  });
  const heard = [];
  manager.onError.Connect((err) => heard.push(err));
  try {
    assert.equal(await codeOf(manager.Dispatch('fail', 'no')), 'TASK_FAILED');
    assert.deepEqual(heard, ['no']);
    assert.match(String(logged.mock.calls[0].arguments[1]), /the hook threw/);
  } finally {
    await manager.Destroy();
  }
});

test('unknown options are refused at construction, by name [AM-01]', () => {
  for (const name of ['workercount', 'onError', 'taskTimeoutMs', 'toString']) {
    const options = { workerModule: MODULE, [name]: 4 };
    assert.throws(() => ActorManager.new(options), { code: 'INVALID_ARGUMENT', message: new RegExp(`^${name}: `) });
  }
});

test('unknown options of Dispatch and of the jobs of a Batch reject', () =>
  hearing({}, async (manager) => {
    assert.equal(await codeOf(manager.Dispatch('echo', 1, { Priority: 'HIGH' })), 'INVALID_ARGUMENT');
    assert.equal(await codeOf(manager.Batch([{ task: 'echo', priorty: 'HIGH' }])), 'INVALID_ARGUMENT');
  }));

test('names of levels in lower case are the pool’s, not ActorManager’s: they reject [AM-14]', () =>
  hearing({}, async (manager, heard) => {
    for (const priority of ['critical', 'background']) {
      assert.equal(await codeOf(manager.Dispatch('echo', 1, { priority })), 'INVALID_ARGUMENT');
      assert.equal(await codeOf(manager.Batch([{ task: 'echo', priority }])), 'INVALID_ARGUMENT');
    }
    assert.equal(heard.length, 4);
  }));
