/** Shared state for C tasks: the same that JavaScript knows. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { counter, shared, sharedMap } from '../../js/compat/workers.js';
import { C_TASKS, until, withPool as withAnyPool } from './helpers.js';

const withPool = (options, use) => withAnyPool({ module: undefined, wasm: C_TASKS, ...options }, use);

test('C tasks and JavaScript share counters by their keys, over all workers [NC-05 NC-07 NC-16]', () =>
  withPool({ workers: 2 }, async (pool) => {
    await Promise.all(Array.from({ length: 8 }, () => pool.dispatch('shared_count')));
    assert.equal(shared('c hits', counter()).get(), 8040);
  }));

test('C tasks and JavaScript share maps; a task learns what it asked for in the wrong way [NC-07 NC-08 NC-17]', () =>
  withPool({ workers: 1 }, async (pool) => {
    const map = shared('c map', sharedMap());
    map.set('from js', 'hello');
    assert.deepEqual(await pool.dispatch('shared_map'), new Uint8Array([5]));
    assert.equal(map.get('from c'), 'hello');
    assert.equal(map.has('from js'), false);
    shared('c hits', counter());
    await assert.rejects(pool.dispatch('shared_wrong'), { code: 'ALREADY_HOLDS' });
  }));

test('a C task that is stopped in the middle of set leaves the map whole [NC-19]', () =>
  withPool({ workers: 1 }, async (pool) => {
    const turns = shared('c turns', counter());
    const map = shared('c hung', sharedMap());
    for (let i = 0; i < 20; i++) {
      const before = turns.get();
      const hung = pool.dispatch('shared_hang');
      await until(() => turns.get() > before + 26);
      await Promise.all([assert.rejects(hung), hung.terminate()]);
      assert.equal(map.size, 26);
      for (const key of map.keys()) assert.ok(map.get(key).length < 300);
    }
  }));
