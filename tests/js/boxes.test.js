/** The memory that is reserved for leased results: option `boxes`. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { C_TASKS, codeOf, MODULE, until, withPool } from './helpers.js';
import { createPool } from '../../js/index.js';

const KB = 1024;
const MB = 1024 * KB;
const lease = (pool, bytes) => pool.dispatch('echo', new Uint8Array(bytes).fill(bytes % 251), { deliver: 'lease' });
const isWhole = (box, bytes) => box.byteLength === bytes && box.raw().every((byte) => byte === bytes % 251);

test('as many boxes of that size as may be out are reserved when the pool opens, and diagnostics() shows them [NF-03]', () =>
  withPool({ workers: 2, boxes: { count: 3, size: '256kb' } }, async (pool) => {
    await pool.dispatch('echo', new Uint8Array(300 * KB)); // makes the workers' heaps
    const gauges = (leased, reserved) => ({ count: 3, size: 256 * KB, leased, reserved });
    assert.deepEqual(pool.diagnostics().boxes, gauges(0, 0));
    const { heapBytes } = pool.diagnostics();
    const boxes = await Promise.all([1, 1000, 256 * KB].map((bytes) => lease(pool, bytes)));
    assert.deepEqual(pool.diagnostics().boxes, gauges(3, 3));
    const starts = boxes.map((box) => box.raw().byteOffset).sort((a, b) => a - b);
    assert.ok(starts[1] - starts[0] >= 256 * KB && starts[2] - starts[1] >= 256 * KB, 'they overlap');
    assert.deepEqual(
      boxes.map((box, i) => isWhole(box, [1, 1000, 256 * KB][i])),
      [true, true, true],
    );
    for (const box of boxes) box.release();
    assert.deepEqual(pool.diagnostics().boxes, gauges(0, 0));
    await until(() => pool.diagnostics().heapBytes <= heapBytes);
  }));

test('a result above that size has a box of its own memory, up to the ceiling of the memory [NF-20]', () =>
  withPool({ workers: 1, boxes: { count: 1, size: 1000 }, memory: { maximum: '64mb' } }, async (pool) => {
    for (const [bytes, reserved] of [
      [0, 1],
      [1000, 1],
      [1001, 0],
      [2 * MB, 0],
    ]) {
      const box = await lease(pool, bytes);
      assert.ok(isWhole(box, bytes));
      assert.deepEqual(pool.diagnostics().boxes, { count: 1, size: 1000, leased: 1, reserved });
      box.release();
    }
    assert.equal(await codeOf(pool.dispatch('zeros', 80 * MB, { deliver: 'lease' })), 'NO_MEMORY');
    const box = await lease(pool, 10); // the refused lease has given its place back
    assert.ok(isWhole(box, 10));
  }));

test('the memory of the boxes is there before the first task', () =>
  withPool({ workers: 1, boxes: { count: 40, size: '1mb' } }, async (pool) => {
    await pool.ready;
    assert.ok(pool.diagnostics().memoryBytes >= 40 * MB);
    assert.ok(pool.diagnostics().heapBytes >= 40 * MB);
  }));

test('64 boxes of 1 MB by default; less where that is more than a sixteenth of memory.maximum', async () => {
  await withPool({ workers: 1 }, async (pool) => {
    await pool.ready;
    assert.deepEqual(pool.diagnostics().boxes, { count: 64, size: MB, leased: 0, reserved: 0 });
  });
  await withPool({ workers: 1, memory: { maximum: '32mb' } }, async (pool) => {
    await pool.ready;
    const { boxes, memoryBytes } = pool.diagnostics();
    assert.deepEqual(boxes, { count: 64, size: (32 * MB) / 16 / 64, leased: 0, reserved: 0 });
    assert.ok(memoryBytes <= 32 * MB);
    const box = await lease(pool, MB);
    assert.ok(isWhole(box, MB));
  });
});

test('boxes that do not fit into memory.maximum are refused, naming both', async () => {
  const boxes = { count: 64, size: '1mb' };
  const refused = {
    code: 'INVALID_ARGUMENT',
    message: /^boxes: 64 boxes of 1048576 bytes .* memory\.maximum, 50331648 bytes$/,
  };
  await assert.rejects(async () => createPool({ module: MODULE, boxes, memory: { maximum: '48mb' } }), refused);
  // Below the ceiling by itself, but above it together with the rest of what the core needs.
  const tight = createPool({ module: MODULE, boxes, memory: { maximum: '64mb' } });
  await assert.rejects(tight, { code: 'NO_MEMORY', message: /with 64 boxes of 1048576 bytes$/ });
});

test('boxes of a worker that is killed are there for the next ones', () =>
  withPool({ workers: 1, boxes: { count: 2, size: '64kb' } }, async (pool) => {
    for (let round = 0; round < 5; round++) {
      const kept = await lease(pool, 100);
      const hung = pool.dispatch('spin', undefined, { timeoutMs: 20 });
      assert.equal(await codeOf(hung), 'TIMEOUT');
      const other = await lease(pool, 64 * KB);
      assert.ok(isWhole(kept, 100) && isWhole(other, 64 * KB));
      assert.deepEqual(pool.diagnostics().boxes, { count: 2, size: 64 * KB, leased: 2, reserved: 2 });
      kept.release();
      other.release();
    }
  }));

test('results of alloc() and of C tasks count among the boxes too: the next lease waits until one is released [NF-18]', async () => {
  const leased = async (pool, task, payload) => {
    const first = await pool.dispatch(task, payload, { deliver: 'lease' });
    assert.equal(pool.diagnostics().boxes.leased, 1);
    const next = pool.dispatch(task, payload, { deliver: 'lease' });
    await until(() => pool.diagnostics().boxesInUse >= 2); // the box is made and waits for its place
    assert.equal(pool.diagnostics().boxes.leased, 1);
    first.release();
    const second = await next;
    assert.equal(second.byteLength, first.byteLength);
    second.release();
    assert.equal(pool.diagnostics().boxes.leased, 0);
  };
  const options = { workers: 1, boxes: { count: 1, size: 100 } };
  await withPool(options, (pool) => leased(pool, 'alloc', 50));
  await withPool({ ...options, wasm: C_TASKS }, (pool) => leased(pool, 'json'));
});
