/** Single jobs with callbacks. Their order and weights, and main's budget: split-order.test.js. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Completions } from '../../js/engine/completions.js';
import { createPool, Pool } from '../../js/index.js';
import { blocker, codeOf, ending, liveness, until } from './helpers.js';
import { FakeClock } from './fake-clock.js';
import {
  errorsOf,
  heedingCallbacks,
  job,
  JOBS,
  release,
  settles,
  standStillUntil,
  upTo,
  withJobs,
  words,
} from './jobs-support.js';

// ---- Calls ----

test('split returns a handle at once; the handler gets one argument, and the callback what it returns [TW-01, TW-05]', () =>
  withJobs({}, async (pool) => {
    let result;
    const handle = pool.split('calledWith', { a: [1] }, (value) => (result = value));
    assert.equal(typeof handle.disconnect, 'function');
    assert.equal(result, undefined);
    await until(() => result !== undefined);
    assert.deepEqual(result, [{ a: [1] }]);
    assert.equal(await job(pool, function double() {}, 21), 42, 'a function stands for its name');
    assert.equal(await job(pool, 'echo', undefined), undefined);
  }));

test('jobs that are given before the pool is ready run [TW-01]', async (t) => {
  const pool = ending(t, new Pool({ module: JOBS, workers: 1 }));
  assert.deepEqual(
    await Promise.all(upTo(20).map((i) => job(pool, 'double', i))),
    upTo(20).map((i) => i * 2),
  );
  await pool.destroy();
});

test('the callback runs while main takes results from the core, before any microtask [C-17, TW-02]', async (context) => {
  let taking = 0;
  const { drain } = Completions.prototype;
  context.after(() => (Completions.prototype.drain = drain));
  Completions.prototype.drain = function (...rung) {
    taking++;
    drain.apply(this, rung);
    taking--;
  };
  await withJobs({}, async (pool) => {
    const inside = [];
    await Promise.all(
      upTo(50).map((i) => new Promise((resolve) => pool.split('echo', i, () => resolve(inside.push(taking > 0))))),
    );
    assert.deepEqual(new Set(inside), new Set([true]));
    assert.equal(inside.length, 50);
  });
});

test('an asynchronous callback is told of as USAGE_ASYNC_CALLBACK, and its failure is caught [TW-03]', async (context) => {
  const logged = context.mock.method(console, 'error', () => {});
  await withJobs({}, async (pool) => {
    const errors = [];
    pool.on('error', (message, taskId) => errors.push({ message, taskId }));
    pool.split('echo', 1, async () => {
      throw new Error('rejected by the callback');
    });
    pool.split('echo', 1, () => ({ then: () => {} }));
    pool.bulkSplit('doubles', [1], async () => {});
    pool.sequence([{ task: 'echo' }], async () => {});
    await until(() => errors.length === 4);
    for (const { message } of errors) assert.match(message, /^USAGE_ASYNC_CALLBACK/);
    assert.match(errors.find(({ taskId }) => taskId).taskId, /^task-/);
    await until(() => logged.mock.callCount() === 1);
  });
});

test('an asynchronous callback is told of without items as well [TW-03]', () =>
  withJobs({}, async (pool) => {
    const errors = errorsOf(pool);
    pool.bulkSplit('doubles', [], async () => {});
    assert.match(errors[0] ?? 'nothing', /^USAGE_ASYNC_CALLBACK/);
  }));

test('a callback that throws is logged; its worker is free, and all others are called [TW-04]', async (context) => {
  const logged = context.mock.method(console, 'error', () => {});
  await withJobs({ workers: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const results = [];
    const thrower = (value) => {
      results.push(value);
      throw new Error('from a callback');
    };
    for (const i of upTo(10)) pool.split('echo', i, i % 2 ? thrower : (value) => results.push(value));
    pool.bulkSplit('doubles', [1, 2], thrower);
    await gate.release();
    await until(() => results.length === 11);
    assert.equal(logged.mock.callCount(), 6);
    assert.equal(await job(pool, 'echo', 'next'), 'next');
  });
});

test('what the callback of a bulkSplit without items throws is logged, and does not reach the caller [TW-04]', async (context) => {
  const logged = context.mock.method(console, 'error', () => {});
  await withJobs({}, async (pool) => {
    pool.bulkSplit('doubles', [], () => {
      throw new Error('from a callback');
    });
    assert.equal(logged.mock.callCount(), 1);
  });
});

test('with dev an unknown name is thrown at once; without, the callback gets undefined [TW-11]', async () => {
  await withJobs({ dev: true }, async (pool) => {
    const called = [];
    const callback = (value) => called.push(value);
    assert.throws(() => pool.split('nobody', 1, callback), { code: 'UNKNOWN_TASK' });
    assert.throws(() => pool.bulkSplit('nobody', [1], callback), { code: 'UNKNOWN_TASK' });
    assert.equal(await job(pool, 'echo', 1), 1);
    assert.deepEqual([called, pool.stats().processed], [[], 1], 'nothing was queued');
  });
  await withJobs({}, async (pool) => {
    const errors = errorsOf(pool);
    assert.equal(await job(pool, 'nobody', 1), undefined);
    assert.match(errors[0], /nobody/);
  });
});

test('arguments of wrong types are thrown at once, always [TW-11]', () =>
  withJobs({}, async (pool) => {
    const wrong = { code: 'INVALID_ARGUMENT' };
    for (const callback of [undefined, null, 'echo', {}]) assert.throws(() => pool.split('echo', 1, callback), wrong);
    for (const task of [undefined, '', 7]) assert.throws(() => pool.split(task, 1, () => {}), wrong);
    const bad = [{ weight: 'medium' }, { priority: 'urgent' }, { timeoutMs: -1 }, { onLost: 'retry' }];
    for (const options of bad) assert.throws(() => pool.split('echo', 1, () => {}, options), wrong);
    assert.equal(pool.stats().processed, 0);
  }));

test('a handler that throws is told of once, the callback gets undefined, and the worker goes on [C-05, TW-12]', () =>
  withJobs({ workers: 1 }, async (pool) => {
    const errors = errorsOf(pool);
    let calls = 0;
    pool.split('fail', 'broken', (value) => assert.equal(value, undefined, calls++));
    assert.equal(await job(pool, 'echo', 'next'), 'next');
    assert.equal(calls, 1);
    assert.deepEqual(errors, ['broken']);
    assert.equal(await job(pool, 'echo', () => 'no value'), undefined, 'what cannot be carried fails like that too');
    assert.equal(errors.length, 2);
  }));

test('payloads and results are copies: what is changed afterwards does not arrive [TW-62]', () =>
  withJobs({ workers: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const payload = { list: [1] };
    const items = [{ n: 1 }, { n: 2 }];
    const both = [job(pool, 'echo', payload)];
    both.push(new Promise((resolve) => void pool.bulkSplit('echo', items, (results) => resolve([...results]))));
    payload.list.push(2);
    items[0].n = 9;
    items.length = 1;
    await gate.release();
    assert.deepEqual(await Promise.all(both), [{ list: [1] }, [{ n: 1 }, { n: 2 }]]);
  }));

test('a module is loaded once by each worker [TW-63]', () =>
  withJobs({ workers: 1 }, async (pool) => {
    for (let i = 0; i < 10; i++) assert.equal(await job(pool, 'loads'), 1);
  }));

test('of 10,000 jobs at once each runs, has an id of its own, and no memory stays behind [TW-66, TW-59]', () =>
  withJobs({ dispatchBudgetMs: Infinity }, async (pool) => {
    const round = async () => {
      const ids = await Promise.all(upTo(10_000).map(() => job(pool, 'id')));
      assert.equal(new Set(ids).size, 10_000);
      return ids;
    };
    const first = await round();
    await until(() => pool.diagnostics().tasksInUse === 0);
    const { heapBytes } = pool.diagnostics();
    const all = new Set([...first, ...(await round()), ...(await round())]);
    assert.equal(all.size, 30_000);
    await until(() => pool.diagnostics().tasksInUse === 0);
    assert.equal(pool.diagnostics().heapBytes, heapBytes, 'no table has grown');
  }));

test('maxQueue refuses at once: the callback gets undefined, and nothing is evicted [C-09]', () =>
  withJobs({ workers: 1, maxQueue: 2 }, async (pool) => {
    const errors = errorsOf(pool);
    const gate = blocker(pool);
    await gate.running;
    const results = [];
    for (const i of upTo(4)) pool.split('echo', i, (value) => results.push(value));
    assert.equal(errors.length, 2);
    assert.deepEqual(results, [], 'a callback never runs before its handle is known');
    await until(() => results.length === 2);
    assert.deepEqual(results, [undefined, undefined]);
    await gate.release();
    await until(() => results.length === 4);
    assert.deepEqual(results.slice(2), [0, 1]);
  }));

// ---- Disconnected ----

test('a job that is disconnected before it starts never runs, and leaves nothing [TW-13]', () =>
  withJobs({ workers: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const errors = errorsOf(pool);
    const runs = words(1);
    const handles = upTo(100).map(() => pool.split('count', runs, () => assert.fail('called')));
    assert.equal(pool.stats().queued, 100);
    for (const handle of handles) handle.disconnect();
    assert.equal(pool.stats().queued, 0);
    await until(() => pool.diagnostics().tasksInUse === 1);
    await gate.release();
    assert.equal(await job(pool, 'echo', 'next'), 'next');
    assert.equal(runs[0], 0);
    assert.deepEqual(errors, [], 'it is no failure');
  }));

test('a job that runs when it is disconnected is finished by its worker, and its result dropped [TW-14]', () =>
  withJobs({ workers: 1 }, async (pool) => {
    const gate = words(2);
    const handle = pool.split('block', gate, () => assert.fail('called'));
    await until(() => Atomics.load(gate, 0) === 1);
    handle.disconnect();
    const next = job(pool, 'loads');
    release(gate);
    assert.equal(await next, 1, 'the same worker');
    assert.equal(pool.diagnostics().kills, 0);
    assert.deepEqual([pool.stats().processed, pool.stats().errors], [2, 0], 'leaving is no error');
  }));

test('the first callback of a delivery disconnects all others of the same one: none is called [TW-16]', () => {
  const gate = words(2);
  return withJobs({ workers: 1, initData: gate }, async (pool) => {
    const called = [];
    const handles = [];
    const others = () => {
      called.push('one');
      for (const handle of handles) handle.disconnect();
    };
    const light = { weight: 'light' };
    for (let i = 0; i < 20; i++) handles.push(pool.split('echo', i, others, light));
    handles.push(pool.bulkSplit('doubles', [1, 2, 3], others, { batchSize: 1 }));
    handles.push(pool.sequence([{ task: 'echo', ...light }], others));
    handles.push(pool.split('moveBytes', 8, others, light));
    handles.push(pool.split('echo', 'leased', others, { deliver: 'lease', ...light }));
    const last = pool.dispatch('blockStill', 0, { priority: 'low' });
    standStillUntil(gate, 0, 1); // the only worker has finished everything else
    assert.deepEqual(called, []);
    await until(() => called.length > 0);
    release(gate);
    await last;
    await pool.drain();
    assert.deepEqual(called, ['one']);
  });
});

test('jobs that are finished and not delivered yet can be disconnected; that calls nobody else back [TW-14, TW-16]', () => {
  const gate = words(2);
  return withJobs({ workers: 1, initData: gate }, async (pool) => {
    const called = [];
    const note = (value) => called.push(value);
    const handles = ['echo', 'moveBytes', 'fail'].map((task) => pool.split(task, 8, note));
    handles.push(pool.split('echo', 8, note, { deliver: 'lease' }));
    pool.split('echo', 'kept', note);
    const last = pool.dispatch('blockStill', 0, { priority: 'low' });
    standStillUntil(gate, 0, 1);
    for (const handle of handles) handle.disconnect();
    handles[0].disconnect();
    assert.deepEqual(called, [], 'from inside disconnect');
    release(gate);
    await last;
    await pool.drain();
    assert.deepEqual(called, ['kept']);
  });
});

test('a result whose message is there before its completion can be disconnected: nothing waits for it for ever [TW-16]', () =>
  withJobs({}, async (pool) => {
    // There are two ways from the worker to main, and between two turns one of them may be ahead.
    for (let round = 0; round < 300; round++) {
      const handles = upTo(8).map(() => pool.split('moveBytes', 8, () => disconnect()));
      const disconnect = () => handles.forEach((handle) => handle.disconnect());
      for (let turn = round % 7; turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
      if (round % 2) disconnect();
      else await until(() => pool.stats().queued === 0);
      disconnect();
    }
    assert.ok(await settles(pool.drain()), 'one is still waited for');
  }));

test('after its end disconnect does nothing, however often it is called [TW-15, TW-16]', () =>
  withJobs({}, async (pool) => {
    let calls = 0;
    const handle = await new Promise((resolve) => {
      const own = pool.split('echo', 1, () => {
        calls++;
        own.disconnect();
        resolve(own);
      });
    });
    const { processed, errors } = pool.stats();
    for (let i = 0; i < 5; i++) handle.disconnect();
    assert.deepEqual([calls, processed, errors], [1, pool.stats().processed, pool.stats().errors]);
    assert.equal(errors, 0);
  }));

test('handles of 1,000 old jobs do nothing to the jobs that use their descriptors now [TW-15]', () =>
  withJobs({}, async (pool) => {
    const handles = [];
    const all = (count, keep) =>
      Promise.all(
        upTo(count).map(
          (i) =>
            new Promise((resolve) => {
              const handle = pool.split('double', i, resolve);
              if (keep && handles.length < 1000) handles.push(handle);
            }),
        ),
      );
    for (let wave = 0; wave < 10; wave++) await all(1000, true);
    const running = all(2000, false);
    for (const handle of handles) handle.disconnect();
    assert.deepEqual(
      await running,
      upTo(2000).map((i) => i * 2),
    );
    assert.equal(pool.stats().errors, 0);
  }));

test('disconnected before the pool is ready, a job never runs [TW-16]', (t) =>
  heedingCallbacks(async () => {
    const pool = ending(t, new Pool({ module: JOBS, workers: 1 }));
    const runs = words(1);
    pool.split('count', runs, () => assert.fail('called')).disconnect();
    pool.bulkSplit('count', [runs, runs], () => assert.fail('called')).disconnect();
    pool.sequence([{ task: 'count', payload: runs }], () => assert.fail('called')).disconnect();
    await pool.ready;
    assert.equal(await job(pool, 'echo', 1), 1);
    assert.equal(runs[0], 0);
    assert.equal(await job(pool, 'echo', 'heavy jobs are not held'), 'heavy jobs are not held');
    await pool.destroy();
  }));

test('drain() settles when all that it waits for is disconnected before the pool is ready [TW-13]', (t) =>
  heedingCallbacks(async () => {
    const pool = ending(t, new Pool({ module: JOBS, workers: 1 }));
    const handle = pool.split('echo', 1, () => assert.fail('called'));
    const drained = pool.drain();
    handle.disconnect();
    await pool.ready;
    const isTold = await settles(drained);
    await pool.destroy();
    assert.ok(isTold, 'drain() waits for ever');
  }));

test('destroy calls back what waits and what runs, once, with undefined; handles do nothing afterwards [TW-30]', async (t) => {
  const pool = ending(t, await createPool({ module: JOBS, workers: 1 }));
  const gate = words(2);
  const called = [];
  const handles = [pool.split('block', gate, (value) => called.push(value))];
  await until(() => Atomics.load(gate, 0) === 1);
  for (const i of upTo(5)) handles.push(pool.split('echo', i, (value) => called.push(value)));
  await pool.destroy();
  assert.deepEqual(called, new Array(6).fill(undefined));
  for (const handle of handles) handle.disconnect();
  pool.split('echo', 1, (value) => called.push(value));
  await until(() => called.length === 7); // also one that comes too late
});

test('a callback that tries again while the pool is destroyed is called back as well [TW-30, AM-42]', async (t) => {
  const pool = ending(t, new Pool({ module: JOBS, workers: 1 }));
  let calls = 0;
  const again = () => {
    if (++calls < 10) pool.split('echo', calls, again);
  };
  pool.split('echo', 0, again);
  await pool.destroy();
  await until(() => calls === 10);
});

test('whoever is refused hears of it after the call: trying again does not nest, and drain() waits for it [TW-01]', () =>
  withJobs({ workers: 1, maxQueue: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const waiting = job(pool, 'echo', 'waits');
    let tries = 0;
    const done = new Promise((resolve) => {
      const again = (value) => (value === 'served' ? resolve(value) : (++tries, pool.split('echo', 'served', again)));
      again();
    });
    await until(() => tries > 20_000); // so many nested calls would not fit on the stack
    const handles = [
      pool.split('echo', 1, () => assert.fail('called')),
      pool.sequence([{ task: 'echo' }], () => assert.fail('called')),
    ];
    for (const handle of handles) handle.disconnect();
    await gate.release();
    assert.deepEqual([await waiting, await done], ['waits', 'served']);
  }));

test('drain() settles after the callbacks of those that were refused [TW-01]', () =>
  withJobs({}, async (pool) => {
    let called = 0;
    for (let i = 0; i < 3; i++) pool.split('echo', Symbol('no value'), () => called++);
    pool.bulkSplit('echo', [Symbol('no value')], () => called++);
    pool.sequence([{ task: 'echo', payload: Symbol('no value') }], () => called++);
    assert.equal(called, 0);
    await pool.drain();
    assert.equal(called, 5);
  }));

// ---- Lost and late ----

test('a job whose worker dies or hangs runs again; with onLost: reject it does not [C-04, TW-54]', () =>
  withJobs({ liveness, workers: 1 }, async (pool) => {
    const runs = words(2);
    const hanging = (at) => ({ words: runs, at, hangs: 1, value: 'second time' });
    assert.equal(await job(pool, 'hangFirst', hanging(0)), 'second time');
    assert.equal(await job(pool, 'hangFirst', hanging(1), { onLost: 'reject' }), undefined);
    assert.deepEqual([...runs], [2, 1]);
    assert.equal(pool.diagnostics().interventions, 2);
  }));

test('a job that hangs every time ends with POISON_JOB: the callback gets undefined, once [TW-57]', () =>
  withJobs({ liveness: { ...liveness, maxRedeliveries: 2 }, workers: 1 }, async (pool) => {
    const errors = errorsOf(pool);
    const runs = words(1);
    const called = [];
    pool.split('hangFirst', { words: runs, at: 0, hangs: Infinity }, (value) => called.push(value));
    await until(() => called.length > 0);
    assert.equal(await job(pool, 'echo', 'served'), 'served');
    assert.deepEqual([called, runs[0], errors.length], [[undefined], 3, 1]);
  }));

test('a job that is disconnected and hangs is stopped, and not run again [TW-56]', () =>
  withJobs({ liveness, workers: 1 }, async (pool) => {
    const runs = words(1);
    const handle = pool.split('hangFirst', { words: runs, at: 0, hangs: Infinity }, () => assert.fail('called'));
    await until(() => Atomics.load(runs, 0) === 1);
    handle.disconnect();
    assert.equal(await job(pool, 'echo', 'served'), 'served');
    assert.equal(runs[0], 1);
  }));

test('without the option, jobs are watched for 5 s of silence and dispatch is not [C-07, TW-54]', () => {
  const clock = new FakeClock();
  return withJobs({ scheduler: clock.scheduler }, async (pool) => {
    const runs = words(2);
    const plain = pool.dispatch('hangFirst', { words: runs, at: 0, hangs: 1 });
    await until(() => Atomics.load(runs, 0) === 1);
    const result = job(pool, 'hangFirst', { words: runs, at: 1, hangs: 1, value: 'second time' });
    await until(() => Atomics.load(runs, 1) === 1);
    for (let second = 0; second < 4; second++) clock.advance(1000);
    assert.equal(pool.diagnostics().interventions, 0);
    for (let second = 0; second < 3; second++) clock.advance(1000);
    assert.equal(await result, 'second time');
    clock.advance(60_000);
    assert.deepEqual([...runs], [1, 2]);
    assert.equal(pool.diagnostics().interventions, 1);
    await plain.terminate();
    assert.equal(await codeOf(plain), 'CANCELLED');
  });
});

/** Waits for a hung task's end. */
const waits = { recycleTimeoutMs: Infinity, liveness: false };

test('a time limit ends a job; nothing is drained until its worker is free again [C-04, C-06, C-18]', () =>
  withJobs({ ...waits, workers: 2, telemetry: { tickMs: 1, ring: 1e5 } }, async (pool) => {
    let drained = 0;
    pool.on('drained', () => drained++);
    const errors = errorsOf(pool);
    const gate = words(2);
    assert.equal(await job(pool, 'block', gate, { timeoutMs: 20 }), undefined);
    assert.match(errors[0], /longer than 20 ms/);
    assert.equal(await job(pool, 'echo', 'beside it'), 'beside it');
    await until(() => pool.stats().freeWorkers === 1);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(drained, 0);
    release(gate);
    await until(() => drained === 1);
    assert.equal(pool.stats().freeWorkers, 2);
    const samples = pool.report().SampleCount;
    await until(() => pool.report().SampleCount > samples + 2);
    assert.equal(drained, 1, 'once for all that was done');
  }));

test('a leased result is the callback’s own until it is released; disconnected, it goes back by itself [C-08]', () =>
  withJobs({}, async (pool) => {
    const box = await job(pool, 'echo', new Uint8Array(5000).fill(3), { deliver: 'lease' });
    assert.equal(pool.diagnostics().boxesInUse, 1);
    box.release();
    const handles = upTo(50).map(() =>
      pool.split('echo', 'x'.repeat(5000), (given) => given?.release(), { deliver: 'lease' }),
    );
    for (const handle of handles) handle.disconnect();
  }));
