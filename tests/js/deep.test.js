/** Values of any depth arrive, and what does not says where it is: deep lists, and every refusal of the codec. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createCodec, TYPE } from '../../js/codec/codec.js';
import { cloneDeep, deepest } from '../../js/values/deep.js';
import { Pool } from '../../js/index.js';
import { HOSTS } from './codec-send.js';
import { C_MODULE, MODULE, withPool } from './helpers.js';

/** Made level by level, innermost first. @type {Record<string, (inner: any, level: number) => unknown>} */
const LEVELS = {
  arrays: (inner) => [inner],
  objects: (inner, level) => ({ level, next: inner }),
  'objects whose first property is deep': (inner, level) => ({ next: inner, level, other: {} }),
  maps: (inner, level) => new Map([[level, inner]]),
  'keys of maps': (inner, level) => new Map([[inner, level]]),
  sets: (inner) => new Set([inner]),
  'lists of class instances': (inner) => Object.assign(new (class Item {})(), { inner }),
  'objects without prototype': (inner) => Object.assign(Object.create(null), { inner }),
};

/** @param {(inner: any, level: number) => unknown} level @param {number} levels */
function nest(level, levels, inner = /** @type {any} */ ({ end: true })) {
  for (let i = 0; i < levels; i++) inner = level(inner, i);
  return inner;
}

/** Compares without recursion; shared parts must be shared in the same places. */
function assertSame(actual, expected) {
  const met = new Map();
  const todo = [[actual, expected]];
  for (let pair = todo.pop(); pair; pair = todo.pop()) {
    const [a, e] = pair;
    if (typeof e !== 'object' || e === null) {
      assert.ok(Object.is(a, e), `${String(a)} is ${String(e)}`);
      continue;
    }
    if (met.has(e)) {
      assert.equal(met.get(e), a, 'identity');
      continue;
    }
    met.set(e, a);
    assert.equal(Object.prototype.toString.call(a), Object.prototype.toString.call(e));
    if (e instanceof Date) assert.equal(a.getTime(), e.getTime());
    if (e instanceof Map) [...e].flat(1).forEach((part, i) => todo.push([[...a].flat(1)[i], part]));
    else if (e instanceof Set) [...e].forEach((part, i) => todo.push([[...a][i], part]));
    assert.deepEqual(Object.keys(a), Object.keys(e));
    if (Array.isArray(e)) assert.equal(a.length, e.length);
    for (const key of Object.keys(e)) todo.push([a[key], e[key]]);
  }
}

for (const [name, level] of Object.entries(LEVELS)) {
  test(`deep values arrive, as arguments and as results: ${name}`, () =>
    withPool({ workers: 1 }, async (pool) => {
      for (const levels of [100, 501, 2500, 20_000]) {
        const value = nest(level, levels);
        const plain = cloneDeep(value); // without classes
        assertSame(await pool.dispatch('echo', value), plain);
      }
    }));
}

test('deep values keep what structured clone keeps: cycles, shared parts, holes, names, leaves of all kinds', () =>
  withPool({ workers: 1 }, async (pool) => {
    const shared = {
      when: new Date(5),
      pattern: /x/giu,
      bytes: new Uint8Array([1, 2]),
      big: 5n,
      zero: -0,
      none: undefined,
    };
    const named = Object.assign([1, , 3], { name: 'n' }); // eslint-disable-line no-sparse-arrays
    const list = nest((inner, i) => ({ inner, shared, i }), 3000, { named, error: new RangeError('r') });
    list.self = list;
    Object.defineProperty(list, '__proto__', { value: 'own', enumerable: true });
    const back = await pool.dispatch('echo', list);
    assertSame(back, cloneDeep(list));
    assert.equal(back.self, back);
    assert.equal(Object.getOwnPropertyDescriptor(back, '__proto__')?.value, 'own');
    let end = back;
    while (end.inner) end = end.inner;
    assert.deepEqual(end.named, named);
    assert.ok(end.error instanceof RangeError);
  }));

test('a deep payload is taken as it is when it is submitted, also before the core is loaded; deep progress and errors arrive', async () => {
  const pool = new Pool({ module: MODULE, workers: 1 });
  const value = nest(LEVELS.objects, 5000);
  const early = pool.dispatch('echo', value);
  value.level = 'changed';
  const back = await early;
  assert.equal(back.level, 4999);
  assert.equal(deepest(back).levels, 5001);
  const seen = [];
  await pool.dispatch('progress', [value], { onProgress: (item) => seen.push(item) });
  assertSame(seen[0], value);
  const error = await pool.dispatch('throwValue', value).then(assert.fail, (reason) => reason);
  assertSame(error.cause, value);
  await pool.destroy();
});

test('long chains of errors arrive as structured clone carries short ones, as arguments and as results', () =>
  withPool({ workers: 1 }, async (pool) => {
    const level = (/** @type {Error} */ cause, /** @type {number} */ i) => {
      if (i % 4 === 0) return Object.assign(new TypeError(`level ${i}`, { cause }), { notCarried: true });
      if (i % 4 === 1) return Object.assign(new Error(`level ${i}`), { name: 'Custom', cause });
      if (i % 4 === 2) return new AggregateError([cause], undefined, { cause });
      return { cause, i };
    };
    /** An object of the chain without its cause; the stack shows the name. */
    const look = (/** @type {any} */ item) => [item.constructor, item.message, item.stack, Object.keys(item)];
    for (const levels of [400, 3000, 20_000]) {
      const value = nest(level, levels, { end: true });
      let [sent, back] = [value, await pool.dispatch('echo', value)];
      for (; !sent.end; [sent, back] = [sent.cause, back.cause]) {
        const { cause } = sent;
        sent.cause = null; // so that the runtime clones this object alone
        assert.deepEqual(look(back), look(structuredClone(sent)));
        sent.cause = cause;
      }
      assert.deepEqual(back, { end: true });
    }
  }));

test('errors whose causes lead back to themselves arrive, as arguments and as results; where they hide, the refusal names them', () =>
  withPool({ workers: 1 }, async (pool) => {
    const first = new TypeError('first');
    const second = new Error('second', { cause: { inner: first } });
    first.cause = second;
    const self = /** @type {any} */ (new RangeError('itself'));
    self.cause = self;
    const next = (/** @type {any} */ { cause }) => cause.inner ?? cause;
    const cases = [
      [first, (/** @type {any} */ value) => value],
      [{ first }, (/** @type {any} */ value) => value.first],
      [[1, { deep: [second] }], (/** @type {any} */ value) => value[1].deep[0]],
      [new Map([[self, 5]]), (/** @type {any} */ value) => [...value.keys()][0]],
    ];
    for (const [value, find] of cases) {
      const [sent, back] = [find(value), find(await pool.dispatch('echo', value))];
      assert.deepEqual([back.constructor, back.message], [sent.constructor, sent.message]);
      assert.equal(next(back).message, next(sent).message);
      assert.equal(next(sent) === sent ? next(back) : next(next(back)), back);
    }
    const hidden = [...Array.from({ length: 20 }, () => ({})), { self }, ...Array.from({ length: 20 }, () => ({}))];
    const error = await pool.dispatch('echo', hidden).then(assert.fail, (reason) => reason);
    assert.equal(error.code, 'NOT_SERIALIZABLE');
    assert.match(error.message, /an error whose causes lead back to it cannot be read$/);
  }));

test('every form of the codec carries deep values: with a serializer, and as CBOR without one', () => {
  const value = nest(LEVELS.objects, 5000);
  for (const host of Object.values(HOSTS)) {
    const codec = createCodec(host);
    assert.equal(codec.encode(value, new Uint8Array(0), 0, 0), -1);
    assert.equal(codec.type, TYPE.DEEP);
    const { bytes } = codec;
    assertSame(createCodec(host).decode(codec.type, codec.aux, bytes, 0, bytes.length), value);
  }
});

test('a deep part that the quick look misses, in the middle of a long list, is refused with its cause, or arrives', () =>
  withPool({ workers: 1 }, async (pool) => {
    const hidden = (/** @type {number} */ levels) =>
      Array.from({ length: 99 }, (_, i) => (i === 50 ? nest(LEVELS.objects, levels) : [i]));
    const outcome = async (/** @type {number} */ levels) => {
      const value = hidden(levels);
      try {
        assertSame(await pool.dispatch('echo', value), value);
        return 'arrives';
      } catch (error) {
        assert.equal(error.code, 'NOT_SERIALIZABLE');
        return error.message;
      }
    };
    assert.equal(await outcome(400), 'arrives');
    assert.match(
      await outcome(2800),
      /^arrives$|^\d+ bytes of structured clone cannot be read: too many levels for this thread's stack/,
    );
    assert.equal(await outcome(20_000), 'arrives', 'the sender runs out of stack, and lays it out');
  }));

test('what cannot be carried says what it is and where, and how deep', async () => {
  const encode = (value, format) => {
    const codec = createCodec(HOSTS.node);
    try {
      if (format) codec.encodeAs(format, value, new Uint8Array(64), 0, 64);
      else codec.encode(value, new Uint8Array(64), 0, 64);
    } catch (error) {
      assert.equal(error.code, 'NOT_SERIALIZABLE');
      return error.message;
    }
    return 'carried';
  };
  const detached = new ArrayBuffer(8);
  structuredClone(detached, { transfer: [detached] });
  const { port1, port2 } = new MessageChannel();
  const shared = {};
  const cycle = { a: {} };
  cycle.a.b = cycle;
  const deepBuffer = nest(LEVELS.objects, 3000, { sab: new SharedArrayBuffer(1) });
  assert.match(encode(deepBuffer), /^value\.next\.next\.next… is 3002 levels deep: shared memory, .* 1000 levels/);
  assert.equal(encode(nest(LEVELS.objects, 800, { sab: new SharedArrayBuffer(1) })), 'carried');
  const chain = (/** @type {number} */ levels, /** @type {object} */ end) =>
    nest((cause) => new Error('e', { cause }), levels, end);
  assert.match(
    encode(chain(3000, { sab: new SharedArrayBuffer(1) })),
    /^value\.cause\.cause\.cause… is 3002 levels deep: shared memory, .* 1000 levels/,
  );
  assert.match(encode(chain(2, { f() {} })), /^value\.cause\.cause\.f is a function/);
  assert.match(encode({ error: Object.assign(new Error('e'), { f() {} }), s: Symbol('x') }), /^value\.s is a symbol/);
  assert.match(encode({ a: [port1] }), /^value\.a\[0\] is a MessagePort, which must be in `transfer`/);
  assert.match(
    encode({ a: { 'b c': detached } }),
    /^value\.a\["b c"\] is an ArrayBuffer that cannot be copied: .*detached/,
  );
  assert.match(
    encode({ state: { items: new Proxy([{}], {}), ok: new Map() } }),
    /^value\.state\.items: .*could not be cloned/,
  );
  const throwing = {
    list: [Object.defineProperty({ map: new Map() }, 'x', { enumerable: true, get: () => assert.fail('mine') })],
  };
  assert.match(encode(throwing), /^mine \(getters: value\.list\[0\]\.x\)/);
  assert.match(encode({ s: Symbol('x') }), /^value\.s is a symbol/);
  assert.match(encode({ a: [{ n: 1n }] }, 'json'), /^value\.a\[0\]\.n is a bigint/);
  assert.match(encode(cycle, 'json'), /property 'b' closes the circle/);
  assert.match(encode(nest(LEVELS.arrays, 50_000), 'json'), /^value\[0\]\[0\]\[0\]… is 50001 levels deep/);
  assert.match(encode(nest(LEVELS.arrays, 50_000, [null]), 'json'), /^value\[0\]\[0\]\[0\]… is 50001 levels deep/);
  const plain = {
    'value.a.when is a Date': { a: { when: new Date() } },
    'value.x is -0': { x: -0 },
    'value.t is a text with half a surrogate pair': { t: '\ud800' },
    'value.t is a text that starts with a byte order mark': { t: '\ufeffx' },
    'value[1] is an array with holes or named properties': [1, Object.assign([], { a: 1 })],
    'value.b is met twice': { a: shared, b: shared },
    'value.a.b is met twice': cycle,
    'value.n is a bigint': { n: 1n },
    'value.__proto__ is a property of this name': JSON.parse('{ "__proto__": 1 }'),
    'value.g is a getter': { get g() { return 1; } }, // prettier-ignore
    'value is a Map': new Map(),
    'value.f is a function': { f() {} },
    'value[0][0][0]… is 101 levels deep: 64 at most': nest(LEVELS.arrays, 100),
  };
  for (const [reason, value] of Object.entries(plain))
    assert.equal(encode(value, 'cbor'), `${reason}; a leased result is plain data`);
  const many = (/** @type {number} */ count, first = {}) => {
    for (let i = Object.keys(first).length; i < count; i++) first[`p${i}`] = i;
    return first;
  };
  assert.equal(encode(many(65_535), 'cbor'), 'carried');
  assert.match(encode(many(65_535, { f() {} }), 'cbor'), /^value\.f is a function/);
  assert.match(encode(many(65_536), 'cbor'), /^value has 65536 properties/);
  port1.close();
  port2.close();
});

test('refusals name the task, and whether it is its argument or its result; initData and calls of main have paths, too', () =>
  withPool({ wasm: C_MODULE, workers: 1, main: { twice: () => ({ of: [() => 1] }) } }, async (pool) => {
    const why = (promise) => promise.then(assert.fail, (error) => `${error.code}: ${error.message}`);
    const part = () => {};
    assert.equal(await why(pool.dispatch('echo', { part })), 'NOT_SERIALIZABLE: echo: value.part is a function');
    assert.equal(
      await why(pool.dispatch('aFunction')),
      'NOT_SERIALIZABLE: the result of aFunction: value is a function',
    );
    const leased = why(pool.dispatch('echo', { a: [new Date()] }, { deliver: 'lease' }));
    assert.match(
      await leased,
      /^NOT_SERIALIZABLE: the result of echo: value\.a\[0\] is a Date; a leased result is plain data/,
    );
    assert.match(
      await why(pool.dispatch('c_sum', { a: 1n })),
      /^NOT_SERIALIZABLE: c_sum: value\.a is a bigint; C tasks get JSON/,
    );
    assert.match(await why(pool.dispatch('askMain', 1)), /value\.of\[0\] is a function/);
    assert.match(await why(pool.dispatch('askMainFunction')), /value\.f is a function/);
    const bad = new Pool({ module: MODULE, workers: 1, initData: { deep: [part] } });
    assert.equal(await why(bad.ready), 'NOT_SERIALIZABLE: initData: value.deep[0] is a function');
    const transfer = [new MessageChannel().port1]; // goes by message, so structured clone must be able to carry it
    const deep = nest(LEVELS.objects, 20_000);
    assert.match(
      await why(pool.dispatch('echo', deep, { transfer })),
      /echo: value\.next\.next\.next… is 20001 levels deep/,
    );
  }));
