/** wasmpool/workers: state that all threads of the process share by name. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import * as api from '../../js/compat/workers.js';
import { counter, registerSharable, registryUsage, sharableTypes, shared, sharedMap } from '../../js/compat/workers.js';
import { Grid, gridDescriptor } from './fixtures/registry-grid.js';
import { isLinearizable } from './fixtures/linearizable.js';
import { until, withPool as withAnyPool } from './helpers.js';
import { checkExample } from './page-example.js';

const module = new URL('./fixtures/registry.js', import.meta.url);
const withPool = (options, use) => withAnyPool({ module, ...options }, use);
const errorOf = (run) => {
  try {
    run();
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
};

const MAP = 'std:collections.map';
const COUNTER = 'std:collections.counter';

// ---- Publishing ----

test('the first call publishes, later ones look up, from main and from any worker; a placeholder is ignored [NC-05 NC-06 NC-07]', () =>
  withPool({ workers: 2 }, async (pool) => {
    const hits = shared('first', counter(3));
    assert.equal(hits.get(), 3);
    assert.deepEqual(await pool.broadcast('get', 'first'), [3, 3]);
    await pool.broadcast('increment', { key: 'first', n: 10 });
    assert.equal(hits.get(), 23);
    assert.equal(shared('first', counter(9)).get(), 23);
    hits.increment();
    assert.deepEqual(await pool.broadcast('get', 'first'), [24, 24]);
  }));

test('workers are separate otherwise: a global of one is not there in another [NC-01]', () =>
  withPool({ workers: 2 }, async (pool) => {
    await pool.dispatch('setGlobal');
    const seen = await pool.broadcast('getGlobal');
    assert.deepEqual(seen.toSorted(), [1, undefined]);
  }));

test('the module has nothing that builds, resizes or manages a pool [NC-02]', () =>
  withPool({ workers: 1 }, async (pool) => {
    const names = await pool.dispatch('names');
    assert.deepEqual(names, Object.keys(api));
    assert.doesNotMatch(names.join(), /pool|worker|spawn|resize|thread/i);
  }));

test('of 8 workers that publish 1,000 keys at once, exactly one wins each, and all get its state [NC-13]', () =>
  withPool({ workers: 8 }, async (pool) => {
    const wins = await pool.broadcast('race', { name: 'race', keys: 1000, parties: 8 });
    const all = wins.flat();
    assert.equal(all.length, 1000);
    assert.equal(new Set(all).size, 1000);
    for (let i = 0; i < 1000; i++) assert.equal(shared(`race ${i}`, counter()).get(), 9);
  }));

test('all pools of the process see one registry, and it outlives the pool and the worker that published [NC-14 NC-15]', async () => {
  await withPool({ workers: 1 }, async (pool) => {
    await pool.dispatch('put', { map: 'outlives', key: 'a', value: 'left' });
    const hung = pool.dispatch('setForEver', { map: 'outlives too', keys: 1 });
    await until(() => shared('outlives too', sharedMap()).size > 0);
    await Promise.all([assert.rejects(hung), hung.terminate()]);
    await withPool({ workers: 1 }, async (other) => {
      assert.equal(await other.dispatch('take', { map: 'outlives', key: 'a' }), 'left');
      await other.dispatch('put', { map: 'outlives', key: 'b', value: 2 });
    });
  });
  assert.equal(shared('outlives', sharedMap()).get('a'), 'left');
  assert.equal(shared('outlives', sharedMap()).get('b'), 2);
});

test('keys are compared exactly: case, accents, lone surrogates, the empty one [NC-15]', () => {
  const keys = ['', 'k', 'K', 'e\u0301', '\u00e9', '\ud800', '\ufffd', 'k'.repeat(1024)];
  keys.forEach((key, i) => shared(key, counter(i)));
  assert.deepEqual(
    keys.map((key) => shared(key, counter(99)).get()),
    keys.map((_, i) => i),
  );
  for (const key of [1, null, undefined, Symbol('k'), {}])
    assert.match(errorOf(() => shared(key, counter())).message, /key must be a string/);
});

// ---- Errors ----

test('a key that holds another type: the message names both, and what is there stays [NC-08 NC-12 NC-21]', () => {
  const map = shared('typed', sharedMap());
  map.set('a', 1);
  const error = errorOf(() => shared('typed', counter()));
  assert.equal(error.code, 'ALREADY_HOLDS');
  assert.match(error.message, new RegExp(`already holds ${MAP}.*${COUNTER}`));
  assert.equal(map.get('a'), 1);
  assert.equal(shared('typed', sharedMap()).get('a'), 1);
});

test('plain data, functions and a missing argument are no userdata [NC-04 NC-09 NC-12]', () => {
  for (const value of [
    {},
    { a: 1 },
    [],
    1,
    'text',
    true,
    null,
    undefined,
    1n,
    Symbol('s'),
    () => {},
    Object.create(null),
  ]) {
    const error = errorOf(() => shared('plain', value));
    assert.match(error.message, /userdata/);
    assert.doesNotMatch(error.message, /not a sharable userdata/);
  }
  assert.match(errorOf(() => shared('plain')).message, /userdata/);
  assert.equal(shared('plain', counter(1)).get(), 1, 'none of them was registered');
});

test('objects of types that did not opt in are refused with the catalogue [NC-04 NC-10 NC-12 NC-21]', () => {
  for (const value of [
    new Map(),
    new Date(),
    new (class Mutex {})(),
    Promise.resolve(),
    (function* () {})(),
    new Uint8Array(1),
  ]) {
    const { code, message } = errorOf(() => shared('closed', value));
    assert.equal(code, 'NOT_SHARABLE');
    assert.match(message, new RegExp(`not a sharable userdata.*${MAP}, ${COUNTER}`));
  }
});

test('a registered type is in the catalogue at once, in all threads, and is shared by its parts [NC-11 NC-31]', () =>
  withPool({ workers: 1 }, async (pool) => {
    assert.match((await pool.dispatch('registerAlone').catch((error) => error)).message, /main thread has to register/);
    registerSharable('test.grid', gridDescriptor);
    assert.match(errorOf(() => shared('closed', new Map())).message, new RegExp(`${MAP}, ${COUNTER}, test\\.grid$`));
    assert.match(errorOf(() => registerSharable('test.grid', gridDescriptor)).message, /registered already/);
    assert.match(
      errorOf(() => registerSharable(MAP, { ...gridDescriptor, type: class {} })).message,
      /registered already/,
    );
    const [writes, labels] = await pool.dispatch('useGrid');
    assert.equal(writes, 1);
    assert.deepEqual(labels, sharableTypes());
    const grid = shared('the grid', new Grid());
    assert.equal(grid.at(1, 2), 'here');
    grid.put(0, 0, 'main');
    assert.equal(grid.writes.get(), 2);
    assert.match(errorOf(() => shared('the grid', counter())).message, /already holds test\.grid/);
  }));

// ---- Counters ----

test('8 workers that increment 100,000 times each count to 800,000 [NC-16]', () =>
  withPool({ workers: 8 }, async (pool) => {
    await pool.broadcast('increment', { key: 'eight', n: 100_000 });
    assert.equal(shared('eight', counter()).get(), 800_000);
  }));

test('a counter has 64 bits: add, decrement, set, and sums that wrap around [NC-16]', () => {
  const c = shared('wide', counter(2n ** 53n));
  assert.equal(c.increment(), 2 ** 53);
  assert.equal(c.getBigInt(), 2n ** 53n + 1n);
  c.set(2n ** 63n - 1n);
  c.add(1n);
  assert.equal(c.getBigInt(), -(2n ** 63n));
  c.set(5);
  assert.equal(c.decrement(), 4);
  assert.equal(c.add(-10), -6);
  for (const n of [0.5, NaN, 2 ** 60, '1']) assert.throws(() => c.add(n), { code: 'INVALID_ARGUMENT' });
});

test('workers increment while main is blocked: no call needs main [NC-29]', () =>
  withPool({ workers: 1 }, async (pool) => {
    const hits = shared('blocked', counter());
    const hung = pool.dispatch('increment', { key: 'blocked', n: Number.MAX_SAFE_INTEGER });
    await until(() => hits.get() > 0);
    const before = hits.get();
    const end = performance.now() + 500;
    while (performance.now() < end);
    assert.ok(hits.get() > before + 1000, `${hits.get() - before}`);
    await Promise.all([assert.rejects(hung), hung.terminate()]);
  }));

// ---- Maps ----

test('a map holds scalars, text, bytes and data; get of a missing key is undefined [NC-17]', () =>
  withPool({ workers: 1 }, async (pool) => {
    const values = {
      number: 1.5, nan: NaN, text: 'schön', long: 'x'.repeat(100_000), lone: '\udc00', yes: true, no: false, nothing: null,
      bytes: new Uint8Array([1, 2, 3]), floats: new Float64Array([1, 2]), data: { list: [1, { deep: 'x' }], empty: {} },
      big: 2n ** 70n, date: new Date(5), map: new Map([[1, 2]]),
    }; // prettier-ignore
    const map = shared('values', sharedMap());
    for (const [key, value] of Object.entries(values)) {
      await pool.dispatch('put', { map: 'values', key, value });
      assert.deepEqual(map.get(key), value, key);
      assert.deepEqual(await pool.dispatch('take', { map: 'values', key }), value, key);
    }
    assert.equal(map.get('missing'), undefined);
    assert.equal(map.has('missing'), false);
    assert.deepEqual(map.keys().toSorted(), Object.keys(values).toSorted());
    assert.equal(map.size, Object.keys(values).length);
    assert.equal(map.delete('text'), true);
    assert.equal(map.delete('text'), false);
    assert.equal(map.getOrInsert('text', 'new'), 'new');
    assert.equal(map.getOrInsert('text', 'newer'), 'new');
    map.clear();
    assert.deepEqual([map.size, map.keys(), map.get('bytes')], [0, [], undefined]);
  }));

test('what a reader has got is its own: later changes do not reach it, nor do its changes reach others [NC-17 NC-18]', () => {
  const map = shared('copies', sharedMap());
  const bytes = new Uint8Array([1, 2, 3]);
  map.set('bytes', bytes);
  bytes[0] = 9;
  const got = map.get('bytes');
  map.set('bytes', new Uint8Array([7, 7, 7]));
  for (let i = 0; i < 1000; i++) map.set('other', new Uint8Array([i, i, i]));
  assert.deepEqual(got, new Uint8Array([1, 2, 3]));
  got[1] = 0;
  assert.deepEqual(map.get('bytes'), new Uint8Array([7, 7, 7]));
});

test('what cannot be data, and keys that are none or too long, are refused, and the map stays as it was [NC-17 NC-30]', () => {
  const map = shared('refusing', sharedMap());
  map.set('a', 1);
  for (const value of [() => {}, Symbol('s'), new SharedArrayBuffer(8), { f() {} }])
    assert.throws(() => map.set('a', value), { code: 'NOT_SERIALIZABLE' });
  assert.throws(() => map.set(1, 1), { code: 'INVALID_ARGUMENT' });
  assert.throws(() => map.set('k'.repeat(1025), 1), { code: 'TOO_LARGE' });
  assert.throws(() => shared('k'.repeat(1025), counter()), { code: 'TOO_LARGE' });
  assert.deepEqual([map.get('a'), map.size], [1, 1]);
});

test('an overflow of the stack in the middle of a call leaves the map whole [XP-05]', () => {
  const map = shared('overflow', sharedMap());
  const dive = (depth) => {
    map.set('depth', depth);
    dive(depth + 1);
  };
  for (let i = 0; i < 20; i++) assert.throws(() => dive(0), RangeError);
  assert.equal(typeof map.get('depth'), 'number');
  map.set('after', 'x');
  assert.deepEqual([map.size, map.get('after')], [2, 'x']);
});

/** How many calls began before the one before them was over. */
const overlaps = (history) => {
  const calls = history.toSorted((a, b) => a.start - b.start);
  return calls.filter(({ end }, i) => calls[i + 1]?.start < end).length;
};

test('calls of 4 writers and 4 readers take effect one after the other, for each key [NC-18]', () =>
  withPool({ workers: 8 }, async (pool) => {
    for (let round = 0, overlapped = 0; overlapped < 100; round++) {
      const options = { map: `history ${round}`, clock: `clock ${round}`, count: 5000, keys: 3 };
      const writers = [0, 1, 2, 3, -1, -1, -1, -1];
      const all = (await Promise.all(writers.map((writer) => pool.dispatch('record', { ...options, writer })))).flat();
      overlapped += overlaps(all);
      for (const key of ['k0', 'k1', 'k2']) {
        const history = all.filter((call) => call.key === key);
        assert.ok(isLinearizable(history), `round ${round}, ${key}`);
        const got = history.findIndex(({ kind, result }) => kind === 'get' && result !== undefined);
        const forged = history.with(got, { ...history[got], result: 'never written' });
        assert.ok(!isLinearizable(forged), 'the checker finds a value that nobody wrote');
      }
    }
  }));

// ---- The page ----

test("the page's examples do what their comments say, by the package's name, in a program and its workers [NC-05 NC-17]", () => {
  const page = readFileSync(new URL('../../docs/shared.md', import.meta.url), 'utf8');
  const [worker, program] = [...page.matchAll(/```js\n(\/\/ (?:worker|main)\.js\n[^]*?)```/g)].map(([, text]) => text);
  const by = (text) =>
    text
      .replace("'wasmpool/workers'", JSON.stringify(new URL('../../js/compat/workers.js', import.meta.url).href))
      .replace("'wasmpool'", JSON.stringify(new URL('../../js/index.js', import.meta.url).href));
  checkExample({ 'worker.js': by(worker), 'main.mjs': by(program) });
});

// ---- Kills ----

/** A value of setForEver: one digit, repeated. */
const WHOLE = /^(\d)\1*$/;
const KILL_MS = Number(process.env.KILL_SECONDS ?? 4) * 1000;

test('workers that are killed in the middle of set leave the map whole, its size right and its memory in use again [NC-19 XP-05]', () =>
  withPool({ workers: 2, spares: 2 }, async (pool) => {
    const options = { map: 'killed', keys: 40 };
    const map = shared('killed', sharedMap());
    const end = performance.now() + KILL_MS;
    let kills = 0;
    let early = 0;
    for (; performance.now() < end || kills < 10; kills += 2) {
      const tasks = [pool.dispatch('setForEver', options), pool.dispatch('setForEver', options)];
      const before = map.get('k1');
      await until(() => map.get('k1') !== before);
      const ends = tasks.map((task) => assert.rejects(task));
      await Promise.all(tasks.map((task) => task.terminate()));
      await Promise.all(ends);
      for (const key of map.keys()) assert.match(map.get(key) ?? '0', WHOLE);
      if (kills === 4) early = registryUsage().usedBytes;
    }
    assert.equal(map.size, map.keys().length);
    for (const key of map.keys()) assert.ok(map.delete(key));
    assert.equal(map.size, 0);
    // Each death may lose a block of at most 1,280 bytes, and each visitor keeps a chunk.
    const grown = registryUsage().usedBytes - early;
    assert.ok(grown < kills * 1280 + 20 * 65536, `${grown} bytes after ${kills} kills`);
    console.log(`# ${kills} kills, ${grown} bytes`);
    await pool.dispatch('put', { map: 'killed', key: 'after', value: 'x' });
    assert.equal(map.get('after'), 'x');
  }));

// ---- A full registry: its limit is set before it is made, so in a process of its own ----

test('a registry that is full refuses keys, values and states with a code, serves what it has, and takes keys again when others go [NC-30]', () => {
  const program = `
    import assert from 'node:assert/strict';
    import { configureRegistry, counter, registryUsage, shared, sharedMap } from ${JSON.stringify(new URL('../../js/compat/workers.js', import.meta.url).href)};
    configureRegistry({ maxBytes: 4 * 2 ** 20 });
    assert.throws(() => configureRegistry({ maxBytes: 2 ** 30 }), { code: 'INVALID_ARGUMENT' });
    const map = shared('map', sharedMap());
    const full = { code: 'REGISTRY_FULL' };
    assert.throws(() => map.set('large', new Uint8Array(8 * 2 ** 20)), full);
    let n = 0;
    assert.throws(() => { for (;; n++) map.set('key ' + n, 'value ' + n); }, full);
    assert.ok(n > 5000);
    assert.equal(map.size, n);
    for (let i = 0; i < n; i++) assert.equal(map.get('key ' + i), 'value ' + i);
    let states = 0;
    assert.throws(() => { for (;; states++) shared('counter ' + states, counter(states)); }, full);
    for (let i = 0; i < states; i++) assert.equal(shared('counter ' + i, counter(-1)).get(), i);
    assert.throws(() => shared('another map', sharedMap()), full);
    for (let i = 0; i < n; i += 2) map.delete('key ' + i);
    for (let i = 0; i < n / 4; i++) map.set('key ' + 2 * i, 'again, and more'.slice(0, i % 12));
    assert.equal(map.get('key 1'), 'value 1');
    assert.ok(registryUsage().usedBytes <= 4 * 2 ** 20);
  `;
  execFileSync(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' });
});
