/** What a pool keeps while it lives, and what it leaves when it ends: timers, listeners, events, the process. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import test from 'node:test';
import { Emitter } from '../../js/api/events.js';
import { createPool, Pool } from '../../js/index.js';
import { countedTime, FakeClock } from './fake-clock.js';
import { blocker, codeOf, DEADLY, ending, MODULE, until, withPool } from './helpers.js';

// ---- Events ----

test('an event is told to those who listened when it came, whatever its listeners do to the list', () => {
  const events = new Emitter(['error']);
  /** @type {string[]} */
  const seen = [];
  const offs = ['a', 'b', 'c'].map((name) =>
    events.on('error', () => {
      seen.push(name);
      if (name !== 'a') return;
      offs[0]();
      offs[1]();
      events.on('error', () => seen.push('new'));
    }),
  );
  events.emit('error');
  assert.deepEqual(seen.splice(0), ['a', 'b', 'c']);
  events.emit('error');
  assert.deepEqual(seen.splice(0), ['c', 'new']);
  events.clear();
  events.emit('error');
  assert.deepEqual(seen, []);
});

test('a listener that throws reaches neither the other listeners nor the pool', (t) =>
  withPool({ workers: 1 }, async (pool) => {
    const logged = t.mock.method(console, 'error', () => undefined);
    /** @type {string[]} */
    const seen = [];
    pool.on('error', () => {
      throw new Error('in a listener');
    });
    pool.on('error', (/** @type {string} */ message) => seen.push(message));
    assert.equal(await codeOf(pool.dispatch('fail', 'why')), 'TASK_FAILED');
    assert.deepEqual(seen, ['why']);
    assert.equal(logged.mock.callCount(), 1);
    assert.equal(await pool.dispatch('echo', 1), 1);
  }));

test('a listener that ends the pool hears of that event, and of none that comes later', async (t) => {
  const pool = ending(t, await createPool({ module: MODULE, workers: 1 }));
  /** @type {string[]} */
  const seen = [];
  pool.on('error', (/** @type {string} */ message) => {
    seen.push(message);
    void pool.destroy();
  });
  const failed = pool.dispatch('fail', 'first');
  const waiting = [pool.dispatch('spin'), pool.dispatch('echo', 1)];
  assert.deepEqual(await Promise.all([failed, ...waiting].map(codeOf)), [
    'TASK_FAILED',
    'POOL_DESTROYED',
    'POOL_DESTROYED',
  ]);
  await pool.destroy();
  assert.deepEqual(seen, ['first']);
});

test('a task that fails at once, and whose listener ends the pool, only rejects', async (t) => {
  for (const weight of [undefined, 'light', 'heavy']) {
    const pool = ending(t, await createPool({ module: MODULE, workers: 1 }));
    pool.on('error', () => void pool.destroy());
    assert.equal(await codeOf(pool.dispatch('echo', () => 'not to be sent', { weight })), 'NOT_SERIALIZABLE');
    assert.equal(await codeOf(pool.dispatch('echo', 1, { weight })), 'POOL_DESTROYED');
  }
});

// ---- drained ----

test('giving up the last task drains the pool, wherever the task was [AM-35]', () =>
  withPool({ workers: 1 }, async (pool) => {
    let drained = 0;
    pool.on('drained', () => drained++);
    pool.pause();
    const waiting = pool.dispatch('echo', 1); // waits in the core
    waiting.cancel();
    assert.equal(drained, 1);
    assert.equal(await codeOf(waiting), 'CANCELLED');
    await pool.drain();
    pool.resume();
    const running = blocker(pool);
    await running.running;
    running.promise.cancel();
    assert.equal(await codeOf(running.promise), 'CANCELLED');
    assert.equal(drained, 1, 'its worker is not free yet');
    running.release().catch(() => undefined);
    assert.equal(await pool.dispatch('echo', 1), 1);
    await pool.drain();
    await until(() => drained === 2);
  }));

test('giving up a task that main’s budget holds back drains the pool [AM-35]', async () => {
  const time = new FakeClock();
  time.costMs = 100; // main's budget is used up by the first task with a weight
  await withPool({ workers: 1, scheduler: time.scheduler, liveness: false }, async (pool) => {
    let drained = 0;
    pool.on('drained', () => drained++);
    assert.equal(await pool.dispatch('echo', 0, { weight: 'light' }), 0);
    await pool.drain();
    assert.equal(drained, 1);
    const held = [1, 2].map((value) => pool.dispatch('echo', value, { weight: 'light' }));
    assert.deepEqual([pool.stats().queued, pool.stats().freeWorkers], [2, 1], 'main has them');
    const waiting = pool.drain();
    for (const task of held) task.cancel();
    assert.equal(drained, 2);
    await waiting;
    assert.deepEqual(await Promise.all(held.map(codeOf)), ['CANCELLED', 'CANCELLED']);
  });
});

// ---- What is lost with a worker ----

test('a result that only a message carries is lost with its worker, if the message never comes', (t) =>
  withPool({ module: DEADLY, workers: 1, restart: { minMs: 1, maxMs: 1, max: -1 } }, async (pool) => {
    // The worker finishes the task and dies; its message is kept from arriving.
    const { Mail } = await import('../../js/engine/mail.js');
    t.mock.method(Mail.prototype, 'receive', () => undefined);
    let drained = 0;
    pool.on('drained', () => drained++);
    const task = pool.dispatch('exitAfterMove', 200_000);
    const error = await task.catch((/** @type {any} */ caught) => caught);
    assert.deepEqual([error.code, error.worker, error.taskId], ['WORKER_LOST', 'Worker_1', task.id]);
    assert.match(error.message, /before its result arrived/);
    assert.equal(pool.stats().queued, 0);
    await pool.drain();
    await until(() => drained === 1);
    assert.equal(await pool.dispatch('echo', 1), 1);
  }));

test('a result whose message is on its way is not lost with another worker', (t) =>
  withPool({ module: DEADLY, restart: { minMs: 1, maxMs: 1, max: -1 } }, async (pool) => {
    const { Mail } = await import('../../js/engine/mail.js');
    const { receive } = Mail.prototype;
    /** @type {(() => void)[]} */
    const late = [];
    t.mock.method(Mail.prototype, 'receive', function hold(/** @type {any[]} */ ...given) {
      late.push(() => receive.apply(this, /** @type {any} */ (given)));
    });
    const words = [0, 1].map(() => new Int32Array(new SharedArrayBuffer(8)));
    const moved = pool.dispatch('moveLate', words[0]);
    const other = pool.dispatch('exitLate', words[1]); // each has a worker of its own
    await until(() => words.every((word) => Atomics.load(word, 0) === 1));
    const release = (/** @type {Int32Array} */ word) => (Atomics.store(word, 1, 1), Atomics.notify(word, 1));
    release(words[0]);
    await until(() => late.length === 1 && pool.stats().freeWorkers === 1); // its completion has come
    release(words[1]);
    assert.equal(await codeOf(other), 'WORKER_LOST');
    await until(() => pool.stats().freeWorkers === 2);
    late[0]();
    assert.equal((await moved).length, 2 ** 20);
  }));

test('a result that only a message carries, and that never comes, is lost when the pool ends', async (t) => {
  const pool = ending(t, await createPool({ module: MODULE, workers: 1 }));
  const { Mail } = await import('../../js/engine/mail.js');
  const received = t.mock.method(Mail.prototype, 'receive', () => undefined);
  const task = pool.dispatch('move', 200_000);
  await until(() => received.mock.callCount() === 1);
  await pool.dispatch('echo', 1); // by then its completion has come
  await pool.destroy();
  assert.equal(await codeOf(task), 'POOL_DESTROYED');
});

// ---- What is left after destroy() ----

/** Each gives what settles when the pool ends. @type {Record<string, (pool: any) => Promise<{ left?: Promise<unknown> }>>} */
const leftovers = {
  'a leased box': async (pool) => {
    await pool.dispatch('bytes', 10, { deliver: 'lease' });
    return {};
  },
  'a task with a time limit': async (pool) => ({ left: codeOf(pool.dispatch('spin', 0, { timeoutMs: 1e8 })) }),
  'a watched job that hangs': async (pool) => ({ left: new Promise((resolve) => pool.split('spin', 0, resolve)) }),
  'a worker that is to be replaced': async (pool) => {
    await codeOf(pool.dispatch('exit', 1));
    return {};
  },
  'tasks that main holds back': async (pool) => ({
    left: Promise.all([1, 2, 3].map((value) => codeOf(pool.dispatch('echo', value, { weight: 'heavy' })))),
  }),
};

for (const [what, leave] of Object.entries(leftovers))
  test(`no timer is left of a pool that is destroyed with ${what} [AM-58]`, async (t) => {
    const { timers, scheduler } = countedTime();
    const pool = ending(
      t,
      await createPool({
        module: DEADLY,
        workers: 1,
        spares: 1,
        scheduler,
        dispatchBudgetMs: 0.001,
        telemetry: { tickMs: 10_000 },
        liveness: { timeoutMs: 1e8, scanMs: 1e8 },
        restart: { minMs: 1e8, maxMs: 1e8 },
      }),
    );
    await until(() => timers.size === 1); // only telemetry's is left, so the spare has started as well
    const { left } = await leave(pool);
    assert.ok(timers.size > (what === 'tasks that main holds back' ? 0 : 1), `${timers.size} timers`);
    await pool.destroy();
    assert.equal(timers.size, 0);
    await left;
    assert.equal(timers.size, 0);
  });

test('no timer is left of a pool with a clock of its own [AM-58]', async (t) => {
  const { timers, scheduler } = countedTime({ now: () => 5 });
  const pool = ending(t, await createPool({ module: DEADLY, workers: 1, scheduler, liveness: false }));
  const hung = codeOf(pool.dispatch('spin'));
  await until(() => timers.size === 1); // the one that tells workers the time
  await pool.destroy();
  assert.equal(await hung, 'POOL_DESTROYED');
  assert.equal(timers.size, 0);
});

test('no timer is left of a pool that is destroyed by a callback of its own tick [AM-58]', async (t) => {
  const time = new FakeClock();
  time.costMs = 100; // main's budget is used up by the first task with a weight
  const pool = ending(
    t,
    new Pool({ module: DEADLY, workers: 1, scheduler: time.scheduler, telemetry: true, liveness: false }),
  );
  const first = pool.dispatch('echo', 1, { weight: 'heavy' });
  const second = pool.dispatch('echo', () => 'not to be sent', { weight: 'heavy' });
  await pool.ready;
  assert.equal(await first, 1);
  let closing;
  pool.on('error', () => (closing = pool.destroy()));
  time.advance(16);
  assert.ok(closing);
  assert.equal(await codeOf(second), 'NOT_SERIALIZABLE');
  await closing;
  assert.equal(time.timers, 0);
});

test('no timer is left of a pool that is destroyed while it starts [AM-58]', async (t) => {
  for (const turns of [0, 1, 5, 20]) {
    const { timers, scheduler } = countedTime();
    const options = { module: DEADLY, workers: 1, spares: 1, scheduler, telemetry: true, readyTimeoutMs: 1e8 };
    const pool = ending(t, new Pool(options));
    const task = codeOf(pool.dispatch('spin', 0, { timeoutMs: 1e8 }));
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
    await pool.destroy();
    assert.equal(await task, 'POOL_DESTROYED');
    assert.equal(timers.size, 0, `${turns} turns`);
  }
});

test('no listener is left of a pool that is destroyed: of signals, of the process, or its own', async (t) => {
  const { signal } = new AbortController();
  const ofProcess = () => process.eventNames().map((name) => [name, process.listenerCount(name)]);
  const before = ofProcess();
  const pool = ending(t, await createPool({ module: MODULE, workers: 1 }));
  /** @type {string[]} */
  const seen = [];
  for (const event of /** @type {const} */ (['error', 'drained', 'workerDown', 'workerRetired']))
    pool.on(event, () => seen.push(event));
  const tasks = [
    pool.dispatch('spin', 0, { signal }),
    pool.dispatch('echo', 1, { signal }),
    pool.batch([{ task: 'echo' }, { task: 'echo' }], { signal }),
    new Promise((resolve) => pool.split('echo', 1, resolve, { signal })),
    new Promise((resolve) => pool.bulkSplit('echo', [1, 2], resolve, { signal })),
  ];
  assert.ok(getEventListeners(signal, 'abort').length > 0);
  const held = pool.drain();
  await pool.destroy();
  await Promise.all([held, ...tasks.map(codeOf)]);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  assert.deepEqual(ofProcess(), before);
  assert.deepEqual(seen, []);
});

// ---- The process ----

/** @param {string} body statements after `pool`, with unref @param {string} [options] */
function program(body, options = '') {
  const text = `import { createPool } from ${JSON.stringify(new URL('../../js/index.js', import.meta.url))};
    const pool = await createPool({ module: ${JSON.stringify(MODULE.href)}, workers: 1, unref: true, ${options} });
    ${body}`;
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', text], {
    encoding: 'utf8',
    timeout: 120_000, // otherwise it would wait an hour
  });
  return { status, signal, stdout: stdout.trim(), stderr };
}

const HOUR = 3_600_000;
const ended = (/** @type {string} */ stdout) => ({ status: 0, signal: null, stdout, stderr: '' });

test('the timer of a pool with unref keeps the process alive while it is busy, and only then [XP-12]', async (t) => {
  const time = new FakeClock();
  /** Whether each timer that is set keeps the process alive. @type {Map<unknown, boolean>} */
  const holds = new Map();
  const setTimeout = (/** @type {() => void} */ run, /** @type {number} */ ms) => {
    const timer = {
      number: time.scheduler.setTimeout(() => (holds.delete(timer), run()), ms),
      ref: () => holds.set(timer, true),
      unref: () => holds.set(timer, false),
    };
    holds.set(timer, true);
    return timer;
  };
  const clearTimeout = (/** @type {any} */ timer) => (holds.delete(timer), time.scheduler.clearTimeout(timer.number));
  const pool = ending(
    t,
    await createPool({
      module: MODULE,
      workers: 1,
      unref: true,
      leaseMs: 1000,
      liveness: false,
      scheduler: { now: time.scheduler.now, setTimeout, clearTimeout },
    }),
  );
  const states = () => [...holds.values()];
  const first = await pool.dispatch('echo', 'x', { deliver: 'lease' });
  await pool.drain();
  time.advance(500);
  const second = await pool.dispatch('echo', 'y', { deliver: 'lease' });
  await pool.drain();
  assert.deepEqual(states(), [false]);
  time.advance(500);
  assert.throws(() => first.raw(), { code: 'LEASE_EXPIRED' });
  assert.equal(second.string(), 'y');
  assert.deepEqual(states(), [false], 'set while the pool is idle');
  const gate = blocker(pool);
  await gate.running;
  assert.ok(states().includes(true), 'busy');
  await gate.release();
  await pool.drain();
  assert.ok(!states().includes(true), 'idle');
  second.release();
});

for (const [what, body, options] of [
  ['a lease that ends in an hour', `await pool.dispatch('echo', 'x', { deliver: 'lease' })`, `leaseMs: ${HOUR}`],
  ['ticks of telemetry', `await pool.dispatch('echo', 1)`, `telemetry: { tickMs: ${HOUR} }`],
  [
    'a time limit of a task that has settled',
    `await pool.dispatch('echo', 1, { timeoutMs: ${HOUR} })`,
    `taskTimeoutMs: ${HOUR}`,
  ],
  [
    'a lease that was taken while another task ran',
    `const first = pool.dispatch('echo', 'x', { deliver: 'lease' });
    const second = pool.dispatch('slow', 1);
    await Promise.all([first, second])`,
    `leaseMs: ${HOUR}`,
  ],
  [
    'a worker that is to be replaced in an hour',
    `const down = new Promise((resolve) => pool.on('workerDown', resolve));
    const awake = setInterval(() => {}, 1000);
    await pool.dispatch('throwLater');
    await down;
    clearInterval(awake)`,
    `restart: { minMs: ${HOUR}, maxMs: ${HOUR} }`,
  ],
  ['a tick after a job', `await new Promise((resolve) => pool.split('echo', 1, resolve))`, 'liveness: false'],
])
  test(`${what} does not keep an idle pool's process alive (unref) [XP-12]`, () => {
    assert.deepEqual(program(`${body}; console.log('end');`, options), ended('end'));
  });

test('a task that runs, waits, or is held back keeps the process alive (unref) [XP-12]', () => {
  const body = `for (let i = 0; i < 50; i++) pool.dispatch('slow', 1, { weight: 'heavy' }).then(() => i === 49 && console.log('last'));`;
  assert.deepEqual(program(body, 'dispatchBudgetMs: 0.001'), ended('last'));
});
