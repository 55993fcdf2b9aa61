/** The entry point `wasmpool/twin`: every usage example of Twin's documentation, and what the facade adds. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test, { mock } from 'node:test';
import { threadId } from 'node:worker_threads';
import { Pool } from '../../js/api/pool.js';
import { createTwin, Twin } from '../../js/compat/twin.js';
import { schedulerOf } from '../../js/compat/twin-options.js';
import { blocker, bulk, bulkBlocker, gate, jobs, sequence, split, withTwin, word } from './fixtures/twin-support.js';
import { countingThreads, until } from './helpers.js';
import { checkExample } from './page-example.js';

const table = new URL('./fixtures/twin-table.js', import.meta.url);
const broken = new URL('./fixtures/twin-broken.js', import.meta.url);

const strict = { ENABLE_STRICT_API_PARAMETER_CHECKER_POLICE: true };
const invalid = (name) => ({ code: 'INVALID_ARGUMENT', message: new RegExp(`^${name}: `) });

// ---- Split: the examples ----

test('Split A: a path is found off the main thread; heavy by default [C-05, TW-01, TW-05]', () =>
  withTwin({}, async (twin) => {
    const path = await split(twin, 'findPath', { Start: 0, Goal: 10, Radius: 4 });
    assert.deepEqual(path, [0, 4, 8, 10]);
    assert.notEqual((await split(twin, 'countCalls')).threadId, threadId);
  }));

test('Split B: a heavy job waits until no bulk job is active, an idle worker notwithstanding [TW-07]', () =>
  withTwin({}, async (twin) => {
    const order = [];
    const { release, over } = await bulkBlocker(twin);
    over.then(() => order.push('bulk'));
    const params = { vertexCount: 2048, seed: 5, lod: 2 };
    const mesh = split(twin, 'build', params, { ____Weight: 'heavy' });
    mesh.then(() => order.push('mesh'));
    await split(twin, 'echo', 1, { ____Weight: 'light' }); // a worker is idle
    assert.deepEqual(order, []);
    release();
    assert.deepEqual(await mesh, { id: 'mesh-5', vertices: 512 });
    assert.deepEqual(order, ['bulk', 'mesh']);
  }));

test('Split C: a light job runs beside a bulk job [TW-08, TW-61]', () =>
  withTwin({}, async (twin) => {
    const { release, over } = await bulkBlocker(twin);
    assert.equal(await split(twin, 'computeBonus', { playerId: 7 }, { ____Weight: 'light' }), 50);
    assert.equal(await split(twin, 'computeBonus', { playerId: 8 }, { Weight: 'light' }), 0);
    release();
    assert.deepEqual(await over, ['released']);
  }));

test('Split D: disconnected before it runs, it never does; while it runs, its result is dropped [TW-13, TW-14, TW-16]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin) => {
    const { cells, release, running } = gate();
    const counter = word();
    let called = 0;
    const started = twin.Split(jobs, 'block', cells, () => called++);
    await running();
    const waiting = twin.Split(jobs, 'count', counter, () => called++);
    for (const handle of [started, waiting, waiting]) handle.Disconnect();
    release();
    assert.equal(await split(twin, 'echo', 'next'), 'next');
    assert.deepEqual([called, counter[0]], [0, 0]);
  }));

test('Split E: two jobs of two modules, combined when both are back [TW-01, TW-63]', () =>
  withTwin({}, async (twin) => {
    const results = {};
    await new Promise((resolve) => {
      const finish = (part) => Object.keys(Object.assign(results, part)).length === 2 && resolve();
      twin.Split(table, 'analyze', [1, 2, 3], (a) => finish({ a }));
      twin.Split(jobs, 'analyse', [1, 2, 3], (b) => finish({ b: b.mean }));
    });
    assert.deepEqual(results, { a: 3, b: 2 });
  }));

// ---- BulkSplit: the examples ----

test('BulkSplit A: one score for each record, in the order of the records [TW-17, TW-20]', () =>
  withTwin({}, async (twin) => {
    const records = Array.from({ length: 1000 }, (_, i) => ({ position: i, health: i * 2 }));
    const options = { ____SharedArgs: { at: 0 }, ____Priority: 'normal' };
    const scores = await bulk(twin, 'assess', records, options);
    assert.deepEqual(
      scores,
      records.map(({ position, health }) => health / (1 + position)),
    );
  }));

test('BulkSplit B: critical goes first, background last; MaxWaitTime is in seconds [C-19, TW-26, TW-28]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin) => {
    const release = await blocker(twin);
    const order = [];
    const given = mock.method(Pool.prototype, 'bulkSplit');
    const all = ['background', 'normal', 'critical'].map(async (priority) => {
      const options = { ____Priority: priority, ____MaxWaitTime: 0.01, ____SharedArgs: { dt: 0.5 } };
      const solutions = await bulk(twin, 'preSolve', [{ speed: 2 }, { speed: 4 }], options);
      order.push(priority);
      return solutions;
    });
    bulk(twin, 'echo', [1]);
    given.mock.restore();
    assert.deepEqual(
      given.mock.calls.map((call) => call.arguments[3].maxWaitMs),
      [10, 10, 10, 50],
    );
    await release();
    assert.deepEqual(await Promise.all(all), Array(3).fill([1, 2]));
    assert.deepEqual(order, ['critical', 'normal', 'background']);
  }));

test('BulkSplit C: tiles in the background, in batches of 16; disconnected, the rest is never made [TW-19, TW-29]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin) => {
    const options = { ____Priority: 'background', ____BatchSize: 16, ____SharedArgs: { seed: 9 } };
    const coordinates = Array.from({ length: 40 }, (_, x) => ({ x, z: 1 }));
    const tiles = await bulk(twin, 'generateTile', coordinates, options);
    assert.deepEqual(
      tiles,
      coordinates.map(({ x }) => `9:${x}:1`),
    );
    const release = await blocker(twin);
    const counter = word();
    let called = 0;
    const handle = twin.BulkSplit(jobs, 'countSlice', coordinates, () => called++, { ____SharedArgs: counter });
    handle.Disconnect();
    handle.Disconnect();
    await release();
    assert.equal(await split(twin, 'echo', 'next'), 'next'); // heavy: no bulk job is active
    assert.deepEqual([called, counter[0]], [0, 0]);
  }));

test('BulkSplit D: the same shared arguments for every batch [TW-20]', () =>
  withTwin({}, async (twin) => {
    const shared = { rules: { forbidden: [3, 4] }, timestamp: 12.5, strictMode: true };
    const options = { ____SharedArgs: shared, ____BatchSize: 2 };
    assert.deepEqual(await bulk(twin, 'applyRules', [1, 2, 3, 4, 5], options), [1, 2, undefined, undefined, 5]);
    const seen = await bulk(twin, 'describeSlice', [1, 2, 3], options);
    assert.deepEqual(
      seen.map((slice) => slice.shared),
      Array(3).fill([shared]),
    );
    const without = await bulk(twin, 'describeSlice', [1], {});
    assert.deepEqual(without[0].shared, [undefined]);
  }));

test('BulkSplit E: without items the callback has run when the call returns [TW-23]', () =>
  withTwin({}, async (twin) => {
    let results;
    const handle = twin.BulkSplit(jobs, 'echo', [], (given) => void (results = given));
    assert.deepEqual(results, []);
    handle.Disconnect();
  }));

// ---- Sequence: the examples ----

test('Sequence A: three steps; a plain payload arrives as it is [TW-32, TW-33]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin) => {
    const payload = { datasetId: 'zone 12' };
    const results = await sequence(twin, [
      { ____Module: jobs, ____FunctionName: 'load', ____Payload: payload, ____Weight: 'heavy' },
      { ____Module: jobs, ____FunctionName: 'normalise', ____Payload: { schema: 'v2' } },
      { ____Module: jobs, ____FunctionName: 'check', ____Payload: undefined },
    ]);
    assert.deepEqual(results, [
      { ...payload, values: [3, 1, 2] },
      { payload: { schema: 'v2' }, loaded: 'zone 12' },
      { valid: true, payload: undefined },
    ]);
  }));

test('Sequence B: a payload function gets the result before it, and runs just before its step [TW-34]', () =>
  withTwin({}, async (twin) => {
    const asked = [];
    const ask = (make) => (previous) => {
      asked.push(previous);
      return make(previous);
    };
    const toClassify = ({ mean, confidence }) => ({ mean, confidence, threshold: 0.75 });
    const toDecide = (classification) => ({ classification, context: 'lab' });
    const results = await sequence(twin, [
      { ____Module: jobs, ____FunctionName: 'analyse', ____Payload: ask(() => [0.5, 1.5]) },
      { ____Module: jobs, ____FunctionName: 'classify', ____Payload: ask(toClassify) },
      { ____Module: jobs, ____FunctionName: 'decide', ____Payload: ask(toDecide) },
    ]);
    const analysis = { mean: 1, confidence: 0.85 };
    const classification = { label: 'high', confidence: 0.85 };
    assert.deepEqual(results, [analysis, classification, 'lab: high']);
    assert.deepEqual(asked, [undefined, analysis, classification]);
  }));

test('Sequence C: disconnected in the middle, no further step is sent and the callback never runs [TW-37]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin) => {
    const { cells, release, running } = gate();
    const counter = word();
    let called = 0;
    const steps = [
      { ____Module: jobs, ____FunctionName: 'count', ____Payload: counter },
      { ____Module: jobs, ____FunctionName: 'block', ____Payload: cells },
      { ____Module: jobs, ____FunctionName: 'count', ____Payload: counter },
    ];
    const chain = twin.Sequence(steps, () => called++);
    await running();
    chain.Disconnect();
    release();
    await split(twin, 'echo', 'next');
    await split(twin, 'echo', 'and one more');
    assert.deepEqual([called, counter[0]], [0, 1]);
  }));

test('Sequence D: one step is a split; its weight is its own [TW-38, TW-41]', () =>
  withTwin({}, async (twin) => {
    const { release, over } = await bulkBlocker(twin);
    const step = { ____Module: jobs, ____FunctionName: 'add', ____Payload: { a: 1, b: 2 }, ____Weight: 'light' };
    assert.deepEqual(await sequence(twin, [step]), [3]);
    const heavy = sequence(twin, [{ Module: jobs, FunctionName: 'add', Payload: { a: 3, b: 4 } }]);
    let isOver = false;
    heavy.then(() => (isOver = true));
    await split(twin, 'echo', 1, { Weight: 'light' });
    assert.equal(isOver, false);
    release();
    await over;
    assert.deepEqual(await heavy, [7]);
  }));

// ---- Inject: the examples ----

test('Inject A: ticks come from the library, which counts in seconds; they may be driven by hand [TW-60]', () =>
  withTwin({ TELEMETRY_ENABLED: true }, async (twin) => {
    const due = new Map();
    const cancelled = [];
    const Assignment = {
      delay(seconds, run) {
        assert.equal(this, Assignment);
        const handle = Symbol(seconds);
        due.set(handle, run);
        return handle;
      },
      cancel: (handle) => cancelled.push(handle),
      repeat: 'an unknown name is ignored',
    };
    twin.Inject('Assignment', Assignment);
    assert.deepEqual(await split(twin, 'add', { a: 1, b: 1 }), 2);
    const ticks = () => [...due.keys()].filter((handle) => handle.description === '0.016');
    for (let count = 1; count <= 3; count++) {
      await until(() => ticks().length === 1);
      const [handle] = ticks();
      const run = due.get(handle);
      due.delete(handle);
      run();
      assert.equal(twin.Report().SampleCount, count);
    }
    const [last] = ticks();
    await twin.Destroy();
    assert.ok(cancelled.includes(last));
    due.get(last)(); // what is cancelled does nothing
  }));

test('Inject B: what the library lacks is the runtime’s, and so is the pair if it can only cancel [TW-60]', () =>
  withTwin({ TELEMETRY_ENABLED: true }, async (twin) => {
    const unused = () => assert.fail('called');
    twin.Inject('Assignment', { Spawn: unused, Wait: unused, Cancel: unused });
    await until(() => twin.Report()?.SampleCount > 0);
    let delays = 0;
    const Delay = (seconds, run) => {
      delays++;
      return setTimeout(run, seconds * 1000);
    };
    twin.Inject('Assignment', { Delay });
    await until(() => delays > 1);
    twin.Inject('', undefined); // not checked in production
    let ran = 0;
    const noCancel = schedulerOf({ delay: (_seconds, run) => run });
    const [kept, cleared] = [noCancel.setTimeout(() => ran++, 5), noCancel.setTimeout(() => ran++, 5)];
    noCancel.clearTimeout(cleared);
    for (const timer of [kept, cleared]) timer.handle();
    assert.equal(ran, 1);
  }));

// ---- Timing and failures ----

test('the callback runs in the turn in which the end is learned, before any promise [C-17, TW-02]', () =>
  withTwin({}, async (twin) => {
    const order = [];
    await new Promise((resolve) => {
      console.warn = () => order.push('log'); // the same delivery: the callback, then the log
      twin.Split(jobs, 'fail', 'no', () => {
        order.push('callback');
        queueMicrotask(() => order.push('microtask'));
        setImmediate(resolve);
      });
    });
    assert.deepEqual(order, ['callback', 'log', 'microtask']);
  }));

test('a callback that is asynchronous or throws is logged, and others get their results [TW-03, TW-04]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin, log) => {
    twin.Split(jobs, 'echo', 1, async () => undefined);
    twin.Split(jobs, 'echo', 2, () => {
      throw new Error('callback threw');
    });
    assert.equal(await split(twin, 'echo', 3), 3);
    assert.equal(log.length, 2);
    assert.match(log[0], /USAGE_ASYNC_CALLBACK/);
    assert.match(log[1], /callback threw/);
  }));

test('one argument, a copy of the payload; a module is loaded once for each worker [TW-05, TW-62, TW-63]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin) => {
    assert.equal(await split(twin, 'argumentCount'), 1);
    const payload = { deep: [1] };
    const result = split(twin, 'echo', payload);
    payload.deep.push(2);
    assert.deepEqual(await result, { deep: [1] });
    const seen = await Promise.all(Array.from({ length: 10 }, () => split(twin, 'countCalls')));
    assert.equal(new Set(seen.map(({ loadedAs }) => loadedAs)).size, 1);
    assert.deepEqual(
      seen.map(({ calls }) => calls),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    const sawMicrotask = await Promise.all(Array.from({ length: 20 }, () => split(twin, 'seesMicrotask')));
    assert.ok(sawMicrotask.includes(false), 'calls of a loaded module await nothing');
  }));

test('what fails gives undefined and one line that names the function; the worker goes on [C-05, TW-12]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin, log) => {
    const failures = [
      [jobs, 'fail', 'no', /twin-jobs\.js fail: no$/],
      [jobs, 'failLater', 'not now', /twin-jobs\.js failLater: not now$/],
      [jobs, 'missing', 1, /twin-jobs\.js missing: .*'missing'/],
      [jobs, 'toString', 1, /twin-jobs\.js toString: .*'toString'/],
      [jobs, undefined, 1, /twin-jobs\.js undefined: /],
      [table, 'notCallable', 1, /twin-table\.js notCallable: /],
      [broken, 'any', 1, /twin-broken\.js any: broken module$/],
      [new URL('./fixtures/twin-none.js', import.meta.url), 'any', 1, /twin-none\.js any: /],
      [null, 'any', 1, /null any: /],
      [jobs, 'echo', () => 1, /twin-jobs\.js echo: /],
    ];
    for (const [module, name, payload, line] of failures) {
      log.length = 0;
      assert.equal(await split(twin, name, payload, {}, module), undefined);
      await split(twin, 'echo'); // the log comes after the callback
      assert.equal(log.length, 1, String(log));
      assert.match(log[0], line);
    }
  }));

test('a batch that fails or returns too few leaves a gap; others are not affected [TW-21, TW-22]', () =>
  withTwin({}, async (twin, log) => {
    const results = await bulk(twin, 'failOn', [1, 2, 3, 4], { BatchSize: 1, SharedArgs: 3 });
    assert.deepEqual(results, [1, 2, undefined, 4]);
    assert.equal(log.length, 1);
    assert.match(log[0], /twin-jobs\.js failOn: bad slice/);
    assert.deepEqual(await bulk(twin, 'failOn', [3], { SharedArgs: 3 }), [undefined]); // a failure of the last slice is logged as well
    assert.equal(log.length, 2);
    const missized = await bulk(twin, 'missized', [0, 9, -1, 9, 1, 9], { BatchSize: 2 });
    assert.deepEqual(missized, [0, 1, 0, undefined, 0, 1]);
  }));

test('a step that fails gives undefined; a payload function that throws, or no module, ends the chain [TW-35, TW-36, TW-39]', () =>
  withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin, log) => {
    const step = (FunctionName, Payload) => ({ Module: jobs, FunctionName, Payload });
    const got = (previous) => `got ${previous}`;
    const results = await sequence(twin, [step('echo', 1), step('fail', 'no'), step('echo', got)]);
    assert.deepEqual(results, [1, undefined, 'got undefined']);
    assert.equal(log.length, 1);
    let called = 0;
    const counter = word();
    const never = () => {
      throw new Error('no payload');
    };
    twin.Sequence([step('echo', 1), step('count', never), step('count', counter)], () => called++);
    twin.Sequence([step('echo', 1), { Payload: counter }, step('count', counter)], () => called++);
    twin.Sequence([null], () => called++);
    await until(() => log.length === 4);
    await split(twin, 'echo');
    assert.deepEqual([called, counter[0]], [0, 0]);
    assert.match(log[1], /step 1: expected Module and FunctionName/);
    assert.ok(log.some((line) => /step 2: no payload/.test(line)));
    assert.ok(log.some((line) => /step 2: expected Module and FunctionName/.test(line)));
    assert.deepEqual(await sequence(twin, []), []);
  }));

test('a hung worker is replaced after WATCHDOG_TIMEOUT seconds, and the job runs again [C-07, C-19, TW-54]', () =>
  withTwin({ WATCHDOG_TIMEOUT: 0.2, WATCHDOG_INTERVAL: 0.05 }, async (twin) => {
    const counter = word();
    assert.equal(await split(twin, 'hangOnce', counter), 'again');
    assert.equal(counter[0], 2);
  }));

// ---- Arguments and configuration ----

test('four underscores or none before an option’s name; another number is an error [TW-61]', () =>
  withTwin({}, async (twin) => {
    const options = [{ ___Weight: 'light' }, { _Weight: 'light' }, { _____Weight: 'light' }];
    for (const option of options) {
      assert.throws(() => twin.Split(jobs, 'echo', 1, () => {}, option), invalid('Options'));
      assert.throws(() => twin.BulkSplit(jobs, 'echo', [], () => {}, option), invalid('Options'));
      assert.throws(() => twin.Sequence([{}, option], () => {}), invalid('step 2'));
    }
  }));

test('a wrong option throws at once, under the name that it has here [C-19, TW-19]', () =>
  withTwin({}, async (twin) => {
    const callback = () => assert.fail('called');
    assert.throws(() => twin.Split(jobs, 'echo', 1, callback, { Weight: 'medium' }), invalid('Weight'));
    assert.throws(() => twin.Split(jobs, 'echo', 1), invalid('Callback'));
    assert.throws(() => twin.BulkSplit(jobs, 'echo', 5, callback), invalid('Items'));
    assert.throws(() => twin.BulkSplit(jobs, 'echo', [1]), invalid('Callback'));
    for (const size of [0, -1, 1.5, '2'])
      assert.throws(() => twin.BulkSplit(jobs, 'echo', [1], callback, { BatchSize: size }), invalid('BatchSize'));
    for (const time of [-1, NaN, '1', 1e9])
      assert.throws(() => twin.BulkSplit(jobs, 'echo', [1], callback, { MaxWaitTime: time }), invalid('MaxWaitTime'));
    assert.throws(() => twin.BulkSplit(jobs, 'echo', [1], callback, { Priority: 'urgent' }), invalid('Priority'));
    assert.throws(() => twin.Sequence(5, callback), invalid('Steps'));
    assert.throws(() => twin.Sequence([]), invalid('Callback'));
  }));

test('development checks arguments at once, and names as soon as a worker has told them [TW-11, TW-24, TW-39]', () =>
  withTwin(strict, async (twin) => {
    const callback = () => {};
    for (const module of [undefined, '', 5, {}])
      assert.throws(() => twin.Split(module, 'echo', 1, callback), invalid('Module'));
    for (const name of [undefined, '', 5, () => 1])
      assert.throws(() => twin.BulkSplit(jobs, name, [1], callback), invalid('FunctionName'));
    for (const options of [null, 5, { Wieght: 'light' }])
      assert.throws(() => twin.Split(jobs, 'echo', 1, callback, options), invalid('Options'));
    assert.throws(() => twin.Sequence([], callback), invalid('Steps'));
    assert.throws(() => twin.Sequence([{ Module: jobs }], callback), invalid('FunctionName'));
    for (const library of [undefined, null, 5])
      assert.throws(() => twin.Inject('Assignment', library), invalid('ModuleTableObject'));
    assert.throws(() => twin.Inject('', {}), invalid('ModuleName'));

    let kept;
    await new Promise((resolve) => twin.BulkSplit(jobs, 'failOn', [1, 2], (results) => resolve((kept = results))));
    assert.notEqual(kept[0], 1); // spoiled
    let error;
    await until(() => {
      try {
        twin.Split(jobs, 'ecko', 1, callback);
      } catch (thrown) {
        error = thrown;
      }
      return error !== undefined;
    });
    assert.equal(error.code, 'UNKNOWN_TASK');
    assert.match(error.message, /^FunctionName: .*twin-jobs\.js has no function 'ecko'/);
    assert.equal(await split(twin, 'echo', 1), 1);
    assert.equal(await split(twin, 'any', 1, {}, broken), undefined);
  }));

test('the default instance starts its workers with the first job [TW-01, TW-65]', () =>
  countingThreads(async (threads) => {
    assert.equal(Twin.Report(), undefined);
    assert.equal(Twin.GetTaskLoad(), undefined);
    assert.equal(threads.started, 0);
    assert.equal(await split(Twin, 'add', { a: 1, b: 2 }), 3);
    assert.equal(threads.started, 3);
    await Twin.Destroy();
    assert.equal(threads.gone, 3);
  }));

test('Destroy ends what waits and runs with undefined, silently [C-05]', async () => {
  let results;
  await withTwin({ SERVER_WORKER_COUNT: 1 }, async (twin, log) => {
    const { cells, running } = gate();
    const all = [split(twin, 'block', cells)];
    await running();
    all.push(split(twin, 'echo', 1), bulk(twin, 'failOn', [1]));
    await Promise.all([twin.Destroy(), twin.Destroy()]);
    results = await Promise.all(all);
    const early = createTwin();
    const unstarted = split(early, 'echo', 1);
    await early.Destroy();
    assert.equal(await unstarted, undefined);
    assert.deepEqual(log, []);
  });
  assert.deepEqual(results, [undefined, undefined, [undefined]]);
});

test('the example of docs/twin.md prints what its comments say, and ends by itself [AM-59]', () => {
  const page = readFileSync(new URL('../../docs/twin.md', import.meta.url), 'utf8');
  const entry = JSON.stringify(new URL('../../js/compat/twin.js', import.meta.url));
  const [module, program] = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, text]) => text);
  checkExample({ 'threats.js': module, 'main.mjs': program.replace("'wasmpool/twin'", entry) });
});
