/** The command line (docs/guide.md): inputs, outputs, failures, options. */

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { main } from '../../js/cli/cli.js';
import { describe as describeError } from '../../js/cli/fault.js';
import { wholeRecords } from '../../js/cli/input/input.js';
import { toJson } from '../../js/cli/input/line.js';
import { createPool } from '../../js/index.js';
import { at, dir, file, lines, run } from './cli-support.js';
import { C_MODULE, until } from './helpers.js';

describe('lines, results and messages', () => {
  test('whole lines over any chunk borders, the last one with or without end', async () => {
    const text = Buffer.from('one\n\nthree é\r\nlast');
    for (let size = 1; size <= text.length; size++) {
      const chunks = [];
      for (let i = 0; i < text.length; i += size) chunks.push(text.subarray(i, i + size));
      const found = [];
      for await (const records of wholeRecords(chunks)) found.push(records.toString());
      assert.equal(found.pop(), 'last');
      assert.ok(found.every((records) => records.endsWith('\n')));
      assert.equal(found.join(''), 'one\n\nthree é\r\n');
    }
    for await (const records of wholeRecords([Buffer.from('')])) assert.fail(String(records));
  });

  test('toJson: what JSON has no form for', () => {
    assert.equal(toJson({ a: 1n, b: new Uint8Array([1, 2, 255]) }), '{"a":"1","b":"AQL/"}');
    assert.equal(toJson([Buffer.from([1, 2]), new Uint8Array([9, 1, 2]).buffer]), '["AQI=","CQEC"]');
    assert.equal(toJson(new Map([['k', new Set([1])]])), '[["k",[1]]]');
    assert.equal(toJson([undefined, NaN]), '[null,null]');
    for (const value of [undefined, NaN, Infinity]) assert.equal(toJson(value), 'null');
    for (const value of [-0, 1.5, 1e21, 'a\nb', new Date(0), [[{ a: [null, true] }]], { a: undefined, b: 1 }])
      assert.equal(toJson(value), JSON.stringify(value));
    const cyclic = {};
    cyclic.self = cyclic;
    for (const value of [cyclic, () => 1, { f() {} }, [Symbol('s')], { later: Promise.resolve() }])
      assert.throws(() => toJson(value), { code: 'NOT_SERIALIZABLE' });
  });

  test('messages are one line, with the code once', () => {
    assert.equal(describeError(Object.assign(new Error('a\n  b\x1b[0m'), { code: 'X' })), 'X a b\\x1b[0m');
    let error;
    try {
      readFileSync('/no/such/file');
    } catch (caught) {
      error = caught;
    }
    assert.equal(describeError(error), 'ENOENT no such file or directory');
    assert.equal(describeError(undefined), 'undefined');
  });
});

describe('wasmpool map', () => {
  test('NDJSON from standard input: results in order, blank lines skipped', async () => {
    const { status, out, err } = await run(['map', `${at('h.mjs')}#double`], {
      input: '1\n\n2\n 3',
    });
    assert.deepEqual([status, out, err], [0, '2\n4\n6\n', '']);
  });

  test('lines of white space are blank, whatever it is; with --lines every line is an item', async () => {
    const input = '1\n  \n\t\n \r\n2\r\n\n';
    const { status, out: doubled, err } = await run(['map', `${at('h.mjs')}#double`], { input });
    assert.deepEqual([status, doubled, err], [0, '2\n4\n', '']);
    const { out } = await run(['map', '-e', 'x => x.length', '--lines'], { input });
    assert.deepEqual(lines(out).map(Number), [1, 2, 1, 1, 1, 0]);
  });

  test('a handler of the default export', async () => {
    const { out } = await run(['map', `${at('h.mjs')}#triple`], { input: '5\n' });
    assert.equal(out, '15\n');
  });

  test('--lines: strings without line ends', async () => {
    const input = file('lines.txt', 'a\r\n\nb');
    const { out } = await run(['map', `${at('h.mjs')}#upper`, '--lines', input]);
    assert.equal(out, '"A"\n""\n"B"\n');
  });

  test('--files: path and bytes; unreadable ones are failed items, the rest goes on', async () => {
    const [a, b] = [file('a.bin', 'abc'), file('b.bin', '')];
    const args = ['map', `${at('h.mjs')}#size`, '--files', a, at('none'), dir, b];
    const { status, out, err } = await run(args);
    assert.equal(status, 1);
    assert.deepEqual(
      lines(out).map((line) => JSON.parse(line)),
      [
        { path: a, result: { path: a, size: 3, plain: 'Uint8Array' } },
        { path: b, result: { path: b, size: 0, plain: 'Uint8Array' } },
      ],
    );
    assert.deepEqual(lines(err), [
      `wasmpool: ${at('none')}: ENOENT no such file or directory`,
      `wasmpool: ${dir}: EISDIR illegal operation on a directory`,
    ]);
  });

  test('--files-from: names by line end or NUL; a result of undefined is null', async () => {
    const [a, b] = [file('a.bin', 'abc'), file('b.bin', '')];
    for (const [end, extra] of [
      ['\n', []],
      ['\0', ['-0']],
    ]) {
      const args = ['map', `${at('h.mjs')}#nothing`, '--files-from', '-', ...extra];
      const { status, out } = await run(args, { input: a + end + b + end });
      assert.equal(status, 0);
      const expected = [
        { path: a, result: null },
        { path: b, result: null },
      ];
      assert.deepEqual(
        lines(out).map((line) => JSON.parse(line)),
        expected,
      );
    }
    const { status, err } = await run(['map', `${at('h.mjs')}#size`, '--files-from', at('none')]);
    assert.equal(status, 1);
    assert.equal(err, `wasmpool: ${at('none')}: ENOENT no such file or directory\n`);
  });

  test('broken lines are reported with file and line, the rest goes on', async () => {
    const good = '1\n{"a":\n3\n';
    const input = file('broken.ndjson', Buffer.concat([Buffer.from(good), Buffer.from([0xff, 0x0a])]));
    const args = ['map', `${at('h.mjs')}#double`, input, at('none'), '-'];
    const { status, out, err } = await run(args, { input: '\ufeff5\n' });
    assert.deepEqual([status, out], [1, '2\n6\n10\n']);
    const [json, utf8, missing, ...more] = lines(err);
    assert.match(json, /^wasmpool: .*broken\.ndjson:2: INVALID_ARGUMENT not a JSON value: /);
    assert.match(utf8, /^wasmpool: .*broken\.ndjson:4: INVALID_ARGUMENT the line is not UTF-8$/);
    assert.match(missing, /^wasmpool: .*none: ENOENT no such file or directory$/);
    assert.deepEqual(more, []);
  });

  test('failing handlers: one line each on stderr, none on stdout, status 1', async () => {
    const { status, out, err } = await run(['map', `${at('h.mjs')}#odd`], { input: '1\n2\n3\n' });
    assert.deepEqual([status, out], [1, '1\n3\n']);
    assert.equal(err, 'wasmpool: stdin:2: TASK_FAILED even: 2\n');
  });

  test('a result that is no JSON is a failed item', async () => {
    const { status, err } = await run(['map', `${at('h.mjs')}#cyclic`], { input: '1\n' });
    assert.equal(status, 1);
    assert.match(err, /^wasmpool: stdin:1: NOT_SERIALIZABLE [^\n]*\n$/);
  });

  test('--retries: a failed item is run again, so many times and no more', async () => {
    const items = [1, 2, 3, 4].map((run) => ({ id: `until ${run}`, run }));
    const input = items.map((item) => JSON.stringify(item)).join('\n');
    const args = ['map', `${at('h.mjs')}#failsUntil`, '-j', '1', '--retries', '2', '--stats'];
    const { status, out, err } = await run(args, { input });
    assert.equal(status, 1);
    assert.deepEqual(
      lines(out).map((line) => JSON.parse(line)),
      [['until 1', 1], ['until 2', 2], ['until 3', 3]], // prettier-ignore
    );
    assert.match(err, /^wasmpool: stdin:4: TASK_FAILED run 3\n/m);
    assert.match(err, /4 items, 1 failed/);
    const without = await run(args.slice(0, -3), { input });
    assert.deepEqual(
      lines(without.err),
      [2, 3, 4].map((line) => `wasmpool: stdin:${line}: TASK_FAILED run 1`),
    );
  });

  test('--retries: what a second run cannot cure is not run again', async () => {
    const input = '7\n';
    const args = ['-j', '1', '--retries', '3'];
    /** @type {any} */
    let pool;
    let processed = 0;
    const watched = async (/** @type {any} */ options) => {
      pool = await createPool(options);
      pool.on('drained', () => ({ processed } = pool.stats()));
      return pool;
    };
    const { status, err } = await run(['map', `${at('h.mjs')}#aFunction`, ...args], { input, createPool: watched });
    assert.equal(status, 1);
    assert.match(err, /^wasmpool: stdin:1: NOT_SERIALIZABLE [^\n]*\n$/);
    assert.equal(processed, 1);
  });

  test('--retries: a task that is killed at its time limit counts as a kill each time', async () => {
    const args = ['map', `${at('h.mjs')}#hangOn3`, '-j', '1', '--timeout', '50', '--retries', '1', '--stats'];
    const { status, out, err } = await run(args, { input: '3\n' });
    assert.deepEqual([status, out], [1, '']);
    assert.match(err, /^wasmpool: stdin:1: TIMEOUT /m);
    assert.match(err, /1 items, 1 failed, 2 kills/);
  });

  test('--fail-fast: starts nothing more, writes what was done', async () => {
    const input = new Readable({ read() {} });
    input.push('1\n3\n4\n');
    const { status, out, err } = await run(['map', `${at('h.mjs')}#odd`, '--fail-fast', '-j', '1'], { input });
    assert.deepEqual([status, out], [1, '1\n3\n']);
    const [failure, end] = lines(err);
    assert.equal(failure, 'wasmpool: stdin:3: TASK_FAILED even: 4');
    assert.match(
      end,
      /stopped after a failure: 2 items done, 1 failed, 0 were read and not run; the input was not read to its end/,
    );
  });

  test('--fail-fast: when the input has ended, all of it counts as not run, whatever was left in the pipe', async () => {
    for (const [chunks, left] of /** @type {[string[], string][]} */ ([
      [['2\n3\n'], '1 were not run'],
      [['2\n3\n', '4\n5\n'], '3 were not run'],
    ])) {
      const input = Readable.from(chunks.map((chunk) => Buffer.from(chunk)));
      const { status, err } = await run(['map', `${at('h.mjs')}#odd`, '--fail-fast', '-j', '1'], { input });
      assert.equal(status, 1);
      assert.equal(lines(err)[1], `wasmpool: stopped after a failure: 0 items done, 1 failed, ${left}`);
    }
  });

  for (const [retries, atEachKill] of /** @type {[string, number[]][]} */ ([
    ['0', [1]],
    ['1', [0, 1]],
  ]))
    test(`--fail-fast: an item over its time has failed before its worker is stopped, ${retries} retries`, async () => {
      /** @type {number[]} */
      const told = [];
      const watched = async (/** @type {any} */ options) => {
        const pool = /** @type {any} */ (await createPool(options));
        const stop = new Int32Array(options.initData.stop);
        const dispatch = pool.dispatch.bind(pool);
        pool.dispatch = (/** @type {any[]} */ ...args) => {
          const task = dispatch(...args);
          const terminate = () => (told.push(stop[0]), task.terminate());
          return { then: task.then.bind(task), terminate };
        };
        return pool;
      };
      const options = ['--fail-fast', '-j', '1', '--batch', '1', '--timeout', '50', '--retries', retries];
      const args = ['map', `${at('h.mjs')}#hangOn3`, ...options, '--paths', '1', '3'];
      const { status, out } = await run(args, { createPool: watched });
      assert.deepEqual([status, lines(out).length, told], [1, 1, atEachKill]);
    });

  test('-o: results go to the file, and an input is never overwritten', async () => {
    const input = file('in.ndjson', '1\n2\n');
    const args = ['map', `${at('h.mjs')}#double`, input, '-o'];
    assert.deepEqual((await run([...args, at('out')])).status, 0);
    assert.equal(readFileSync(at('out'), 'utf8'), '2\n4\n');
    const { status, err } = await run([...args, input]);
    assert.equal(status, 2);
    assert.match(err, /^wasmpool: .*in\.ndjson: is an input and the output file as well\n$/);
    assert.equal(readFileSync(input, 'utf8'), '1\n2\n');
    const { status: status2, err: err2 } = await run([...args, at('none/out')]);
    assert.equal(status2, 2);
    assert.match(err2, /^wasmpool: .*out: cannot write: ENOENT no such file or directory\n$/);
  });

  test('-o on a full disk: one line, status 1', async () => {
    const { status, err } = await run(['map', `${at('h.mjs')}#double`, '-o', '/dev/full'], {
      input: '1\n',
    });
    assert.equal(status, 1);
    assert.equal(err, 'wasmpool: /dev/full: ENOSPC no space left on device\n');
    const nothing = await run(['map', `${at('h.mjs')}#double`, '-o', '/dev/full'], { input: '\n' });
    assert.deepEqual([nothing.status, nothing.err], [0, ''], 'nothing needs no space');
  });

  test('options reach the pool: workers, time limit, kill at once', async () => {
    const args = ['map', `${at('h.mjs')}#double`, '-j', '3', '--timeout', '250'];
    const { created } = await run(args);
    const { initData, workers, recycleTimeoutMs, taskTimeoutMs } = created[0];
    assert.equal(initData.module, new URL(`file://${at('h.mjs')}`).href);
    // Each item has its own time limit, though several of them are one task.
    assert.deepEqual([workers, recycleTimeoutMs, taskTimeoutMs], [3, 0, undefined]);
  });

  test("C tasks: by the mark in the glue, by --wasm, by the module's own wasm export", async () => {
    const glue = fileURLToPath(C_MODULE);
    const own = file(
      'own.mjs',
      `export const wasm = ${JSON.stringify(relative(dir, glue))}; export const js = () => 1;`,
    );
    const item = file('a.bin', 'abc');
    for (const [args, hasModule] of /** @type {const} */ ([
      [[`${glue}#c_sum`], false],
      [[`${at('h.mjs')}#c_sum`, '--wasm', glue], true],
      [[`${own}#c_sum`], true],
    ])) {
      const { status, out, err, created } = await run(['map', ...args, '--files', item]);
      assert.deepEqual([status, err], [0, '']);
      assert.deepEqual(JSON.parse(out), { path: item, result: 97 + 98 + 99 });
      assert.deepEqual([created[0].initData.module !== undefined, 'wasm' in created[0]], [hasModule, true]);
    }
  });

  test('--stats and --progress write to stderr only', async () => {
    const args = ['map', `${at('h.mjs')}#odd`, '--stats', '--progress'];
    const { out, err } = await run(args, { input: '1\n2\n' });
    assert.equal(out, '1\n');
    assert.match(err, /wasmpool: 2 items, 1 failed, 0 kills, 0\.000 MB, [\d.]+ s, [\d.]+ items\/s, /);
    assert.match(err, /2 items \| 1 failed/);
    assert.doesNotMatch((await run(['map', `${at('h.mjs')}#odd`], { input: '1\n' })).err, /items/);
  });

  test('Ctrl-C finishes what runs and writes it, and runs nothing that waits; a second one ends at once', async () => {
    const input = new Readable({ read() {} });
    const open = at('gate');
    const began = [1, 2, 3].map((n) => at(`began-${n}`));
    for (const path of began) input.push(`${JSON.stringify({ began: path, open })}\n`);
    const signals = new EventEmitter();
    /** @type {number[]} */
    const exits = [];
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const exit = (/** @type {number} */ status) => exits.push(status);
    const io = { stdin: input, stdout, stderr, signals, exit, createPool };
    const done = main(['map', `${at('h.mjs')}#gated`, '-j', '2'], io);
    await until(() => began.slice(0, 2).every((path) => existsSync(path)));
    signals.emit('SIGINT', 'SIGINT');
    assert.deepEqual(exits, []);
    signals.emit('SIGINT', 'SIGINT');
    assert.deepEqual(exits, [130]);
    writeFileSync(open, '');
    assert.equal(await done, 130);
    assert.equal(String(stdout.read()), '"through"\n"through"\n');
    assert.match(
      String(stderr.read()),
      /^wasmpool: interrupted: finishing .*\nwasmpool: interrupted: 2 items done, 0 failed, 1 /,
    );
    assert.equal(existsSync(began[2]), false);
    assert.equal(signals.listenerCount('SIGINT'), 0);
  });
});
