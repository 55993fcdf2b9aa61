/** `wasmpool top`: what it shows of a process that was started with WASMPOOL_TOP=1. */

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { runTop } from '../../js/cli/top/top.js';
import { picture } from '../../js/cli/top/view.js';
import { MODULE } from './helpers.js';

const PROGRAM = fileURLToPath(new URL('../../bin/wasmpool.mjs', import.meta.url));
const INDEX = new URL('../../js/index.js', import.meta.url);

/** A program with a pool whose only worker runs `block`; ends when its input does. */
const WATCHED = `
  import { createPool } from ${JSON.stringify(INDEX.href)};
  const pool = await createPool({ module: ${JSON.stringify(MODULE.href)}, workers: 1, spares: 1 });
  const word = new Int32Array(new SharedArrayBuffer(8));
  await pool.dispatch('echo', 1);
  const blocked = pool.dispatch('block', word);
  blocked.catch(() => {});
  pool.dispatch('echo', 2).catch(() => {});
  while (Atomics.load(word, 0) === 0) await new Promise((done) => setImmediate(done));
  console.log('blocked');
  for await (const _ of process.stdin);
  await pool.destroy();`;

const FUTURE = new URL('../../js/compat/future.js', import.meta.url);

/** A program with an actor that has answered once; ends when its input does. */
const ACTORS = `
  import { createSupervisor } from ${JSON.stringify(FUTURE.href)};
  const supervisor = createSupervisor({ maxActors: 2, memory: { poolSize: 3, boxSize: '4kb' } });
  const actor = supervisor.spawn((self) => self.send('done'));
  actor.subscribe(() => console.log('answered'));
  actor.receive({});
  for await (const _ of process.stdin);
  await supervisor.shutdown();`;

/** A directory for temporary files of its own, so that other tests' processes are not found. */
function scratch(t) {
  const TMPDIR = mkdtempSync(join(tmpdir(), 'wasmpool-top-test-'));
  t.after(() => rmSync(TMPDIR, { recursive: true, force: true }));
  return { ...process.env, TMPDIR };
}

/** Starts the watched program, and waits until its worker is blocked. */
async function watched(t, env, program = WATCHED) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { env });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

/** Runs `wasmpool top`. */
function top(env, ...args) {
  return new Promise((done) => {
    execFile(process.execPath, [PROGRAM, 'top', ...args], { env }, (error, out, err) =>
      done({ status: error?.code ?? 0, out, err }),
    );
  });
}

const sockets = ({ TMPDIR }) => join(TMPDIR, `wasmpool-top-${process.getuid()}`);

test('top shows what the workers of another process are doing, once or as JSON, and that the process has ended', async (t) => {
  const env = scratch(t);
  const child = await watched(t, { ...env, WASMPOOL_TOP: '1' });
  const { status, out } = await top(env, '--once', '--interval', '50');
  assert.equal(status, 0);
  assert.match(out, new RegExp(`^wasmpool top {3}process ${child.pid} .* up .* cpu \\d+ % {3}rss \\d+ MB\\n`));
  assert.match(
    out,
    /\npool 1: 1 workers, 1 busy {3}waiting 1 {3}0\/s {3}done 1 {3}errors 0 {3}kills 0 {3}boxes 0 of 64 /,
  );
  assert.match(out, /\n {2}Worker_1 +busy +[\d.]+ m?s +block +1 +0\n/);
  assert.match(out, /\n {2}Spare_\S+ +spare +0 +0\n/i);
  assert.doesNotMatch(out, /\x1b/); // eslint-disable-line no-control-regex -- no escape codes where there is no terminal
  const json = JSON.parse((await top(env, String(child.pid), '--json', '--once')).out);
  assert.deepEqual([json.pid, json.sources.length, json.sources[0].stats.queued], [child.pid, 1, 1]);
  const live = spawn(process.execPath, [PROGRAM, 'top', '--interval', '50'], { env });
  live.stdout.setEncoding('utf8');
  let seen = '';
  live.stdout.on('data', (text) => {
    seen += text;
    if (seen.split('pool 1').length > 3) child.stdin.end();
  });
  const [code] = await once(live, 'close');
  assert.equal(code, 0);
  assert.match(seen, /\nthe process has ended\n$/);
  assert.deepEqual(readdirSync(sockets(env)), []);
});

test('only its owner can look at a process', async (t) => {
  const env = scratch(t);
  const child = await watched(t, { ...env, WASMPOOL_TOP: '1' });
  const path = sockets(env);
  assert.equal(statSync(path).mode & 0o777, 0o700);
  assert.equal(statSync(join(path, `${child.pid}.sock`)).mode & 0o077, 0);
});

test('a directory of sockets that others may enter, or a link in its place, is not used', async (t) => {
  for (const make of [
    (path) => {
      mkdirSync(path);
      chmodSync(path, 0o755);
    },
    (path) => symlinkSync(tmpdir(), path),
  ]) {
    const env = scratch(t);
    make(sockets(env));
    const child = await watched(t, { ...env, WASMPOOL_TOP: '1' });
    assert.equal(existsSync(join(sockets(env), `${child.pid}.sock`)), false);
    const { status, err } = await top(env);
    assert.deepEqual([status, /is not this user's alone/.test(err)], [2, true], err);
    child.stdin.end();
    const texts = [];
    child.stderr.setEncoding('utf8').on('data', (text) => texts.push(text));
    await once(child, 'close');
    assert.match(texts.join(''), /WASMPOOL_TOP: .*is not this user's alone/);
  }
});

test('without WASMPOOL_TOP=1 there is no socket; with several processes one has to be named; a dead one is forgotten', async (t) => {
  const env = scratch(t);
  await watched(t, env);
  const none = await top(env);
  assert.deepEqual(
    [none.status, none.err],
    [2, 'wasmpool: no process was started with WASMPOOL_TOP=1, or it has no pool yet\n'],
  );
  const [one, two] = [await watched(t, { ...env, WASMPOOL_TOP: '1' }), await watched(t, { ...env, WASMPOOL_TOP: '1' })];
  const several = await top(env);
  assert.equal(several.status, 2);
  assert.match(several.err, /name one of \d+, \d+\n$/);
  one.kill('SIGKILL');
  await once(one, 'close');
  assert.equal((await top(env, '--once', '--json')).status, 0);
  assert.deepEqual(readdirSync(sockets(env)), [`${two.pid}.sock`]);
});

test('top ends by a signal also while the process does not answer', async (t) => {
  const { TMPDIR } = scratch(t);
  const usual = process.env.TMPDIR;
  t.after(() => (usual === undefined ? delete process.env.TMPDIR : (process.env.TMPDIR = usual)));
  process.env.TMPDIR = TMPDIR;
  mkdirSync(sockets({ TMPDIR }), { mode: 0o700 });
  const silent = net.createServer().listen(join(sockets({ TMPDIR }), `${process.pid}.sock`));
  t.after(() => silent.close());
  await once(silent, 'listening');
  for (const signal of ['SIGINT', 'SIGTERM']) {
    const signals = new EventEmitter();
    const ended = runTop(undefined, { interval: 50 }, { stdin: new PassThrough(), stdout: new PassThrough(), signals });
    const [socket] = await once(silent, 'connection');
    await once(socket, 'data'); // it has asked, and waits
    signals.emit(signal);
    assert.equal(await ended, 0);
  }
});

test('top ends quietly when nobody reads its output any more', async (t) => {
  const env = scratch(t);
  await watched(t, { ...env, WASMPOOL_TOP: '1' });
  const cut = spawn(process.execPath, [PROGRAM, 'top', '--json', '--interval', '50'], { env });
  await once(cut.stdout, 'data');
  let said = '';
  cut.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  cut.stdout.destroy();
  const [status] = await once(cut, 'close');
  assert.deepEqual([status, said], [0, '']);
});

test('a picture of top has what a terminal would obey taken out of names, and rates only between two looks', () => {
  const worker = {
    name: 'a\x1b[2Jb',
    index: 0,
    state: 'busy',
    running: [
      { task: 'x\ny', ms: 61_000 },
      { task: 'z', ms: 1 },
    ],
    finished: 1234,
    stopped: 0,
  };
  const stats = { freeWorkers: 0, busyWorkers: 1, totalWorkers: 1, queued: 3, processed: 10, errors: 2 };
  const diagnostics = { boxes: { leased: 1, count: 64 }, workers: [worker], kills: 5, memoryBytes: 2e6 };
  const view = (upMs, processed) => ({
    pid: 7, title: 'app', upMs, rssBytes: 1e6, cpuMs: upMs,
    sources: [{ kind: 'pool', stats: { ...stats, processed }, diagnostics }],
  }); // prettier-ignore
  const lines = picture(view(3_600_000, 10));
  assert.deepEqual(lines, [
    'wasmpool top   process 7   app   up 1:00:00   rss 1 MB',
    '',
    'pool 1: 1 workers, 1 busy   waiting 3   done 10   errors 2   kills 5   boxes 1 of 64   memory 2 MB',
    '  worker         state           for  task                          done   stopped',
    '  a?[2Jb         busy          01:01  x?y +1                       1,234         0',
  ]);
  const [head, , pool] = picture(view(3_602_000, 5010), view(3_600_000, 10));
  assert.match(head, / cpu 100 % /);
  assert.match(pool, / 2,500\/s /);
});

test('top shows the actors of another process, beside the pool that runs them', async (t) => {
  const env = scratch(t);
  await watched(t, { ...env, WASMPOOL_TOP: '1' }, ACTORS);
  const { out } = await top(env, '--once', '--interval', '50');
  assert.match(out, /\npool 1: /);
  assert.match(
    out,
    /\nsupervisor 1: 1 actors {3}spawned 1 {3}ended 0 {3}boxes 0 of 3\n {2}actor .*\n {2}actor-\S+ .* 1 +0\n/,
  );
});
