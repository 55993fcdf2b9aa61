/** The command line's ordered window: order, bounds, failures, stop. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mapWindow } from '../../js/cli/work/ordered.js';
import { deferred, settle } from './cli-support.js';

/** Promises that the test settles by hand, one per item that was started. */
function manual() {
  const started = new Map();
  const waiting = new Map();
  const run = (item) => {
    const entry = deferred();
    started.set(item, entry);
    waiting.get(item)?.resolve();
    return entry.promise;
  };
  const whenStarted = (item) => {
    if (started.has(item)) return undefined;
    waiting.set(item, deferred());
    return waiting.get(item).promise;
  };
  return { run, started, whenStarted };
}

describe('the ordered window', () => {
  test('gives outcomes in input order whatever the order of completion', async () => {
    const { run, started, whenStarted } = manual();
    const seen = [];
    const loop = (async () => {
      for await (const o of mapWindow([1, 2, 3], run, { limit: 3 })) seen.push(o.value ?? o.error);
    })();
    await whenStarted(3);
    started.get(3).resolve('c');
    started.get(2).reject('b failed');
    await settle();
    assert.deepEqual(seen, []);
    started.get(1).resolve('a');
    await loop;
    assert.deepEqual(seen, ['a', 'b failed', 'c']);
  });

  test('unordered: as they become ready', async () => {
    const { run, started, whenStarted } = manual();
    const seen = [];
    const loop = (async () => {
      const options = { limit: 3, ordered: false };
      for await (const o of mapWindow([1, 2, 3], run, options)) seen.push(o.item);
    })();
    await whenStarted(3);
    for (const item of [3, 1, 2]) {
      started.get(item).resolve();
      await settle();
    }
    await loop;
    assert.deepEqual(seen, [3, 1, 2]);
  });

  test('starts no more than limit, and reads its source no further than one ahead', async () => {
    const { run, started, whenStarted } = manual();
    let read = 0;
    const source = (function* () {
      for (;;) yield ++read;
    })();
    const outcomes = mapWindow(source, run, { limit: 4, held: 6 });
    const first = outcomes.next();
    await whenStarted(4);
    await settle();
    assert.equal(started.size, 4);
    assert.equal(read, 5);
    // Item 1 does not end: others go on until `held` of them run or wait behind it.
    for (const item of [2, 3, 4]) started.get(item).resolve();
    await settle();
    assert.equal(started.size, 6);
    assert.equal(read, 7);
    started.get(1).resolve('one');
    assert.equal((await first).value.value, 'one');
    await outcomes.return();
  });

  test('holds back by weight, but lets one heavy item through alone', async () => {
    const { run, started, whenStarted } = manual();
    const options = { limit: 9, weigh: (item) => item, maxWeight: 10 };
    const outcomes = mapWindow([6, 5, 100, 1], run, options);
    const first = outcomes.next();
    await whenStarted(6);
    await settle();
    assert.deepEqual([...started.keys()], [6]);
    started.get(6).resolve();
    await first;
    const second = outcomes.next();
    await whenStarted(5);
    started.get(5).resolve();
    await second;
    const third = outcomes.next();
    await whenStarted(100);
    await settle();
    assert.deepEqual([...started.keys()], [6, 5, 100]);
    started.get(100).resolve();
    await third;
    const last = outcomes.next();
    await whenStarted(1);
    started.get(1).resolve();
    assert.equal((await last).value.item, 1);
    assert.equal((await outcomes.next()).done, true);
  });

  test('stop: starts nothing more, gives out what was started, does not wait for its source', async () => {
    const { run, started, whenStarted } = manual();
    const stop = new AbortController();
    const source = (async function* () {
      yield 1;
      yield 2;
      await new Promise(() => {});
    })();
    const seen = [];
    const loop = (async () => {
      const options = { limit: 8, stop: stop.signal };
      for await (const o of mapWindow(source, run, options)) seen.push(o.value);
    })();
    await whenStarted(2);
    stop.abort();
    started.get(2).resolve('b');
    started.get(1).resolve('a');
    await loop;
    assert.deepEqual(seen, ['a', 'b']);
  });

  test('an error of the source comes after the outcomes before it', async () => {
    const source = (function* () {
      yield 1;
      throw new Error('source broke');
    })();
    const seen = [];
    await assert.rejects(async () => {
      for await (const o of mapWindow(source, (x) => x, { limit: 2 })) seen.push(o.value);
    }, /source broke/);
    assert.deepEqual(seen, [1]);
  });

  test('random durations and failures: every item once, in order, within bounds', async () => {
    let seed = Number(process.env.SEED || Date.now() % 1e9);
    const text = `SEED=${seed}`;
    const random = (n) => (seed = (seed * 48271) % 0x7fffffff) % n;
    for (let round = 0; round < 20; round++) {
      const [count, limit] = [random(300), 1 + random(9)];
      let inWork = 0;
      const run = async (item) => {
        assert.ok(++inWork <= limit, text);
        for (let turns = random(6); turns > 0; turns--) await new Promise(setImmediate);
        inWork--;
        if (item % 7 === 3) throw item;
        return item;
      };
      const seen = [];
      const items = Array.from({ length: count }, (_, i) => i);
      for await (const o of mapWindow(items, run, { limit, held: limit * 2 })) {
        assert.equal(o.ok, o.item % 7 !== 3, text);
        seen.push(o.ok ? o.value : o.error);
      }
      assert.deepEqual(seen, items, text);
    }
  });
});
