/** Runs the example of a page as its reader would, in a folder of its own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/**
 * Checks that `main.mjs` prints what the comments behind its console.log(…) say.
 * @param {Record<string, string>} files by name, `main.mjs` among them
 */
export function checkExample(files) {
  const scratch = mkdtempSync(join(tmpdir(), 'wasmpool-'));
  try {
    for (const [name, text] of Object.entries({ ...files, 'package.json': '{ "type": "module" }' }))
      writeFileSync(join(scratch, name), text);
    const run = spawnSync(process.execPath, ['main.mjs'], { cwd: scratch, encoding: 'utf8', timeout: 60_000 });
    const expected = [...files['main.mjs'].matchAll(/console\.log.*\/\/ (.*)/g)].map(([, text]) => text);
    assert.ok(expected.length > 0);
    assert.deepEqual([run.status, run.stdout.trim().split('\n')], [0, expected], run.stderr);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}
