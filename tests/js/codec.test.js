/**
 * The codec alone: values to bytes in shared memory and back, against structuredClone as the model.
 * Covers AM-08, AM-38, AM-39 (codec part), NF-22 (type tags). Random values: codec-random.test.js.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TYPE, createCodec } from '../../js/codec/codec.js';
import { isSimple, isWellFormed } from '../../js/codec/simple.js';
import { PoolError } from '../../js/base/errors.js';
import { HOSTS, everyWay, send } from './codec-send.js';

const text1k = 'abcdefgh'.repeat(128);
const VALUES = {
  undefined,
  null: null,
  true: true,
  false: false,
  zero: 0,
  minusZero: -0,
  nan: NaN,
  infinity: -Infinity,
  max: Number.MAX_SAFE_INTEGER,
  tiny: 5e-324,
  big: 2 ** 60,
  half: 0.5,
  empty: '',
  ascii: 'hello',
  latin: 'café',
  long: text1k,
  cjk: '日本語'.repeat(50),
  nul: 'a\0b',
  emoji: '😀'.repeat(30),
  bom: '\ufeffx',
  bomLong: `\ufeff${text1k}`,
  huge: 'x'.repeat(3_000_000),
  lone: 'a\ud800b',
  lonePair: '\udc00\ud800',
  loneLong: `${text1k}\udfff`,
  umlauts: 'ä'.repeat(3001),
  mixed: `\ufeff${'aä€😀'.repeat(1000)}`,
  bigint: 5n,
  bigintNegative: -(2n ** 200n),
  bigintZero: 0n,
  object: { a: 1, b: 2 },
  emptyObject: {},
  emptyArray: [],
  nested: { a: [{ b: [[]] }, null, true] },
  undefinedInside: { a: undefined, b: [undefined, null] },
  minusZeroInside: { a: [-0, 0] },
  numbers: [
    1,
    -1,
    23,
    24,
    255,
    256,
    65535,
    65536,
    2 ** 31,
    2 ** 32,
    2 ** 32 - 1,
    -(2 ** 31),
    -(2 ** 31) - 1,
    -(2 ** 32),
    -(2 ** 32) - 1,
    2 ** 53,
    -(2 ** 53),
    2 ** 64,
    1.1,
    NaN,
    Infinity,
  ],
  loneInside: { a: 'x\ud800' },
  loneKey: { 'k\udc00': 1 },
  bomInside: [`\ufeff${text1k}`, '\ufeff'],
  bomKey: { [`\ufeff${text1k}`]: 1 },
  textInside: { text: 'é'.repeat(100), s: '日本', e: '😀' },
  proto: JSON.parse('{"__proto__":{"x":1},"a":2}'),
  protoName: { a: '__proto__' },
  intKeys: { 2: 'b', 1: 'a', x: 0, '-1': 1, '': 2 },
  hasOwn: { hasOwnProperty: 1, constructor: 'x' },
  toJSON: { toJSON: 1, length: 3 },
  tagKeys: { size: 1, iterator: null },
  manyKeys: Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`k${i}`, i])),
  manyItems: Array.from({ length: 70_000 }, (_, i) => i * 0.5),
  someItems: Array.from({ length: 1500 }, (_, i) => i - 700),
  sparse: Object.assign([], { 5: 1 }),
  arrayProps: Object.assign([1, 2], { index: 0 }),
  holeAndProp: Object.assign(new Array(1), { x: 1 }),
  match: /b(?<c>c)/.exec('abcd'),
  map: new Map([
    ['a', new Map([[1, 2]])],
    [{ k: 1 }, 'v'],
  ]),
  set: new Set([1, 'a', {}]),
  date: new Date(123456),
  regexp: /a.b/giu,
  mapInside: { m: new Map() },
  boxed: [new String('a'), new Number(-0), new Boolean(false), Object(5n)],
  nullPrototype: Object.assign(Object.create(null), { a: 1 }),
  instance: new (class Point {
    x = 1;
    #y = 2;
    get y() {
      return this.#y;
    }
  })(),
  arraySubclass: new (class List extends Array {})(1, 2, 3),
  symbolKey: { [Symbol('s')]: 1, a: 2 },
  hidden: Object.defineProperty({ a: 1 }, 'b', { value: 2 }),
  uint8: new Uint8Array([1, 2, 3]),
  emptyUint8: new Uint8Array(0),
  clamped: new Uint8ClampedArray(2),
  int8: new Int8Array([-1]),
  int16: new Int16Array([-2, 5]),
  uint16: new Uint16Array([65535]),
  int32: new Int32Array([-3]),
  uint32: new Uint32Array([2 ** 32 - 1]),
  f32: new Float32Array([1.5]),
  f64: new Float64Array([1.1, -0, NaN]),
  i64: new BigInt64Array([-5n]),
  u64: new BigUint64Array([5n]),
  dataView: new DataView(new ArrayBuffer(4)),
  buffer: new Uint8Array([1, 2, 3, 4]).buffer,
  emptyBuffer: new ArrayBuffer(0),
  megabytes: new Uint8Array(3_000_000).fill(7),
  viewsInside: { a: new Float32Array([1, 2]), b: new Uint8Array(new ArrayBuffer(16), 4, 4) },
  typeError: new TypeError('t', { cause: { a: [1] } }),
  plainError: new Error('e'),
};

for (const [name, value] of Object.entries(VALUES)) {
  test(`${name} arrives as structuredClone delivers it [AM-08]`, () => {
    everyWay((host, capacity, way) => {
      const got = send(host, value, capacity).value;
      const expected = structuredClone(value);
      assert.deepStrictEqual(got, expected, way);
      assert.equal(Object.prototype.toString.call(got), Object.prototype.toString.call(expected));
    });
  });
}

test('an invalid date stays one [AM-08]', () => {
  everyWay((host, capacity) => {
    const got = send(host, { date: new Date(NaN) }, capacity).value;
    assert.ok(got.date instanceof Date && Number.isNaN(got.date.getTime()));
  });
});

test('own __proto__ keys stay data, and pollute nothing [AM-08]', () => {
  everyWay((host, capacity) => {
    const got = send(host, [VALUES.proto], capacity).value[0];
    assert.deepEqual(Object.keys(got), ['__proto__', 'a']);
    assert.equal(Object.getPrototypeOf(got), Object.prototype);
    assert.equal(got.x, undefined);
  });
});

test('identity: cycles, shared references, views of one buffer [AM-08]', () => {
  const shared = { s: 1 };
  const buffer = new ArrayBuffer(16);
  const views = { u8: new Uint8Array(buffer, 4, 4), f: new Float32Array(buffer) };
  /** @type {any} */
  const value = { a: shared, b: [shared], ...views };
  value.self = value;
  const many = Array.from({ length: 40 }, () => ({}));
  everyWay((host, capacity) => {
    const got = /** @type {any} */ (send(host, value, capacity).value);
    assert.equal(got.self, got);
    assert.equal(got.a, got.b[0]);
    assert.equal(got.u8.buffer, got.f.buffer);
    assert.equal(got.u8.byteOffset, 4);
    assert.notEqual(got.a, shared);
    const pair = /** @type {any} */ (send(host, [shared, { again: shared }], capacity).value);
    assert.equal(pair[0], pair[1].again);
    for (const again of [0, 15, 16, 39]) {
      const list = /** @type {any} */ (send(host, [...many, many[again]], capacity).value);
      assert.equal(list[40], list[again], `reference to object ${again}`);
      assert.equal(new Set(list).size, 40);
    }
  });
});

test('a view that is the value arrives with its own bytes only; Buffer as Uint8Array [AM-08]', () => {
  everyWay((host, capacity) => {
    const whole = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
    const part = send(host, whole.subarray(2, 5), capacity).value;
    assert.deepStrictEqual(part, new Uint8Array([3, 4, 5]));
    assert.equal(part.byteOffset, 0);
    assert.equal(part.buffer.byteLength, 3);
    const buffer = send(host, Buffer.from('abc'), capacity).value;
    assert.equal(Object.getPrototypeOf(buffer), Uint8Array.prototype);
    assert.deepStrictEqual([...buffer], [97, 98, 99]);
    class Bytes extends Int16Array {}
    assert.deepStrictEqual(send(host, new Bytes([7]), capacity).value, new Int16Array([7]));
  });
});

test('getters are called once [AM-08]', () => {
  everyWay((host, capacity) => {
    let calls = 0;
    const value = {
      a: 1,
      list: [
        {
          get x() {
            return ++calls;
          },
        },
      ],
    };
    assert.deepStrictEqual(send(host, value, capacity).value, { a: 1, list: [{ x: 1 }] });
    assert.equal(calls, 1);
  });
});

/** Values that run `act` while they are encoded, one for each way in which a value can run code. */
const ACTORS = {
  getter: (act) => ({ x: 'outer', get y() { act(); return 2; } }), // prettier-ignore
  'getter of an element': (act) => Object.defineProperty([1, 'outer'], 0, { get: () => (act(), 1), enumerable: true }),
  proxy: (act) => new Proxy({ x: 'outer', y: 2 }, { ownKeys: (target) => (act(), Reflect.ownKeys(target)) }),
  'property of a proxy': (act) =>
    new Proxy({ x: 'outer' }, { get: (target, key) => (act(), Reflect.get(target, key)) }),
};
const INNER = {
  text: 'inner',
  long: 'i'.repeat(100),
  tree: { i: [1, 2] },
  host: new Map([[1, 2]]),
  big: { i: 'i'.repeat(5000) },
};

for (const [how, actor] of Object.entries(ACTORS)) {
  test(`a ${how} may encode another value with the same codec [AM-08]`, () => {
    everyWay((host, capacity, way) => {
      for (const [name, inner] of Object.entries(INNER)) {
        for (const format of ['cbor', 'json', undefined]) {
          const codec = createCodec(host);
          const memory = new Uint8Array(20_000);
          const read = (at, length) => {
            if (codec.type === TYPE.CHANNEL) return codec.channel;
            const bytes = length < 0 ? Uint8Array.from(codec.bytes) : memory.slice(at, at + length);
            return createCodec(host).decode(codec.type, codec.aux, bytes, 0, bytes.length);
          };
          const seen = [];
          const value = actor(() => seen.push(read(10_000, codec.encode(inner, memory, 10_000, 10_000))));
          let got;
          try {
            got = read(
              0,
              format ? codec.encodeAs(format, value, memory, 0, capacity) : codec.encode(value, memory, 0, capacity),
            );
          } catch (error) {
            assert.equal(error.code, 'NOT_SERIALIZABLE'); // values that no format has
          }
          const shown = actor(() => undefined);
          if (got !== undefined) assert.deepStrictEqual(got, Array.isArray(shown) ? [1, 'outer'] : { ...shown }, way);
          assert.ok(seen.length > 0 || got === undefined);
          for (const one of seen) assert.deepStrictEqual(one, inner, `${way} ${name} ${format}`);
        }
      }
    });
  });
}

const REFUSED = {
  function: () => 1,
  symbol: Symbol('x'),
  promise: Promise.resolve(),
  weakMap: new WeakMap(),
  weakSet: new WeakSet(),
  proxyOfFunction: new Proxy(() => 1, {}),
  generator: (function* () {})(),
  weakRef: new WeakRef({}),
  boxedSymbol: Object(Symbol('x')),
  memory: new WebAssembly.Memory({ initial: 1 }),
  arguments: (function () {
    return arguments;
  })(1),
  port: new MessageChannel().port1,
};
REFUSED.port.close();

for (const [name, value] of Object.entries(REFUSED)) {
  test(`${name} is refused with NOT_SERIALIZABLE, the codec stays usable [AM-38, AM-39]`, () => {
    for (const host of Object.values(HOSTS)) {
      const codec = createCodec(host);
      const memory = new Uint8Array(64);
      for (const bad of [value, { a: [1, { b: value }] }, new Map([['k', value]])]) {
        assert.throws(
          () => codec.encode(bad, memory, 0, 64),
          (error) => error instanceof PoolError && error.code === 'NOT_SERIALIZABLE',
        );
        assert.equal(codec.encode(7, memory, 0, 64), 8);
        assert.equal(codec.decode(codec.type, codec.aux, memory, 0, 8), 7);
      }
    }
  });
}

test('the message names the place; a throwing getter is the cause [AM-38]', () => {
  const codec = createCodec(HOSTS.node);
  const encode = (value) => codec.encode(value, new Uint8Array(64), 0, 64);
  assert.throws(() => encode({ list: [1, { done() {} }] }), /value\.list\[1\]\.done is a function/);
  assert.throws(() => encode({ 'a b': Promise.resolve() }), /value\["a b"\] is a Promise/);
  const cause = new Error('mine');
  assert.throws(
    () =>
      encode({
        get a() {
          throw cause;
        },
      }),
    { code: 'NOT_SERIALIZABLE', cause },
  );
});

test('a detached buffer is refused [AM-38]', () => {
  const buffer = new ArrayBuffer(8);
  const view = new Uint8Array(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  for (const host of Object.values(HOSTS)) {
    for (const value of [buffer, view]) {
      assert.throws(() => createCodec(host).encode(value, new Uint8Array(8), 0, 8), {
        code: 'NOT_SERIALIZABLE',
      });
    }
  }
});

test('damaged bytes are refused with NOT_SERIALIZABLE [AM-39]', () => {
  for (const type of [TYPE.CBOR, TYPE.HOST, TYPE.JSON, TYPE.ERROR, TYPE.TYPED_ARRAY, 99]) {
    const codec = createCodec(HOSTS.node);
    const bytes = new Uint8Array(5).fill(0xff);
    const decode = () => codec.decode(type, 77, bytes, 0, 5);
    assert.throws(decode, { code: 'NOT_SERIALIZABLE' }, `${type}`);
    assert.equal(codec.encode({ a: 1 }, bytes, 0, 0), -1);
    const again = Uint8Array.from(codec.bytes);
    assert.deepStrictEqual(codec.decode(TYPE.CBOR, 0, again, 0, again.length), { a: 1 });
  }
});

test('shared memory, wasm modules and transferred objects go by the channel [AM-08]', () => {
  const shared = new SharedArrayBuffer(4);
  const wasm = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
  for (const host of Object.values(HOSTS)) {
    const blob = new Blob(['a']);
    for (const value of [shared, new Uint8Array(shared), { a: [shared] }, { wasm }, blob]) {
      assert.equal(send(host, value, 64).type, TYPE.CHANNEL);
    }
    const got = /** @type {any} */ (send(host, { a: new Uint8Array(shared) }, 64).value);
    got.a[0]++;
    const codec = createCodec(host);
    const moved = new Uint8Array([1, 2, 3]);
    codec.encodeTransfer({ moved }, [moved.buffer]);
    assert.equal(moved.byteLength, 0);
    assert.equal(codec.type, TYPE.CHANNEL);
    assert.equal(/** @type {any} */ (codec.channel).moved.buffer, codec.transfer[0]);
    assert.throws(() => codec.encodeTransfer({ f() {} }, []), { code: 'NOT_SERIALIZABLE' });
    codec.encode(1, new Uint8Array(8), 0, 8);
    assert.equal(codec.channel, undefined);
    assert.deepEqual(codec.transfer, []);
  }
  assert.equal(new Uint8Array(shared)[0], 2);
});

test('type tags are those that C knows, and each value takes the cheapest [NF-22]', () => {
  assert.deepEqual([TYPE.UNDEFINED, TYPE.BINARY, TYPE.STRING, TYPE.JSON, TYPE.CBOR, TYPE.NUMBER], [0, 1, 2, 3, 4, 5]);
  assert.equal(new Set(Object.values(TYPE)).size, Object.keys(TYPE).length);
  const cases = [
    [1, TYPE.NUMBER],
    ['a', TYPE.STRING],
    ['\ud800', TYPE.STRING_UTF16],
    ['ä'.repeat(100), TYPE.STRING],
    [text1k, TYPE.STRING],
    [`${text1k}ä`, TYPE.STRING_UTF16], // long UTF-8 is slow to read
    [{ a: 1 }, TYPE.CBOR],
    [[1, [2]], TYPE.CBOR],
    [new Uint8Array(2), TYPE.BINARY],
    [new Float64Array(2), TYPE.TYPED_ARRAY],
    [new ArrayBuffer(2), TYPE.ARRAY_BUFFER],
    [new Map(), TYPE.HOST],
    [5n, TYPE.HOST],
    [{ a: -0 }, TYPE.HOST],
  ];
  for (const [value, type] of cases) assert.equal(send(HOSTS.node, value, 64).type, type);
});

test('json, string, binary and cbor round-trip on demand; a view shares the memory [NF-22]', () => {
  const codec = createCodec(HOSTS.node);
  const memory = new Uint8Array(new SharedArrayBuffer(16_384));
  const cases = [
    ['json', { a: [1, 'é'] }, TYPE.JSON],
    ['string', 'héllo', TYPE.STRING],
    ['string', 'ä'.repeat(2000), TYPE.STRING], // C reads UTF-8
    ['binary', new Uint8Array([1, 2]), TYPE.BINARY],
    ['cbor', [1, { b: null }], TYPE.CBOR],
    ['cbor', 'text', TYPE.CBOR],
  ];
  for (const [format, value, type] of cases) {
    const length = codec.encodeAs(format, value, memory, 8, 16_000);
    assert.equal(codec.type, type);
    assert.deepStrictEqual(codec.decode(type, 0, memory, 8, length), value);
  }
  const length = codec.encodeAs('binary', new Uint16Array([0x0201]), memory, 8, 200);
  const view = codec.decode(TYPE.BINARY, 0, memory, 8, length, { view: true });
  memory[8] = 77;
  assert.deepEqual([view.buffer === memory.buffer, ...view], [true, 77, 2]);
  const cyclic = [];
  cyclic.push(cyclic);
  for (const [format, bad] of [
    ['json', cyclic],
    ['json', undefined],
    ['json', 1n],
    ['string', 5],
    ['string', '\ud800'],
    ['binary', 'x'],
    ['cbor', new Map()],
    ['cbor', cyclic],
  ]) {
    assert.throws(() => codec.encodeAs(format, bad, memory, 0, 64), { code: 'NOT_SERIALIZABLE' });
  }
  assert.throws(() => codec.encodeAs('xml', 1, memory, 0, 64), { code: 'INVALID_ARGUMENT' });
});

test('text that UTF-8 cannot carry is known as such without String.prototype.isWellFormed, too [AM-08]', async () => {
  const native = Object.getOwnPropertyDescriptor(String.prototype, 'isWellFormed');
  delete String.prototype.isWellFormed;
  const url = '../../js/codec/simple.js?without';
  const without = await import(url).finally(() => Object.defineProperty(String.prototype, 'isWellFormed', native));
  const texts = { '': true, abc: true, 'é€😀': true, '\ud800': false, 'a\udc00b': false, '\udc00\ud800': false };
  for (const [text, expected] of Object.entries(texts))
    assert.deepEqual([isWellFormed(text), without.isWellFormed(text)], [expected, expected], JSON.stringify(text));
});

test('text that a TextDecoder would shorten is not given to the CBOR library [NF-22]', () => {
  // Encoded without the codec, since the library's native part, if installed, hides the loss.
  assert.equal(isSimple({ a: `\ufeff${text1k}` }, 10), false);
  assert.equal(isSimple({ [`\ufeff${text1k}`]: 1 }, 10), false);
  assert.equal(isSimple({ a: `x\ufeff${text1k}` }, 10), true);
});

test('byte strings in CBOR do not alias later values [NF-22]', () => {
  const codec = createCodec();
  const first = codec.decode(TYPE.CBOR, 0, new Uint8Array([0x43, 1, 2, 3]), 0, 4);
  codec.decode(TYPE.CBOR, 0, new Uint8Array([0x43, 9, 9, 9]), 0, 4);
  assert.deepEqual([...first], [1, 2, 3]);
});

class CustomError extends RangeError {
  constructor(message, options) {
    super(message, options);
    this.name = 'CustomError';
    this.code = 'E_CUSTOM';
    this.details = { list: [1, undefined], when: 5 };
    this.callback = () => 1;
    this.inner = new TypeError('inner');
  }
}

test('a thrown error keeps name, message, stack, code, cause and own properties [AM-39]', () => {
  everyWay((host, capacity) => {
    const cause = Object.assign(new SyntaxError('why'), { lineNo: 3 });
    const sent = new CustomError('oh', { cause });
    const { type, value } = send(host, sent, capacity, true);
    const got = /** @type {any} */ (value);
    assert.equal(type, TYPE.ERROR);
    assert.ok(got instanceof RangeError);
    for (const key of ['name', 'message', 'stack', 'code']) assert.equal(got[key], sent[key], key);
    assert.deepStrictEqual(got.details, sent.details);
    assert.equal('callback' in got, false);
    assert.ok(got.inner instanceof TypeError);
    assert.ok(got.cause instanceof SyntaxError);
    const { message, lineNo, stack } = got.cause;
    assert.deepEqual([message, lineNo, stack], ['why', 3, cause.stack]);
    assert.deepEqual(Object.keys(got).sort(), ['code', 'details', 'inner', 'name']);
  });
});

test('a thrown error has no property that it did not have [AM-39]', () => {
  everyWay((host, capacity) => {
    for (const sent of [new Error('x'), new Error('y', { cause: undefined }), new AggregateError([], 'z')]) {
      const got = /** @type {object} */ (send(host, sent, capacity, true).value);
      assert.deepEqual(Reflect.ownKeys(got).sort(), Reflect.ownKeys(sent).sort());
    }
  });
});

test('a thrown error keeps its chain of causes to the root, and errors that lead back to themselves [AM-39]', () => {
  everyWay((host, capacity) => {
    let chain = /** @type {any} */ (new RangeError('root'));
    for (let i = 0; i < 40; i++) chain = new Error(`level ${i}`, { cause: chain });
    let got = /** @type {any} */ (send(host, chain, capacity, true).value);
    for (; chain.cause; [chain, got] = [chain.cause, got.cause]) assert.equal(got.message, chain.message);
    assert.deepEqual([got.constructor, got.message, 'cause' in got], [RangeError, 'root', false]);

    const [first, second] = [/** @type {any} */ (new Error('first')), new TypeError('second')];
    Object.assign(first, { self: first, cause: second });
    second.cause = new AggregateError([first, 5, second], 'both');
    const back = /** @type {any} */ (send(host, first, capacity, true).value);
    assert.equal(back.self, back);
    assert.ok(back.cause instanceof TypeError);
    assert.deepEqual(back.cause.cause.errors, [back, 5, back.cause]);
    assert.equal(Object.getOwnPropertyDescriptor(back.cause.cause, 'errors')?.enumerable, false);
  });
});

test('of a chain of errors without an end the first 10,000 arrive, and the last one says so [AM-39]', () => {
  const endless = () => Object.defineProperty(new Error('again'), 'cause', { get: endless });
  let got = /** @type {any} */ (send(HOSTS.node, endless(), 1 << 24, true).value);
  let count = 0;
  for (; got instanceof Error; got = got.cause) count++;
  assert.deepEqual([count, got], [10_000, 'more errors than the 10000 that are carried']);
});

test('PoolError, AggregateError and DOMException arrive as such [AM-39]', () => {
  everyWay((host, capacity) => {
    const extra = { taskId: '7', worker: 'w1' };
    const pool = send(host, new PoolError('TIMEOUT', 'late', extra), capacity, true).value;
    assert.ok(pool instanceof PoolError);
    assert.deepEqual(
      [pool.code, pool.message, pool.taskId, pool.worker, pool.name],
      ['TIMEOUT', 'late', '7', 'w1', 'PoolError'],
    );
    const aggregate = send(host, new AggregateError([new TypeError('a'), 5], 'm'), capacity, true);
    assert.ok(aggregate.value instanceof AggregateError);
    assert.ok(aggregate.value.errors[0] instanceof TypeError);
    assert.equal(aggregate.value.errors[1], 5);
    const abort = send(host, new DOMException('stop', 'AbortError'), capacity, true).value;
    assert.ok(abort instanceof DOMException);
    assert.deepEqual([abort.name, abort.code, abort.message], ['AbortError', 20, 'stop']);
  });
});

test('encodeError never throws: other values, cycles, hostile errors [AM-39]', () => {
  everyWay((host, capacity) => {
    for (const thrown of [undefined, null, 5, 'text', { a: 1 }, new Map([[1, 2]])]) {
      assert.deepStrictEqual(send(host, thrown, capacity, true).value, thrown);
    }
    const refused = send(host, () => 1, capacity, true).value;
    assert.equal(refused.code, 'NOT_SERIALIZABLE');
    const cyclic = new Error('loop');
    cyclic.cause = cyclic;
    assert.equal(send(host, cyclic, capacity, true).value.message, 'loop');
    const hostile = new Error('x');
    for (const key of ['stack', 'message', 'name', 'cause', 'code', 'other']) {
      Object.defineProperty(hostile, key, {
        enumerable: true,
        get() {
          throw new Error('no');
        },
      });
    }
    assert.ok(send(host, hostile, capacity, true).value instanceof Error);
    const trap = () => {
      throw new Error('trap');
    };
    const proxy = new Proxy(new Error('p'), { get: trap, ownKeys: trap, has: trap });
    assert.ok(send(host, proxy, capacity, true).value instanceof Error);
  });
});
