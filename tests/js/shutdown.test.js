/** The shutdown signal of wasmpool/workers, in processes that really get signals. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { counter, requestShutdown, shared, shutdownSignal } from '../../js/compat/workers.js';
import { until, withPool as withAnyPool } from './helpers.js';

const PROGRAM = fileURLToPath(new URL('./fixtures/shutdown-program.js', import.meta.url));
const module = new URL('./fixtures/registry.js', import.meta.url);

/** Starts the program. */
function start(mode) {
  const child = spawn(process.execPath, [PROGRAM, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const ended = once(child, 'exit');
  return { child, line: async () => (await lines.next()).value, ended };
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  test(`${signal} fires the signal on main and in workers, stops nothing, and threads that start later see it; the second one ends the process [NC-22 NC-23 NC-24 NC-25 NC-26 NC-27 NC-28]`, async () => {
    const { child, line, ended } = start('main');
    assert.equal(await line(), 'ready false true');
    child.kill(signal);
    assert.equal(await line(), 'fired true true');
    assert.equal(await line(), 'late true true');
    child.kill(signal);
    assert.deepEqual(await ended, [null, signal]);
  });
}

for (const mode of ['workers', 'registry first'])
  test(`12 waits in 4 workers all resume, though main has not asked for the signal: ${mode} [NC-25]`, async () => {
    const { child, line, ended } = start(mode);
    assert.equal(await line(), 'ready');
    child.kill('SIGINT');
    assert.equal(await line(), 'done 3,3,3,3');
    assert.deepEqual(await ended, [0, null]);
  });

test('listening does not keep a process alive [NC-28]', async () => {
  const { line, ended } = start('idle');
  assert.equal(await line(), 'ready');
  assert.deepEqual(await ended, [0, null]);
});

test('waitSync is for workers; requestShutdown of one thread reaches a synchronous loop and a blocking wait in others [NC-23 NC-24]', () =>
  withAnyPool({ module, workers: 3 }, async (pool) => {
    assert.throws(() => shutdownSignal().waitSync(0), { code: 'INVALID_ARGUMENT' });
    assert.equal(await pool.dispatch('waitBlocking', 1), false);
    const spinning = pool.dispatch('spinUntilFired');
    const blocked = pool.dispatch('waitBlocking');
    await until(() => shared('spinning', counter()).get() === 1);
    assert.equal(shutdownSignal().isFired(), false);
    await pool.dispatch('shutDown');
    assert.deepEqual(await Promise.all([spinning, blocked]), [true, true]);
    assert.equal(shutdownSignal().isFired(), true);
    requestShutdown();
    await shutdownSignal().wait();
  }));
