/** The programs of docs/native.md, built as the page says, with the native library of this checkout (`make native`). */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/native.md'), 'utf8');

/**
 * Runs a command and returns what it prints.
 * @param {string} command
 * @param {string} cwd
 */
function run(command, cwd) {
  const { stdout, stderr, status } = spawnSync(command, { cwd, shell: true, encoding: 'utf8', timeout: 120_000 });
  assert.equal(status, 0, `${command}: ${stderr}`);
  return stdout;
}

test('the programs of docs/native.md are built by the command in their first line, and work', () => {
  const programs = [...PAGE.matchAll(/```c\n(\/\* (\w+)\.c: (.+?) \*\/\n[\s\S]*?)```/g)];
  assert.ok(programs.length > 0);
  const scratch = mkdtempSync(join(tmpdir(), 'wasmpool-'));
  try {
    for (const [, text, name, command] of programs) {
      writeFileSync(join(scratch, `${name}.c`), text);
      run(
        command.replace('-Isrc', `-I'${ROOT}src'`).replace(/build\/native\S*/g, (path) => `'${ROOT}${path}'`),
        scratch,
      );
      const lines = run('./a.out', scratch).trim().split('\n');
      if (name === 'primes')
        assert.deepEqual(
          lines
            .map(Number)
            .sort((a, b) => a - b)
            .slice(-2),
          [2064, 2158],
        );
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

test('C++ tasks that are killed in waits below functions that may not throw do not end the process', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'wasmpool-'));
  try {
    const wraps = readFileSync(join(ROOT, 'src/embed/wraps.txt'), 'utf8').trim().replaceAll('\n', ' ');
    const source = join(ROOT, 'tests/js/fixtures/native.cpp');
    run(`g++ -O1 -I'${ROOT}src' '${source}' '${ROOT}build/native/libwasmpool.a' ${wraps} -pthread -o tasks`, scratch);
    assert.equal(run('./tasks', scratch), 'killed 150, destroyed 0\n');
  } finally {
    rmSync(scratch, { recursive: true });
  }
});
