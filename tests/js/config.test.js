/** `wasmpool-config`: the documented command line builds C tasks, wherever the package lies. */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createPool } from '../../js/index.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const EMCC = join(ROOT, '.toolchain', 'bin', 'emcc');
const CACHE = join(ROOT, 'build', 'sdk');
const scratch = mkdtempSync(join(tmpdir(), 'wasmpool-config-test-'));
after(() => rmSync(scratch, { recursive: true }));

/** Copies the package's files for C into a folder of this name. */
function install(name) {
  const root = join(scratch, name);
  mkdirSync(root, { recursive: true });
  for (const part of ['bin', 'include', 'src', 'wasm', 'package.json']) {
    cpSync(join(ROOT, part), join(root, part), { recursive: true, filter: (path) => !path.endsWith('.o') });
  }
  return root;
}

/** Runs the program of an installed package. */
function config(root, ...args) {
  return configWith({}, root, ...args);
}

/** The same, with variables of the environment. */
function configWith(env, root, ...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'bin', 'wasmpool-config'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, EMCC, WASMPOOL_CACHE: CACHE, ...env },
  });
  return { status, stdout, stderr };
}

test('a C task is built by the documented line, from a folder with spaces and quotes in its name', async () => {
  assert.ok(existsSync(EMCC), `there is no emcc at ${EMCC}: make emcc`);
  const root = install(`it's my "project"`);
  const work = join(root, 'a sub folder');
  mkdirSync(work);
  writeFileSync(
    join(work, 'my_tasks.c'),
    `#include "wasmpool.h"
    WP_TASK(twice) { double x = 0; size_t length; const double *in = wp_task_input(task, &length, NULL); x = 2 * *in;
      return wp_task_result(task, WP_TYPE_NUMBER, &x, sizeof x); }\n`,
  );
  const tool = join(root, 'bin', 'wasmpool-config');
  const line = `"$EMCC" my_tasks.c $(${JSON.stringify(process.execPath)} "$TOOL" --emscripten) -o tasks.mjs`;
  execFileSync('sh', ['-c', line], {
    cwd: work,
    env: { ...process.env, EMCC, TOOL: tool, WASMPOOL_CACHE: CACHE },
    stdio: 'pipe',
  });
  const pool = await createPool({ wasm: pathToFileURL(join(work, 'tasks.mjs')), workers: 1 });
  try {
    assert.equal(await pool.dispatch('twice', 21), 42);
  } finally {
    await pool.destroy();
  }
});

test('words with spaces come quoted with --lines, and by a response file without', () => {
  const root = install('two words');
  const lines = config(root, '--cflags', '--lines').stdout;
  assert.equal(lines, `"-I${root}/include"\n-pthread\n`);
  const { stdout } = config(root, '--cflags');
  assert.match(stdout, /^@\S+\.rsp\n$/);
  const path = stdout.trim().slice(1);
  try {
    assert.equal(readFileSync(path, 'utf8'), lines);
    assert.equal(config(root, '--cflags').stdout, stdout, 'one file, however often it is asked for');
    writeFileSync(path, 'something else');
    const other = config(root, '--cflags').stdout.trim().slice(1);
    assert.notEqual(other, path);
    assert.equal(readFileSync(other, 'utf8'), lines);
    rmSync(join(other, '..'), { recursive: true });
  } finally {
    rmSync(path);
  }
});

test('without spaces the words are printed as they are', () => {
  const root = install('plain');
  assert.equal(config(root, '--cflags').stdout, `-I${root}/include -pthread\n`);
  const { status, stderr } = config(root, '--emscriptem');
  assert.deepEqual([status, stderr], [2, 'wasmpool-config: unknown option --emscriptem (see --help)\n']);
});

test('every file of ours that the flags name is in the package', () => {
  const root = new URL('../../', import.meta.url);
  const { files } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const named = [...readFileSync(new URL('wasm/flags.txt', root), 'utf8').matchAll(/\{root\}\/(\S+)/g)].map(
    ([, path]) => path,
  );
  assert.ok(named.length >= 4);
  for (const path of named)
    assert.ok(
      files.some((file) => path === file || path.startsWith(`${file}/`)),
      path,
    );
});

test('an Emscripten that is too old is named, with the one that is needed', () => {
  const root = install('old');
  const old = join(scratch, 'debian');
  mkdirSync(old);
  writeFileSync(join(old, 'emcc'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  writeFileSync(join(old, 'emscripten-version.txt'), '"3.1.6~dfsg"\n');
  for (const [env, option] of [
    [{ EMCC: join(old, 'emcc') }, '--isolated'],
    [{ EMCC: '', PATH: old }, '--emscripten'],
  ]) {
    const { status, stdout, stderr } = configWith(env, root, option);
    assert.deepEqual([status, stdout], [2, '']);
    assert.match(stderr, /Emscripten 3\.1\.6 .*is too old: 3\.1\.69 or newer/);
  }
  const { status, stderr } = configWith({ EMCC: '', PATH: '/nowhere' }, root, '--isolated');
  assert.deepEqual([status, stderr], [2, 'wasmpool-config: there is no emcc on PATH\n']);
});

test('the core is compiled once for an Emscripten, and again when a source has changed', () => {
  const root = install('compiled');
  const env = { WASMPOOL_CACHE: join(scratch, 'a cache') };
  const first = configWith(env, root, '--isolated', '--lines');
  assert.match(first.stderr, /compiling/);
  const object = first.stdout.trim().split('\n').at(-1);
  assert.ok(object.startsWith(`"${env.WASMPOOL_CACHE}/`), object);
  const second = configWith(env, root, '--isolated', '--lines');
  assert.deepEqual([second.stdout, second.stderr], [first.stdout, '']);
  const source = join(root, 'src', 'isolated', 'isolated.c');
  writeFileSync(source, `${readFileSync(source, 'utf8')}\nthis is no C\n`);
  const broken = configWith(env, root, '--isolated');
  assert.deepEqual([broken.status, broken.stdout], [2, '']);
  assert.match(broken.stderr, /does not compile:\n[^]*isolated\.c/);
});
