/** Failures say why: workers that end, modules that cannot be read, values that are thrown, and the stacks of errors. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { createPool, Pool } from '../../js/index.js';
import { until, withPool } from './helpers.js';

const DYING = new URL('./fixtures/dying.js', import.meta.url);
const reasonOf = (promise) => promise.then(assert.fail, (error) => error);

// ---- Workers that end ----

/** Task, argument, exit code, and what the cause must be. */
const DEATHS = [
  ['exit', 3, 3, (cause) => assert.equal(cause.message, 'Worker_1 exited with code 3')],
  ['exit', 0, 0, (cause) => assert.equal(cause.message, 'Worker_1 exited with code 0')],
  ['exitLater', 7, 7, (cause) => assert.equal(cause.exitCode, 7)],
  ['uncaught', 0, 1, (cause) => assert.deepEqual([cause.name, cause.message, cause.code, cause.extra], ['TypeError', 'mine', 'E_MINE', [1]])], // prettier-ignore
  ['unhandled', 0, 1, (cause) => assert.deepEqual([cause.name, cause.message], ['RangeError', 'nobody'])],
  ['uncaughtThrown', 'object', 1, (cause) => assert.deepEqual(cause, { code: 5, list: [1] })],
  ['uncaughtThrown', 'text', 1, (cause) => assert.equal(cause, 'text')],
  ['uncaughtThrown', 'nothing', 1, (cause) => assert.match(cause.message, /threw undefined/)],
];

for (const policy of ['always', 'never']) {
  for (const [name, argument, exitCode, check] of DEATHS) {
    test(`a task that ends with its worker says why: ${name} ${argument}, restart policy '${policy}'`, () =>
      withPool({ module: DYING, workers: 1, restart: { policy, minMs: 1, jitter: 0 } }, async (pool) => {
        const down = [];
        pool.on('workerDown', (event) => down.push(event));
        const lost = reasonOf(pool.dispatch(name, argument));
        const waiting = pool.dispatch('echo', 1).catch((error) => error);
        const error = await lost;
        assert.deepEqual([error.code, error.exitCode, error.worker], ['WORKER_LOST', exitCode, 'Worker_1']);
        assert.match(error.message, /^Worker_1 ended while it ran the task: \S/);
        check(error.cause);
        assert.equal(down[0].exitCode, exitCode);
        if (policy === 'always') {
          assert.equal(await waiting, 1);
          return;
        }
        for (const left of [await waiting, await reasonOf(pool.dispatch('echo', 2))]) {
          assert.deepEqual([left.code, left.exitCode], ['WORKER_LOST', exitCode]);
          assert.match(left.message, /^every worker has ended, and none is restarted: \S/);
          check(left.cause);
        }
      }));
  }
}

test('a seat that is given up after too many failures: tasks bound to it say why, and those that were to run again do', () =>
  withPool({ module: DYING, workers: 1, restart: { max: 2, minMs: 1, jitter: 0 } }, async (pool) => {
    const again = await reasonOf(pool.dispatch('exit', 4, { onLost: 'requeue' }));
    assert.equal(again.exitCode, 4);
    assert.match(again.message, /every worker was given up after too many failures: Worker_1 exited with code 4/);
    const broadcast = await reasonOf(pool.broadcast('echo', 1));
    assert.deepEqual([broadcast.code, broadcast.exitCode], ['WORKER_LOST', 4]);
  }));

test('a worker that reaches its memory limit: the task says so', () =>
  withPool(
    { module: DYING, workers: 1, resourceLimits: { maxOldGenerationSizeMb: 16 }, restart: { minMs: 1 } },
    async (pool) => {
      const error = await reasonOf(pool.dispatch('fillMemory'));
      assert.deepEqual([error.code, error.cause.code], ['WORKER_LOST', 'ERR_WORKER_OUT_OF_MEMORY']);
      assert.match(error.message, /memory limit/);
    },
  ));

test('a worker that crashes between tasks is a warning with its stack, unless somebody listens', async () => {
  const warnings = [];
  const note = (warning) => warning.name === 'WasmpoolWarning' && warnings.push(warning);
  process.on('warning', note);
  await withPool({ module: DYING, workers: 1, restart: { minMs: 1, jitter: 0 } }, async (pool) => {
    await pool.dispatch('failsBetween');
    await until(() => warnings.length > 0);
    assert.match(warnings[0].message, /^Worker_1 ended between tasks: TypeError: between tasks$/);
    assert.match(warnings[0].detail, /dying\.js:\d+/);
    assert.equal(warnings[0].code, 'WASMPOOL_WORKER_LOST');
    assert.equal(await pool.dispatch('echo', 1), 1);
    const down = [];
    pool.on('workerDown', (event) => down.push(event));
    await pool.dispatch('failsBetween');
    await until(() => down.length > 0);
    assert.equal(down[0].error.message, 'between tasks');
    assert.equal(await pool.dispatch('echo', 1), 1);
    await reasonOf(pool.dispatch('exit', 1)); // its task tells of it
  });
  process.off('warning', note);
  assert.equal(warnings.length, 1);
});

// ---- Modules that cannot be read ----

test('a syntax error names the file and the line: in the module, in what it imports, in CommonJS; so does a missing export', async () => {
  const warnings = [];
  const note = ({ name, message }) => name === 'WasmpoolWarning' && warnings.push(message);
  process.on('warning', note);
  const directory = mkdtempSync(join(tmpdir(), 'wasmpool-why-'));
  const write = (name, text) => {
    writeFileSync(join(directory, name), text);
    return pathToFileURL(join(directory, name)).href;
  };
  const broken = write('broken.mjs', 'export const a = 1;\nexport const b = () => {\n  const x = ;\n};\n');
  const imports = write('imports.mjs', "// first\nimport './broken.mjs';\nexport const a = 1;\n");
  const common = write('common.cjs', 'exports.a = 1;\nconst y = ;\n');
  const missing = write('missing.mjs', "\nimport { none } from './fine.mjs';\n");
  write('fine.mjs', 'export const some = 1;\n');
  const places = {
    [broken]: 'broken.mjs:3',
    [imports]: 'broken.mjs:3',
    [common]: 'common.cjs:2',
    [missing]: 'missing.mjs:2',
  };
  for (const [module, place] of Object.entries(places)) {
    const error = await reasonOf(createPool({ module, workers: 2 }));
    assert.equal(error.code, 'START_FAILED');
    assert.match(error.message, /^Worker_\d: SyntaxError: /);
    assert.ok(error.message.includes(place), `${error.message} has ${place}`);
    assert.ok(error.cause instanceof SyntaxError);
  }
  const thrown = await reasonOf(
    createPool({ module: write('throws.mjs', 'throw { code: 5, why: "x" };'), workers: 1 }),
  );
  assert.match(thrown.message, /^Worker_1: \{"code":5,"why":"x"\}$/);
  assert.deepEqual(thrown.cause, { code: 5, why: 'x' });
  rmSync(directory, { recursive: true });
  process.off('warning', note);
  assert.deepEqual(warnings, [], 'the rejection tells of it');
});

// ---- What is thrown ----

test('thrown values that are no errors keep their content, in the cause and in the message', () =>
  withPool({ module: DYING, workers: 1 }, async (pool) => {
    /** What a handler throws, by name: the message and the cause. */
    const expected = {
      object: ['{"code":5,"list":[1]}', { code: 5, list: [1] }],
      text: ['text', 'text'],
      empty: ['', ''],
      null: ['null', null],
      number: ['7', 7],
      bigint: ['5', 5n],
      date: [String(new Date(0)), new Date(0)],
      map: ['{}', new Map([['a', 1]])],
      partly: ['{"code":7}', { code: 7 }],
      shared: ['{"code":8}', { code: 8 }],
      like: ['N: m', { name: 'N', message: 'm' }],
    };
    for (const [name, [message, cause]] of Object.entries(expected)) {
      const error = await reasonOf(pool.dispatch('throws', name));
      assert.equal(error.code, 'TASK_FAILED');
      assert.equal(error.message, message);
      assert.deepEqual(error.cause, cause);
    }
    assert.match((await reasonOf(pool.dispatch('throws', 'nothing'))).message, /threw undefined/);
    assert.match(
      (await reasonOf(pool.dispatch('throws', 'symbol'))).message,
      /^Symbol\(s\) was thrown: value is a symbol/,
    );
    assert.match(
      (await reasonOf(pool.dispatch('throws', 'function'))).message,
      /^\(\) => 1 was thrown: value is a function/,
    );
  }));

test('what a function of main throws reaches the handler with its class, code and properties; other values as they are', () => {
  const main = {
    twice: (value) => {
      throw value === 'error' ? Object.assign(new RangeError('out'), { code: 'E_MAIN', at: [1] }) : { code: 5 };
    },
  };
  return withPool({ workers: 1, main }, async (pool) => {
    const { cause } = await reasonOf(pool.dispatch('askMain', 'error'));
    assert.deepEqual([cause.constructor, cause.message, cause.code, cause.at], [RangeError, 'out', 'E_MAIN', [1]]);
    assert.deepEqual((await reasonOf(pool.dispatch('askMain', 'value'))).cause, { code: 5 });
  });
});

// ---- Stacks ----

const WAYS = {
  dispatch: (pool) => pool.dispatch('failsDeep'),
  'tasks.name': (pool) => pool.tasks.failsDeep(),
  batch: (pool) => pool.batch([{ task: 'echo' }, { task: 'failsDeep' }]),
  broadcast: (pool) => pool.broadcast('failsDeep'),
  map: (pool) => pool.map('failsDeep', [1, 2, 3]),
  'Promise.all': (pool) => Promise.all([pool.dispatch('echo'), pool.dispatch('failsDeep')]),
  'a promise chain': (pool) => pool.dispatch('failsDeep').then((value) => value),
};

for (const [name, submit] of Object.entries(WAYS)) {
  test(`the stack of a failed task has the worker's frames, then the caller's, and none of the pool's: ${name}`, () =>
    withPool({ module: DYING, workers: 2 }, async (pool) => {
      async function theCaller() {
        await submit(pool);
      }
      const { stack, cause } = await reasonOf(theCaller());
      const [head, ...frames] = stack.split('\n');
      assert.equal(head, 'PoolError: from the handler');
      assert.match(frames[0], /at inner .*dying\.js:\d+/);
      assert.match(frames[1], /at failsDeep .*dying\.js:\d+/);
      assert.ok(
        frames.some((line) => /at async theCaller .*why\.test\.js:\d+/.test(line)),
        stack,
      );
      assert.ok(
        !frames.some((line) => /boot-node\.cjs|\/js\/(?!.*test)\w+\.js:/.test(line.replace('/tests/js/', '/'))),
        stack,
      );
      assert.ok(cause instanceof TypeError);
    }));
}

test('stacks of a map that is iterated, of a time limit, and of a task that is awaited too late', () =>
  withPool({ module: DYING, workers: 1 }, async (pool) => {
    async function iterates() {
      for await (const value of pool.map('failsDeep', [1])) assert.fail(value);
    }
    assert.match((await reasonOf(iterates())).stack, /at inner [^]*at async iterates .*why\.test/);
    async function waits() {
      await pool.dispatch('forever', 1, { signal: AbortSignal.timeout(20) });
    }
    assert.match((await reasonOf(waits())).stack, /^PoolError: the task was aborted\n {4}at async waits /);
    const late = pool.dispatch('failsDeep');
    await pool.drain();
    const { stack } = await reasonOf(late);
    assert.match(stack, /^PoolError: from the handler\n {4}at inner /);
  }));

test('errors of tasks that nobody awaits raise nothing; a stack may be replaced', async () => {
  const pool = new Pool({ module: DYING, workers: 1 });
  for (let i = 0; i < 10; i++) void pool.dispatch('failsDeep');
  await pool.drain();
  const error = await reasonOf(pool.dispatch('failsDeep'));
  error.stack = 'mine';
  assert.equal(error.stack, 'mine');
  await pool.destroy();
});
