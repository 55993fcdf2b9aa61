/** Options of `wasmpool map`: what becomes of failed items, inline handlers, resumed runs, what main does and what workers do. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Reporter } from '../../js/cli/progress.js';
import { createPool } from '../../js/index.js';
import { at, dir, file, lines, run } from './cli-support.js';
import { C_MODULE, C_TASKS } from './helpers.js';

/** Notes each run of an item in a file, so that a test can see which items ran, and how often. */
const NOTES = file(
  'notes.mjs',
  `import { appendFileSync } from 'node:fs';
  const note = (x) => appendFileSync(${JSON.stringify(at('notes'))}, x + '\\n');
  export const hang = (x) => { note(x); if (x === 700) for (;;); return x; };
  export const exit = (x) => { note(x); if (x === 700) process.exit(7); return x; };
  export const failOnce = (x) => { note(x); if (x.fails && !globalThis.failed) { globalThis.failed = true; throw new Error('once'); } return x; };
  export const text = (x) => { note(x); if (x === 'bad') throw new RangeError('no good'); return x; };`,
);

const notes = () => lines(readFileSync(at('notes'), 'utf8'));
const numbers = (count) => Array.from({ length: count }, (_, i) => i);
const parsed = (text) => lines(text).map((line) => JSON.parse(line));

describe('failed items', () => {
  const input = '1\n2\n\n3\n4\n';

  test('--keep-order: each item has its line in the output, a failed one too', async () => {
    const { status, out } = await run(['map', `${at('h.mjs')}#odd`, '--keep-order'], { input });
    assert.equal(status, 1);
    const error = (x) => ({ code: 'TASK_FAILED', message: `even:\n${x}`, name: 'Error' });
    assert.deepEqual(parsed(out), [1, { index: 1, error: error(2) }, 3, { index: 3, error: error(4) }]);
    const files = await run(['map', `${at('h.mjs')}#size`, '--files', '--keep-order', at('none'), at('h.mjs')]);
    const [missing, there] = parsed(files.out);
    const gone = { code: 'ENOENT', message: 'no such file or directory' };
    assert.deepEqual(missing, { path: at('none'), index: 0, error: gone });
    assert.equal(there.path, at('h.mjs'));
  });

  test('--errors FILE: one line for each, the output has the others', async () => {
    const { out } = await run(['map', `${at('h.mjs')}#odd`, '--errors', at('errors')], { input });
    assert.deepEqual(parsed(out), [1, 3]);
    const [first, second] = parsed(readFileSync(at('errors'), 'utf8'));
    assert.deepEqual([first.index, first.input, first.error.code], [1, 'stdin:2', 'TASK_FAILED']);
    assert.deepEqual([second.index, second.input], [3, 'stdin:5']);
    const { status, err } = await run(['map', `${at('h.mjs')}#odd`, NOTES, '--errors', NOTES]);
    assert.equal(status, 2);
    assert.match(err, /is an input and the output file as well/);
  });

  test('--verbose: the name and the stack of what was thrown, below its line', async () => {
    const { err } = await run(['map', `${NOTES}#text`, '--verbose', '--lines'], { input: 'bad\n' });
    const [line, name, place] = err.split('\n');
    assert.equal(line, 'wasmpool: stdin:1: TASK_FAILED no good');
    assert.equal(name, '    RangeError: no good');
    assert.match(place, /^ {4}at .*notes\.mjs:6:/);
  });
});

describe('what an item is', () => {
  test('--paths: the path alone; without FILE, names from standard input', async () => {
    const given = await run(['map', '-e', '(path) => path.length', '--paths', 'a', 'no/such/file']);
    assert.deepEqual(parsed(given.out), [
      { path: 'a', result: 1 },
      { path: 'no/such/file', result: 12 },
    ]);
    for (const [end, flags] of [
      ['\n', []],
      ['\0', ['-0']],
    ]) {
      const args = ['map', '-e', '(path) => path.length', '--paths', ...flags];
      const { out, err } = await run(args, { input: `xx${end}y y${end}` });
      assert.deepEqual([parsed(out).map(({ path }) => path), err], [['xx', 'y y'], '']);
    }
  });

  test('--files: workers read the files, main does not', async () => {
    const large = file('large', Buffer.alloc(3_000_000, 'x'));
    for (const args of [[`${at('h.mjs')}#size`], [`${fileURLToPath(C_MODULE)}#c_sum`]]) {
      const sent = [];
      const spying = async (options) => {
        const pool = await createPool(options);
        const dispatch = pool.dispatch.bind(pool);
        pool.dispatch = (task, payload, more) => {
          sent.push(payload instanceof Uint8Array ? payload.length : 0);
          return dispatch(task, payload, more);
        };
        return pool;
      };
      const { status, out } = await run(['map', ...args, '--files', large], { createPool: spying });
      assert.equal(status, 0);
      assert.ok(
        [3_000_000, 3_000_000 * 'x'.charCodeAt(0)].includes(parsed(out)[0].result.size ?? parsed(out)[0].result),
      );
      assert.ok(
        sent.every((bytes) => bytes < 1000),
        `${sent}`,
      );
    }
  });

  test("--files: pipes and '-' are read as well, empty files too", async () => {
    const empty = file('empty', '');
    await promisify(execFile)('mkfifo', [at('fifo')]);
    for (const args of [['-e', '({ path, bytes }) => bytes.length'], [`${fileURLToPath(C_MODULE)}#c_sum`]]) {
      const feeding = promisify(execFile)('sh', ['-c', `printf '\\001\\001\\001' > ${at('fifo')}`]);
      const input = '\u0001\u0001';
      const { out, err } = await run(['map', ...args, '--files', empty, at('fifo'), '-', '/dev/null'], { input });
      await feeding;
      assert.deepEqual([parsed(out).map(({ result }) => result), err], [[0, 3, 2, 0], '']);
    }
  });
});

describe('the handler', () => {
  test('-e CODE: a function, with imports from the working directory', async () => {
    const { out } = await run(['map', '-e', 'x => x * 2 // twice'], { input: '4\n' });
    assert.equal(out, '8\n');
    const importing = `async (x) => (await import(${JSON.stringify(at('h.mjs'))})).double(x)`;
    assert.equal((await run(['map', '-e', importing], { input: '5\n' })).out, '10\n');
  });

  test('-e CODE that is no function: one line, status 2', async () => {
    for (const [code, expected] of [
      ['x =>', /^wasmpool: -e: SyntaxError: [^\n]+\n$/],
      ['42', /^wasmpool: -e: cannot be loaded: TypeError: the code is not a function/],
    ]) {
      const { status, err, created } = await run(['map', '-e', code]);
      assert.deepEqual([status, created], [2, []]);
      assert.match(err, expected);
    }
  });

  test('--init-data: context.initData, and at the top of the module', async () => {
    file(
      'init.mjs',
      'const { initData } = wasmpoolThread; export const f = (x, ctx) => [x, initData.a, ctx.initData.a];',
    );
    const { out } = await run(['map', `${at('init.mjs')}#f`, '--init-data', '{"a":7}'], { input: '1\n' });
    assert.equal(out, '[1,7,7]\n');
    const { status, err } = await run(['map', `${at('init.mjs')}#f`, '--init-data', '{a}']);
    assert.equal(status, 2);
    assert.match(err, /'--init-data <JSON>' argument '\{a\}' is invalid\. It is not JSON/);
  });
});

describe('items that travel together', () => {
  const input = numbers(1500).join('\n');

  /** Runs an export of notes.mjs over `input`, in blocks; gives how often each item ran. */
  async function runNoted(name, ...flags) {
    writeFileSync(at('notes'), '');
    const result = await run(['map', `${NOTES}#${name}`, '-j', '2', ...flags], { input });
    return {
      ...result,
      ran: notes()
        .map(Number)
        .sort((a, b) => a - b),
    };
  }

  for (const [name, flags, code] of [
    ['hang', ['--timeout', '200'], 'TIMEOUT'],
    ['exit', [], 'WORKER_LOST'],
  ]) {
    test(`${code}: it is one item that fails; none of its block is lost, none runs twice`, async () => {
      const { status, out, err, ran } = await runNoted(name, '--batch', '500', ...flags);
      assert.equal(status, 1);
      assert.deepEqual(
        parsed(out),
        numbers(1500).filter((n) => n !== 700),
      );
      assert.match(err, new RegExp(`^wasmpool: stdin:701: ${code} [^\n]+\n$`));
      assert.deepEqual(ran, numbers(1500));
    });
  }

  for (const [task, bad, code] of [
    ['recurse', 100_000_000, 'TASK_FAILED'],
    ['churn', 1e15, 'TIMEOUT'],
  ]) {
    test(`C tasks: ${code} of one item, the others of its block go on, and get what they would get alone`, async () => {
      const items = [1, 2, bad, 3, 4];
      const args = ['map', `${fileURLToPath(C_TASKS)}#${task}`, '-j', '1', '--batch', '5', '--timeout', '300'];
      const { status, out, err } = await run(args, { input: items.join('\n') });
      assert.equal(status, 1);
      assert.match(err, new RegExp(`^wasmpool: stdin:3: ${code} [^\n]+\n$`));
      const alone = await run(args, { input: '1\n2\n3\n4\n' });
      assert.deepEqual([alone.err, out], ['', alone.out]);
      assert.equal(parsed(out).length, 4);
    });
  }

  test('C tasks: each type of item arrives as by dispatch', async () => {
    const items = [1.5, 'grüße', '', { a: [1] }, [], true, null];
    const pool = await createPool({ wasm: C_TASKS, workers: 1 });
    const expected = [];
    try {
      for (const item of items) expected.push(await pool.dispatch('input_type', item));
    } finally {
      await pool.destroy();
    }
    const input = items.map((item) => JSON.stringify(item)).join('\n');
    const { out, err } = await run(['map', `${fileURLToPath(C_TASKS)}#input_type`], { input });
    assert.deepEqual([parsed(out), err], [expected, '']);
  });

  test('a retried item runs again alone', async () => {
    const { ran, err } = await runNoted('exit', '--batch', '500', '--retries', '1');
    assert.match(err, /^wasmpool: stdin:701: WORKER_LOST [^\n]+\n$/);
    assert.deepEqual(
      ran,
      [...numbers(1500), 700].sort((a, b) => a - b),
    );
  });

  test('by default, tiny items travel in blocks, and slow ones alone', async () => {
    const tasks = { tiny: 0, slow: 0 };
    for (const [kind, code, count] of [
      ['tiny', 'x => x', 20_000],
      ['slow', 'async (x) => { const end = performance.now() + 20; while (performance.now() < end); return x; }', 20],
    ]) {
      const counting = async (options) => {
        const pool = await createPool(options);
        const dispatch = pool.dispatch.bind(pool);
        pool.dispatch = (...args) => {
          tasks[kind]++;
          return dispatch(...args);
        };
        return pool;
      };
      const { out } = await run(['map', '-e', code], { input: numbers(count).join('\n'), createPool: counting });
      assert.deepEqual(parsed(out), numbers(count));
    }
    // A few hundred. Items that were slow because the machine is busy make blocks smaller for a while.
    assert.ok(tasks.tiny < 10_000, `${tasks.tiny} tasks for 20,000 tiny items`);
    assert.equal(tasks.slow, 20);
  });

  test('a block whose items turn out slow is handed back and shared', async () => {
    // Items up to 1000 are quick, so blocks are large by then. Later items end once both workers have had one.
    const code = `async (x, { worker }) => {
      if (x < 1000) return x;
      const { appendFileSync, existsSync } = await import('node:fs');
      if (x > 1000) appendFileSync(${JSON.stringify(at('met'))} + worker.index, '');
      const met = () => x === 1000 || [0, 1].every((index) => existsSync(${JSON.stringify(at('met'))} + index));
      const end = performance.now() + 20_000;
      while (!met() && performance.now() < end) await new Promise((r) => setTimeout(r, 1));
      await new Promise((r) => setTimeout(r, 30));
      return met() ? x : 'alone';
    }`;
    const { out, err } = await run(['map', '-e', code, '-j', '2'], { input: numbers(1008).join('\n') });
    assert.equal(err, '');
    assert.deepEqual(parsed(out), numbers(1008));
  });

  test('results of any length, longer than what a block has room for', async () => {
    const code = `(n) => 'x'.repeat(n)`;
    const sizes = numbers(40).map((n) => n * 12_345);
    const { out } = await run(['map', '-e', code, '--batch', '7'], { input: sizes.join('\n') });
    assert.deepEqual(
      parsed(out).map((text) => text.length),
      sizes,
    );
  });
});

describe('--resume LOG', () => {
  test('the same command again runs only what is not done, and adds to its output', async () => {
    writeFileSync(at('notes'), '');
    const input = file('resumed.txt', 'one\nbad\nthree\n');
    const args = ['map', `${NOTES}#text`, '--lines', input, '--resume', at('log'), '-o', at('resumed.out')];
    const first = await run(args);
    assert.equal(first.status, 1);
    assert.deepEqual(parsed(readFileSync(at('resumed.out'), 'utf8')), ['one', 'three']);
    appendFileSync(input, 'four\n');
    writeFileSync(at('notes'), '');
    const second = await run(args);
    assert.deepEqual(notes().sort(), ['bad', 'four']);
    assert.match(second.err, /^wasmpool: 2 items were done before$/m);
    assert.deepEqual(parsed(readFileSync(at('resumed.out'), 'utf8')), ['one', 'three', 'four']);
    const [head, ...rows] = readFileSync(at('log'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
    const columns = 'Seq Host Starttime JobRuntime Send Receive Exitval Signal Command';
    assert.deepEqual(head, columns.split(' '));
    for (const [, , started, took] of rows) {
      assert.match(took, /^ *\d+\.\d{3}$/);
      assert.ok(Number(started) > 1e9 && Number(started) <= Date.now() / 1000, started);
    }
    assert.deepEqual(
      rows.map((row) => [row[0], row[6], row[8]]),
      [
        ['1', '0', `${NOTES}#text ${input}:1`],
        ['2', '1', `${NOTES}#text ${input}:2`],
        ['3', '0', `${NOTES}#text ${input}:3`],
        ['2', '1', `${NOTES}#text ${input}:2`],
        ['4', '0', `${NOTES}#text ${input}:4`],
      ],
    );
  });

  test('each item has its own time in the log, in seconds', async () => {
    const log = at('times.log');
    const waits = 'async (ms) => { await new Promise((resolve) => setTimeout(resolve, ms)); }';
    await run(['map', '-e', waits, '--batch', '3', '--resume', log], { input: '0\n3000\n0\n' });
    const times = lines(readFileSync(log, 'utf8'))
      .slice(1)
      .map((row) => Number(row.split('\t')[3]));
    assert.ok(times[1] > 2.9 && times[1] < 1000, String(times)); // seconds, not milliseconds
    assert.ok(times[0] < times[1] && times[2] < times[1], String(times));
  });

  test('a file that is no job log is refused, and stays as it is: so do the others', async () => {
    const input = file('items.txt', '1\n2\n');
    const output = file('old.out', 'old');
    for (const [name, text] of Object.entries({
      'data.txt': '1\n2\n',
      'data.csv': 'Seq\tHost\tStarttime\n1\tx\t5\n',
      'data.bin': 'x',
    })) {
      const log = file(name, text);
      const { status, err, out } = await run(['map', '-e', 'x => x', '--lines', input, '--resume', log, '-o', output]);
      assert.deepEqual([status, out], [2, '']);
      assert.match(err, new RegExp(`^wasmpool: ${log}: this is not a job log, and it was not changed`));
      assert.deepEqual([readFileSync(log, 'utf8'), readFileSync(output, 'utf8')], [text, 'old']);
    }
  });

  test('a log that is empty, or was cut off in its first line, is begun', async () => {
    for (const text of ['', 'Seq\tHo']) {
      const log = file('begun.log', text);
      assert.equal((await run(['map', '-e', 'x => x', '--resume', log], { input: '1\n' })).status, 0);
      assert.match(readFileSync(log, 'utf8'), /^Seq\tHost\tStarttime\t[^\n]*\tCommand\n1\t[^\n]*\n$/);
    }
  });

  test('a log that was cut off in the middle of a line', async () => {
    const log = at('cut.log');
    const args = ['map', '-e', 'x => x', '--resume', log];
    await run(args, { input: '1\n2\n' });
    writeFileSync(log, readFileSync(log, 'utf8').slice(0, -3));
    assert.equal((await run(args, { input: '1\n2\n' })).out, '2\n');
    assert.equal((await run(args, { input: '1\n2\n' })).out, '');
  });
});

describe('what is shown', () => {
  test('no escape codes where TERM is dumb, or where there is no terminal', () => {
    for (const [isTTY, terminal, expected] of [
      [true, 'dumb', false],
      [false, 'xterm', false],
      [true, 'xterm', true],
    ]) {
      const stream = Object.assign(new PassThrough({ encoding: 'utf8' }), {
        isTTY,
        columns: 80,
        cursorTo() {},
        moveCursor() {},
      });
      const reporter = new Reporter(stream, terminal);
      reporter.showBar({ total: 10 });
      reporter.update(5, { items: 5, failed: 1 });
      reporter.failure('x', new Error('y'));
      reporter.stop();
      const text = String(stream.read());
      assert.match(text, /wasmpool: x: y\n/);
      assert.equal(text.includes('\x1b'), expected, JSON.stringify(text));
    }
  });

  test('an interrupted run over files says how many were not run, of all', async () => {
    const names = numbers(500).map((n) => `name-${n}`);
    const args = [
      'map',
      '-e',
      'x => { throw new Error(x); }',
      '--fail-fast',
      '-j',
      '1',
      '--batch',
      '1',
      '--paths',
      ...names,
    ];
    const { err } = await run(args);
    assert.match(err, /: 0 items done, 1 failed, 499 were not run$/m);
    assert.ok(existsSync(dir));
  });
});
