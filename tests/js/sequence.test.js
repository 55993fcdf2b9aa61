/** Chains of jobs. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Handle } from '../../js/jobs/callback.js';
import { createPool } from '../../js/index.js';
import { blocker, codeOf, ending, liveness, until } from './helpers.js';
import { errorsOf, job, JOBS, release, standStillUntil, upTo, withJobs, words } from './jobs-support.js';

/** What the callback gets. */
const sequence = (pool, steps) => new Promise((resolve) => void pool.sequence(steps, resolve));

test('steps run one after the other, with payloads of their own; the callback gets all results [TW-32, TW-33]', () =>
  withJobs({ workers: 4 }, async (pool) => {
    const running = words(2);
    const steps = upTo(20).map((value) => ({ task: 'alone', payload: { words: running, value } }));
    assert.deepEqual(await sequence(pool, steps), upTo(20));
    assert.equal(running[1], 0, 'steps that overlapped');
    assert.deepEqual(
      await sequence(pool, [
        { task: 'calledWith', payload: 1 },
        { task: 'calledWith', payload: { own: 2 } },
        { task: 'calledWith' },
      ]),
      [[1], [{ own: 2 }], [undefined]],
    );
  }));

test('a payload function is called on main with the result before it, just before its step is sent [TW-34]', () =>
  withJobs({}, async (pool) => {
    const seen = [];
    const with_ = (step) => (previous) => {
      seen.push([step, previous, pool.diagnostics().tasksInUse <= 1]);
      return (previous ?? 1) * 10;
    };
    const steps = [0, 1, 2].map((i) => ({ task: 'double', payload: with_(i) }));
    const results = sequence(pool, steps);
    assert.deepEqual(seen, [[0, undefined, true]], 'the first one at once');
    assert.deepEqual(await results, [20, 400, 8000]);
    assert.deepEqual(
      seen.map(([step, previous]) => [step, previous]),
      [
        [0, undefined],
        [1, 20],
        [2, 400],
      ],
    );
  }));

test('the function is called in the turn in which the result before it is learned [TW-34]', () =>
  withJobs({}, async (pool) => {
    let promised = false;
    const inTurn = [];
    const steps = [
      { task: 'echo', payload: 1 },
      {
        task: 'echo',
        payload: () => {
          queueMicrotask(() => (promised = true));
          return 2;
        },
      },
      { task: 'echo', payload: () => inTurn.push(promised) },
    ];
    await sequence(pool, steps);
    assert.deepEqual(inTurn, [true], 'in a later turn than the function before');
  }));

test('a payload function that throws ends the chain: logged, no callback, the promise rejects [C-05, TW-35]', () =>
  withJobs({}, async (pool) => {
    const errors = errorsOf(pool);
    const runs = words(1);
    const broken = () => {
      throw new Error('no payload');
    };
    const steps = [
      { task: 'count', payload: runs },
      { task: 'count', payload: broken },
      { task: 'count', payload: runs },
    ];
    const chain = pool.sequence(steps, () => assert.fail('called'));
    await assert.rejects(async () => await chain, { message: 'no payload' });
    assert.deepEqual(errors, ['a sequence ended at step 2: no payload']);
    assert.equal(await job(pool, 'echo', 'next'), 'next');
    assert.equal(runs[0], 1);
    chain.disconnect();
    pool.sequence([{ task: 'count', payload: broken }], () => assert.fail('called')); // nobody awaits it
    assert.equal(errors.length, 2);
  }));

test('a step that fails gives undefined, is told of, and the chain goes on [C-05, TW-36]', () =>
  withJobs({}, async (pool) => {
    const errors = errorsOf(pool);
    const seen = [];
    const steps = [
      { task: 'echo', payload: 1 },
      { task: 'fail', payload: 'second' },
      { task: 'echo', payload: (previous) => (seen.push(previous), 3) },
      { task: 'nobody' },
      { task: 'echo', payload: Symbol('no value') },
      { task: 'echo', payload: 6 },
    ];
    assert.deepEqual(await pool.sequence(steps), [1, undefined, 3, undefined, undefined, 6]);
    assert.deepEqual(seen, [undefined]);
    assert.equal(errors.length, 3);
    assert.equal(errors[0], 'second');
  }));

test('disconnected during step 2 of 3, no further step is sent, the callback never runs, awaiting it rejects [TW-37]', () =>
  withJobs({ workers: 1 }, async (pool) => {
    const gate = words(2);
    const runs = words(1);
    const errors = errorsOf(pool);
    const steps = [{ task: 'echo' }, { task: 'block', payload: gate }, { task: 'count', payload: runs }];
    const chain = pool.sequence(steps, () => assert.fail('called'));
    await until(() => Atomics.load(gate, 0) === 1);
    chain.disconnect();
    chain.disconnect();
    assert.equal(await codeOf(chain), 'CANCELLED');
    release(gate);
    assert.equal(await job(pool, 'echo', 'next'), 'next');
    assert.deepEqual([runs[0], pool.diagnostics().kills, errors], [0, 0, []]);
  }));

test('disconnected while its step waits, the step never runs [TW-37, TW-13]', () =>
  withJobs({ workers: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const runs = words(1);
    const chain = pool.sequence([{ task: 'count', payload: runs }], () => assert.fail('called'));
    chain.disconnect();
    assert.equal(pool.stats().queued, 0);
    await gate.release();
    assert.equal(await job(pool, 'echo', 'next'), 'next');
    assert.equal(runs[0], 0);
  }));

test('disconnected by a payload function of its own, by its callback, and while its last step is not delivered [TW-37, TW-16]', () => {
  const gate = words(2);
  return withJobs({ workers: 1, initData: gate }, async (pool) => {
    const own = pool.sequence(
      [
        { task: 'echo', payload: 1 },
        { task: 'note', payload: () => own.disconnect() },
      ],
      () => assert.fail('called'),
    );
    assert.equal(await codeOf(own), 'CANCELLED');
    assert.deepEqual(await pool.dispatch('notes'), [], 'its step was not sent');
    let calls = 0;
    const ended = pool.sequence([{ task: 'echo', payload: 1 }], () => {
      calls++;
      ended.disconnect();
    });
    assert.deepEqual(await ended, [1], 'it was over');
    const finished = pool.sequence([{ task: 'echo', weight: 'light' }], () => assert.fail('called'));
    const last = pool.dispatch('blockStill', 0, { priority: 'low' });
    standStillUntil(gate, 0, 1);
    finished.disconnect();
    assert.equal(await codeOf(finished), 'CANCELLED');
    release(gate);
    await last;
    assert.equal(calls, 1);
  });
});

test('between steps other jobs have their turn; each step has a weight of its own [TW-38]', () =>
  withJobs({ workers: 1 }, async (pool) => {
    const gate = blocker(pool);
    await gate.running;
    const note = (payload, weight) => ({ task: 'note', payload, weight });
    const chains = ['A', 'B'].map((name) =>
      sequence(
        pool,
        [1, 2, 3].map((step) => note(`${name}${step}`)),
      ),
    );
    const other = job(pool, 'note', 'other');
    await gate.release();
    await Promise.all([...chains, other]);
    const order = await pool.dispatch('notes');
    for (const name of ['A', 'B'])
      assert.deepEqual(
        order.filter((n) => n[0] === name),
        [1, 2, 3].map((step) => name + step),
      );
    assert.ok(order.indexOf('other') < order.indexOf('A2'), `${order}`);
    const second = blocker(pool);
    await second.running;
    const heavy = job(pool, 'note', 'heavy');
    const light = sequence(pool, [note('light', 'light')]);
    await second.release();
    await Promise.all([heavy, light]);
    assert.deepEqual(await pool.dispatch('notes'), ['light', 'heavy']);
  }));

test('a step is heavy unless it says otherwise [TW-07, TW-38]', () =>
  withJobs({ aging: false }, async (pool) => {
    const gate = words(3);
    let isOver = false;
    pool.bulkSplit('blockSlice', [0], () => (isOver = true), { sharedArgs: { words: gate } });
    await until(() => Atomics.load(gate, 2) === 1);
    assert.deepEqual(await sequence(pool, [{ task: 'echo', payload: 1, weight: 'light' }]), [1]);
    const heavy = sequence(pool, [
      { task: 'echo', payload: 1, weight: 'light' },
      { task: 'echo', payload: 2 },
    ]).then(() => assert.ok(isOver));
    for (let i = 0; i < 20; i++) await pool.dispatch('echo', i);
    assert.equal(isOver, false);
    release(gate);
    await heavy;
  }));

test('a step without a task ends the chain there and says which; no steps are an error with dev [TW-39]', async () => {
  await withJobs({ dev: true }, async (pool) => {
    const errors = errorsOf(pool);
    const runs = words(1);
    assert.equal(await codeOf(pool.sequence([{}])), 'INVALID_ARGUMENT');
    assert.match(errors[0], /step 1/);
    assert.equal(
      await codeOf(pool.sequence([{ task: 'count', payload: runs }, { payload: 2 }, { task: 'count', payload: runs }])),
      'INVALID_ARGUMENT',
    );
    assert.match(errors[1], /step 2/);
    assert.equal(await codeOf(pool.sequence([undefined])), 'INVALID_ARGUMENT');
    assert.equal(runs[0], 1);
    const wrong = { code: 'INVALID_ARGUMENT' };
    assert.throws(() => pool.sequence([]), wrong);
    assert.throws(() => pool.sequence({ task: 'echo' }), wrong);
    assert.throws(() => pool.sequence([{ task: 'echo' }], 'callback'), wrong);
  });
  await withJobs({}, async (pool) => assert.deepEqual(await pool.sequence([]), []));
});

test('10,000 steps, the last third of which fail at once [TW-40]', { timeout: 60_000 }, () =>
  withJobs({ dispatchBudgetMs: Infinity }, async (pool) => {
    const task = { task: 'echo', payload: (previous) => (previous ?? -1) + 1 };
    assert.deepEqual(await pool.sequence(upTo(10_000).map(() => task)), upTo(10_000));
    const failing = upTo(10_000).map((i) =>
      i % 3 === 2 ? { task: 'echo', payload: Symbol('no value') } : { task: 'echo', payload: i },
    );
    const results = await pool.sequence(failing);
    assert.deepEqual(
      results,
      upTo(10_000).map((i) => (i % 3 === 2 ? undefined : i)),
    );
    const allFailing = upTo(10_000).map(() => ({ task: 'echo', payload: Symbol('no value') }));
    assert.equal((await pool.sequence(allFailing)).length, 10_000);
  }),
);

test('one step is as good as a split: order, weight, results and failures are the same [TW-41]', () =>
  withJobs({ workers: 1 }, async (pool) => {
    const asSplit = (task, payload, options) => job(pool, task, payload, options);
    const asSequence = async (task, payload, options) => (await sequence(pool, [{ task, payload, ...options }]))[0];
    const traces = [];
    for (const run of [asSplit, asSequence]) {
      const errors = [];
      const off = pool.on('error', (message) => errors.push(message));
      const gate = blocker(pool);
      await gate.running;
      const results = [
        run('note', 'heavy'),
        run('note', 'low', { priority: 'low' }),
        run('note', 'light', { weight: 'light' }),
        run('note', 'critical', { priority: 'critical' }),
        run('fail', 'broken'),
      ];
      const { queued } = pool.stats();
      await gate.release();
      traces.push({ results: await Promise.all(results), order: await pool.dispatch('notes'), errors, queued });
      off();
    }
    assert.deepEqual(traces[0], traces[1]);
    assert.deepEqual(traces[0].errors, ['broken']);
    assert.deepEqual(traces[0].order, ['critical', 'light', 'heavy', 'low']);
  }));

test('a sequence can be awaited, with or without a callback; the callback is first [TW-32]', (t) =>
  withJobs({}, async (pool) => {
    const logged = t.mock.method(console, 'error', () => {});
    const order = [];
    const chain = pool.sequence([{ task: 'echo', payload: 1 }], (results) => order.push(['callback', ...results]));
    order.push(['awaited', ...(await chain)]);
    assert.deepEqual(order, [
      ['callback', 1],
      ['awaited', 1],
    ]);
    assert.deepEqual(await chain, [1], 'again');
    const steps = [2, 3].map((payload) => ({ task: 'echo', payload }));
    assert.deepEqual(await pool.sequence(steps), [2, 3]);
    assert.deepEqual(logged.mock.calls, [], 'nothing is amiss without a callback');
  }));

test('the list of steps is taken as it is when sequence is called [TW-62]', () =>
  withJobs({}, async (pool) => {
    const steps = [
      { task: 'echo', payload: 1 },
      { task: 'echo', payload: 2 },
    ];
    const chain = pool.sequence(steps);
    steps.length = 0;
    assert.deepEqual(await chain, [1, 2]);
  }));

test('a step that hangs runs again, and the chain goes on [C-04, TW-54]', () =>
  withJobs({ workers: 1, liveness }, async (pool) => {
    const runs = words(1);
    const steps = [
      { task: 'echo', payload: 1 },
      { task: 'hangFirst', payload: { words: runs, at: 0, hangs: 1, value: 2 } },
      { task: 'echo', payload: (previous) => previous + 1 },
    ];
    assert.deepEqual(await pool.sequence(steps), [1, 2, 3]);
    assert.equal(runs[0], 2);
  }));

test('destroy ends a chain: no further payload is asked for, one callback, and its promise rejects [C-05, TW-30]', async (t) => {
  const pool = ending(t, await createPool({ module: JOBS, workers: 1 }));
  const gate = words(2);
  const called = [];
  const asked = [];
  const chain = pool.sequence(
    [
      { task: 'echo', payload: 'done' },
      { task: 'block', payload: gate },
      ...upTo(50).map((n) => ({ task: 'echo', payload: () => asked.push(n) })),
    ],
    (results) => called.push(results),
  );
  await until(() => Atomics.load(gate, 0) === 1);
  await pool.destroy();
  assert.equal(await codeOf(chain), 'POOL_DESTROYED');
  assert.deepEqual(called, [['done', ...new Array(51).fill(undefined)]]);
  assert.deepEqual(asked, []);
  const late = pool.sequence([{ task: 'echo' }], (results) => called.push(results));
  assert.equal(called.length, 1, 'never before the handle is known');
  assert.equal(await codeOf(late), 'POOL_DESTROYED');
  assert.deepEqual(called[1], [undefined]);
});

test('a sequence is a handle; in development its names are checked before anything runs [TW-33]', () =>
  withJobs({ dev: true }, async (pool) => {
    const chain = pool.sequence([{ task: 'echo', payload: 1 }]);
    assert.ok(chain instanceof Handle);
    assert.deepEqual(await chain, [1]);
    assert.throws(() => pool.sequence([{ task: 'echo' }, { task: 'nobody' }]), { code: 'UNKNOWN_TASK' });
  }));
