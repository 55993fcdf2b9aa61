import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { MODULE, withPool } from './helpers.js';

/**
 * @param {import('../../js/trace.js').TraceFile} file
 * @param {string} id
 */
function lifeOf(file, id) {
  const own = file.traceEvents.filter((event) => event.id === id || event.args?.task === id);
  return Object.fromEntries(own.map((event) => [event.ph === 'n' ? event.name : event.ph, event]));
}

test('a trace has every task from its queue to its end, in order, on the track of its worker', () =>
  withPool({ workers: 2 }, async (pool) => {
    const before = pool.dispatch('echo', 0);
    await before;
    const trace = pool.trace();
    const tasks = [pool.dispatch('echo', 1), pool.dispatch('echo', 2)];
    await Promise.all(tasks);
    const failing = pool.dispatch('fail', 'x');
    await assert.rejects(failing);
    const file = trace.stop();
    await pool.dispatch('echo', 3);
    for (const { id } of tasks) {
      const { b: queued, taken, X: ran, committed, e: settled } = lifeOf(file, id);
      const times = [queued, taken, committed, settled].map(({ ts }) => Number(ts));
      assert.deepEqual(
        times,
        [...times].sort((a, b) => a - b),
      );
      assert.equal(ran.ts, taken.ts);
      assert.ok(Number(ran.dur) > 0);
      assert.ok(ran.tid === 1 || ran.tid === 2);
      assert.deepEqual([ran.name, ran.args?.status, settled.args?.outcome], ['echo', 'OK', 'OK']);
    }
    assert.equal(lifeOf(file, failing.id).e.args?.outcome, 'TASK_FAILED');
    assert.equal(file.traceEvents.filter(({ ph }) => ph === 'b').length, 3, 'neither earlier nor later ones');
    const tracks = file.traceEvents.filter(({ ph }) => ph === 'M').map(({ args }) => args?.name);
    assert.deepEqual(tracks, ['main', 'Worker_1', 'Worker_2']);
    assert.ok(JSON.stringify(trace).startsWith('{"traceEvents":['));
  }));

test('a trace shows kills, and what was given up', () =>
  withPool({ workers: 1, recycleTimeoutMs: 0 }, async (pool) => {
    const [trace, second] = [pool.trace(), pool.trace()];
    const hung = pool.dispatch('spin', undefined, { timeoutMs: 20 });
    const cancelled = pool.dispatch('echo', 1);
    cancelled.cancel();
    await assert.rejects(cancelled, { code: 'CANCELLED' });
    await assert.rejects(hung, { code: 'TIMEOUT' });
    second.stop();
    const next = pool.dispatch('spin');
    const ended = assert.rejects(next, { code: 'CANCELLED' });
    await next.terminate();
    await ended;
    const file = trace.stop();
    assert.equal(lifeOf(file, hung.id).e.args?.outcome, 'TIMEOUT');
    const { e, X } = lifeOf(file, cancelled.id);
    assert.deepEqual([e.args?.outcome, X], ['CANCELLED', undefined]);
  }));

test('WASMPOOL_TRACE writes a program’s pools to files when they end', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wasmpool-trace-'));
  const program = `
    import { createPool } from ${JSON.stringify(new URL('../../js/index.js', import.meta.url).href)};
    for (let i = 0; i < 2; i++) {
      const pool = await createPool({ module: ${JSON.stringify(MODULE.href)}, workers: 1 });
      await pool.dispatch('echo', 1);
      await pool.destroy();
    }`;
  const path = join(folder, 'trace.json');
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    env: { ...process.env, WASMPOOL_TRACE: path },
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    encoding: 'utf8',
  });
  assert.equal(status, 0, stderr);
  for (const name of [path, `${path}.2`]) {
    const { traceEvents } = JSON.parse(readFileSync(name, 'utf8'));
    assert.equal(traceEvents.filter((/** @type {any} */ { ph }) => ph === 'X').length, 1, name);
  }
  rmSync(folder, { recursive: true });
});

test('diagnostics_channel tells of tasks and workers to who has subscribed', () =>
  withPool({ workers: 1 }, async (pool) => {
    /** @type {any[]} */
    const seen = [];
    const listeners = ['queued', 'settled', 'down'].map((name) => {
      const listener = (/** @type {any} */ message) => seen.push([name, message]);
      channel(`wasmpool:${name}`).subscribe(listener);
      return () => channel(`wasmpool:${name}`).unsubscribe(listener);
    });
    const task = pool.dispatch('echo', 1);
    await task;
    const hung = pool.dispatch('spin');
    const ended = assert.rejects(hung, { code: 'CANCELLED' });
    await new Promise((resolve) => setImmediate(resolve));
    await hung.terminate();
    await ended;
    const refused = pool.dispatch('echo', 1, { priority: 'no such' });
    const unsent = pool.dispatch('echo', () => 1);
    await Promise.allSettled([refused, unsent]);
    for (const off of listeners) off();
    await pool.dispatch('echo', 2);
    assert.deepEqual(seen[0], ['queued', { taskId: task.id, task: 'echo' }]);
    assert.deepEqual(seen[1], ['settled', { taskId: task.id, error: undefined }]);
    const settled = seen.filter(([name]) => name === 'settled').map(([, message]) => message);
    assert.deepEqual(
      settled.map(({ taskId, error }) => [taskId, error?.code]),
      [
        [task.id, undefined],
        [hung.id, 'CANCELLED'],
        [refused.id, 'INVALID_ARGUMENT'],
        [unsent.id, 'NOT_SERIALIZABLE'],
      ],
    );
  }));
