/** A module of C tasks that was linked with another version of the core is refused, before it can destroy anything. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { LAYOUT } from '../../js/generated/layout.js';
import { createPool } from '../../js/index.js';
import { C_MODULE } from './helpers.js';

/** A number as wasm has it in code: signed LEB128. */
function leb(/** @type {number} */ number) {
  const bytes = [];
  for (let rest = number | 0; ; rest >>= 7) {
    const isLast = rest >> 6 === 0 || rest >> 6 === -1;
    bytes.push((rest & 0x7f) | (isLast ? 0 : 0x80));
    if (isLast) return Buffer.from(bytes);
  }
}

test('a module that was linked with another version of the core is refused, by name of what to do', async () => {
  const glue = fileURLToPath(C_MODULE);
  const wasm = readFileSync(glue.replace('.mjs', '.wasm'));
  const hash = leb(LAYOUT);
  const at = wasm.indexOf(hash);
  assert.ok(at > 0 && wasm.indexOf(hash, at + 1) === -1, 'the hash is in the code, once');
  wasm[at] ^= 1;
  const folder = mkdtempSync(join(tmpdir(), 'wasmpool-version-'));
  try {
    copyFileSync(glue, join(folder, 'tasks.mjs'));
    writeFileSync(join(folder, 'tasks.wasm'), wasm);
    await assert.rejects(createPool({ wasm: pathToFileURL(join(folder, 'tasks.mjs')), workers: 1 }), {
      code: 'START_FAILED',
      message: /linked with another version of wasmpool/,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
