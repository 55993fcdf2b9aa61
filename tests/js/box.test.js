/** Leased results: who may write to them, how large they may be, how they are read. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Box } from '../../js/index.js';
import { until, withPool } from './helpers.js';

const lease = (pool, value) => pool.dispatch('echo', value, { deliver: 'lease' });
const bytesOf = (length) => Uint8Array.from({ length }, (_, i) => i);

/** A pool with option `dev`, and the errors that it emits. */
const withDev = (options, use) =>
  withPool({ dev: true, ...options }, (pool) => {
    const told = [];
    pool.on('error', (message, taskId) => told.push([message, taskId]));
    return use(pool, told);
  });

const WRITTEN = /^USAGE_BOX_WRITTEN: /;

test('in development a write to a box is told when it is released, once, with its task [NF-23, XP-18]', () =>
  withDev({}, async (pool, told) => {
    for (const offset of [0, 500, 999]) {
      told.length = 0;
      const task = pool.dispatch('echo', bytesOf(1000), { deliver: 'lease' });
      const box = await task;
      box.raw()[offset] ^= 1;
      box.release();
      box.release();
      assert.equal(told.length, 1);
      assert.match(told[0][0], WRITTEN);
      assert.equal(told[0][1], task.id);
    }
  }));

test('in development a write to a box is told when it is read or sent [NF-23, XP-18]', () =>
  withDev({}, async (pool, told) => {
    for (const use of [
      (box) => box.raw(),
      (box) => box.binary(),
      (box) => box.string(),
      (box) => pool.dispatch('sum', box),
    ]) {
      told.length = 0;
      const box = await lease(pool, bytesOf(100));
      box.raw().fill(7);
      assert.equal(told.length, 0, 'nobody has looked yet');
      await use(box);
      assert.equal(told.length, 1);
      assert.match(told[0][0], WRITTEN);
      await use(box);
      box.release();
      assert.equal(told.length, 1, 'once');
    }
    const [tree, text] = [await lease(pool, { a: 1 }), await lease(pool, '{"a":1}')];
    for (const box of [tree, text]) box.raw()[box.byteLength - 1] ^= 1;
    assert.notDeepEqual(tree.cbor(), { a: 1 });
    assert.throws(() => text.json(), { code: 'INVALID_ARGUMENT' });
    assert.equal(told.length, 3);
    for (const box of [tree, text]) box.release();
  }));

test('a task that writes to the box that it is given is found out as well [NF-23, XP-18]', () =>
  withDev({}, async (pool, told) => {
    const box = await lease(pool, bytesOf(10));
    await pool.dispatch('overwrite', box);
    box.release();
    assert.equal(told.length, 1);
    assert.match(told[0][0], WRITTEN);
  }));

test('whoever only reads is told nothing; without dev nothing is compared [NF-23, XP-18]', async () => {
  await withDev({}, async (pool, told) => {
    const box = await lease(pool, bytesOf(1000));
    assert.deepEqual(box.binary(), bytesOf(1000));
    assert.equal(
      await pool.dispatch('sum', box),
      box.raw().reduce((sum, byte) => sum + byte, 0),
    );
    box.release();
    box.release();
    assert.deepEqual(told, []);
  });
  await withPool({}, async (pool) => {
    const told = [];
    pool.on('error', (message) => told.push(message));
    const box = await lease(pool, bytesOf(10));
    box.raw()[0] = 9;
    assert.equal(box.binary()[0], 9);
    box.release();
    assert.deepEqual(told, []);
  });
});

test('five results at once of one worker: each has a box of its own [NF-19]', () =>
  withPool({ workers: 1, concurrentTasksPerWorker: 5, boxes: { count: 5, size: '1kb' } }, async (pool) => {
    const values = [1, 2, 3, 4, 5].map((n) => new Uint8Array(100 * n).fill(n));
    const boxes = await Promise.all(values.map((value) => lease(pool, value)));
    assert.equal(pool.diagnostics().boxesInUse, 5);
    assert.equal(new Set(boxes.map((box) => box.raw().byteOffset)).size, 5);
    for (const [i, box] of boxes.entries()) assert.deepEqual(box.binary(), values[i]);
    boxes[2].release();
    assert.deepEqual(boxes[3].binary(), values[3], 'the others stay');
    for (const box of boxes) box.release();
    assert.deepEqual(await pool.dispatch('allocFive', 50), new Uint8Array(50).fill(5));
  }));

test('with fewer boxes than results all settle all the same, in the order in which they asked [NF-18, NF-19]', () =>
  withPool({ workers: 1, boxes: { count: 1 } }, async (pool) => {
    const order = [];
    const tasks = [1, 2, 3, 4, 5].map((n) => lease(pool, `n${n}`).then((box) => (order.push(box.string()), box)));
    for (const [i, task] of tasks.entries()) {
      const box = await task;
      assert.deepEqual(order, ['n1', 'n2', 'n3', 'n4', 'n5'].slice(0, i + 1), 'the next one waits for the box');
      assert.equal(pool.diagnostics().boxesInUse, 1);
      box.release();
    }
  }));

test('as long as a box, one byte more, and none at all: each arrives in its exact length [NF-20, NF-21]', () =>
  withPool({ boxes: { count: 1, size: 1024 } }, async (pool) => {
    for (const length of [1024, 0, 1025, 1, 4096]) {
      const box = await lease(pool, bytesOf(length));
      assert.equal(box.byteLength, length);
      assert.deepEqual(box.binary(), bytesOf(length));
      assert.equal(pool.diagnostics().boxesInUse, 1);
      box.release();
      await until(() => pool.diagnostics().boxesInUse === 0);
    }
  }));

test('a box is read at once, without a promise; a result that is not leased is no box [NF-24]', () =>
  withPool({}, async (pool) => {
    const box = await lease(pool, 'text');
    assert.ok(box instanceof Box);
    assert.equal(box.string(), 'text');
    const tree = await lease(pool, [1, 2]);
    assert.deepEqual(tree.cbor(), [1, 2]);
    assert.equal(await pool.dispatch('echo', 'text'), 'text');
    for (const one of [box, tree]) one.release();
  }));

test('a box that is read as what it is not throws INVALID_ARGUMENT, with its type', () =>
  withPool({}, async (pool) => {
    const [tree, text, bytes] = await Promise.all(
      [{ a: 1 }, 'plain text', bytesOf(5)].map((value) => lease(pool, value)),
    );
    for (const box of [tree, text, bytes])
      assert.throws(() => box.json(), {
        name: 'PoolError',
        code: 'INVALID_ARGUMENT',
        message: new RegExp(`'${box.type}'`),
      });
    for (const box of [text, bytes])
      assert.throws(() => box.cbor(), {
        name: 'PoolError',
        code: 'INVALID_ARGUMENT',
        message: new RegExp(`'${box.type}'`),
      });
    const json = await lease(pool, '[1]');
    assert.deepEqual(json.json(), [1]);
    for (const box of [tree, text, bytes, json]) box.release();
    assert.throws(() => tree.json(), { code: 'LEASE_EXPIRED' });
  }));
