/** Progress and results that come faster than main takes them: they wait, nothing is lost, and the memory comes back. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { C_TASKS, codeOf, DEADLY, until, withPool } from './helpers.js';

/** Values that one worker may have under way: docs/guide.md, Progress. */
const MOST = 256;
const VALUES = 300_000;
const MB = 2 ** 20;

/**
 * Main is busy until nothing more comes from the task that floods it.
 * @returns {number} slots in use then
 */
function busyMain(pool) {
  const word = new Int32Array(new SharedArrayBuffer(4));
  for (let before = 0, still = 0; ;) {
    Atomics.wait(word, 0, 0, 5);
    const now = pool.diagnostics().tasksInUse;
    still = now === before && now > MOST / 2 ? still + 1 : 0;
    if (still === 20) return now;
    before = now;
  }
}

const ISOLATED = new URL('../../build/js/isolated.mjs', import.meta.url);
/** @type {[kind: string, name: string, wasm: URL][]} */
const KINDS = [
  ['a C task', 'flood', C_TASKS],
  ['a handler', 'floodProgress', C_TASKS],
  ['an isolated C task', 'progress', ISOLATED],
];

for (const [kind, name] of KINDS.slice(0, 2)) {
  test(`${kind} that floods main with progress waits while main is busy; no value is lost, and the memory comes back`, () =>
    withPool({ module: DEADLY, wasm: C_TASKS, workers: 1, memory: { maximum: '64mb' } }, async (pool) => {
      let seen = 0;
      const inOrder = (/** @type {number} */ value) => assert.equal(value, seen++);
      const flood = pool.dispatch(name, VALUES, { onProgress: inOrder });
      await until(() => seen > 0);
      assert.ok(busyMain(pool) <= 2 * MOST + 1, 'main may be in the middle of one lot while the next one comes');
      await flood;
      assert.equal(seen, VALUES);
      assert.equal((await pool.dispatch('large', 20 * MB)).length, 20 * MB);
      assert.ok(pool.diagnostics().memoryBytes < 64 * MB);
    }));
}

for (const [kind, name, wasm] of KINDS) {
  test(`${kind} that waits with its progress can be cancelled and killed; its worker's next task has all the room [XP-03]`, () =>
    withPool({ module: DEADLY, wasm, workers: 1, recycleTimeoutMs: 0 }, async (pool) => {
      for (const end of ['terminate', 'cancel', 'terminate']) {
        let seen = 0;
        const flood = pool.dispatch(name, Infinity, { onProgress: () => seen++ });
        await until(() => seen > 0);
        busyMain(pool);
        flood[end]();
        assert.equal(await codeOf(flood), 'CANCELLED');
        seen = 0;
        await pool.dispatch(name, 3 * MOST, { onProgress: (value) => (seen += Number(Number.isInteger(value))) });
        assert.equal(seen, 3 * MOST);
      }
    }));
}
