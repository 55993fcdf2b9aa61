import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { recorderOf } from '../../js/telemetry/trace.js';
import { FakeClock } from './fake-clock.js';
import { blocker, C_MODULE, liveness, MODULE, withPool } from './helpers.js';

/**
 * @param {import('../../js/telemetry/trace.js').TraceFile} file
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

/**
 * What the workers' tracks show of a task: the end of each run, and whether it shows when it was taken.
 * @param {import('../../js/telemetry/trace.js').TraceFile} file
 * @param {string} id
 */
function runsOf({ traceEvents }, id) {
  const runs = traceEvents.filter(({ ph, args }) => ph === 'X' && args?.task === id);
  const taken = traceEvents.filter((event) => event.id === id && event.name === 'taken').map(({ ts }) => ts);
  assert.deepEqual(
    runs.map(({ ts }) => ts),
    taken,
  );
  for (const { tid, dur } of runs) assert.ok(tid >= 1 && Number(dur) > 0);
  return runs.map(({ args }) => [args?.status, args?.redeliveries]);
}

/** @param {import('../../js/telemetry/trace.js').TraceFile} file @param {string} id */
const commitsOf = ({ traceEvents }, id) =>
  traceEvents.filter((event) => event.id === id && event.name === 'committed').length;

test('a trace shows runs that had no end of their own: timed out, terminated, cancelled, lost', () =>
  withPool({ workers: 1, recycleTimeoutMs: 0 }, async (pool) => {
    const trace = pool.trace();
    const late = pool.dispatch('spin', undefined, { timeoutMs: 20 });
    await assert.rejects(late, { code: 'TIMEOUT' });
    const gates = [blocker(pool), blocker(pool)];
    await gates[0].running;
    gates[0].promise.cancel();
    await assert.rejects(gates[0].promise, { code: 'CANCELLED' });
    gates[0].release().catch(() => {});
    await gates[1].running;
    const { promise } = gates[1];
    const ended = assert.rejects(promise, { code: 'CANCELLED' });
    await promise.terminate();
    await ended;
    const dying = pool.dispatch('exit', 7);
    await assert.rejects(dying, { code: 'WORKER_LOST' });
    const file = trace.stop();
    assert.deepEqual(runsOf(file, late.id), [['TIMEOUT', 0]]);
    assert.deepEqual(runsOf(file, gates[0].promise.id), [['CANCELLED', 0]]);
    assert.deepEqual(runsOf(file, promise.id), [['CANCELLED', 0]]);
    assert.deepEqual(runsOf(file, dying.id), [['WORKER_LOST', 0]]);
    for (const { id } of [late, promise, dying]) assert.equal(commitsOf(file, id), 0);
  }));

test('a trace shows every run of a task that runs again, its worker lost or not', async () => {
  await withPool({ liveness, workers: 1 }, async (pool) => {
    const traces = [pool.trace(), pool.trace()];
    const word = new Int32Array(new SharedArrayBuffer(4));
    const task = pool.dispatch('hangOnce', word, { onLost: 'requeue' });
    await task;
    for (const trace of traces) {
      const file = trace.stop();
      assert.deepEqual(runsOf(file, task.id), [
        ['WORKER_LOST', 0],
        ['OK', 1],
      ]);
      assert.equal(commitsOf(file, task.id), 1);
    }
  });
  await withPool({ wasm: C_MODULE, liveness: { ...liveness, maxRedeliveries: 1 }, workers: 1 }, async (pool) => {
    const trace = pool.trace();
    const again = pool.dispatch('c_spin', undefined, { onLost: 'requeue' });
    await assert.rejects(again, { code: 'POISON_JOB' });
    const [first, ...others] = runsOf(trace.stop(), again.id);
    assert.deepEqual([first, others.length, others[0][1]], [['WORKER_LOST', 0], 1, 1]);
  });
});

test('a trace corrects a run that was to be stopped and ended by itself', () =>
  withPool({ workers: 2 }, async (pool) => {
    const trace = pool.trace();
    const gates = [blocker(pool), blocker(pool)];
    for (const gate of gates) await gate.running;
    const waiting = pool.dispatch('echo', 1);
    recorderOf(trace).interrupted(1);
    const before = trace.toJSON();
    for (const gate of gates) await gate.release();
    await waiting;
    const ids = gates.map(({ promise }) => promise.id);
    assert.deepEqual(
      ids.flatMap((id) => runsOf(before, id)),
      [['WORKER_LOST', 0]],
      'of one thread only',
    );
    const file = trace.stop();
    for (const id of [...ids, waiting.id]) {
      assert.deepEqual(runsOf(file, id), [['OK', 0]]);
      assert.equal(commitsOf(file, id), 1);
    }
  }));

test('a trace shows how long main’s budget held a task back [TW-31]', async () => {
  const clock = new FakeClock();
  await withPool({ workers: 1, scheduler: clock.scheduler, liveness: false }, async (pool) => {
    const trace = pool.trace();
    clock.costMs = 8;
    const ids = [pool.dispatch('echo', 1, { weight: 'light' })];
    clock.costMs = 0;
    const held = pool.dispatch('echo', 2, { weight: 'light' });
    const dropped = pool.dispatch('echo', 3, { weight: 'light' });
    dropped.cancel();
    await assert.rejects(dropped, { code: 'CANCELLED' });
    clock.advance(16);
    await Promise.all([...ids, held]);
    const file = trace.stop();
    const { b, queued, taken, X, e } = lifeOf(file, held.id);
    assert.equal(Number(queued.ts) - Number(b.ts), 16_000);
    assert.ok(Number(taken.ts) >= Number(queued.ts) && X && e);
    assert.deepEqual(Object.keys(lifeOf(file, dropped.id)), ['b', 'e']);
    assert.equal(lifeOf(file, ids[0].id).queued, undefined);
  });
});

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
  const run = (/** @type {string} */ to) =>
    spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, WASMPOOL_TRACE: to },
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      encoding: 'utf8',
    });
  const { status, stderr } = run(path);
  assert.equal(status, 0, stderr);
  for (const name of [path, `${path}.2`]) {
    const { traceEvents } = JSON.parse(readFileSync(name, 'utf8'));
    assert.equal(traceEvents.filter((/** @type {any} */ { ph }) => ph === 'X').length, 1, name);
  }
  const nowhere = run(join(folder, 'no', 'such', 'folder'));
  assert.equal(nowhere.status, 0, 'a trace that cannot be written costs the program nothing');
  assert.match(nowhere.stderr, /no trace in .*such.*ENOENT/);
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
