/** Modules that mean harm, as tasks of the option `isolated`: nobody else notices, and their thread lives on. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createPool } from '../../js/index.js';
import { HOSTILE, PROGRAM, SHAPES, wat } from './foreign-support.js';
import { codeOf, liveness, MODULE, until, withPatience, withPool } from './helpers.js';

const text = (/** @type {Uint8Array} */ bytes) => new TextDecoder().decode(bytes);

/**
 * Runs a module's task while another worker works. Its thread must live on.
 * @param {Uint8Array} wasm
 * @param {(pool: any) => Promise<void>} use dispatches 'bad'
 * @param {object} [options] of the module
 * @param {object} [poolOptions]
 */
function besideOthers(wasm, use, options, poolOptions) {
  const isolated = { bad: { wasm, ...options }, good: { wasm: SHAPES } };
  const run = async (/** @type {any} */ pool) => {
    /** @type {string[]} */
    const lost = [];
    pool.on('workerDown', (/** @type {any} */ { name }) => lost.push(name));
    let over = false;
    const others = (async () => {
      let count = 0;
      for (; !over || count < 20; count++) assert.equal(text(await pool.dispatch('good', 'other')), 'OTHER');
      return count;
    })();
    others.catch(() => undefined); // reported below
    try {
      await use(pool);
    } finally {
      over = true;
    }
    await others;
    await until(() => pool.stats().freeWorkers === 2);
    assert.equal(text(await pool.dispatch('good', 'after')), 'AFTER');
    assert.deepEqual(lost, [], 'a thread was ended');
  };
  return withPatience(() => withPool({ module: MODULE, workers: 2, isolated, ...poolOptions }, run), ['check']);
}

const ENDLESS = [
  ['an endless loop', 'loop'],
  ['a loop that catches every exception', 'loopThatCatches'],
  ['a loop that writes over its whole memory', 'loopThatOverwritesMemory'],
  ['calls without a loop and without an end', 'endlessCalls'],
  ['a start function that never ends', 'start'],
  ['an initialisation that never ends', 'initialize'],
  ['a program that sleeps for an hour', 'sleeps'],
];
for (const [what, name] of ENDLESS)
  test(`${what} is stopped at its time limit, and its thread lives on`, () =>
    besideOthers(HOSTILE[name], async (pool) => {
      assert.equal(await codeOf(pool.dispatch('bad', undefined, { timeoutMs: 20 })), 'TIMEOUT');
      const task = pool.dispatch('bad');
      await until(() => pool.stats().busyWorkers > 0);
      await task.terminate();
      assert.equal(await codeOf(task), 'CANCELLED');
      await until(() => pool.diagnostics().stops.check.count >= 1);
    }));

test('a silent module is found without a time limit, and its thread lives on', () =>
  besideOthers(
    HOSTILE.loop,
    async (pool) => assert.equal(await codeOf(pool.dispatch('bad')), 'WORKER_LOST'),
    {},
    { liveness },
  ));

test('a module that fills its memory again and again is stopped', () =>
  // Each filling takes milliseconds: on a busy machine its thread may be ended before the next check.
  withPool({ module: MODULE, workers: 2, isolated: { bad: { wasm: HOSTILE.fills } } }, async (pool) => {
    assert.equal(await codeOf(pool.dispatch('bad', undefined, { timeoutMs: 20 })), 'TIMEOUT');
    await until(() => pool.stats().freeWorkers === 2);
    assert.equal(await pool.dispatch('echo', 1), 1);
  }));

const FAILS = /** @type {const} */ ([
  ['endless recursion', 'recursion', /stack|recursion/i],
  ['a wait that nobody ends', 'waits', /./],
  ['an access out of bounds', 'outOfBounds', /out of bounds/i],
]);
for (const [what, name, message] of FAILS)
  test(`${what} ends as a failed task`, () =>
    besideOthers(HOSTILE[name], async (pool) => {
      for (let i = 0; i < 3; i++)
        await assert.rejects(pool.dispatch('bad'), (/** @type {any} */ error) => {
          assert.equal(error.code, 'TASK_FAILED');
          assert.match(error.message, message);
          return true;
        });
    }));

test('memory grows to its limit and no further, and comes back', () =>
  besideOthers(
    HOSTILE.grows,
    async (pool) => {
      const most = 40;
      for (let i = 0; i < most; i++) assert.equal(await pool.dispatch('bad'), 1 + 16 * 63);
      // Each call has written to 64 MB.
      assert.ok(process.memoryUsage.rss() < (most / 2) * (64 << 20), 'the memory of former calls is still there');
    },
    { maxTaskBytes: '64mb' },
  ));

test('several memories share one limit, and tables have one, too', () =>
  besideOthers(HOSTILE.growsTables, async (pool) => {
    for (let i = 0; i < 20; i++) {
      const size = await pool.dispatch('bad');
      assert.ok(size > 1000 && size <= 2 ** 20, String(size));
    }
  }));

test('thousands of tables are refused if they are large, and harmless if they are not', async () => {
  const tables = (/** @type {number} */ size) =>
    wat(`(module ${`(table ${size} funcref)`.repeat(3000)} (func (export "run") (result i32) (i32.const 5)))`);
  assert.equal(await codeOf(createPool({ isolated: { bad: { wasm: tables(1000) } } })), 'UNSUPPORTED');
  await besideOthers(tables(10), async (pool) => {
    for (let i = 0; i < 50; i++) assert.equal(await pool.dispatch('bad'), 5);
  });
});

test('output without an end is cut off at its limit', () =>
  besideOthers(
    HOSTILE.prints,
    async (pool) => {
      for (let i = 0; i < 5; i++) {
        const error = await pool.dispatch('bad').then(undefined, (/** @type {any} */ caught) => caught);
        assert.equal(error.code, 'TASK_FAILED');
        assert.match(error.message, /more than 1048576 bytes \(maxOutputBytes\)/);
      }
    },
    { maxOutputBytes: '1mb' },
  ));

test('a result larger than the limit is refused', () =>
  besideOthers(
    SHAPES,
    async (pool) => {
      await assert.rejects(pool.dispatch('bad', new Uint8Array(200_000)), /more than 102400 bytes/);
      assert.equal((await pool.dispatch('bad', new Uint8Array(50_000))).length, 50_000);
    },
    { maxOutputBytes: '100kb' },
  ));

test('a write of millions of buffers is refused before each becomes an object', () =>
  besideOthers(HOSTILE.printsManyBuffers, async (pool) => assert.equal(await pool.dispatch('bad'), 28)));

test('huge data segments that lie outside of the memory fail in each call, and leave nothing', () =>
  besideOthers(
    wat(`(module (memory 1) (data (i32.const 60000) "${'x'.repeat(1_000_000)}") (func (export "run")))`),
    async (pool) => {
      for (let i = 0; i < 5; i++) assert.equal(await codeOf(pool.dispatch('bad')), 'TASK_FAILED');
    },
  ));

test('a module that takes long to compile fails alone, within readyTimeoutMs', async () => {
  const bomb = compileBomb(60_000_000);
  await withPool({ module: MODULE, workers: 1 }, async (pool) => {
    const broken = createPool({ workers: 1, readyTimeoutMs: 500, isolated: { bomb: { wasm: bomb } } });
    const ended = broken.then(
      () => 'ready',
      (/** @type {any} */ error) => error,
    );
    let isOver = false;
    void ended.then(() => (isOver = true));
    let count = 0;
    while (!isOver) {
      assert.equal(await pool.dispatch('echo', count), count);
      count++;
    }
    const error = await ended;
    assert.equal(error.code, 'START_FAILED');
    assert.match(error.message, /isolated: bomb: not compiled within 500 ms/);
    assert.ok(count > 10);
  });
});

test('a file may not grow beyond the limit, neither by its size nor by a write far away', () =>
  besideOthers(
    wat(`(module
      (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $size (param i32 i64) (result i32)))
      (import "wasi_snapshot_preview1" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1) (data (i32.const 16) "big")
      (func (export "_start") (local $fd i32)
        (if (call $open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 3) (i32.const 1)
              (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 0))
          (then unreachable))
        (local.set $fd (i32.load (i32.const 0)))
        (if (call $size (local.get $fd) (i64.const 500000)) (then unreachable))
        (if (i32.ne (call $size (local.get $fd) (i64.const 0x10000000000)) (i32.const 22)) (then unreachable))
        (drop (call $seek (local.get $fd) (i64.const 0x40000000) (i32.const 0) (i32.const 32)))
        (i32.store (i32.const 24) (i32.const 16)) (i32.store (i32.const 28) (i32.const 3))
        (call $exit (call $write (local.get $fd) (i32.const 24) (i32.const 1) (i32.const 40)))))`),
    async (pool) => {
      const { exitCode, files } = await pool.dispatch('bad', { files: {} });
      assert.equal(exitCode, 22);
      assert.equal(files.big.length, 500_000);
    },
    { maxOutputBytes: '1mb' },
  ));

test('a file with many names counts as often as it has names', () => {
  const linked = (/** @type {number} */ times) => ({
    bad: {
      wasm: wat(`(module
        (import "wasi_snapshot_preview1" "path_link" (func $link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 16) "big") (data (i32.const 32) "a")
        (func (export "_start") (local $i i32)
          (loop $more
            (i32.store8 (i32.const 32) (i32.add (i32.const 97) (local.get $i)))
            (if (call $link (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 3)
                  (i32.const 3) (i32.const 32) (i32.const 1))
              (then unreachable))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const ${times}))))))`),
      maxOutputBytes: '1mb',
    },
  });
  const files = { big: new Uint8Array(100_000) };
  return Promise.all([
    withPool({ module: MODULE, workers: 1, isolated: linked(2) }, async (pool) => {
      const after = await pool.dispatch('bad', { files });
      assert.deepEqual(Object.keys(after.files).sort(), ['a', 'b', 'big']);
      assert.equal(after.files.b.length, 100_000);
    }),
    withPool({ module: MODULE, workers: 1, isolated: linked(20) }, (pool) =>
      assert.rejects(pool.dispatch('bad', { files }), /more than 1048576 bytes \(maxOutputBytes\)/),
    ),
  ]);
});

test('a program may not see files but those that it is given, nor leave their folder', () =>
  besideOthers(PROGRAM, async (pool) => {
    await assert.rejects(pool.dispatch('bad', { files: { '../x': 'a' } }), /'..\/x' is no path/);
    const { files } = await pool.dispatch('bad', { files: { 'a/b.txt': 'text', c: new Uint8Array(3) } });
    assert.deepEqual(Object.keys(files).sort(), ['a/b.txt', 'c']);
    assert.equal(text(files['a/b.txt']), 'text');
    assert.equal((await pool.dispatch('bad')).files, undefined);
  }));

/**
 * A valid module whose functions have a great many loops.
 * @param {number} bytes about as many
 */
function compileBomb(bytes) {
  const BODY = 5_000_000;
  const leb = (/** @type {number} */ value) => {
    const out = [];
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
      out.push(rest >= 128 ? (rest % 128) | 128 : rest);
      if (rest < 128) return out;
    }
  };
  const count = Math.ceil(bytes / BODY);
  const body = new Uint8Array(BODY).fill(0x01); // nop
  for (let at = 1; at + 5 < BODY; at += 4) body.set([0x03, 0x40, 0x01, 0x0b], at); // loop, nop, end
  body[0] = 0;
  body[BODY - 1] = 0x0b;
  const size = leb(BODY);
  const content = leb(count).length + count * (size.length + BODY);
  const head = [
    ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0],
    ...[3, leb(count).length + count, ...leb(count), ...new Array(count).fill(0)],
    ...[7, 7, 1, 3, 114, 117, 110, 0, 0],
    ...[10, ...leb(content), ...leb(count)],
  ];
  const module = new Uint8Array(head.length + count * (size.length + BODY));
  module.set(head);
  for (let i = 0, at = head.length; i < count; i++, at += size.length + BODY) {
    module.set(size, at);
    module.set(body, at + size.length);
  }
  assert.ok(WebAssembly.validate(module.slice(0)), 'the test makes a valid module');
  return module;
}
