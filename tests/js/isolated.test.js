import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import { createPool, Pool } from '../../js/index.js';
import { STATUS } from '../../js/generated/status.js';
import { C_MODULE, C_TASKS, codeOf, MODULE, until, withPatience, withPool } from './helpers.js';

const WASM = new URL('../../build/js/isolated.mjs', import.meta.url);

/** @param {object} options @param {(pool: any) => Promise<void>} use */
async function withTasks(options, use) {
  const pool = await createPool({ wasm: WASM, workers: 1, ...options });
  try {
    await use(pool);
    await until(() => pool.diagnostics().boxesInUse === 0);
  } finally {
    await pool.destroy();
  }
}

// ---- Values ----

test('values of every kind go into an instance and come back, small and large, leased as well', () =>
  withTasks({}, async (pool) => {
    const large = new Uint8Array(3_000_000).map((_, i) => i);
    const values = [
      undefined,
      1.5,
      '',
      'ä€😀',
      'x'.repeat(100_000),
      { a: [1, null] },
      [],
      true,
      new Uint8Array(0),
      large,
    ];
    for (const value of values) assert.deepEqual(await pool.dispatch('echo', value), value);
    const types = [
      [undefined, 0],
      [new Uint8Array(3), 1],
      ['text', 2],
      [{ a: 1 }, 3],
      [7, 5],
    ];
    for (const [value, type] of types) assert.equal(await pool.dispatch('input_type', value), type);
    assert.equal(await pool.dispatch('sum', new Uint8Array([1, 2, 3])), 6);
    const box = await pool.dispatch('zeros', 10, { deliver: 'lease' });
    assert.deepEqual([...box.binary()], new Array(10).fill(0));
    assert.equal(await pool.dispatch('sum', box), 0);
    box.release();
    assert.deepEqual(await pool.map('sum', [new Uint8Array(1), new Uint8Array([2, 3])]), [0, 5]);
  }));

test('progress arrives in order and before the result; heartbeats and cancellation reach the task', () =>
  withTasks({}, async (pool) => {
    const seen = [];
    assert.equal(await pool.dispatch('progress', 3, { onProgress: (value) => seen.push(value) }), 'end');
    assert.deepEqual(seen, [1, 2, 3, 'x'.repeat(1000)]);
    assert.equal(
      await codeOf(pool.dispatch('until_cancelled', undefined, { timeoutMs: 20, cancelGraceMs: 60_000 })),
      'TIMEOUT',
    );
    const { kills, stops } = pool.diagnostics();
    assert.deepEqual([kills, stops.check.count, stops.terminate.count], [0, 0, 0], 'it ended by itself');
  }));

test('tasks and handlers are found by their names, beside each other', async () => {
  await withTasks({ module: MODULE }, async (pool) => {
    assert.equal(await pool.dispatch('add', { a: 1, b: 2 }), 3);
    assert.equal(await pool.dispatch('sum', new Uint8Array([4])), 4);
    assert.equal(await pool.dispatch('echo', 'in C'), 'in C');
    assert.equal(await codeOf(pool.dispatch('nobody')), 'UNKNOWN_TASK');
  });
});

for (const [wasm, task] of [
  [WASM, 'echo'],
  [C_MODULE, 'c_echo'],
])
  test(`what JSON would lose is NOT_SERIALIZABLE for ${task}, with the way to it; what says itself what JSON gets is not`, () =>
    withPool({ wasm, workers: 1 }, async (pool) => {
      for (const [value, text] of [
        [new Map([[1, 2]]), /value is a Map/],
        [{ a: [0, new Set()] }, /value\.a\[1\] is a Set/],
        [[/x/], /value\[0\] is a RegExp/],
        [{ 'odd key': Object.assign(new TypeError('x'), { code: 1 }) }, /\["odd key"\] is a TypeError/],
        [{ buffer: new ArrayBuffer(2) }, /value\.buffer is an ArrayBuffer/],
      ])
        await assert.rejects(pool.dispatch(task, value), { code: 'NOT_SERIALIZABLE', message: text });
      assert.equal(await codeOf(pool.map(task, [1, new Map()])), 'NOT_SERIALIZABLE');
      const own = new (class A {
        x = 1;
      })();
      const values = [{ when: new Date(0), own, list: [null, 'x'] }, Object.assign(Object.create(null), { y: 2 })];
      for (const value of values) assert.deepEqual(await pool.dispatch(task, value), JSON.parse(JSON.stringify(value)));
      assert.deepEqual(await pool.dispatch(task, new Uint8Array([1, 2]).buffer), new Uint8Array([1, 2]));
      const knot = {};
      knot.knot = knot;
      assert.equal(await codeOf(pool.dispatch(task, knot)), 'NOT_SERIALIZABLE');
    }));

// ---- Ends ----

/** Statuses that say what only the pool can know. */
const POOLS_OWN = [
  'UNKNOWN_TASK',
  'TIMEOUT',
  'WORKER_LOST',
  'POISON_JOB',
  'POOL_DESTROYED',
  'START_FAILED',
  'BROKEN_INVARIANT',
];

test('a status is the code of the error, as where tasks share memory; what only the pool can know is not a task’s to say', () =>
  withTasks({}, async (pool) => {
    await assert.rejects(pool.dispatch('fail'), { code: 'TASK_FAILED', message: 'as asked, in C' });
    for (const [status, code] of [
      [-6, 'CANCELLED'],
      [-22, 'NO_MEMORY'],
      [-1, 'INVALID_ARGUMENT'],
      [1, 'TASK_FAILED'],
      [-999, 'TASK_FAILED'],
    ])
      assert.equal(await codeOf(pool.dispatch('return_status', status)), code, String(status));
    for (const name of POOLS_OWN) {
      await assert.rejects(pool.dispatch('return_status', STATUS[name]), {
        code: 'TASK_FAILED',
        message: `the task returned a number that is no status of a task: ${STATUS[name]}`,
      });
    }
  }));

test('where tasks share memory, they cannot say what only the pool can know, either', () =>
  withPool({ wasm: C_TASKS, workers: 1 }, async (pool) => {
    for (const name of POOLS_OWN) {
      await assert.rejects(pool.dispatch('fail_with', STATUS[name]), {
        code: 'TASK_FAILED',
        message: `the task returned a number that is no status of a task: ${STATUS[name]}`,
      });
    }
    assert.equal(await codeOf(pool.dispatch('fail_with', STATUS.CANCELLED)), 'CANCELLED');
  }));

test('several tasks that wait for an instance: when one loses it, the next ones get another', () =>
  withTasks({ concurrentTasksPerWorker: 4 }, async (pool) => {
    const names = ['trap', 'call_abort', 'count', 'trap', 'trap', 'count', 'trap', 'count'];
    const ends = await Promise.allSettled(names.map((name) => pool.dispatch(name)));
    for (const [i, { reason, value }] of ends.entries()) {
      if (names[i] === 'count') assert.equal(value, 1);
      else assert.match(reason.message, /unreachable|Aborted/);
    }
  }));

test('a result that the pool has no room for is NO_MEMORY or TOO_LARGE', () =>
  withTasks({ memory: { maximum: '32mb' } }, async (pool) => {
    assert.match(await codeOf(pool.dispatch('zeros', 64 << 20)), /^(NO_MEMORY|TOO_LARGE)$/);
    assert.equal(await pool.dispatch('sum', new Uint8Array([1])), 1);
  }));

const ENDS = {
  call_exit: /exit\(3\)/,
  call_abort: /./,
  trap: /unreachable/,
  overflow: /stack/i,
  overrun: /./,
};
for (const [name, text] of Object.entries(ENDS))
  test(`${name} in a C task fails that task alone, and the next one finds an instance as new`, () =>
    withTasks({}, async (pool) => {
      assert.equal(await pool.dispatch('count'), 1);
      const bytes = name === 'overrun' ? 20_000_000 : 3;
      await assert.rejects(
        pool.dispatch(name, bytes),
        (error) => error.code === 'TASK_FAILED' && text.test(error.message),
      );
      assert.equal(await pool.dispatch('count'), 1);
      assert.deepEqual([pool.diagnostics().kills, pool.diagnostics().threads], [0, 1]);
    }));

test('writes through NULL stop nobody', () =>
  withTasks({}, async (pool) => {
    for (let i = 0; i < 3; i++) assert.equal(await pool.dispatch('write_null'), 1);
    assert.equal(await pool.dispatch('sum', new Uint8Array([1])), 1);
  }));

// ---- Kills ----

/** Each hangs while it holds or changes something of the whole program. The second task runs afterwards, and must answer as before. */
const HANGS = {
  hang_in_random: ['use_random', 1],
  hang_in_setlocale: ['use_locale', '1970'],
  keep_and_hang: ['kept', 'nothing'],
  leak_and_hang: ['count', 1],
};
for (const [name, [next, expected]] of Object.entries(HANGS))
  test(`${name}: killed again and again, its locks, statics and heap are gone with its instance, its thread lives on`, () =>
    withTasks({ module: MODULE }, async (pool) => {
      const thread = await pool.dispatch('thread');
      for (let round = 0; round < 10; round++) {
        assert.equal(await codeOf(pool.dispatch(name, undefined, { timeoutMs: 5 })), 'TIMEOUT');
        assert.equal(await pool.dispatch(next), expected);
      }
      if (pool.diagnostics().kills === 0) assert.equal(await pool.dispatch('thread'), thread);
      assert.ok(pool.diagnostics().stops.check.count > 0);
    }));

test('a task that is killed while it changes the environment leaves it to nobody', () =>
  withTasks({}, async (pool) => {
    const before = await pool.dispatch('variables');
    for (let round = 0; round < 5; round++)
      assert.equal(await codeOf(pool.dispatch('hang_in_setenv', undefined, { timeoutMs: 5 })), 'TIMEOUT');
    assert.equal(await pool.dispatch('variables'), before);
  }));

test('without loop checks a hung task costs its worker, as any handler does', () =>
  withTasks({ loopChecks: false, module: MODULE }, async (pool) => {
    const thread = await pool.dispatch('thread');
    assert.equal(await codeOf(pool.dispatch('hang_in_random', undefined, { timeoutMs: 5 })), 'TIMEOUT');
    assert.equal(await pool.dispatch('use_random'), 1);
    assert.notEqual(await pool.dispatch('thread'), thread);
    assert.equal(await pool.dispatch('grow', 40 << 20), 1);
    assert.equal((await pool.dispatch('zeros', 1 << 20)).length, 1 << 20);
  }));

test('each worker has an instance of its own', () =>
  withTasks({ workers: 2, module: MODULE }, async (pool) => {
    const counts = await pool.broadcast('count');
    assert.deepEqual(counts, [1, 1]);
    assert.deepEqual(await pool.broadcast('count'), [2, 2]);
  }));

test('a thousand kills beside a worker that works: every result is right, and the memory does not grow', () =>
  withTasks({ workers: 2 }, async (pool) => {
    const killed = (async () => {
      for (let i = 0; i < 1000; i++)
        assert.equal(await codeOf(pool.dispatch('hang_in_random', undefined, { timeoutMs: 1 })), 'TIMEOUT');
    })();
    let over = false;
    void killed.finally(() => (over = true));
    let rounds = 0;
    for (; !over; rounds++) assert.equal(await pool.dispatch('sum', new Uint8Array([rounds & 255])), rounds & 255);
    await killed;
    assert.ok(rounds > 0);
    assert.equal(pool.stats().errors, 1000);
  }));

// ---- Memory ----

test('maxTaskBytes is a ceiling for each instance; what does not fit is NO_MEMORY', () =>
  withTasks({ maxTaskBytes: '32mb' }, async (pool) => {
    assert.equal(await pool.dispatch('grow', 8 << 20), 1);
    assert.equal(await codeOf(pool.dispatch('grow', 40 << 20)), 'NO_MEMORY');
    assert.equal(await codeOf(pool.dispatch('sum', new Uint8Array(40 << 20))), 'NO_MEMORY');
    assert.equal(await pool.dispatch('sum', new Uint8Array([1])), 1);
  }));

test('an instance that has grown by much is replaced after its task', () =>
  withTasks({}, async (pool) => {
    assert.equal(await pool.dispatch('count'), 1);
    assert.equal(await pool.dispatch('grow', 10 << 20), 1);
    assert.equal(await pool.dispatch('count'), 2);
    assert.equal(await pool.dispatch('grow', 100 << 20), 1);
    assert.equal(await pool.dispatch('count'), 1);
  }));

// ---- Starting ----

test('isolation says what a module must be; options that do not suit it are refused by name', async () => {
  await withTasks({ isolation: 'worker' }, async (pool) => assert.equal(await pool.dispatch('count'), 1));
  const wrong = [
    [{ wasm: WASM, isolation: 'none' }, /isolation: .*memory of its own/],
    [{ wasm: C_MODULE, isolation: 'worker' }, /isolation: .*linked with the core/],
    [{ wasm: C_MODULE, maxTaskBytes: '1mb' }, /maxTaskBytes/],
    [{ wasm: WASM, maxTaskBytes: 65536 }, /memory of \d+ bytes to start/],
  ];
  for (const [options, text] of wrong)
    await assert.rejects(
      createPool({ workers: 1, ...options }),
      (error) => error.code === 'INVALID_ARGUMENT' && text.test(error.message),
    );
  for (const options of [{ isolation: 'worker' }, { maxTaskBytes: 1 }, { wasm: WASM, isolation: 'process' }])
    assert.throws(() => new Pool({ module: MODULE, ...options }), { code: 'INVALID_ARGUMENT' });
});

test('text without a line end is printed when its task ends, by a return or by a trap', async () => {
  const program = `
    import { createPool } from ${JSON.stringify(new URL('../../js/index.js', import.meta.url).href)};
    const pool = await createPool({ wasm: ${JSON.stringify(WASM.href)}, workers: 1 });
    for (const task of ['print_half', 'print_half_and_trap', 'print_half']) {
      await pool.dispatch(task).catch(() => undefined);
      process.stdout.write('|');
    }
    await pool.destroy();`;
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program]);
  assert.equal(stdout, 'half a line|before|half a line|');
  assert.match(stderr, /and a half[^]*and a half/);
});

test('a module that hangs when an instance is made costs the task that needs it its time, and no more', async () => {
  const url = new URL('../../build/js/slow-start.mjs', import.meta.url);
  process.env.WASMPOOL_TEST_START = 'hang again'; // the first instance of each thread starts
  try {
    await withPool({ wasm: url, workers: 1 }, async (pool) => {
      assert.equal(await pool.dispatch('one'), 1);
      for (let round = 0; round < 3; round++) {
        assert.equal(await codeOf(pool.dispatch('trap')), 'TASK_FAILED');
        assert.equal(await codeOf(pool.dispatch('one', undefined, { timeoutMs: 20 })), 'TIMEOUT');
        assert.equal(await pool.dispatch('one'), 1, 'a new thread');
      }
    });
  } finally {
    delete process.env.WASMPOOL_TEST_START;
  }
});

for (const [how, text] of [
  ['hang', /not ready within/],
  ['trap', /unreachable/],
])
  test(`a module that always starts with a ${how} is refused; one that does so later is given up, with the reason`, async () => {
    const wasm = new URL('../../build/js/slow-start.mjs', import.meta.url);
    const options = { wasm, workers: 1, readyTimeoutMs: 300, loopChecks: false };
    process.env.WASMPOOL_TEST_START = how;
    try {
      await assert.rejects(createPool(options), { code: 'START_FAILED', message: text });
      delete process.env.WASMPOOL_TEST_START;
      const restart = { max: 3, minMs: 1, maxMs: 2 };
      await withPool({ ...options, restart }, async (pool) => {
        assert.equal(await pool.dispatch('one'), 1);
        process.env.WASMPOOL_TEST_START = how;
        assert.equal(await codeOf(pool.dispatch('hang', undefined, { timeoutMs: 20 })), 'TIMEOUT');
        await assert.rejects(pool.dispatch('one'), { code: 'WORKER_LOST', message: text });
      });
    } finally {
      delete process.env.WASMPOOL_TEST_START;
    }
  });

test('what a task prints is printed, and wasmpool map runs such tasks on files, with limits', async () => {
  const run = promisify(execFile);
  const program = `
    import { createPool } from ${JSON.stringify(new URL('../../js/index.js', import.meta.url).href)};
    const pool = await createPool({ wasm: ${JSON.stringify(WASM.href)}, workers: 1 });
    await pool.dispatch('print', 'from C');
    await pool.destroy();`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program]);
  assert.equal(stdout, 'from C\n');
  const cli = new URL('../../bin/wasmpool.mjs', import.meta.url).pathname;
  const map = (task, ...more) =>
    run(process.execPath, [cli, 'map', `${WASM.pathname}#${task}`, ...more, new URL(import.meta.url).pathname], {
      encoding: 'utf8',
    });
  const [line] = (await map('sum', '--files')).stdout.trim().split('\n');
  assert.ok(JSON.parse(line).result > 1000);
  await assert.rejects(
    map('hang_in_random', '--timeout', '100', '--files'),
    (error) => error.code === 1 && /TIMEOUT/.test(error.stderr),
  );
});

// ---- Critical sections ----

test('a stop waits for the end of a critical section, and takes effect there; one that never ends is ended with its thread', () =>
  withPatience(() =>
    withTasks({}, async (pool) => {
      const task = pool.dispatch('long_section');
      await until(() => pool.stats().busyWorkers === 1 && pool.stats().queued === 0);
      task.terminate();
      assert.equal(await codeOf(task), 'CANCELLED');
      await until(() => pool.diagnostics().stops.check.count === 1);
      assert.ok(pool.diagnostics().stops.check.maxMs >= 10, String(pool.diagnostics().stops.check.maxMs));
      assert.equal(await pool.dispatch('sum', new Uint8Array([1, 2])), 3);
    }),
  ).then(() =>
    withTasks({}, async (pool) => {
      for (let i = 0; i < 3; i++) {
        assert.equal(await codeOf(pool.dispatch('endless_section', undefined, { timeoutMs: 5 })), 'TIMEOUT');
        assert.equal(await pool.dispatch('sum', new Uint8Array([1, 2])), 3);
      }
    }),
  ));
