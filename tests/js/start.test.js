/** The two-phase start on Node, and how it fails: with a reason, and without leaving anything behind. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createPool, Pool } from '../../js/index.js';
import { codeOf, countingThreads, DEADLY, ending, until } from './helpers.js';

const scratch = mkdtempSync(join(tmpdir(), 'wasmpool-start-'));
test.after(() => rmSync(scratch, { recursive: true }));

let modules = 0;
/** @param {string} text of a worker module; returns its path */
function moduleOf(text) {
  const path = join(scratch, `module-${modules++}.js`);
  writeFileSync(path, text);
  return path;
}

const failures = {
  'throws on import': ["throw new TypeError('at import')", {}, /(Worker|Spare)_\d: TypeError: at import/],
  'throws later while it is imported': ["await null; throw new TypeError('at last')", {}, /at last/],
  'throws nothing': ['throw undefined', {}, /(Worker|Spare)_\d: /],
  'cannot be parsed': ['export const = 5;', {}, /(Worker|Spare)_\d: SyntaxError/],
  'imports what is not there': ["import './no-such-file.js';", {}, /no-such-file/],
  'is never done': [
    'await new Promise((resolve) => setInterval(() => {}, 1000))',
    { readyTimeoutMs: 3000 },
    /was not ready within 3000 ms/,
  ],
  'never comes back': ['for (;;);', { readyTimeoutMs: 3000 }, /was not ready within 3000 ms/],
  'waits for ever': [
    'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);',
    { readyTimeoutMs: 3000 },
    /was not ready within 3000 ms/,
  ],
  'ends its thread': ['process.exit(9)', {}, /code 9/],
};

for (const [what, [text, options, message]] of Object.entries(failures)) {
  test(`a module that ${what} rejects the start; no thread is left by then [AM-42, AT-27]`, (t) =>
    countingThreads(async (threads) => {
      const { ready } = ending(t, new Pool({ module: moduleOf(text), workers: 2, spares: 1, ...options }));
      const error = await ready.catch((caught) => caught);
      assert.equal(error.code, 'START_FAILED');
      assert.match(error.message, message);
      assert.equal(threads.started, 3);
      assert.equal(threads.gone, 3);
    }));
}

test('a missing module, a missing core and initData that cannot be sent reject the start', () =>
  countingThreads(async (threads) => {
    const missing = await createPool({ module: join(scratch, 'none.js'), workers: 1 }).catch((error) => error);
    assert.equal(missing.code, 'START_FAILED');
    assert.match(missing.message, /none\.js/);
    const core = await createPool({ module: DEADLY, wasm: join(scratch, 'none.mjs') }).catch((error) => error);
    assert.equal(core.code, 'START_FAILED');
    assert.match(core.message, /none/);
    const data = createPool({ module: DEADLY, workers: 1, initData: () => 1 });
    assert.equal(await codeOf(data), 'NOT_SERIALIZABLE');
    assert.equal(threads.gone, threads.started);
  }));

test('workerUrl and wasmUrl say where the files lie that somebody has placed by hand [XP-13]', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'wasmpool-files-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const dist = fileURLToPath(new URL('../../js/dist', import.meta.url));
  for (const file of readdirSync(dist))
    if (file.startsWith('boot-node')) copyFileSync(join(dist, file), join(directory, file));
  copyFileSync(fileURLToPath(new URL('../../wasm/dist/wasmpool.wasm', import.meta.url)), join(directory, 'core.wasm'));
  const module = moduleOf('export const add = ([a, b]) => a + b; export const where = () => new Error().stack');
  const at = (/** @type {string} */ file) => pathToFileURL(join(directory, file));
  const options = { module, workers: 1, workerUrl: at('boot-node.cjs'), wasmUrl: at('core.wasm') };
  const pool = ending(t, await createPool(options));
  assert.equal(await pool.dispatch('add', [20, 22]), 42);
  assert.ok((await pool.dispatch('where')).includes(directory), 'its worker started with the file of another place');
  for (const wrong of [{ workerUrl: at('none.cjs') }, { wasmUrl: at('none.wasm') }])
    assert.equal(await codeOf(createPool({ ...options, ...wrong })), 'START_FAILED');
});

test('tasks that were submitted before a start that fails reject with its reason; so does everything later', async (t) => {
  const pool = ending(t, new Pool({ module: moduleOf("throw new Error('no')"), workers: 1 }));
  const early = [
    pool.dispatch('echo', 1),
    pool.batch([{ task: 'echo' }]),
    pool.broadcast('echo'),
    pool.map('echo', [1, 2]),
  ];
  assert.deepEqual(await Promise.all(early.map(codeOf)), Array(4).fill('START_FAILED'));
  assert.equal(await codeOf(pool.ready), 'START_FAILED');
  assert.equal(await codeOf(pool.dispatch('echo', 1)), 'POOL_DESTROYED');
  await pool.destroy();
});

test('destroy while the pool starts: ready and all tasks reject, no thread is left', (t) =>
  countingThreads(async (threads) => {
    for (const turns of [0, 1, 5, 20]) {
      const pool = ending(t, new Pool({ module: DEADLY, workers: 2 }));
      let up = 0;
      pool.on('workerUp', () => up++);
      const task = pool.dispatch('echo', 1);
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
      const [, code] = await Promise.all([pool.destroy(), codeOf(task)]);
      assert.ok(['POOL_DESTROYED', 'fulfilled'].includes(code), code);
      assert.equal(await codeOf(pool.ready), up === 2 ? 'fulfilled' : 'POOL_DESTROYED');
      assert.equal(threads.gone, threads.started);
    }
  }));

test('a pool that ends before it has started rejects its `ready`; nobody need look at that', async (t) => {
  const unhandled = [];
  const note = (/** @type {unknown} */ error) => unhandled.push(error);
  process.on('unhandledRejection', note);
  t.after(() => process.off('unhandledRejection', note));
  for (const end of ['destroy', 'close']) {
    const seen = new Pool({ module: DEADLY, workers: 1 });
    const unseen = new Pool({ module: DEADLY, workers: 1 });
    await Promise.all([seen[end](), unseen[end]()]);
    assert.equal(await codeOf(seen.ready), 'POOL_DESTROYED', end);
  }
  await new Promise((resolve) => setImmediate(resolve)); // by then they would have been emitted
  assert.deepEqual(unhandled, []);
});

test('a replacement that cannot start counts against the budget; then its seat is given up [AM-42]', async (t) => {
  const flag = join(scratch, 'flag');
  const module = moduleOf(`import { existsSync } from 'node:fs';
    if (existsSync(${JSON.stringify(flag)})) throw new Error('not again');
    export const echo = (value) => value;
    export const exit = () => process.exit(1);`);
  const pool = ending(t, await createPool({ module, workers: 1, restart: { minMs: 1, maxMs: 1, max: 3 } }));
  const down = [];
  const retired = [];
  pool.on('workerDown', ({ error }) => down.push(error.code));
  pool.on('workerRetired', ({ worker, error }) => retired.push(worker, error.message));
  writeFileSync(flag, '');
  const lost = pool.dispatch('exit');
  const waiting = pool.dispatch('echo', 1);
  assert.equal(await codeOf(lost), 'WORKER_LOST');
  assert.equal(await codeOf(waiting), 'WORKER_LOST');
  assert.deepEqual(down, ['WORKER_LOST', 'START_FAILED', 'START_FAILED', 'START_FAILED']);
  assert.equal(retired[0], 'Worker_1');
  assert.match(retired[1], /not again/);
  await pool.destroy();
});

test('a task that ends a worker while others still start does not fail the start', async (t) => {
  const module = moduleOf(`export const exit = () => process.exit(1);
    export const echo = (value) => value;`);
  const pool = ending(t, new Pool({ module, workers: 3, restart: { minMs: 1, maxMs: 1, max: -1 } }));
  const lost = Array.from({ length: 3 }, () => pool.dispatch('exit'));
  assert.deepEqual(await Promise.all(lost.map(codeOf)), Array(3).fill('WORKER_LOST'));
  await pool.ready;
  assert.deepEqual(await pool.broadcast('echo', 1), [1, 1, 1]);
  await pool.destroy();
});

test('destroying one pool, even with hung tasks, leaves the other alone [AM-53]', async (t) => {
  const [one, other] = await Promise.all([
    createPool({ module: DEADLY, workers: 1 }),
    createPool({ module: DEADLY, workers: 1 }),
  ]);
  for (const pool of [one, other]) ending(t, pool);
  const thread = await other.dispatch('thread');
  const hung = one.dispatch('spin');
  await until(() => one.stats().freeWorkers === 0);
  const slow = other.dispatch('later', 50);
  await one.destroy();
  assert.equal(await codeOf(hung), 'POOL_DESTROYED');
  assert.equal(await slow, 'later');
  assert.equal(await other.dispatch('thread'), thread);
  await other.destroy();
});
