import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

test('AM-59: the example of the README prints what its comments say', () => {
  const [program, worker] = [...README.matchAll(/```js\n([\s\S]*?)```/g)].map(([, text]) => text);
  const scratch = mkdtempSync(join(tmpdir(), 'wasmpool-'));
  try {
    const entry = JSON.stringify(new URL('../../js/index.js', import.meta.url));
    writeFileSync(join(scratch, 'main.mjs'), program.replace("'wasmpool'", entry));
    writeFileSync(join(scratch, 'worker.js'), worker);
    writeFileSync(join(scratch, 'package.json'), '{ "type": "module" }');
    const { stdout, stderr, status } = spawnSync(process.execPath, ['main.mjs'], {
      cwd: scratch,
      encoding: 'utf8',
      timeout: 60_000,
    });
    const expected = [...program.matchAll(/console\.log.*\/\/ (.*)/g)].map(([, text]) => text);
    assert.deepEqual([status, stdout.trim().split('\n')], [0, expected], stderr);
  } finally {
    rmSync(scratch, { recursive: true });
  }
});
