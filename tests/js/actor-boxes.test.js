/** Boxes of actors (js/actor/boxes.js). Their states, leases and deaths are tested in tests/unit/actor_box*_test.c and lease_test.c. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ActorBoxes, Leases } from '../../js/actor/boxes.js';
import { Post } from '../../js/actor/mailbox.js';
import * as L from '../../js/generated/layout.js';
import { RUNNER } from '../../js/handlers/runner.js';
import { host } from '../../js/host/index.js';
import { until, withPool } from './helpers.js';

const MODULE = new URL('./fixtures/boxes.js', import.meta.url);
const MAIN = { now: host.time.now, defer: host.defer, blocks: false };
const SIZE = 4096;

/** Main's side of a pool with `workers` actors, all in one group. */
function withActors(workers, count, use) {
  const options = { module: MODULE, workers, liveness: false, boxes: { count, size: SIZE } };
  return withPool(options, async (pool) => {
    const { core } = pool[RUNNER];
    const post = new Post(core);
    const main = post.open();
    const ids = Array.from({ length: workers }, () => post.open());
    for (const id of ids) post.setGroup(id, 1);
    const letters = post.attach(main, MAIN);
    await use({ pool, core, post, main, ids, letters, boxes: new ActorBoxes(core) });
    letters.detach();
    for (const id of [main, ...ids]) await until(() => post.drop(id)); // once the deaths are confirmed
  });
}

const THREADS = [1, 2, 3];
/** How many threads wait in line for a box: box_waiting lies behind box_granted. */
const waiting = (core) => THREADS.filter((thread) => core.load(core.thread(thread) + L.THREAD_BOX_GRANTED + 4)).length;
/** Signs that workers have given. */
const signs = (core) => THREADS.reduce((sum, thread) => sum + core.load(core.thread(thread) + L.THREAD_TOUCHES), 0);

test('a box is read in place by those with whom it is shared, whole, with its length and type [NF-14 NF-21 NF-22 NF-29]', () =>
  withActors(3, 8, async ({ pool, main, ids: [writer, ...readers] }) => {
    const results = readers.map((mailbox) => pool.dispatch('read', { mailbox, main, count: 3, releases: true }));
    const lengths = [SIZE, 3, 0];
    const writes = lengths.map((length, seed) => ({ length, seed, share: 'group' }));
    const handles = await pool.dispatch('write', { mailbox: writer, main, writes });
    assert.deepEqual(
      handles.map(({ epoch }) => epoch > 0),
      [true, true, true],
    );
    for (const seen of await Promise.all(results)) {
      const wanted = lengths.map((length, seed) => ({
        ...{ seed, from: writer, type: 'binary', length, inPlace: true, isWhole: true, released: [true, false, null] },
      }));
      assert.deepEqual(seen, wanted);
    }
  }));

test('main reads any box; that of nobody else is free when main has released it [NF-24 NF-28 NF-33]', () =>
  withActors(1, 2, async ({ pool, core, post, main, ids: [writer], letters, boxes }) => {
    const writes = [{ text: '{"a":[1]}', type: 'json', seed: 0 }];
    const written = pool.dispatch('write', { mailbox: writer, main, writes, waits: true });
    let letter;
    await until(() => (letter = letters.take()));
    assert.equal(letter.from, writer);
    const reader = boxes.read(letter.box);
    assert.deepEqual(reader.json(), { a: [1] });
    assert.equal(reader.string(), '{"a":[1]}');
    assert.equal(boxes.read(undefined), null);
    assert.equal(letters.take(), undefined);
    assert.equal(boxes.release(letter.box), true);
    assert.throws(() => reader.raw(), { code: 'LEASE_EXPIRED' });
    assert.equal(boxes.read(letter.box), null);
    assert.equal(core.load(core.boxes.record(letter.box.boxIndex)) & 0xff, 0);
    post.send(writer, 'end');
    await written;
  }));

test('an actor that was not given a box reads nothing, and what it tries is counted [NF-25 NF-26]', () =>
  withActors(3, 2, async ({ pool, post, main, ids: [writer, reader, stranger], letters, boxes }) => {
    const seen = pool.dispatch('hold', { mailbox: reader, main, go: new SharedArrayBuffer(4) });
    const writes = [{ length: 9, seed: 0, share: [reader, 77] }];
    const [handle] = await pool.dispatch('write', { mailbox: writer, main, writes });
    const forged = [
      handle,
      { ...handle, epoch: handle.epoch + 1 },
      { boxIndex: 1e6, epoch: 1 },
      { boxIndex: 'x' },
      1,
      null,
    ];
    const results = await pool.dispatch('forge', { mailbox: stranger, main, handles: forged });
    assert.deepEqual(
      results,
      forged.map(() => [null, false]),
    );
    assert.equal(post.denied, 1);
    assert.equal(post.stale, 2);
    assert.notEqual(boxes.read(handle), null);
    boxes.release(handle);
    void seen.terminate();
    await seen.catch(() => undefined);
    while (letters.take());
  }));

test('several writes at once each get a box of their own; one that is too large takes nothing [NF-19 NF-20]', () =>
  withActors(2, 2, async ({ pool, main, ids: [writer, reader] }) => {
    const seen = pool.dispatch('read', { mailbox: reader, main, count: 5, releases: true });
    const writes = [1, 2, 3, SIZE + 1, 5, 6].map((length, seed) => ({ length, seed, share: 'group' }));
    const handles = await pool.dispatch('write', { mailbox: writer, main, writes });
    assert.equal(handles[3], 'TOO_LARGE');
    assert.equal(new Set(handles.map((handle) => JSON.stringify(handle))).size, 6);
    assert.deepEqual(
      (await seen).map(({ length, isWhole }) => [length, isWhole]),
      [1, 2, 3, 5, 6].map((length) => [length, true]),
    );
  }));

test('a box that is held without a sign is free at the end of its lease, also if nothing else happens [NF-38 NF-39]', () =>
  withActors(2, 1, async ({ pool, core, main, ids: [writer, reader], letters }) => {
    const go = new SharedArrayBuffer(4);
    const held = pool.dispatch('hold', { mailbox: reader, main, go });
    const [handle] = await pool.dispatch('write', {
      ...{ mailbox: writer, main, leaseMs: 100, writes: [{ length: 1, seed: 0, share: 'group' }] },
    });
    const leases = new Leases(core);
    await until(() => Atomics.load(new Int32Array(go), 0) === 1);
    while (letters.take());
    assert.deepEqual(leases.look(0), []);
    assert.deepEqual(leases.look(99), []);
    assert.equal(core.load(core.boxes.record(handle.boxIndex)) & 0xff, 2);
    assert.deepEqual(leases.look(100), []);
    assert.equal(core.load(core.boxes.record(handle.boxIndex)) & 0xff, 0);
    Atomics.store(new Int32Array(go), 0, 2);
    assert.equal(await held, null);
  }));

test('a loop that never returns to the event loop keeps its box by heartbeats [NF-36 NF-40]', () =>
  withActors(2, 1, async ({ pool, core, main, ids: [writer, reader], letters }) => {
    const go = new SharedArrayBuffer(4);
    const held = pool.dispatch('hold', { mailbox: reader, main, go, beats: true });
    await pool.dispatch('write', {
      ...{ mailbox: writer, main, leaseMs: 100, writes: [{ length: 1, seed: 0, share: 'group' }] },
    });
    const leases = new Leases(core);
    await until(() => Atomics.load(new Int32Array(go), 0) === 1);
    while (letters.take());
    for (let nowMs = 0; nowMs <= 1000; nowMs += 100) {
      const before = signs(core);
      leases.look(nowMs);
      await until(() => signs(core) !== before);
    }
    Atomics.store(new Int32Array(go), 0, 2);
    assert.equal(await held, 1);
  }));

test('an actor that is killed leaves no box behind, and those that wait for one go on [NF-18 NF-87]', () =>
  withActors(3, 1, async ({ pool, post, core, main, ids: [first, second, third], letters }) => {
    const holds = pool.dispatch('write', { mailbox: first, main, writes: [{ length: 1, seed: 0 }], waits: true });
    await until(() => post.waiting(main) === 1);
    const waits = pool.dispatch('write', { mailbox: second, main, writes: [{ length: 2, seed: 1 }] });
    await until(() => waiting(core) === 1);
    const last = pool.dispatch('write', { mailbox: third, main, writes: [{ length: 3, seed: 2 }], waits: true });
    await until(() => waiting(core) === 2);
    void holds.terminate();
    while (letters.take());
    const [handle] = await waits;
    assert.ok(handle.epoch > 0);
    await holds.catch(() => undefined);
    new ActorBoxes(core).read(handle);
    while (letters.take());
    new ActorBoxes(core).release(handle);
    await until(() => post.waiting(main) === 1);
    const { box } = letters.take();
    while (letters.take());
    new ActorBoxes(core).read(box);
    new ActorBoxes(core).release(box);
    post.send(third, 'end');
    assert.deepEqual(await last, [box]);
  }));
