/** The command line used wrongly: one line naming what and where, exit status 2. And `wasmpool info`. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { host } from '../../js/host/index.js';
import { at, dir, file, run } from './cli-support.js';
import { C_MODULE } from './helpers.js';

describe('wrong use: one line naming what and where, status 2', () => {
  const cases = [
    ['no such module', () => [`${at('none.mjs')}#x`], /^wasmpool: .*none\.mjs: ENOENT no such file/],
    ['no such export', () => [`${at('h.mjs')}#x`], /h\.mjs: has no handler or C task 'x' \(it has /],
    [
      'no such export of several kinds: functions are named, values are not',
      () => [`${file('kinds.mjs', 'export const n = 1, f = () => 0; export default { g() {}, m: 2 };')}#x`],
      /kinds\.mjs: has no handler or C task 'x' \(it has f, g\)\n$/,
    ],
    ['no export named', () => [at('h.mjs')], /^wasmpool: '.*h\.mjs' is not MODULE#EXPORT/],
    ['no module before the export', () => ['#x'], /^wasmpool: '#x' is not MODULE#EXPORT/],
    ['no export after the #', () => [`${at('h.mjs')}#`], /h\.mjs#' is not MODULE#EXPORT/],
    ['a directory', () => [`${dir}#x`], /^wasmpool: .*: EISDIR illegal operation on a directory/],
    ['a .wasm file', () => [`${at('x.wasm')}#x`], /give the \.mjs that emcc wrote beside it/],
    [
      'a syntax error',
      () => [`${file('bad.mjs', 'export const = 1')}#x`],
      /bad\.mjs: cannot be loaded: SyntaxError: .*bad\.mjs:1/,
    ],
    [
      'a throwing module',
      () => [`${file('thrower.mjs', 'throw new TypeError("no\\nway")')}#x`],
      /thrower\.mjs: cannot be loaded: TypeError: no way \(file:[^()]*thrower\.mjs:1:\d+\)\n$/,
    ],
    [
      'a module that exits',
      () => [`${file('exits.mjs', 'process.exit(3)')}#x`],
      /exits\.mjs: cannot be loaded: it ended the worker \(exit status 3\)/,
    ],
    ['an unknown option', () => ['h#x', '--workerz', '1'], /unknown option '--workerz'/],
    ['a bad number', () => ['h#x', '-j', '0'], /'-j, --workers <N>' argument '0' is invalid/],
    ['two kinds of input', () => ['h#x', '--files', '--lines'], /cannot be used with/],
    ['two orders', () => ['h#x', '--keep-order', '--unordered'], /cannot be used with/],
    ['no module', () => [], /missing required argument 'MODULE#EXPORT'/],
    ['names twice', () => [`${at('h.mjs')}#odd`, 'f', '--files-from', 'g'], /exclude each other/],
    ['-0 alone', () => [`${at('h.mjs')}#odd`, '-0'], /-0 needs --files-from/],
  ];
  for (const [title, args, pattern] of cases) {
    test(title, async () => {
      const { status, out, err, created } = await run(['map', ...args()]);
      assert.equal(status, 2);
      assert.equal(out, '');
      assert.match(err, pattern);
      assert.match(err, /^wasmpool: [^\n]*\n$/);
      assert.deepEqual(created, []);
    });
  }

  test('an unknown C task, a pool that does not start', async () => {
    const unknown = await run(['map', `${fileURLToPath(C_MODULE)}#x`], { input: '1\n' });
    assert.equal(unknown.status, 2);
    assert.match(unknown.err, /^wasmpool: .*tasks\.mjs: has no handler or C task 'x'\n$/);
    const failing = async () => {
      throw Object.assign(new Error('a worker could not start: why'), { code: 'START_FAILED' });
    };
    const start = await run(['map', `${at('h.mjs')}#odd`], { createPool: failing });
    assert.equal(start.status, 2);
    assert.match(start.err, /h\.mjs#odd: START_FAILED a worker could not start: why\n$/);
  });

  test('no command, an unknown one, help, version', async () => {
    assert.equal((await run([])).status, 2);
    assert.match((await run(['mop'])).err, /^wasmpool: unknown command 'mop'[^\n]*\n$/);
    const help = await run(['map', '--help']);
    assert.equal(help.status, 0);
    for (const word of ['--files', '--timeout', '--keep-order', 'Exit status']) {
      assert.ok(help.out.includes(word), word);
    }
    assert.match((await run(['--version'])).out, /^\d+\.\d+\.\d+\n$/);
  });
});

/** (module (func loop br 0 end)) */
const LOOPS = new Uint8Array([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0],
  ...[10, 9, 1, 7, 0, 3, 0x40, 0x0c, 0, 0x0b, 0x0b],
]);

describe('wasmpool instrument', () => {
  const out = at('out.wasm');
  test('a module gets checks for the engine that is named, once', async () => {
    const input = file('loops.wasm', LOOPS);
    const first = await run(['instrument', input, '-o', out, '--for', 'v8', '--flag', '32']);
    assert.equal(first.status, 0);
    assert.match(first.err, /out\.wasm: 1 functions, checks at 1 loops and 0 entries\n/);
    const [mark] = WebAssembly.Module.customSections(new WebAssembly.Module(readFileSync(out)), 'wasmpool.checks');
    const { engine, check } = JSON.parse(new TextDecoder().decode(mark));
    assert.deepEqual([engine, check], ['v8', { kind: 'word', address: 32 }]);
    const again = await run(['instrument', out, '-o', out, '--for', 'v8', '--flag', '32']);
    assert.match(again.err, /had these checks already/);
    const other = await run(['instrument', out, '-o', out]);
    assert.equal(other.status, 1);
    assert.match(other.err, /^wasmpool: .*out\.wasm: INVALID_ARGUMENT the module has other checks already/);
  });
  test('what is no module, cannot be read, or is not said: one line, and the right status', async () => {
    const text = file('text.wasm', 'hello, world');
    for (const [args, status, expected] of [
      [[text, '-o', out], 1, /^wasmpool: .*text\.wasm: INVALID_ARGUMENT module, offset 4: this is not WebAssembly\n$/],
      [[at('nowhere.wasm'), '-o', out], 2, /^wasmpool: cannot read .*nowhere\.wasm: ENOENT/],
      [[text], 2, /required option '-o, --output <OUT\.wasm>' not specified\n$/],
      [[text, '-o', out, '--for', 'x'], 2, /'--for <ENGINE>' argument 'x' is invalid/],
    ]) {
      const ended = await run(['instrument', ...args]);
      assert.equal(ended.status, status, ended.err);
      assert.match(ended.err, expected);
    }
  });
});

describe('wasmpool info', () => {
  test('runtime, capabilities, versions, as text and as JSON', async () => {
    const { out } = await run(['info', '--json']);
    const info = JSON.parse(out);
    assert.equal(info.runtime, `node ${process.versions.node}`);
    assert.deepEqual(info.capabilities, { ...host.caps });
    assert.equal(info.capabilities.killJs, true);
    assert.match((await run(['info'])).out, /capabilities +.*threads yes.*killJs yes/);
  });

  test('without a pool: the rest, and status 1', async () => {
    const createPool = async () => {
      throw new Error('no threads');
    };
    const { status, out, err } = await run(['info'], { createPool });
    assert.equal(status, 1);
    assert.match(out, /^wasmpool +\d/);
    assert.equal(err, 'wasmpool: no pool starts here: no threads\n');
  });
});
