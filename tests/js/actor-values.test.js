/** Actors: what needs no thread. Results, dispatch by key, formats, options, the code of an actor, schemas. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { callResource, releaseResources, resourceOptions } from '../../js/actor/config/resources.js';
import { supervisorOptions } from '../../js/actor/config/options.js';
import { Collector, collectorOf, diagnosticsOptions } from '../../js/actor/config/diagnostics.js';
import { Subscribers } from '../../js/actor/main/subscribers.js';
import { reasonOfLoss } from '../../js/actor/main/threads.js';
import { codeOf, screen } from '../../js/actor/source.js';
import * as S from '../../js/generated/supervision.js';
import { fmt } from '../../js/actor/worker/format.js';
import { Err, matchAll, Ok, println } from '../../js/compat/future.js';
import { thrown } from './actor-support.js';
import { codeOf as codeOfError } from './helpers.js';

/** A schema: `fits` says whether a value is right. */
const schema = (fits, change = (value) => value) => ({
  safeParse: (value) =>
    fits(value)
      ? { success: true, data: change(value) }
      : { success: false, error: { issues: [{ path: ['a', 0], message: 'is wrong' }] } },
});
const anything = schema(() => true);

test('a result says whether there is a value or an error [NF-80]', () => {
  const good = Ok(5);
  const bad = Err('no');
  assert.deepEqual([good.isOk, good.isErr, good.value, good.error], [true, false, 5, undefined]);
  assert.deepEqual([bad.isOk, bad.isErr, bad.value, bad.error], [false, true, undefined, 'no']);
});

test('matchAll calls the case of the key with the whole message, `_` for the rest, and nothing without one [NF-79]', () => {
  const message = { msg: 'done', data: { n: 1 } };
  assert.equal(matchAll(message, { done: (m) => m, _: () => 'rest' }), message);
  assert.equal(matchAll({ msg: 'other' }, { done: () => 1, _: (m) => m.msg }), 'other');
  assert.equal(matchAll({ msg: 'other' }, { done: () => 1 }), undefined);
  assert.equal(matchAll({ msg: 'toString' }, { done: () => 1 }), undefined, 'inherited names are no cases');
  assert.equal(matchAll({ input: 1 }, { undefined: () => 1, _: () => 'no key' }), 'no key');
  assert.match(
    thrown(() => matchAll(message, undefined)),
    /^INVALID_ARGUMENT cases/,
  );
});

test('println prints its values on one line [NF-88]', (t) => {
  const log = t.mock.method(console, 'log', () => undefined);
  println('Result:', { a: 1 });
  assert.deepEqual(log.mock.calls[0].arguments, ['Result:', { a: 1 }]);
});

test('fmt passes bytes through, makes UTF-8 of text and JSON of the rest, and reads both back [NF-77]', () => {
  const bytes = new Uint8Array([1, 0, 0]);
  assert.equal(fmt.encode(bytes), bytes);
  assert.deepEqual(fmt.encode(new Uint16Array([1, 2])), new Uint8Array([1, 0, 2, 0]));
  assert.deepEqual([...fmt.from('é')], [0xc3, 0xa9]);
  assert.deepEqual(fmt.decode(fmt.encode({ a: [1, null] })), { a: [1, null] });
  assert.equal(fmt.decode(fmt.encode('no json')), 'no json');
  assert.equal(fmt.string.decode(fmt.string.encode('\ufeffa')), '\ufeffa', 'a byte order mark is text like any other');
  assert.deepEqual(fmt.json.decode(fmt.json.encode([true])), [true]);
  assert.match(
    thrown(() => fmt.json.encode(undefined)),
    /^NOT_SERIALIZABLE/,
  );
});

test('fmt reads shared memory, which TextDecoder does not', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(4));
  shared.set(fmt.encode('"ab"'));
  assert.equal(fmt.decode(shared), 'ab');
  assert.equal(fmt.string.decode(shared), '"ab"');
});

test('fmt.alloc makes zeros, and arrays of each kind of number [NF-77]', () => {
  assert.deepEqual(fmt.alloc(3), new Uint8Array(3));
  const made = ['u8', 'i8', 'u16', 'i16', 'u32', 'i32', 'u64', 'i64', 'f32', 'f64'].map((name) => fmt.alloc[name](2));
  assert.deepEqual(
    made.map(({ constructor, length, BYTES_PER_ELEMENT }) => `${constructor.name} ${length} ${BYTES_PER_ELEMENT}`),
    ['Uint8Array 2 1', 'Int8Array 2 1', 'Uint16Array 2 2', 'Int16Array 2 2', 'Uint32Array 2 4', 'Int32Array 2 4',
      'BigUint64Array 2 8', 'BigInt64Array 2 8', 'Float32Array 2 4', 'Float64Array 2 8'],
  ); // prettier-ignore
  assert.equal(fmt.f64, fmt.alloc.f64);
});

/** RFC 8949, appendix A: bytes, and the value in JavaScript. Values that JavaScript writes in another form than the RFC are read only. */
const VECTORS = [
  ['00', 0], ['01', 1], ['0a', 10], ['17', 23], ['1818', 24], ['1819', 25], ['1864', 100], ['1903e8', 1000],
  ['1a000f4240', 1000000], ['20', -1], ['29', -10], ['3863', -100], ['3903e7', -1000], ['f4', false], ['f5', true], ['f6', null],
  ['f7', undefined], ['fb3ff199999999999a', 1.1], ['fbc010666666666666', -4.1], ['fb7e37e43c8800759c', 1.0e300],
  ['40', new Uint8Array()], ['4401020304', new Uint8Array([1, 2, 3, 4])], ['60', ''], ['6161', 'a'], ['6449455446', 'IETF'],
  ['62225c', '"\\'], ['62c3bc', 'ü'], ['63e6b0b4', '水'], ['64f0908591', '\u{10151}'], ['80', []], ['83010203', [1, 2, 3]],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  ['98190102030405060708090a0b0c0d0e0f101112131415161718181819', Array.from({ length: 25 }, (_, i) => i + 1)],
  ['a0', {}], ['a26161016162820203', { a: 1, b: [2, 3] }], ['826161a161626163', ['a', { b: 'c' }]],
  ['a56161614161626142616361436164614461656145', { a: 'A', b: 'B', c: 'C', d: 'D', e: 'E' }],
]; // prettier-ignore
const READ_ONLY = [
  ['1b000000e8d4a51000', 1000000000000n], ['1bffffffffffffffff', 18446744073709551615n], ['3bffffffffffffffff', -18446744073709551616n],
  ['c249010000000000000000', 18446744073709551616n], ['f90000', 0], ['f93c00', 1], ['f93e00', 1.5], ['f97bff', 65504],
  ['fa47c35000', 100000], ['f90001', 5.960464477539063e-8], ['f9c400', -4], ['f97c00', Infinity], ['f97e00', NaN], ['f9fc00', -Infinity],
  ['c11a514b67b0', new Date(1363896240000)], ['c074323031332d30332d32315432303a30343a30305a', new Date('2013-03-21T20:04:00Z')],
  ['a201020304', { 1: 2, 3: 4 }],
  ['9fff', []], ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]], ['83018202039f0405ff', [1, [2, 3], [4, 5]]],
  ['bf61610161629f0203ffff', { a: 1, b: [2, 3] }],
]; // prettier-ignore

for (const [hex, value] of VECTORS)
  test(`CBOR ${hex} of RFC 8949 is read and written [NF-78]`, () => {
    assert.deepEqual(plain(fmt.cbor.decode(Buffer.from(hex, 'hex'))), value);
    assert.equal(Buffer.from(fmt.cbor.encode(value)).toString('hex'), hex);
  });

for (const [hex, value] of READ_ONLY)
  test(`CBOR ${hex} of RFC 8949 is read, and the value survives [NF-78]`, () => {
    const read = plain(fmt.cbor.decode(Buffer.from(hex, 'hex')));
    assert.deepEqual(read, value);
    assert.deepEqual(plain(fmt.cbor.decode(fmt.cbor.encode(read))), value);
  });

test('CBOR byte strings and texts in chunks are refused: the library does not read them', () => {
  for (const hex of ['5f42010243030405ff', '7f657374726561646d696e67ff'])
    assert.throws(() => fmt.cbor.decode(Buffer.from(hex, 'hex')), /Indefinite length not supported/);
});

/** Bytes as a Uint8Array, whatever the library makes of them. */
const plain = (value) => (value instanceof Uint8Array ? new Uint8Array(value) : value);

test('sizes of boxes are bytes or text in powers of 1024 [NF-02]', () => {
  const bytes = (boxSize) => supervisorOptions({ memory: { boxSize } }).memory.boxBytes;
  assert.deepEqual(['1mb', '1.5 KB', ' 2 KiB ', '1GB', '100', '7.9b', 4096].map(bytes), [
    1048576,
    1536,
    2048,
    2 ** 30,
    100,
    7,
    4096,
  ]);
  for (const wrong of ['5xb', '', '-1mb', '0', 0, -5, NaN, Infinity, '1e3kb'])
    assert.match(
      thrown(() => bytes(wrong)),
      /^INVALID_ARGUMENT memory.boxSize/,
      String(wrong),
    );
});

test('a supervisor takes minimal and full options, and has a default for each [NF-01]', () => {
  const least = supervisorOptions();
  assert.deepEqual(least.memory, { poolSize: 16, boxBytes: 1048576, maximum: undefined });
  assert.deepEqual([least.strategy, least.retry, least.maxActors, least.warm], ['one-for-one', undefined, 256, 0]);
  const full = supervisorOptions({
    maxActors: 10,
    memory: { poolSize: 5, boxSize: '1mb' },
    timeouts: { defaultLeaseMs: 2000, actorTimeouts: { slow: 60_000 } },
    strategy: 'rest-for-one',
    retry: { max: 3, backoff: 'linear' },
    resources: { db: { query: { input: anything, output: anything, handler: () => 1 }, release: () => undefined } },
    diagnostics: { enabled: true, sampleRate: 0.5, track: { inboxDepth: true } },
    warm: 2,
    graceMs: 50,
    screening: false,
  });
  assert.deepEqual(full.retry, { max: 3, backoff: 'linear', delayMs: 100 });
  assert.equal(full.timeouts.byName.get('slow'), 60_000);
});

for (const [what, options] of [
  ['maxActors', { maxActors: 0 }],
  ['memory.poolSize', { memory: { poolSize: 1.5 } }],
  ['memory.size', { memory: { size: 5 } }],
  ['timeouts.defaultLeaseMs', { timeouts: { defaultLeaseMs: -1 } }],
  ['timeouts.actorTimeouts.a', { timeouts: { actorTimeouts: { a: '5' } } }],
  ['strategy', { strategy: 'all' }],
  ['retry.max', { retry: { max: -1 } }],
  ['retry.backoff', { retry: { backoff: 'random' } }],
  ['retry.delayMs', { retry: { delayMs: 'x' } }],
  ['diagnostics.sampleRate', { diagnostics: { sampleRate: 2 } }],
  ['diagnostics.track.boxes', { diagnostics: { track: { boxes: true } } }],
  ['warm', { maxActors: 2, warm: 3 }],
  ['screening', { screening: 'no' }],
  ['maxActor', { maxActor: 5 }],
])
  test(`a supervisor refuses a wrong ${what} by its name [NF-01]`, () => {
    assert.match(
      thrown(() => supervisorOptions(options)),
      new RegExp(`^INVALID_ARGUMENT ${what.replaceAll('.', '\\.')}`),
    );
  });

test('every method of a resource needs a handler and two schemas, and release is a function [NF-70]', () => {
  const refused = (method) => thrown(() => resourceOptions({ db: { query: method } }));
  assert.match(
    refused({ output: anything, handler: () => 1 }),
    /^INVALID_ARGUMENT resources\.db\.query\.input: expected a schema/,
  );
  assert.match(
    refused({ input: anything, output: {}, handler: () => 1 }),
    /resources\.db\.query\.output: expected a schema/,
  );
  assert.match(refused({ input: anything, output: anything }), /resources\.db\.query\.handler: expected a function/);
  assert.match(
    refused(() => 1),
    /resources\.db\.query: expected \{ input, output, handler \}/,
  );
  assert.match(
    thrown(() => resourceOptions({ db: { release: 1 } })),
    /resources\.db\.release: expected a function/,
  );
});

test('a resource gets what its input schema makes of the argument, and answers with what its output schema makes of the result [NF-69]', async () => {
  const twice = schema(
    (value) => typeof value === 'number',
    (value) => value * 2,
  );
  const resources = resourceOptions({ math: { add: { input: twice, output: twice, handler: async (n) => n + 1 } } });
  assert.equal(await callResource(resources, 'math', 'add', 5, 'actor-1'), 22);
});

test('wrong input does not reach the handler; wrong output and what cannot be cloned are errors of the call [NF-71 NF-76]', async () => {
  let calls = 0;
  const count = (result) => () => (calls++, result);
  const text = schema((value) => typeof value === 'string');
  const resources = resourceOptions({
    r: {
      bad: { input: text, output: text, handler: count(5) },
      fn: { input: anything, output: anything, handler: count(() => 1) },
    },
  });
  const call = (...values) =>
    callResource(resources, 'r', ...values, 'actor-1').catch((error) => `${error.code} ${error.message}`);
  assert.equal(await call('bad', 5), 'INVALID_ARGUMENT input of r.bad: a.0: is wrong');
  assert.equal(calls, 0);
  assert.equal(await call('bad', 'x'), 'INVALID_ARGUMENT output of r.bad: a.0: is wrong');
  assert.match(await call('fn', 'x'), /^NOT_SERIALIZABLE/);
});

test('unknown resources and methods are named, and release is no method [NF-72]', async () => {
  const resources = resourceOptions({
    db: { query: { input: anything, output: anything, handler: () => 1 }, release: () => 1 },
  });
  const call = (...names) =>
    callResource(resources, ...names, 1, 'actor-1').catch((error) => `${error.code} ${error.message}`);
  assert.match(await call('cache', 'get'), /^UNKNOWN_TASK there is no resource 'cache'; known: db$/);
  assert.match(await call('db', 'drop'), /^UNKNOWN_TASK resource 'db' has no method 'drop'; known: query$/);
  assert.match(await call('db', 'release'), /^UNKNOWN_TASK db\.release is no method/);
  assert.equal(await codeOfError(callResource(resources, '__proto__', 'x', 1, 'actor-1')), 'UNKNOWN_TASK');
});

test('release hooks run once each, in order, whatever one of them does [NF-75]', async () => {
  const order = [];
  const resource = (name, error) => ({
    release() {
      order.push(name);
      if (error) throw error;
    },
  });
  const resources = resourceOptions({ a: resource('a'), b: resource('b', new Error('b is stuck')), c: resource('c') });
  const options = { resources, timeouts: { leaseMs: Infinity } };
  await releaseResources(options, (name, error) => order.push(`${name} failed: ${error.message}`));
  assert.deepEqual(order, ['a', 'b', 'b failed: b is stuck', 'c']);
});

test('a loss is one of memory only if the code of its error says so [NF-50]', () => {
  const lost = (cause) => reasonOfLoss({ code: 'WORKER_LOST', message: 'Actor-1: no memory', cause });
  assert.equal(lost({ code: 'ERR_WORKER_OUT_OF_MEMORY' }), S.ACTOR_NO_MEMORY);
  assert.equal(lost({ code: 'START_FAILED', cause: { code: 'NO_MEMORY' } }), S.ACTOR_NO_MEMORY);
  assert.equal(lost(new Error('the memory of an elephant')), S.ACTOR_EXITED);
  assert.equal(lost(undefined), S.ACTOR_EXITED);
  assert.equal(reasonOfLoss({ code: 'START_FAILED', message: 'memory.js: not found' }), S.ACTOR_NOT_STARTED);
});

test('the code of an actor is an export of a module, or the source of a function [NF-06]', () => {
  const source = codeOf(async function work(self) { return self; }); // prettier-ignore
  assert.equal(source.name, 'work');
  assert.match(source.source, /^async function work\(self\)/);
  const url = new URL('file:///a.mjs');
  assert.deepEqual(codeOf({ module: url, name: 'b' }), { module: 'file:///a.mjs', name: 'b' });
  assert.deepEqual(codeOf({ module: './a.mjs' }), { module: './a.mjs', name: 'default' });
  for (const wrong of ['work', undefined, null, 5, {}, { module: 5 }, (() => 1).bind(null), Math.max])
    assert.match(
      thrown(() => codeOf(wrong)),
      /^INVALID_ARGUMENT callback:/,
    );
});

for (const [shown, source] of [
  ['require(', "() => require ('fs')"],
  ['process', '() => process.exit()'],
  ['process', '() => (process)'],
  ['globalThis', '() => globalThis.x'],
  ['import(', "() => import('fs')"],
  ['eval(', "() => eval('1')"],
  ['Function(', "() => new Function('1')"],
])
  test(`source with ${shown} is refused: ${source} [NF-07]`, () => {
    assert.match(
      thrown(() => screen({ source, name: '' })),
      new RegExp(`^INVALID_ARGUMENT callback: its source contains ${shown.replace('(', '\\(')}`),
    );
  });

test('source that only looks like something refused is taken, and so is any module [NF-07]', () => {
  for (const source of [
    "() => 'process me'",
    '({ process: 1 })',
    '() => msg.process',
    '() => evaluate(1)',
    '() => importData(1)',
    '() => this.require(1)',
    '(reprocess) => reprocess',
    '() => isFunction(1)',
  ])
    screen({ source, name: '' });
  screen({ module: 'process', name: 'eval(' });
});

test('unsubscribing is idempotent, and a change during a delivery counts from the next one on [NF-12]', () => {
  const all = new Subscribers();
  const heard = [];
  const removeFirst = all.add(() => {
    heard.push('first');
    removeSecond();
    all.add(() => heard.push('late'));
  });
  const removeSecond = all.add(() => heard.push('second'));
  all.tell({});
  assert.deepEqual(heard.splice(0), ['first', 'second']);
  removeFirst();
  removeFirst();
  all.tell({});
  assert.deepEqual(heard, ['late']);
  assert.match(
    thrown(() => all.add(5)),
    /^INVALID_ARGUMENT subscribe/,
  );
  assert.match(
    thrown(() => all.add(undefined)),
    /^INVALID_ARGUMENT subscribe/,
  );
});

test('a subscriber that throws is logged and stops no other [NF-12]', (t) => {
  const log = t.mock.method(console, 'error', () => undefined);
  const all = new Subscribers();
  const heard = [];
  all.add(() => {
    throw new Error('oops');
  });
  all.add((message) => heard.push(message.msg));
  all.tell({ msg: 'a' });
  assert.deepEqual(heard, ['a']);
  assert.equal(log.mock.callCount(), 1);
});

test('measurements: only what is tracked, and the part that is sampled; nothing at all when off [NF-83]', () => {
  const made = (options) => collectorOf(diagnosticsOptions(options));
  assert.equal(made(undefined), undefined);
  assert.equal(made({ enabled: false, track: { inboxDepth: true } }), undefined);
  assert.equal(made({ enabled: true }), undefined);
  const some = made({ enabled: true, track: { inboxDepth: true, messageLatency: false } });
  assert.ok(some instanceof Collector);
  for (const track of ['inboxDepth', 'messageLatency', 'writeQueueWait'])
    for (const value of [2, 4]) some.record(track, value);
  assert.deepEqual(some.report(), { inboxDepth: { count: 2, avg: 3, max: 4 } });
  const none = made({ enabled: true, sampleRate: 0, track: { inboxDepth: true } });
  none.record('inboxDepth', 2);
  assert.deepEqual(none.report(), { inboxDepth: { count: 0, avg: 0, max: 0 } });
});
