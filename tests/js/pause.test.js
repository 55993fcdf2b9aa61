/** pause() holds batches and broadcasts as well as single tasks, but no timers. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { blocker, codeOf, until, withPool } from './helpers.js';

/** Lets main turn often enough for workers that are awake to do what they may. */
async function someTurns() {
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test('a paused pool holds batches and broadcasts too; they settle after resume() [AM-31]', () =>
  withPool({}, async (pool) => {
    const gates = [blocker(pool), blocker(pool)];
    await Promise.all(gates.map((gate) => gate.running));
    const waitsAlready = pool.broadcast('note', 'before');
    pool.pause();
    const ran = new Int32Array(new SharedArrayBuffer(4));
    let settled = 0;
    const held = [
      waitsAlready,
      pool.broadcast('add1', ran),
      pool.batch([
        { task: 'add1', payload: ran },
        { task: 'add1', payload: ran, priority: 'critical' },
      ]),
      pool.map('add1', [ran, ran]),
      pool.dispatch('add1', ran),
    ];
    for (const one of held) Promise.resolve(one).then(() => settled++);
    await until(() => pool.stats().queued === 2 + 2 + 2 + 2 + 1);
    for (const gate of gates) await gate.release();
    await until(() => pool.stats().freeWorkers === 2);
    await someTurns();
    assert.deepEqual([pool.stats().queued, pool.stats().freeWorkers, ran[0], settled], [9, 2, 0, 0]);
    pool.resume();
    await Promise.all(held);
    assert.equal(ran[0], 2 + 2 + 2 + 1);
    assert.deepEqual(await pool.broadcast('notes'), [['before'], ['before']]);
  }));

test('what a batch that is paused waits for can still be given up [AM-31]', () =>
  withPool({ workers: 1 }, async (pool) => {
    pool.pause();
    const controller = new AbortController();
    const batch = pool.batch([{ task: 'echo' }, { task: 'echo' }], { signal: controller.signal });
    controller.abort();
    assert.equal(await codeOf(batch), 'CANCELLED');
    await until(() => pool.stats().queued === 0);
    pool.resume();
    assert.equal(await pool.dispatch('echo', 1), 1);
  }));

test('time limits and recycling of what runs go on while the pool is paused [AM-31]', () =>
  withPool({ workers: 1, recycleTimeoutMs: 10 }, async (pool) => {
    const hung = pool.dispatch('spin', 0, { timeoutMs: 50 });
    await until(() => pool.stats().freeWorkers === 0 && pool.stats().queued === 0);
    pool.pause();
    const next = pool.dispatch('echo', 1);
    assert.equal(await codeOf(hung), 'TIMEOUT');
    await until(() => pool.diagnostics().kills === 1 && pool.stats().freeWorkers === 1);
    assert.equal(pool.stats().queued, 1, 'its replacement is paused, too');
    pool.resume();
    assert.equal(await next, 1);
  }));
