/** What a worker on Node loads at its start: code that is compiled once, and nothing that most workers never need. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { createPool, defineWorker } from '../../js/index.js';
import { MODULE } from './helpers.js';

const LOADED = new URL('./fixtures/loaded.js', import.meta.url);

/**
 * The files that a module loads.
 * @param {URL} url
 * @param {Set<string>} [found]
 */
function filesOf(url, found = new Set()) {
  if (found.has(url.href)) return found;
  found.add(url.href);
  for (const [, specifier] of readFileSync(url, 'utf8').matchAll(/^(?:import|export)\b[^;]*?from '([^']+)'/gm))
    if (specifier.startsWith('.')) filesOf(new URL(specifier, url), found);
  return found;
}

/**
 * The first messages that the pool sends to its threads while the test runs, and a way to change them.
 * @param {import('node:test').TestContext} t
 * @param {(first: any) => void} [change]
 */
function watchFirst(t, change) {
  const seen = [];
  const { postMessage } = Worker.prototype;
  t.mock.method(Worker.prototype, 'postMessage', function (message, transfer) {
    if (message?.kind === 'wasmpool') {
      change?.(message);
      seen.push(message);
    }
    return postMessage.call(this, message, transfer);
  });
  return seen;
}

/** A pool of one worker, what it answers, and its end. */
async function use(module, task, payload) {
  const pool = await createPool({ module, workers: 1 });
  try {
    return await pool.dispatch(task, payload);
  } finally {
    await pool.destroy();
  }
}

/** Until main has code for later workers. @param {any[]} seen */
async function waitForCode(seen) {
  const pool = await createPool({ module: MODULE, workers: 1 });
  while (!seen.at(-1).code) await use(MODULE, 'echo', 1); // it is ready some time after the first worker's start
  await pool.destroy();
}

test('later workers get the code that the engine has made of the same file in an earlier one, and work as it does', async (t) => {
  const seen = watchFirst(t);
  await waitForCode(seen);
  assert.deepEqual([seen[0].code, seen[0].wantsCode], [undefined, true]);
  const { code, wantsCode } = seen.at(-1);
  assert.ok(code instanceof SharedArrayBuffer && code.byteLength > 10_000, 'code of the worker, not of a few lines');
  assert.equal(wantsCode, false);
  const pool = await createPool({ module: MODULE, workers: 2 });
  t.after(() => pool.destroy());
  assert.equal(seen.at(-1).code, code, 'the same memory for all');
  const value = new Map([['list', [1n, { deep: 'x' }]]]);
  assert.deepEqual(await pool.dispatch('echo', value), value);
  assert.equal(await pool.dispatch({ module: LOADED, name: 'twice' }, 21), 42, 'it imports modules');
  const failure = await pool.dispatch('nobody').catch((error) => error);
  assert.equal(failure.code, 'UNKNOWN_TASK');
});

test('later workers run the source that the code was made of, whatever lies in the file by then', async (t) => {
  const seen = watchFirst(t);
  await waitForCode(seen);
  const file = readFileSync(new URL('../../js/dist/boot-node-worker.cjs', import.meta.url), 'utf8');
  assert.equal(Buffer.from(seen.at(-1).source).toString(), file);
  t.mock.restoreAll();
  const other = Buffer.from(`globalThis.fromMain = true; ${file}`);
  const source = new SharedArrayBuffer(other.length);
  new Uint8Array(source).set(other);
  const changed = watchFirst(t, (first) => {
    Object.assign(first, { source, code: undefined });
  });
  const pool = await createPool({ allowFunctions: true, workers: 1 });
  t.after(() => pool.destroy());
  assert.equal(changed.length, 1);
  assert.equal(await pool.dispatch(() => globalThis.fromMain), true);
});

test('code that the engine refuses costs time only, and is replaced', async (t) => {
  const seen = watchFirst(t);
  await waitForCode(seen);
  const { code } = seen.at(-1);
  t.mock.restoreAll();
  const changed = watchFirst(t, (first) => {
    if (first.code === code) first.code = new SharedArrayBuffer(code.byteLength);
  });
  assert.equal(await use(MODULE, 'echo', 'text'), 'text');
  const refused = changed.at(-1).code;
  assert.notEqual(refused, code);
  const pool = await createPool({ module: MODULE, workers: 1 });
  t.after(() => pool.destroy());
  while (new Uint8Array(changed.at(-1).code).every((byte) => byte === 0)) await use(MODULE, 'echo', 1);
});

test('a worker loads the library for plain objects when the first of them travels', async () => {
  const pool = await createPool({ module: LOADED, workers: 1 });
  try {
    const loaded = async (payload) => (await pool.dispatch('loaded', payload)).split(' ');
    assert.ok(!(await loaded(1)).includes('boot-node-cbor.cjs'));
    assert.ok((await loaded({ a: 1 })).includes('boot-node-cbor.cjs'));
  } finally {
    await pool.destroy();
  }
});

test('wasmpool/worker has the defineWorker of wasmpool, and brings a few files instead of the pool', async () => {
  const light = await import('wasmpool/worker');
  assert.deepEqual(Object.keys(light), ['defineWorker']);
  assert.equal(light.defineWorker, defineWorker);
  const files = filesOf(new URL(import.meta.resolve('wasmpool/worker')));
  assert.ok(files.size <= 8, [...files].join('\n'));
  assert.ok(filesOf(new URL('../../js/index.js', import.meta.url)).size > 40, 'files are found');
});
