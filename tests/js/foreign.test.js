/** The option `isolated`: modules that somebody else built, as tasks. docs/isolated.md */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import { createPool } from '../../js/index.js';
import { Output } from '../../js/foreign/output.js';
import { confine } from '../../js/instrument/confine.js';
import { resolveOptions } from '../../js/options/options.js';
import { loadForeign } from '../../js/threads/foreign.js';
import { BINDGEN, PROGRAM, SHAPES, wat } from './foreign-support.js';
import { codeOf, MODULE, withPool as withPoolOf } from './helpers.js';

/** @param {object} isolated @param {(pool: any) => Promise<void>} use @param {object} [options] */
const withModules = (isolated, use, options) =>
  withPoolOf({ module: undefined, workers: 1, isolated, ...options }, use);
const shapes = (/** @type {string[]} */ ...names) =>
  Object.fromEntries(names.map((name) => [name, { wasm: SHAPES, export: name }]));
const text = (/** @type {Uint8Array} */ bytes) => new TextDecoder().decode(bytes);
/** @param {PromiseLike<unknown>} promise @returns {Promise<any>} */
const errorOf = (promise) =>
  Promise.resolve(promise).then(
    () => assert.fail('it was fulfilled'),
    (error) => error,
  );

// ---- Bytes and numbers ----

test('a module gets bytes and returns bytes, in each way that there is to say where they are', () =>
  withModules({ ...shapes('run', 'pair', 'inplace'), bindgen: { wasm: BINDGEN } }, async (pool) => {
    assert.equal(text(await pool.dispatch('run', 'hello')), 'HELLO');
    assert.equal(text(await pool.dispatch('run', new TextEncoder().encode('hello'))), 'HELLO');
    assert.equal(text(await pool.dispatch('pair', 'hello')), 'ELLO');
    assert.equal(text(await pool.dispatch('inplace', 'hello')), 'HELLO');
    assert.equal(text(await pool.dispatch('bindgen', 'abcdef')), 'abc');
    assert.equal((await pool.dispatch('run', '')).length, 0);
    const large = new Uint8Array(5_000_000).fill(0x61);
    const upper = await pool.dispatch('run', large);
    assert.equal(upper.length, large.length);
    assert.ok(upper.every((/** @type {number} */ byte) => byte === 0x41));
  }));

test('a module gets numbers and returns numbers, beside bytes as well', () =>
  withModules(
    { ...shapes('add', 'length', 'nth', 'both', 'nothing'), wide: { wasm: SHAPES, export: 'wide', returns: 'number' } },
    async (pool) => {
      assert.deepEqual(await pool.dispatch('add', [-2, 2n ** 40n, 0.5]), [2n ** 40n - 2n, 0.5]);
      assert.deepEqual(await pool.dispatch('add', [2 ** 32 + 7, 1, true]), [8n, 1]);
      assert.equal(await pool.dispatch('length', new Uint8Array(70_000)), 70_000);
      assert.equal(await pool.dispatch('nth', ['abc', 1]), 98);
      assert.equal(await pool.dispatch('both', ['abc', new Uint16Array(2)]), 7);
      assert.equal(await pool.dispatch('wide', 'abc'), 3n);
      assert.equal(await pool.dispatch('nothing'), undefined);
      assert.deepEqual(await pool.map('length', ['a', 'bb', 'ccc']), [1, 2, 3]);
    },
  ));

test('a call that does not fit the function is refused by name, and the next one works', () =>
  withModules(shapes('add', 'length', 'outside'), async (pool) => {
    const cases = [
      ['add', [1], /add takes \(i32, i64, f64\), and was given 1 values/],
      ['add', [1, 2, {}], /argument 2: expected a number or bytes, not object/],
      ['add', [1, 0.5, 1], /cannot be converted to a BigInt|not an integer/],
      ['outside', 'x', /outside: 16 bytes at 4294967280 are not in its memory/],
    ];
    for (const [name, payload, message] of cases) {
      const error = await errorOf(pool.dispatch(name, payload));
      assert.equal(error.code, 'TASK_FAILED');
      assert.match(error.message, /** @type {RegExp} */ (message));
    }
    const batch = await errorOf(pool.map('length', ['a', 'b'], { batchSize: 2 }));
    assert.equal(batch.code, 'UNSUPPORTED');
    assert.equal(await pool.dispatch('length', 'abc'), 3);
  }));

test('bytes go to a fixed address, or by an allocator that is named', () =>
  withModules(
    {
      fixed: { wasm: SHAPES, export: 'both', alloc: 60_000 },
      nth: { wasm: SHAPES, export: 'nth', alloc: 60_000 },
      named: { wasm: SHAPES, export: 'nth', alloc: 'alloc' },
    },
    async (pool) => {
      assert.equal(await pool.dispatch('fixed', [new Uint8Array(200_000), new Uint8Array(5)]), 200_005);
      assert.equal(await pool.dispatch('nth', ['abc', 2]), 99);
      assert.equal(await pool.dispatch('named', ['abc', 2]), 99);
    },
  ));

// ---- Instances ----

test('each call has a new instance; with reuse the instance stays until a call fails', () =>
  withModules(
    {
      ...shapes('count'),
      kept: { wasm: SHAPES, export: 'count', reuse: true },
      fails: {
        wasm: wat(`(module (global $n (mut i32) (i32.const 0)) (func (export "run") (param i32) (result i32)
          (global.set $n (i32.add (global.get $n) (i32.const 1))) (if (local.get 0) (then unreachable)) (global.get $n)))`),
        reuse: true,
      },
    },
    async (pool) => {
      for (let i = 1; i <= 3; i++) {
        assert.equal(await pool.dispatch('count'), 1);
        assert.equal(await pool.dispatch('kept'), i);
        assert.equal(await pool.dispatch('fails', 0), i);
      }
      assert.match((await errorOf(pool.dispatch('fails', 1))).message, /unreachable/i);
      assert.equal(await pool.dispatch('fails', 0), 1);
      assert.equal(await pool.dispatch('kept'), 4);
    },
  ));

test('modules run beside handlers, and come from a URL, a path or bytes', async () => {
  const path = `${process.env.TMPDIR ?? '/tmp'}/wasmpool-foreign-${process.pid}.wasm`;
  writeFileSync(path, SHAPES);
  const options = {
    module: MODULE,
    isolated: {
      path: { wasm: path, export: 'length' },
      url: { wasm: pathToFileURL(path), export: 'length' },
      buffer: { wasm: SHAPES.slice().buffer, export: 'length' },
    },
  };
  await withPoolOf(options, async (pool) => {
    for (const name of ['path', 'url', 'buffer']) assert.equal(await pool.dispatch(name, 'abcd'), 4);
    assert.deepEqual(await pool.dispatch('echo', [1]), [1]);
  });
  assert.equal(
    await codeOf(createPool({ ...options, isolated: { echo: { wasm: path, export: 'length' } } })),
    'START_FAILED',
  );
});

// ---- What is refused ----

test('a module that cannot be a task is refused by name when the pool starts', async () => {
  const imports = wat('(module (import "env" "open_door" (func)) (func (export "run")))');
  const global = wat('(module (import "env" "__memory_base" (global i32)) (func (export "run")))');
  const cases = /** @type {const} */ ([
    [
      { wasm: imports },
      'INVALID_ARGUMENT',
      /isolated\.it: it imports the function 'open_door' of 'env', which it is not granted/,
    ],
    [{ wasm: global, unknownImports: 'trap' }, 'INVALID_ARGUMENT', /the global '__memory_base' of 'env'/],
    [{ wasm: SHAPES, export: 'missing' }, 'INVALID_ARGUMENT', /exports no function 'missing'; it has 'alloc', 'run'/],
    [{ wasm: SHAPES, alloc: 'missing' }, 'INVALID_ARGUMENT', /alloc: it exports no function 'missing'/],
    [{ wasm: SHAPES.slice(0, 50) }, 'INVALID_ARGUMENT', /isolated\.it: .*WebAssembly/],
    [{ wasm: PROGRAM, reuse: true }, 'INVALID_ARGUMENT', /reuse: an instance of a program runs once/],
    [{ wasm: '/nowhere/at-all.wasm' }, 'START_FAILED', /isolated\.it: cannot read file:\/\/\/nowhere/],
    [
      { wasm: wat('(module (memory 100) (func (export "run")))'), maxTaskBytes: 65536 },
      'INVALID_ARGUMENT',
      /memory of 6553600 bytes to start/,
    ],
    [
      { wasm: wat('(module (table 2000000 funcref) (func (export "run")))') },
      'UNSUPPORTED',
      /its tables have 2000000 elements/,
    ],
    [{ wasm: 7 }, 'INVALID_ARGUMENT', /isolated\.it\.wasm/],
    [{ wasm: SHAPES, returns: 'text' }, 'INVALID_ARGUMENT', /isolated\.it\.returns/],
    [{ wasm: SHAPES, unknownImports: 'stub' }, 'INVALID_ARGUMENT', /isolated\.it\.unknownImports/],
    [{ wasm: SHAPES, exprt: 'run' }, 'INVALID_ARGUMENT', /exprt/],
  ]);
  for (const [it, code, message] of cases) {
    const error = await errorOf(createPool({ workers: 1, isolated: { it: /** @type {any} */ (it) } }));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
  }
});

test('objects that are garbage-collected are refused, since no limit of memory counts for them', async (t) => {
  // (type (struct)) (func (export "run") (drop (struct.new_default 0)))
  const bytes = Uint8Array.of(
    ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 2, 0x5f, 0, 0x60, 0, 0, 3, 2, 1, 1],
    ...[7, 7, 1, 3, 114, 117, 110, 0, 0, 10, 8, 1, 6, 0, 0xfb, 1, 0, 0x1a, 0x0b],
  );
  if (!WebAssembly.validate(bytes)) t.diagnostic('this engine knows no such objects, and refuses the module itself');
  const { code } = await errorOf(createPool({ workers: 1, isolated: { it: { wasm: bytes } } }));
  assert.equal(code, WebAssembly.validate(bytes) ? 'UNSUPPORTED' : 'INVALID_ARGUMENT');
});

test('no way of writing it down makes objects, or exceptions that hold others, pass', () => {
  const head = [0, 97, 115, 109, 1, 0, 0, 0];
  const rest = [7, 7, 1, 3, 114, 117, 110, 0, 0, 10, 4, 1, 2, 0, 0x0b];
  /** @type {Record<string, number[]>} */
  const cases = {
    // (type (struct)) (func (drop (struct.new_default 0))), where the number behind the prefix takes two bytes
    'a number longer than it has to be': [
      ...[1, 6, 2, 0x5f, 0, 0x60, 0, 0, 3, 2, 1, 1],
      ...[7, 7, 1, 3, 114, 117, 110, 0, 0, 10, 9, 1, 7, 0, 0xfb, 0x81, 0, 0, 0x1a, 0x0b],
    ],
    // (type $a (array i8)) (global (ref $a) (array.new_default $a (i32.const 10)))
    "a global's first value": [
      ...[1, 7, 2, 0x5e, 0x78, 0, 0x60, 0, 0, 3, 2, 1, 1],
      ...[6, 10, 1, 0x64, 0, 0, 0x41, 10, 0xfb, 7, 0, 0x0b, ...rest],
    ],
    // (tag (param exnref)): exceptions can be a list
    'an exception with an exception': [1, 8, 2, 0x60, 1, 0x69, 0, 0x60, 0, 0, 3, 2, 1, 1, 13, 3, 1, 0, 0, ...rest],
    // (tag (param i64 …)): tables can hold a million of them
    'an exception with many values': [
      ...[1, 24, 2, 0x60, 17, ...new Array(17).fill(0x7e), 0, 0x60, 0, 0, 3, 2, 1, 1, 13, 3, 1, 0, 0, ...rest],
    ],
  };
  for (const [what, sections] of Object.entries(cases))
    for (const checked of [true, false])
      assert.throws(
        () => confine(Uint8Array.of(...head, ...sections), { maximumBytes: 65536, checked }),
        { code: 'UNSUPPORTED' },
        what,
      );
});

test('an instruction on a range of memory counts as many, however its number is written', () => {
  const plain = [
    ...wat('(module (memory 1) (func (export "run") (memory.fill (i32.const 0) (i32.const 1) (i32.const 9))))'),
  ];
  const code = plain.lastIndexOf(10, plain.indexOf(0xfc));
  const fill = plain.indexOf(0xfc);
  const longer = [...plain.slice(0, fill + 1), 0x8b, 0, ...plain.slice(fill + 2)];
  longer[code + 1]++; // the length of the section, and of the body
  longer[code + 3]++;
  for (const bytes of [plain, longer]) {
    assert.ok(WebAssembly.validate(Uint8Array.from(bytes)));
    const confined = confine(Uint8Array.from(bytes), { maximumBytes: 65536, checked: true });
    assert.ok(Buffer.from(confined.bytes).includes(Buffer.of(0x41, 0xc0, 0, 0x6b)), 'i32.const 64, i32.sub');
  }
});

test("unknownImports: 'trap' lets a module start, and ends the task that calls what it was not granted", () =>
  withModules(
    {
      door: {
        wasm: wat(`(module (import "env" "open_door" (func $open)) (func (export "run") (param i32)
          (if (local.get 0) (then (try (do (call $open)) (catch_all))))))`),
        unknownImports: 'trap',
      },
    },
    async (pool) => {
      assert.equal(await pool.dispatch('door', 0), undefined);
      const error = await errorOf(pool.dispatch('door', 1));
      assert.match(error.message, /it called the import 'open_door' of 'env', which it is not granted/);
      assert.equal(await pool.dispatch('door', 0), undefined);
    },
  ));

test("a module's memory and tables may be imported; AssemblyScript's abort says where it was", () =>
  withModules(
    {
      sum: {
        wasm: wat(`(module (import "env" "memory" (memory 1 10 shared)) (import "env" "t" (table 3 funcref))
          (func (export "alloc") (param i32) (result i32) (i32.const 1024))
          (func (export "run") (param i32 i32) (result i32) (i32.atomic.load8_u (local.get 0))))`),
      },
      abort: {
        wasm: wat(`(module (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
          (memory (export "memory") 1) (data (i32.const 12) "\\04\\00\\00\\00n\\00o\\00")
          (func (export "run") (call $abort (i32.const 16) (i32.const 0) (i32.const 7) (i32.const 9))))`),
      },
    },
    async (pool) => {
      assert.equal(await pool.dispatch('sum', 'a'), 97);
      assert.match((await errorOf(pool.dispatch('abort'))).message, /abort: no \(:7:9\)/);
    },
  ));

test('what a module prints may be cut within a character', () => {
  /** @type {string[]} */
  const printed = [];
  const output = new Output(100, (fd, piece) => printed.push(`${fd}${piece}`));
  const [first, ...rest] = new TextEncoder().encode('äb');
  output.write(1, Uint8Array.of(first));
  output.write(2, new TextEncoder().encode('c'));
  output.write(1, Uint8Array.from(rest));
  assert.deepEqual(printed, ['2c', '1äb']);
});

// ---- Programs ----

test('a program gets arguments, environment and stdin, and returns what it wrote and its exit code', () =>
  withModules({ program: { wasm: PROGRAM } }, async (pool) => {
    const long = 'line\n'.repeat(10_000);
    const { exitCode, stdout, stderr } = await pool.dispatch('program', {
      args: ['-x', 'ä€'],
      env: { LANG: 'C', HOME: '/' },
      stdin: long,
    });
    assert.equal(exitCode, 3);
    assert.equal(text(stdout), long);
    assert.equal(text(stderr), 'program\0-x\0ä€\0LANG=C\0HOME=/\0');
    assert.equal(text((await pool.dispatch('program', new Uint8Array([65, 66]))).stdout), 'AB');
    assert.equal((await pool.dispatch('program')).exitCode, 1);
    assert.match((await errorOf(pool.dispatch('program', { argv: [] }))).message, /a program takes .*not argv/);
  }));

test('a program that traps fails, and its stderr says why', () =>
  withModules(
    {
      panics: {
        wasm: wat(`(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1) (data (i32.const 64) "panicked at x.rs")
          (func (export "_start") (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 16))
            (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))) unreachable))`),
      },
    },
    async (pool) => {
      const error = await errorOf(pool.dispatch('panics'));
      assert.equal(error.code, 'TASK_FAILED');
      assert.match(error.message, /unreachable.*its stderr: panicked at x\.rs/i);
    },
  ));

test('a module is compiled once for all workers and pools', async () => {
  const load = async () => {
    const options = resolveOptions({ isolated: { run: { wasm: SHAPES }, other: { wasm: SHAPES } } });
    return /** @type {any} */ (await loadForeign(options)).tasks.map((/** @type {any} */ { wasmModule }) => wasmModule);
  };
  const [[first, second], later] = [await load(), await load()];
  assert.equal(first, second);
  assert.equal(later[0], first);
});

test('a pool may have more modules than are kept for later pools', async () => {
  const numbers = Array.from({ length: 40 }, (_, i) => i);
  const isolated = Object.fromEntries(
    numbers.map((i) => [`number${i}`, { wasm: wat(`(module (func (export "run") (result i32) (i32.const ${i})))`) }]),
  );
  await withModules(isolated, async (pool) => {
    for (const i of numbers) assert.equal(await pool.dispatch(`number${i}`), i);
  });
});

test('a pool that gives up a module soon takes it from no other pool that wants it', async () => {
  const loops = '(loop (br_if 0 (i32.const 0)))'.repeat(200_000);
  const wasm = wat(`(module (func (export "run") (result i32) ${loops} (i32.const 1)))`);
  const impatient = errorOf(createPool({ workers: 1, readyTimeoutMs: 1, isolated: { first: { wasm } } }));
  await withModules({ second: { wasm } }, async (pool) => assert.equal(await pool.dispatch('second'), 1), {
    readyTimeoutMs: 60_000,
  });
  assert.match((await impatient).message, /1 ms/);
});

test('a file grows by many small writes as fast as by few, holes are zero, and what was cut off does not come back', () =>
  withModules(
    {
      grows: {
        wasm: wat(`(module
          (import "wasi_snapshot_preview1" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $size (param i32 i64) (result i32)))
          (import "wasi_snapshot_preview1" "fd_allocate" (func $allocate (param i32 i64 i64) (result i32)))
          (memory (export "memory") 1) (data (i32.const 16) "big")
          (func (export "_start") (local $i i32) (local $fd i32)
            (memory.fill (i32.const 1024) (i32.const 65) (i32.const 4096))
            (if (call $open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 3) (i32.const 1)
                  (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 0))
              (then unreachable))
            (local.set $fd (i32.load (i32.const 0)))
            (i32.store (i32.const 24) (i32.const 1024)) (i32.store (i32.const 28) (i32.const 4096))
            (loop $more
              (if (call $write (local.get $fd) (i32.const 24) (i32.const 1) (i32.const 40)) (then unreachable))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br_if $more (i32.lt_u (local.get $i) (i32.const 8000))))
            (i32.store (i32.const 28) (i32.const 0x7fffffff))
            (if (i32.ne (call $write (local.get $fd) (i32.const 24) (i32.const 1) (i32.const 40)) (i32.const 21))
              (then unreachable))
            (if (call $size (local.get $fd) (i64.const 10)) (then unreachable))
            (if (call $allocate (local.get $fd) (i64.const 0) (i64.const 5)) (then unreachable))
            (if (call $allocate (local.get $fd) (i64.const 0) (i64.const 20)) (then unreachable))
            (i32.store (i32.const 28) (i32.const 1))
            (if (call $write (local.get $fd) (i32.const 24) (i32.const 1) (i32.const 40)) (then unreachable))))`),
      },
    },
    async (pool) => {
      // 32 MB: when each write copied the file, half of that took 25 s.
      const { files } = await pool.dispatch('grows', { files: {} }, { timeoutMs: 20_000 });
      const { big } = files;
      assert.equal(big.length, 8000 * 4096 + 1);
      assert.equal(text(big.subarray(0, 10)), 'A'.repeat(10));
      assert.ok(big.subarray(10, -1).every((/** @type {number} */ byte) => byte === 0));
      assert.equal(big.at(-1), 65);
    },
  ));
