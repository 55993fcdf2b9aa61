/** The demo: its handlers, its C task, and that a failing check of its is noticed. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { statistics, wasm } from '../../demo/files.js';
import { createPool } from '../../js/index.js';

const DRIVER = fileURLToPath(new URL('../../demo/run.mjs', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'wasmpool-demo-test-'));
after(() => rmSync(dir, { recursive: true }));

const bytesOf = (text) => new TextEncoder().encode(text);

test('statistics: lines, the longest line, words, the most frequent ones', () => {
  const of = (text) => statistics({ path: '', bytes: bytesOf(text) });
  const nothing = { words: 0, distinct: 0, frequent: [] };
  assert.deepEqual(of(''), { bytes: 0, lines: 0, longestLine: 0, ...nothing });
  assert.deepEqual(of('\n\n'), { bytes: 2, lines: 2, longestLine: 0, ...nothing });
  const one = { words: 1, distinct: 1, frequent: [['one', 1]] };
  assert.deepEqual(of('one'), { bytes: 3, lines: 0, longestLine: 3, ...one });
  const frequent = [
    ['é', 3],
    ['a', 2],
    ['b', 1],
  ];
  const several = { words: 8, distinct: 4, frequent };
  assert.deepEqual(of(`a\tb\n\né é\r\né a c ${'x'.repeat(41)}`), { bytes: 60, lines: 3, longestLine: 48, ...several });
});

test('the C task digest: SHA-256 and histogram, of any length', async () => {
  const pool = await createPool({ wasm, workers: 1 });
  try {
    for (const length of [0, 1, 55, 56, 63, 64, 65, 1000, 100_000, 5_000_000]) {
      const bytes = new Uint8Array(randomBytes(length));
      const histogram = new Array(256).fill(0);
      for (const byte of bytes) histogram[byte]++;
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      assert.deepEqual(await pool.dispatch('digest', bytes), { bytes: length, sha256, histogram });
    }
  } finally {
    await pool.destroy();
  }
});

/** Files of several sizes in nested folders, with names that need care. */
function makeTree() {
  const tree = join(dir, 'tree');
  mkdirSync(join(tree, 'sub', 'deeper'), { recursive: true });
  for (let i = 0; i < 40; i++) writeFileSync(join(tree, 'sub', `text-${i}`), `word\n`.repeat(i * i));
  writeFileSync(join(tree, 'empty'), '');
  writeFileSync(join(tree, 'large'), randomBytes(3_000_000));
  writeFileSync(join(tree, 'sub', 'deeper', '-a name\nof "two" lines'), 'x');
  return tree;
}

/** Runs the demo over a tree; `tools` is a directory whose programs come before the system's. */
function runDemo(tree, tools) {
  const PATH = tools ? tools + delimiter + process.env.PATH : process.env.PATH;
  return new Promise((resolve) => {
    const options = { env: { ...process.env, PATH } };
    execFile(process.execPath, [DRIVER, tree, '1'], options, (error, stdout, stderr) =>
      resolve({ status: error ? error.code : 0, stdout, stderr }),
    );
  });
}

test('the whole demo: all checks pass over a small tree [AM-51]', async () => {
  const { status, stdout, stderr } = await runDemo(makeTree());
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /43 files/);
  assert.match(stdout, /All checks passed\n$/);
  for (const row of ['digest', 'xargs sha256sum', 'statistics']) {
    assert.match(stdout, new RegExp(`^ +${row}(?: +[\\d.]+ MB/s){2} +\\d+ files/s +[\\d.]+ ×$`, 'm'));
  }
  for (const what of ['a loop in C', 'a for\\(;;\\) in JavaScript', 'a wait that never ends']) {
    assert.match(stdout, new RegExp(`${what}: TIMEOUT`));
  }
  assert.doesNotMatch(stdout, /DIFFERS/);
});

test('the demo fails when a digest is not what sha256sum prints', async () => {
  const tools = join(dir, 'tools');
  mkdirSync(tools);
  const lying = join(tools, 'sha256sum');
  writeFileSync(lying, `#!/bin/sh\nPATH=\${PATH#*:}\nsha256sum "$@" | sed -z '3s/^./x/'\n`);
  chmodSync(lying, 0o755);
  const { status, stdout } = await runDemo(makeTree(), tools);
  assert.equal(status, 1);
  assert.match(stdout, /DIFFERS: every digest is what sha256sum prints\n +file 2: /);
});
