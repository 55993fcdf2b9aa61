/** Whole runs of the packaged program `wasmpool`, with the real pool. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { at, dir, file, lines } from './cli-support.js';

const PROGRAM = fileURLToPath(new URL('../../bin/wasmpool.mjs', import.meta.url));

const numbers = (/** @type {number} */ n) => Array.from({ length: n }, (_, i) => i + 1);

/** Starts the packaged program. */
function start(args, options = {}) {
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: dir, ...options });
  const texts = { out: '', err: '' };
  child.stdout?.setEncoding('utf8').on('data', (text) => (texts.out += text));
  child.stderr?.setEncoding('utf8').on('data', (text) => (texts.err += text));
  const ended = once(child, 'close').then(([status, signal]) => ({ status, signal, ...texts }));
  return { child, ended, texts };
}

describe('the packaged program, with the real pool', () => {
  test('maps NDJSON from a pipe, in order', async () => {
    const { child, ended } = start(['map', 'h.mjs#double']);
    const numbers = Array.from({ length: 5000 }, (_, i) => i);
    child.stdin.end(numbers.join('\n'));
    const { status, out, err } = await ended;
    assert.deepEqual([status, err], [0, '']);
    assert.deepEqual(
      lines(out).map(Number),
      numbers.map((n) => 2 * n),
    );
  });

  test('a hung item is killed at its time limit and reported, the rest goes on', async () => {
    const { child, ended } = start(['map', 'h.mjs#hangOn3', '--timeout', '300', '--stats']);
    child.stdin.end('1\n2\n3\n4\n5\n');
    const { status, out, err } = await ended;
    assert.deepEqual([status, out], [1, '1\n2\n4\n5\n']);
    assert.match(err, /^wasmpool: stdin:3: TIMEOUT [^\n]+\nwasmpool: 5 items, 1 failed, 1 kills, /);
  });

  test('results come as they are ready, while input is still open', async () => {
    const { child, ended } = start(['map', 'h.mjs#double']);
    child.stdin.write('21\n');
    const [text] = await once(child.stdout, 'data');
    assert.equal(text, '42\n');
    child.stdin.end();
    assert.equal((await ended).status, 0);
  });

  test('a closed output pipe: quiet, status 141', async () => {
    const { child, ended } = start(['map', 'h.mjs#double']);
    child.stdin.on('error', () => {}); // it may end while we write
    child.stdin.write('1\n');
    await once(child.stdout, 'data');
    child.stdout.destroy();
    const more = setInterval(() => child.stdin.write('2\n'.repeat(1000)), 10);
    const { status, err } = await ended;
    clearInterval(more);
    assert.deepEqual([status, err], [141, '']);
  });

  test('Ctrl-C: the running item is finished and written, status 130', async () => {
    const { child, ended } = start(['map', 'h.mjs#slow', '-j', '1']);
    child.stdin.write('1\n');
    await once(child.stdout, 'data');
    child.stdin.write('2\n3\n');
    child.kill('SIGINT');
    const { status, out, err } = await ended;
    assert.equal(status, 130);
    assert.ok('1\n2\n3\n'.startsWith(out), out);
    assert.match(err, /^wasmpool: interrupted: /);
  });

  test('Ctrl-C twice ends a run whose items hang', async () => {
    const { child, ended, texts } = start(['map', 'h.mjs#hangOn3', '-j', '1']);
    child.stdin.write('1\n3\n');
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    await once(child.stderr, 'data');
    assert.match(texts.err, /^wasmpool: interrupted: finishing/);
    child.kill('SIGINT');
    const { status, out } = await ended;
    assert.deepEqual([status, out], [130, '1\n']);
  });

  test('a handler that ends its worker: its item is reported, the rest goes on [AM-54]', async () => {
    const { child, ended } = start(['map', 'h.mjs#exitOn3', '--retries', '1']);
    child.stdin.end('1\n2\n3\n4\n5\n');
    const { status, out, err } = await ended;
    assert.deepEqual([status, out], [1, '1\n2\n4\n5\n']);
    assert.match(err, /^wasmpool: stdin:3: WORKER_LOST [^\n]+\n$/);
  });

  test('--fail-fast: what waits is not run', async () => {
    const { child, ended } = start(['map', 'h.mjs#odd', '--fail-fast', '-j', '1']);
    child.stdin.end('1\n2\n' + '3\n'.repeat(100_000));
    const { status, out, err } = await ended;
    assert.equal(status, 1);
    assert.match(err, /^wasmpool: stdin:2: TASK_FAILED even: 2\nwasmpool: stopped after a failure: /);
    const [, left] =
      /: 1 items done, 1 failed, (\d+) were read and not run; the input was not read to its end/.exec(err) ?? [];
    assert.ok(Number(left) > 0, err);
    assert.deepEqual(lines(out), ['1']);
  });

  test('--fail-fast: when the last item fails, nothing was left to stop', async () => {
    const { child, ended } = start(['map', 'h.mjs#odd', '--fail-fast', '-j', '1']);
    child.stdin.end('1\n3\n2\n');
    const { status, out, err } = await ended;
    assert.deepEqual([status, out, err], [1, '1\n3\n', 'wasmpool: stdin:3: TASK_FAILED even: 2\n']);
  });

  test('-e with imports: nothing is written but results, no warning of the runtime either', async () => {
    const { child, ended } = start(['map', '-e', "async (x) => (await import('./h.mjs')).double(x)"]);
    child.stdin.end('4\n');
    assert.deepEqual(await ended, { status: 0, signal: null, out: '8\n', err: '' });
  });

  for (const batch of [[], ['--batch', '1'], ['--batch', '2'], ['--batch', '20']])
    test(`--fail-fast: one worker starts nothing after an item that failed, ${batch.join(' ') || 'by default'}`, async () => {
      rmSync(at('started'), { force: true });
      const names = numbers(10).map(String);
      const { ended } = start(['map', 'h.mjs#thirdFails', '--fail-fast', '-j', '1', ...batch, '--paths', ...names]);
      const { status, err } = await ended;
      assert.deepEqual([status, lines(readFileSync(at('started'), 'utf8'))], [1, ['1', '2', '3']]);
      assert.match(err, /: 2 items done, 1 failed, 7 were not run$/m);
    });

  test('--fail-fast: what runs in another worker ends, and nothing starts in either', async () => {
    for (const name of ['started', 'failed']) rmSync(at(name), { force: true });
    const input = file('ten', numbers(10).join('\n'));
    const args = ['map', 'h.mjs#firstWaits', input, '--fail-fast', '-j', '2', '--unordered', '--batch', '1'];
    const { child, ended } = start(args);
    child.stderr.once('data', () => writeFileSync(at('failed'), ''));
    const { status, out, err } = await ended;
    assert.deepEqual([status, out], [1, '1\n']);
    assert.deepEqual(lines(readFileSync(at('started'), 'utf8')).sort(), ['1', '2']);
    assert.match(err, /: 1 items done, 1 failed, 8 were /m);
  });

  test('what handlers print goes to stderr, not between the results', async () => {
    const { child, ended } = start(['map', 'h.mjs#chatty']);
    child.stdin.end('1\n');
    const { status, out, err } = await ended;
    assert.deepEqual([status, out], [0, '1\n']);
    assert.match(err, /a word from the handler/);
  });

  test('info names runtime and capabilities', async () => {
    const { child, ended } = start(['info', '--json']);
    child.stdin.end();
    const { status, out } = await ended;
    assert.equal(status, 0);
    const { capabilities } = JSON.parse(out);
    assert.equal(capabilities.threads, true);
    assert.equal(capabilities.killJs, true);
  });
});
