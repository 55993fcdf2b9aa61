/** Output of workers: all of it comes out, in order, whatever ends the task, the worker, the pool or the program. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { C_TASKS, codeOf, withPool } from './helpers.js';

const PRINTING = new URL('./fixtures/printing.js', import.meta.url);
const P = { module: PRINTING, workers: 1 };
const INDEX = new URL('../../js/index.js', import.meta.url);

/** Runs a program with a pool of its own; gives what it printed. */
function run(program, options = {}) {
  const text = `
    import { createPool } from ${JSON.stringify(INDEX)};
    const pool = await createPool({ ...${JSON.stringify({ ...P, wasm: C_TASKS.href, ...options })} });
    ${program}`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', text], {
    encoding: 'buffer',
    maxBuffer: 2 ** 30,
  });
  return { out: stdout.toString(), bytes: stdout, stderr: stderr.toString(), status };
}

const linesTo = (count) => Array.from({ length: count }, (_, i) => `line ${i}\n`).join('');

const ENDS = {
  'destroy()': "await pool.dispatch('lines', 1000); await pool.destroy();",
  'destroy() at once': "const task = pool.dispatch('lines', 1000); await task; void pool.destroy();",
  'drain(), then process.exit()': "pool.dispatch('lines', 1000); await pool.drain(); process.exit();",
  'process.exit() at once': "await pool.dispatch('lines', 1000); process.exit();",
  'an exception that nobody catches': "await pool.dispatch('lines', 1000); throw new Error('as asked');",
  'a listener of exit':
    "process.on('exit', () => console.log('line 1000')); await pool.dispatch('lines', 1000); process.exit();",
  'map, then process.exit()': "await pool.map('lines', [1000]); process.exit();",
};

for (const [how, program] of Object.entries(ENDS)) {
  test(`a task prints 1,000 lines, then comes ${how}: all of them are there, in order`, () => {
    const { out } = run(program);
    assert.equal(out, linesTo(how.includes('listener') ? 1001 : 1000));
  });
}

test('an idle pool that does not keep its program alive loses nothing', () => {
  assert.equal(run("await pool.dispatch('lines', 1000);", { unref: true }).out, linesTo(1000));
});

const DEATHS = {
  linesAndHang: 'TIMEOUT',
  linesAndExit: 'WORKER_LOST',
  linesAndThrowLater: 'WORKER_LOST',
  linesAndFail: 'TASK_FAILED',
};

for (const [task, code] of Object.entries(DEATHS)) {
  test(`${task}: what it had printed is there when its promise rejects`, () =>
    withPool({ ...P, stdout: true, recycleTimeoutMs: 0 }, async (pool) => {
      const options = task === 'linesAndHang' ? { timeoutMs: 3000 } : {};
      assert.equal(await codeOf(pool.dispatch(task, 300, options)), code);
      assert.equal(String(pool.stdout.read()), linesTo(300));
    }));
}

test('what a task has printed is there when its promise is fulfilled', () =>
  withPool({ ...P, stdout: true, workers: 2 }, async (pool) => {
    for (let count = 1; count < 200; count += 7) {
      await pool.dispatch('lines', count);
      assert.equal(String(pool.stdout.read()), linesTo(count));
    }
  }));

for (const loopChecks of [true, false]) {
  test(`a C task that is stopped ${loopChecks ? 'by a loop check' : 'with its thread'} has printed its lines`, () =>
    withPool({ ...P, wasm: C_TASKS, stdout: true, recycleTimeoutMs: 0, loopChecks }, async (pool) => {
      assert.equal(await codeOf(pool.dispatch('print_and_hang', 300, { timeoutMs: 3000 })), 'TIMEOUT');
      const lines = String(pool.stdout.read()).split('\n');
      assert.equal(lines.length, 301);
      await pool.dispatch('both');
      assert.match(String(pool.stdout.read()), /to stdout\n$/);
    }));
}

test('C tasks: an unfinished line comes out at the end of its task, and the next task goes on with it', () =>
  withPool({ ...P, wasm: C_TASKS, stdout: true, stderr: true }, async (pool) => {
    for (let round = 0; round < 3; round++) await pool.dispatch('print_little');
    assert.equal(String(pool.stdout.read()), '...');
    await pool.dispatch('print_error_little');
    assert.equal(String(pool.stderr.read()), '!');
    assert.equal(await codeOf(pool.dispatch('print_and_trap')), 'TASK_FAILED');
    assert.equal(String(pool.stdout.read()), '?');
  }));

test('what JavaScript and C print in one worker keeps its order', () => {
  const { out } = run(`
    await pool.dispatch('lines', 1);
    await pool.dispatch('print_little');
    await pool.dispatch('both');
    process.exit();`);
  assert.equal(out, 'line 0\n.to stdout\n');
});

test('without options the output goes to the streams of the program, also when it has replaced their write()', () => {
  const { out, stderr } = run("await pool.dispatch('both'); await pool.destroy();");
  assert.deepEqual([out, stderr], ['to stdout\n', 'to stderr\n']);
  const replaced = run(`
    const seen = [];
    const { write } = process.stdout;
    process.stdout.write = (chunk) => seen.push(String(chunk));
    await pool.dispatch('lines', 3);
    process.stdout.write = write;
    process.stdout.write(JSON.stringify(seen));
    await pool.destroy();`);
  assert.deepEqual(JSON.parse(replaced.out), ['line 0\n', 'line 1\n', 'line 2\n']);
});

test('a write() of the program that throws is its own trouble: the task settles', () => {
  const { out, status } = run(`
    process.on('uncaughtException', (error) => console.error(error.message));
    const { write } = process.stdout;
    process.stdout.write = () => { throw new Error('as asked'); };
    const result = await pool.dispatch('lines', 1).then(() => 'fulfilled');
    process.stdout.write = write;
    console.log(result);
    await pool.destroy();`);
  assert.deepEqual([out, status], ['fulfilled\n', 0]);
});

test('stdout and stderr may be captured, each for itself; the streams end with the pool', () => {
  const { out, stderr } = run(
    `
    let text = '';
    pool.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk));
    const ended = new Promise((resolve) => pool.stdout.on('end', resolve));
    await pool.dispatch('both');
    await pool.destroy();
    await ended;
    console.log(JSON.stringify([text, pool.stderr]));`,
    { stdout: true },
  );
  assert.deepEqual(JSON.parse(out), ['to stdout\n', null]);
  assert.equal(stderr, 'to stderr\n');
});

test('encodings, bytes, corked pieces and callbacks work as in any worker', () => {
  const { bytes, stderr } = run("console.error(JSON.stringify(await pool.dispatch('encoded'))); process.exit();");
  assert.deepEqual([...bytes], [0xfc, 0xc3, 0xbc, 0x78, 0x79, 0x31, 0x32, 0x33]);
  assert.deepEqual(JSON.parse(stderr), { held: 0 }); // isTTY is undefined: a worker's stream is no terminal
});

test('main may wait for a task that prints more than is kept on its way', () => {
  const word = new Int32Array(new SharedArrayBuffer(4));
  return withPool({ ...P, stdout: true, workerData: { word } }, async (pool) => {
    const task = pool.dispatch('much', 3);
    Atomics.wait(word, 0, 0);
    await task;
    let length = 0;
    for (let chunk; (chunk = pool.stdout.read());) length += chunk.length;
    assert.equal(length, 3 << 20);
  });
});

test('a task that prints faster than main writes waits for it: memory is bounded', () => {
  const count = 200;
  const { out, stderr } = run(
    `
    const before = process.resourceUsage().maxRSS;
    const task = pool.dispatch('much', ${count});
    const busy = setInterval(() => {
      const end = performance.now() + 20;
      while (performance.now() < end);
    });
    await task;
    clearInterval(busy);
    console.error(process.resourceUsage().maxRSS - before);
    await pool.destroy();`,
  );
  assert.equal(out.length, count << 20);
  assert.ok(Number(stderr) < 100 * 1024, `${stderr} KB more for ${count} MiB`);
});

test('pools leave no listener behind', async () => {
  const count = () => ['exit', 'beforeExit'].map((event) => process.listenerCount(event));
  const before = count();
  for (let round = 0; round < 3; round++) {
    await withPool({ ...P, workers: 3, stdout: true }, (pool) => pool.dispatch('encoded'));
  }
  assert.deepEqual(count(), before);
});
