/** `diagnostics().workers`: what each thread is doing at this moment. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { C_MODULE, MODULE, codeOf, until, withPool, withPatience } from './helpers.js';

/** The states of a pool's threads, in order. @param {any} pool @returns {string[]} */
const states = (pool) => pool.diagnostics().workers.map(({ state }) => state);

test('a view names each worker, what it runs and for how long, and counts what it has finished [AM-56]', () =>
  withPool({ workers: 2, spares: 1 }, async (pool) => {
    await until(() => states(pool).includes('spare'));
    const [first, second, spare] = pool.diagnostics().workers;
    assert.deepEqual([first.name, first.index, second.name, second.index], ['Worker_1', 0, 'Worker_2', 1]);
    assert.deepEqual([first.state, first.running, first.finished], ['idle', [], 0]);
    assert.deepEqual([spare.state, spare.index], ['spare', undefined]);

    const hung = pool.dispatch('spin');
    await until(() => states(pool).includes('busy'));
    const views = pool.diagnostics().workers;
    const busy = views.find(({ state }) => state === 'busy');
    const other = views.find(({ index, state }) => index !== undefined && state === 'idle');
    assert.equal(busy.running[0].task, 'spin');
    await until(() => pool.diagnostics().workers[busy.index].running[0].ms > busy.running[0].ms);

    for (let i = 0; i < 3; i++) await pool.dispatch('echo', i);
    assert.equal(pool.diagnostics().workers[other.index].finished, 3);
    const code = codeOf(hung);
    await hung.terminate();
    assert.equal(await code, 'CANCELLED');
  }));

test('a task over its limit shows as stopping; a C task that is stopped leaves its thread, which counts it', () =>
  withPatience(() =>
    withPool({ wasm: C_MODULE, workers: 1, recycleTimeoutMs: 50 }, async (pool) => {
      assert.equal(await codeOf(pool.dispatch('c_spin', null, { timeoutMs: 10 })), 'TIMEOUT');
      const [{ state, running }] = pool.diagnostics().workers;
      assert.deepEqual([state, running[0].task], ['stopping', 'c_spin']);
      await until(() => states(pool)[0] === 'idle');
      assert.equal(pool.diagnostics().workers[0].stopped, 1);
      assert.equal(pool.diagnostics().kills, 0);
    }),
  ));

test('a killed thread is ending while another one starts in its place', () =>
  withPool({ module: MODULE, workers: 1 }, async (pool) => {
    const seen = new Set();
    pool.on('workerDown', () => seen.add(states(pool).join()));
    assert.equal(await codeOf(pool.dispatch('spin', null, { timeoutMs: 10 })), 'TIMEOUT');
    await until(() => {
      for (const state of states(pool)) seen.add(state);
      return seen.has('starting') && states(pool).join() === 'idle';
    });
    assert.ok(seen.has('ending') || [...seen].some((all) => all.includes('ending')), [...seen].join(' | '));
    assert.equal(pool.diagnostics().workers[0].finished, 0, 'the new thread counts from 0');
  }));
