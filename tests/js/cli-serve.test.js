/** `wasmpool serve`: the packaged program. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from './helpers.js';

const PROGRAM = fileURLToPath(new URL('../../bin/wasmpool.mjs', import.meta.url));
const HANDLERS = fileURLToPath(new URL('./fixtures/serve-cli.js', import.meta.url));

/** Starts `wasmpool serve`; `base`: its address, once it listens. */
async function started(t, ...args) {
  const child = spawn(process.execPath, [PROGRAM, 'serve', ...args]);
  t.after(() => child.kill('SIGKILL'));
  const texts = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (texts.out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (texts.err += text));
  const ended = once(child, 'close').then(([status, signal]) => ({ status, signal, ...texts }));
  let over = false;
  void ended.then(() => (over = true));
  const base = () => /listening on (\S+)\n/.exec(texts.err)?.[1];
  await until(() => over || base());
  return { child, ended, texts, base: base() };
}

test('serves a handler; one that hangs is answered 503 and named; Ctrl-C answers what runs, and ends with 0', async (t) => {
  const { child, ended, texts, base } = await started(
    t,
    `${HANDLERS}#handle`,
    '--port',
    '0',
    '-j',
    '2',
    '--timeout',
    '1000',
  );
  const hello = await fetch(`${base}/hello?x=1`);
  assert.deepEqual([hello.status, await hello.text()], [200, 'GET /hello']);
  const hung = await fetch(`${base}/hang`);
  assert.equal(hung.status, 503);
  const slow = fetch(`${base}/slow`); // until the port is closed
  await until(() => texts.err.includes('slow began'));
  child.kill('SIGINT');
  assert.equal(await (await slow).text(), 'slow');
  const { status, signal, err, out } = await ended;
  assert.deepEqual([status, signal, out], [0, null, '']);
  assert.match(err, /\nwasmpool: GET \/hang: TIMEOUT the task ran longer than 1000 ms/);
  assert.match(err, /\nwasmpool: SIGINT: answering 1 request more/);
});

test('a second Ctrl-C ends the program while a request still runs', async (t) => {
  const { child, ended, texts, base } = await started(t, `${HANDLERS}#handle`, '--port', '0', '-j', '1');
  const hung = fetch(`${base}/hang`).catch(() => 'cut off');
  await until(() => texts.err.includes('hang began'));
  child.kill('SIGINT');
  await until(() => texts.err.includes('SIGINT: answering 1 request more'));
  child.kill('SIGINT');
  assert.equal((await ended).status, 130);
  assert.equal(await hung, 'cut off');
});

test('wrong use of serve: status 2 and a line that says why', async (t) => {
  for (const [args, why] of [
    [[`${HANDLERS}#nobody`, '--port', '0'], /has no handler or C task 'nobody'/],
    [[`${HANDLERS}#handle`], /required option '--port <N>'/],
    [[`${HANDLERS}#handle`, '--port', '0', '--host', 'no.such.host.invalid'], /ENOTFOUND|EAI_AGAIN/],
    [[`${HANDLERS}#handle`, '--port', '70000'], /expected a port/],
  ]) {
    const { ended } = await started(t, ...args);
    const { status, err } = await ended;
    assert.equal(status, 2, err);
    assert.match(err, why);
  }
});
