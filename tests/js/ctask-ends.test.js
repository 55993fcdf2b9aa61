/** What ordinary C does to end, to print and to reach files, and results that C must not give: its task's trouble only. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { createPool } from '../../js/index.js';
import { C_TASKS, codeOf, DEADLY, until, withPool } from './helpers.js';

const C = { wasm: C_TASKS, module: DEADLY, workers: 1 };
const ENDS = {
  call_exit: /exit\(3\)/,
  call__exit: /_Exit\(3\)/,
  call_abort: /[Aa]bort/,
  call_pthread_exit: /pthread_exit/,
};

for (const [name, text] of Object.entries(ENDS)) {
  test(`${name} in a C task fails that task; its worker goes on, and main's exit status is main's [AM-54]`, () =>
    withPool(C, async (pool) => {
      const before = process.exitCode;
      const thread = await pool.dispatch('thread');
      for (let round = 0; round < 3; round++) {
        const error = await pool.dispatch(name, 3).catch((caught) => caught);
        assert.equal(error.code, 'TASK_FAILED');
        assert.match(error.message, text);
        assert.equal(await pool.dispatch('twice', 21), 42);
      }
      assert.equal(await pool.dispatch('thread'), thread);
      assert.equal(process.exitCode, before);
    }));
}

test('C tasks: without a file system calls fail, and nobody waits for them', () =>
  withPool(C, async (pool) => {
    assert.equal(await pool.dispatch('use_files'), 5);
    assert.equal(await pool.dispatch('twice', 1), 2);
  }));

/** Runs a program with a pool of its own. */
function run(program) {
  const text = `
    import { createPool } from ${JSON.stringify(new URL('../../js/index.js', import.meta.url))};
    const pool = await createPool({ wasm: new URL(${JSON.stringify(C_TASKS)}), workers: 2 });
    ${program}
    await pool.destroy();`;
  return spawnSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8' });
}

test('C tasks: what they print is on the console, line by line', () => {
  const { stderr, status } = run("await pool.dispatch('print', 'grüße'); await pool.dispatch('print', 'two\\nlines');");
  assert.deepEqual([stderr, status], ['grüße\ntwo\nlines\n', 0]);
});

test('a C task that is killed while it prints holds up nobody who prints [XP-04]', () =>
  withPool({ ...C, workers: 2, recycleTimeoutMs: 0, loopChecks: false }, async (pool) => {
    for (let round = 0; round < 10; round++) {
      assert.equal(await codeOf(pool.dispatch('print_for_ever', 0, { timeoutMs: 10 + round })), 'TIMEOUT');
      assert.deepEqual(await pool.broadcast('print_little'), [undefined, undefined]);
    }
    await until(() => pool.stats().freeWorkers === 2);
  }));

for (const hangs of [0, 1]) {
  test(`what a C task that ${hangs ? 'is killed' : 'traps'} has locked of stdout is open again [XP-03]`, () =>
    withPool({ ...C, workers: 2, recycleTimeoutMs: 0, loopChecks: false }, async (pool) => {
      for (let round = 0; round < 5; round++) {
        const code = await codeOf(pool.dispatch('print_and_die', hangs, { timeoutMs: hangs ? 20 : 600_000 }));
        assert.equal(code, hangs ? 'TIMEOUT' : 'TASK_FAILED');
        assert.deepEqual(await pool.broadcast('print_little'), [undefined, undefined]);
      }
    }));
}

test('C tasks: lines that several print at once come whole', () => {
  const { stdout, status } = run(`await pool.broadcast('print_lines', 2000);`);
  assert.equal(status, 0);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines.length, 4000);
  for (const line of lines) assert.match(line, /^(.)\1{99}$/);
});

test('C results: types that are not for C are refused, and settle, whoever writes them', async () => {
  const { error } = console;
  console.error = () => undefined; // progress that nobody can read is reported
  const pool = await createPool(C);
  try {
    for (const task of ['typed_result', 'typed_progress', 'forged_type']) {
      for (let type = 0; type < 40; type++) {
        const onProgress = () => undefined;
        const code = await codeOf(pool.dispatch(task, type, { onProgress }));
        if (task !== 'forged_type' && type > 5) assert.equal(code, 'INVALID_ARGUMENT', `${task} ${type}`);
      }
    }
    assert.equal(await codeOf(pool.dispatch('forged_type', 23)), 'NOT_SERIALIZABLE');
    assert.equal(await pool.dispatch('twice', 2), 4);
  } finally {
    console.error = error;
    await pool.destroy();
  }
});

test('C tasks: parts of a payload that are to be moved are copied', () =>
  withPool(C, async (pool) => {
    const { buffer } = new Uint8Array([1, 2, 3]);
    assert.equal(await pool.dispatch('input_type', buffer, { transfer: [buffer] }), 1);
  }));
