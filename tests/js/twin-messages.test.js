/** The entry point `wasmpool/twin`: what its users are told, what is refused, and when payload functions run. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createTwin } from '../../js/compat/twin.js';
import { blocker, bulk, jobs, sequence, split, withTwin } from './fixtures/twin-support.js';
import { countingThreads, until } from './helpers.js';

const strict = { ENABLE_STRICT_API_PARAMETER_CHECKER_POLICE: true };
const invalid = (name) => ({ code: 'INVALID_ARGUMENT', message: new RegExp(`^${name}: `) });
const unused = () => assert.fail('called');
/** A line about a function of the module of jobs. */
const about = (name, text = '') => new RegExp(`^(Twin|wasmpool): file:\\S+/twin-jobs\\.js ${name}: ${text}`);

/** The lines that it logs, one for each pattern, in order. */
async function assertLogs(log, ...patterns) {
  await until(() => log.length >= patterns.length);
  for (const [i, pattern] of patterns.entries()) assert.match(log[i], pattern);
  assert.equal(log.length, patterns.length, String(log));
}

// ---- Messages ----

test('a job whose worker is lost is told with its module and function [TW-12]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin, log) => {
    assert.equal(await split(twin, 'exit', 7), undefined);
    await assertLogs(log, about('exit', '.*exited with code 7'));
  }));

test('a job that hangs whenever it is tried is told with its module and function [TW-12, TW-57]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1, WATCHDOG_TIMEOUT: 0.1, WATCHDOG_INTERVAL: 0.02 }, async (twin, log) => {
    assert.equal(await split(twin, 'hang'), undefined);
    await assertLogs(log, about('hang'));
  }));

test('a payload that cannot be sent is told with module and function, and with nothing that the caller has not named [TW-12]', () =>
  withTwin({}, async (twin, log) => {
    assert.equal(await split(twin, 'echo', { deep: [() => 1] }), undefined);
    assert.deepEqual(await bulk(twin, 'echo', [() => 1]), [undefined]);
    assert.deepEqual(await sequence(twin, [{ Module: jobs, FunctionName: 'echo', Payload: () => () => 1 }]), [
      undefined,
    ]);
    await assertLogs(log, about('echo'), about('echo'), about('echo'));
    for (const line of log) assert.doesNotMatch(line, /\b(single|slice)\b/);
  }));

test('every message about a batch names module and function [TW-21, TW-22]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin, log) => {
    await bulk(twin, 'failOn', [1, 2], { BatchSize: 1, SharedArgs: 2 });
    await bulk(twin, 'missized', [-1, 9]);
    await assertLogs(log, about('failOn', 'bad slice'), about('missized', 'items 0 to 1: expected 2 results, got 1'));
  }));

test('every message about a sequence names module and function of its step [TW-35, TW-36]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin, log) => {
    const step = (FunctionName, Payload) => ({ Module: jobs, FunctionName, Payload });
    const never = () => {
      throw new Error('no payload');
    };
    await sequence(twin, [step('fail', 'no'), step('echo', 1)]);
    twin.Sequence([step('echo', 1), step('count', never)], unused);
    await assertLogs(log, about('fail', 'no$'), about('count', '.*step 2: no payload$'));
  }));

test('every message about a callback names module and function [TW-03, TW-04]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin, log) => {
    const throws = () => {
      throw new Error('callback threw');
    };
    twin.Split(jobs, 'add', { a: 1, b: 1 }, async () => undefined);
    twin.Split(jobs, 'echo', 2, throws);
    twin.BulkSplit(jobs, 'failOn', [1], throws);
    twin.Sequence([{ Module: jobs, FunctionName: 'count', Payload: new Int32Array(1) }], throws);
    await until(() => log.length >= 4);
    log.sort(); // the bulk job goes before the others
    await assertLogs(
      log,
      about('add', 'USAGE_ASYNC_CALLBACK'),
      about('count', '.*callback threw'),
      about('echo', '.*callback threw'),
      about('failOn', '.*callback threw'),
    );
  }));

test('a worker that crashes between jobs is logged, with its name', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin, log) => {
    assert.equal(await split(twin, 'throwLater'), 'fine');
    await assertLogs(log, /^Twin: Worker_1: after its end$/);
    assert.equal(await split(twin, 'echo', 1), 1);
  }));

test('each call after Destroy is logged, and its callback gets undefined in a later turn [C-05]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin, log) => {
    await split(twin, 'echo');
    await twin.Destroy();
    assert.equal(await split(twin, 'echo', 1), undefined);
    assert.deepEqual(await bulk(twin, 'failOn', [1, 2]), [undefined, undefined]);
    assert.deepEqual(await sequence(twin, [{ Module: jobs, FunctionName: 'add' }]), [undefined]);
    twin.Inject('Assignment', {});
    const late = 'called after Destroy';
    await assertLogs(
      log,
      about('echo', late),
      about('failOn', late),
      new RegExp(`^Twin: Sequence: ${late}`),
      new RegExp(`^Twin: Inject: ${late}`),
    );
    assert.throws(() => twin.Split(jobs, 'echo', 1, unused, { Wieght: 'light' }), invalid('Options'));
  }));

test('a callback that Destroy ends and that asks for more is told so [C-05]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin, log) => {
    await blocker(twin);
    let more;
    twin.Split(jobs, 'echo', 1, () => (more = split(twin, 'add', 2)) && undefined);
    await twin.Destroy();
    assert.equal(await more, undefined);
    await assertLogs(log, about('add', 'called after Destroy'));
  }));

// ---- Arguments ----

test('options that nobody knows throw in production as in development, and so do wrong values [TW-11, TW-61]', async () => {
  for (const configuration of [{}, strict]) {
    await withTwin({ SERVER_WORKER_COUNT: 1, ...configuration }, async (twin) => {
      for (const options of [{ Wieght: 'light' }, { weight: 'light' }, { BatchSize: 1 }, null, 5])
        assert.throws(() => twin.Split(jobs, 'echo', 1, unused, options), invalid('Options'));
      for (const options of [{ Weight: 'light' }, { ____Batchsize: 1 }, null, 'critical'])
        assert.throws(() => twin.BulkSplit(jobs, 'echo', [1], unused, options), invalid('Options'));
      for (const Priority of ['high', 'low', 'urgent', 1, null])
        assert.throws(() => twin.BulkSplit(jobs, 'echo', [1], unused, { Priority }), invalid('Priority'));
      const first = { Module: jobs, FunctionName: 'echo', Payload: unused };
      for (const second of [{ ...first, Name: 'x' }, { ...first, Weight: 'medium' }, 5])
        assert.throws(() => twin.Sequence([first, second], unused), invalid('step 2'));
    });
  }
});

test('in development a module that cannot be loaded throws, once a worker has said so [TW-11]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1, ...strict }, async (twin, log) => {
    const broken = new URL('./fixtures/twin-broken.js', import.meta.url);
    const run = () => twin.Split(broken, 'any', 1, () => {});
    run();
    let error;
    await until(() => {
      try {
        run();
      } catch (thrown) {
        error = thrown;
      }
      return error !== undefined;
    });
    assert.equal(error.code, 'INVALID_ARGUMENT');
    assert.match(error.message, /^Module: file:.*twin-broken\.js cannot be loaded: broken module$/);
    await until(() => log.length > 0);
    assert.match(log[0], /twin-broken\.js any: broken module$/);
  }));

// ---- Payload functions ----

test('the first payload function runs when its step is sent: not before the core is there [TW-34]', () =>
  countingThreads(async (threads) => {
    const twin = createTwin({ SERVER_WORKER_COUNT: 1 });
    const asked = [];
    const ask = (previous) => asked.push(previous);
    const results = sequence(twin, [
      { Module: jobs, FunctionName: 'echo', Payload: ask },
      { Module: jobs, FunctionName: 'echo', Payload: ask },
    ]);
    assert.deepEqual(asked, [], 'the pool has only begun to start');
    assert.deepEqual(await results, [1, 2]);
    assert.deepEqual(asked, [undefined, 1]);
    assert.equal(threads.started, 1);
    await twin.Destroy();
  }));

test('while it waits, a first payload function can be disconnected or destroyed: it never runs [TW-35, TW-37]', async () => {
  const steps = [{ Module: jobs, FunctionName: 'echo', Payload: unused }];
  await withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin, log) => {
    twin.Sequence(steps, unused).Disconnect();
    assert.equal(await split(twin, 'echo', 1), 1);
    const early = createTwin({ SERVER_WORKER_COUNT: 1 });
    const results = sequence(early, steps);
    await early.Destroy();
    assert.deepEqual([await results, log], [[undefined], []]);
  });
});
