/** Options that go to the threads of the host: env, argv, execArgv, trackUnmanagedFds; and the name that all workers share. */
import assert from 'node:assert/strict';
import { closeSync, fstatSync, statSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { SHARE_ENV } from 'node:worker_threads';
import { host } from '../../js/host/index.js';
import { createPool, Pool } from '../../js/index.js';
import { codeOf, ending, withPool } from './helpers.js';

const MODULE = new URL('./fixtures/surroundings.js', import.meta.url);
const P = { module: MODULE, workers: 1, recycleTimeoutMs: 0 };
const NAMES = ['GREETING', 'COUNT', 'ABSENT', 'WASMPOOL_TEST_HOME'];

/** Ends the pool's only worker; the next task finds its successor. */
const kill = (pool) => codeOf(pool.dispatch('spin', null, { timeoutMs: 1 }));

/**
 * @param {import('node:test').TestContext} t
 * @param {string} value of WASMPOOL_TEST_HOME while the test runs
 */
function setVariable(t, value) {
  process.env.WASMPOOL_TEST_HOME = value;
  t.after(() => delete process.env.WASMPOOL_TEST_HOME);
}

test("env is the workers' environment before their module is imported, and of later workers, whatever becomes of the object", (t) => {
  setVariable(t, 'here');
  const env = { GREETING: 'hello', COUNT: 3, ABSENT: undefined };
  return withPool({ ...P, env }, async (pool) => {
    env.GREETING = 'changed';
    for (let round = 0; round < 2; round++) {
      const { atImport, env: found } = await pool.dispatch('seen', NAMES);
      assert.equal(atImport, 'hello');
      assert.deepEqual(found, { GREETING: 'hello', COUNT: '3', ABSENT: undefined, WASMPOOL_TEST_HOME: undefined });
      await pool.dispatch('set', ['GREETING', 'a copy']);
      assert.equal(await kill(pool), 'TIMEOUT');
    }
    assert.equal(process.env.GREETING, undefined);
  });
});

test("without env workers have a copy of the program's; with SHARE_ENV they have the program's own", async (t) => {
  setVariable(t, 'here');
  for (const [env, afterwards] of [
    [undefined, 'here'],
    [SHARE_ENV, 'moved'],
  ]) {
    await withPool({ ...P, env }, async (pool) => {
      assert.equal((await pool.dispatch('seen', NAMES)).env.WASMPOOL_TEST_HOME, 'here');
      await pool.dispatch('set', ['WASMPOOL_TEST_HOME', 'moved']);
      assert.equal(process.env.WASMPOOL_TEST_HOME, afterwards);
    });
  }
});

test('argv and execArgv reach every worker; flags are obeyed before the pool is there', () => {
  const execArgv = ['--no-warnings', '--import', 'data:text/javascript,globalThis.preloaded = true'];
  return withPool({ ...P, argv: ['--level', 3], execArgv }, async (pool) => {
    for (let round = 0; round < 2; round++) {
      const { argv, execArgv: flags, preloaded } = await pool.dispatch('seen', []);
      assert.deepEqual([argv, flags, preloaded], [['--level', '3'], execArgv, true]);
      await kill(pool);
    }
  });
});

test('flags that a worker cannot have are refused by name, also in env.NODE_OPTIONS', async () => {
  await assert.rejects(createPool({ ...P, execArgv: ['--no-such-flag'] }), {
    code: 'INVALID_ARGUMENT',
    message: /^execArgv: .*--no-such-flag/,
  });
  await assert.rejects(createPool({ ...P, env: { NODE_OPTIONS: '--no-such-flag' } }), {
    code: 'INVALID_ARGUMENT',
    message: /^env\.NODE_OPTIONS: .*--no-such-flag/,
  });
});

/**
 * @param {number} fd
 * @param {string} path
 */
function isOpen(fd, path) {
  try {
    return fstatSync(fd).ino === statSync(path).ino; // the number may have gone to another file
  } catch {
    return false;
  }
}

test('trackUnmanagedFds: a file that a worker left open is closed with it, or, if false, stays open', async () => {
  const path = fileURLToPath(import.meta.url);
  for (const trackUnmanagedFds of [undefined, true, false]) {
    await withPool({ ...P, trackUnmanagedFds }, async (pool) => {
      const fd = await pool.dispatch('open', path);
      assert.ok(isOpen(fd, path));
      await kill(pool);
      await pool.drain(); // the thread is gone
      assert.equal(isOpen(fd, path), trackUnmanagedFds === false);
      if (trackUnmanagedFds === false) closeSync(fd);
    });
  }
});

test("name begins the names of all workers: in contexts, errors, events, diagnostics, traces and the runtime's own", async (t) => {
  const started = [];
  const { createThread } = host;
  t.mock.method(host, 'createThread', (...given) => {
    started.push(given[1]);
    return createThread(...given);
  });
  const pool = ending(t, new Pool({ ...P, workers: 2, spares: 1, name: 'img' }));
  const heard = [];
  for (const event of ['workerUp', 'workerDown'])
    pool.on(event, ({ name, worker }) => heard.push([event, name, worker]));
  await pool.ready;
  const trace = pool.trace();
  assert.deepEqual(started.slice(0, 3).sort(), ['img_1', 'img_2', 'img_Spare_1']);
  assert.deepEqual((await pool.broadcast('name')).sort(), ['img_1', 'img_2']);
  const failure = await pool.dispatch('fail').catch((error) => error);
  assert.match(failure.worker, /^img_[12]$/);
  const lost = await pool.dispatch('exit').catch((error) => error);
  assert.match(lost.worker, /^img_[12]$/);
  assert.match(lost.message, /^img_[12] ended while it ran the task: img_[12] exited with code 3$/);
  await kill(pool);
  await pool.drain();
  assert.deepEqual((await pool.broadcast('name')).sort(), ['img_1', 'img_2'], 'a spare takes the name of its seat');
  const { recentStops } = pool.diagnostics();
  assert.match(recentStops.at(-1).worker, /^img_[12]$/);
  const threads = trace.stop().traceEvents.filter(({ ph }) => ph === 'M');
  assert.deepEqual(
    threads.map(({ args }) => args.name),
    ['main', 'img_1', 'img_2'],
  );
  assert.ok(heard.length >= 4);
  for (const [, name, worker] of heard) assert.match(`${name} ${worker}`, /^(img_[12]) \1$/);
});

test('a worker that is given up for good is called by its name', async (t) => {
  const pool = ending(t, await createPool({ ...P, name: 'img', restart: { policy: 'never' } }));
  const [exit, late] = [pool.dispatch('exit'), pool.dispatch('name')];
  assert.equal(await codeOf(exit), 'WORKER_LOST');
  await assert.rejects(late, { code: 'WORKER_LOST', message: /img_1 exited with code 3/ });
});

test('worker options are checked before a thread starts', () => {
  for (const [option, message] of [
    [{ env: 'A=1' }, "env: expected an object of texts, or SHARE_ENV, got 'A=1'"],
    [{ env: Symbol('share') }, 'env: expected an object of texts, or SHARE_ENV, got Symbol(share)'],
    [{ env: { A: {} } }, 'env.A: expected a text, got [object Object]'],
    [{ env: { A: 'a\0b' } }, "env.A: expected a text without null characters, got 'a\0b'"],
    [{ argv: '--level' }, "argv: expected an array of texts, got '--level'"],
    [{ argv: [Symbol('x')] }, 'argv[0]: expected a text, got Symbol(x)'],
    [{ execArgv: [, '--no-warnings'] }, 'execArgv[0]: expected a text, got undefined'], // eslint-disable-line no-sparse-arrays
    [{ execArgv: {} }, 'execArgv: expected an array of texts, got [object Object]'],
    [{ trackUnmanagedFds: 1 }, 'trackUnmanagedFds: expected true or false, got 1'],
    [{ name: '' }, "name: expected 1 to 64 characters on one line, got ''"],
    [{ name: 7 }, 'name: expected 1 to 64 characters on one line, got 7'],
    [{ name: 'a\nb' }, "name: expected 1 to 64 characters on one line, got 'a\nb'"],
  ]) {
    assert.throws(() => new Pool({ ...P, ...option }), { code: 'INVALID_ARGUMENT', message });
  }
});

test('an option that workers of a runtime do not have is refused by name', () => {
  const { threadOptions, sharesEnv } = host;
  Object.assign(host, { threadOptions: ['env'], sharesEnv: false });
  try {
    for (const [name, value] of Object.entries({ workerData: 1, argv: [], execArgv: [], trackUnmanagedFds: true }))
      assert.throws(() => new Pool({ ...P, [name]: value }), {
        code: 'UNSUPPORTED',
        message: new RegExp(`^${name}: workers of node`),
      });
    assert.throws(() => new Pool({ ...P, env: SHARE_ENV }), { code: 'UNSUPPORTED', message: /^env: / });
  } finally {
    Object.assign(host, { threadOptions, sharesEnv });
  }
});
