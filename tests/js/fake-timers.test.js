/** Test frameworks replace the functions of time while a pool runs; the pool goes on with the runtime's own. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'node:test';

const program = fileURLToPath(new URL('./fixtures/fake-timers.mjs', import.meta.url));

for (const when of ['before', 'after']) {
  test(`a pool works while every global of time is replaced ${when} its import: maps, limits, restarts, ticks, its end`, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [program, when]);
    assert.equal(stdout, 'done\n');
  });
}
