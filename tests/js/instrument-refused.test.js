/** Modules that loop checks would break, or that are broken, are refused with a text that says what is wrong (issue B, 5). */
import assert from 'node:assert/strict';
import test from 'node:test';
import loadWabt from 'wabt';
import { PoolError } from '../../js/base/errors.js';
import { instrument } from '../../js/instrument/instrument.js';
import { WABT_FEATURES } from './wabt-features.js';

const wabt = await loadWabt();
const LOOP = '(func (export "run") loop br 0 end)';

/** @param {string} source of what is in a module */
function assemble(source) {
  const parsed = wabt.parseWat('test.wat', `(module ${source})`, WABT_FEATURES);
  const { buffer } = parsed.toBinary({});
  parsed.destroy();
  return new Uint8Array(buffer);
}

/**
 * @param {Uint8Array} bytes
 * @param {Partial<import('../../js/instrument/instrument.js').InstrumentOptions>} [options]
 */
function outcome(bytes, options) {
  try {
    instrument(bytes, { engine: 'v8', ...options });
  } catch (error) {
    assert.ok(error instanceof PoolError, String(error));
    return `${error.code} ${error.message}`;
  }
  return 'done';
}

/** @param {number} [address] */
const at = (address, engine = 'v8') => ({ engine, check: { kind: 'word', address } });
const record = (change) => ({ check: { kind: 'thread', flag: 64, stop: 8, tag: 12, inside: 0, ...change } });

test('a flag at an address that is not aligned, or is none, is refused', () => {
  const module = assemble(`(memory 1) ${LOOP}`);
  for (const address of [1, 18, 18.5, -4, NaN, 2 ** 31, 2 ** 40])
    assert.match(
      outcome(module, at(address)),
      /^INVALID_ARGUMENT address: expected a multiple of 4 from 0 to/,
      `${address}`,
    );
  const pool = assemble(`(import "env" "memory" (memory 1 1 shared)) ${LOOP}`);
  assert.equal(outcome(pool, record({})), 'done');
  for (const name of ['flag', 'stop', 'tag', 'inside'])
    assert.match(
      outcome(pool, record({ [name]: 6 })),
      new RegExp(`^INVALID_ARGUMENT ${name}: expected a multiple of 4`),
    );
});

test('a flag outside the memory as it is at the start is refused', () => {
  const outside = /^INVALID_ARGUMENT the flag at address \d+ lies outside the memory .* --initial-memory=\d+\)$/;
  for (const [memory, address, engine] of [
    ['(memory 0)', undefined],
    ['(memory 0 9 shared)', undefined],
    ['(import "env" "memory" (memory 0))', undefined],
    ['(import "env" "memory" (memory 0)) (memory 1)', 16], // the flag lies in the first memory
    ['(memory i64 0)', 16],
    ['(memory 2)', 2 * 65536],
    ['(memory 1)', 65532, 'jsc'], // these checks also write behind the flag
  ])
    assert.match(outcome(assemble(`${memory} ${LOOP}`), at(address, engine)), outside, memory);
  for (const memory of ['(memory 2)', '(import "env" "memory" (memory 2))', '(memory i64 2)', '(memory 2) (memory 0)'])
    assert.equal(outcome(assemble(`${memory} ${LOOP}`), at(2 * 65536 - 4)), 'done', memory);
  assert.match(outcome(assemble(`(memory 0) ${LOOP}`)), /\(0 pages\).* minimum of 1 pages/);
});

test('a memory with pages of one byte: the flag lies in it, and it may still grow', () => {
  const module = (pages) =>
    new Uint8Array([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 5, 4, 1, 8, pages, 0],
      ...[10, 9, 1, 7, 0, 3, 0x40, 0x0c, 0, 0x0b, 0x0b],
    ]);
  assert.match(outcome(module(19)), /lies outside the memory .*\(19 pages\)/);
  const memory = [5, 9, 1, 11, 20, ...[0xff, 0xff, 0xff, 0xff, 0x0f], 0];
  const { bytes } = instrument(module(20), { engine: 'v8' });
  assert.deepEqual([...bytes.subarray(18, 18 + memory.length)], memory);
});

test('a flag in data is refused, in front of it and behind it is not', () => {
  const inData = /^INVALID_ARGUMENT the flag at address \d+ lies in data segment (\d) \(\d+ to \d+\): choose/;
  const data = '(memory 1) (data (i32.const 0) "") (data (i32.const 20) "abcdef")';
  for (const [address, engine, segment] of [
    [20, 'v8', '1'],
    [24, 'v8', '1'],
    [16, 'jsc', '1'],
  ])
    assert.equal(inData.exec(outcome(assemble(`${data} ${LOOP}`), at(address, engine)))?.[1], segment, `${address}`);
  for (const address of [0, 16, 28])
    assert.equal(outcome(assemble(`${data} ${LOOP}`), at(address)), 'done', `${address}`);
  const high = '(memory 32768) (data (i32.const -65536) "abcd")'; // the address is above 2 GiB
  assert.equal(outcome(assemble(`${high} ${LOOP}`)), 'done');
  for (const source of [
    '(memory i64 1) (data (i64.const 16) "a")',
    '(import "env" "memory" (memory 1)) (data (i32.const 16) "a")',
    '(memory 1) (memory $b 1) (data (i32.const 4) "too long for the gap")',
  ])
    assert.match(outcome(assemble(`${source} ${LOOP}`)), inData, source);
  for (const source of [
    '(memory 1) (data "not placed")',
    '(import "env" "base" (global i32)) (memory 1) (data (global.get 0) "a place that is not known")',
    '(memory 1) (data (i32.add (i32.const 16) (i32.const 16)) "computed")',
  ])
    assert.equal(outcome(assemble(`${source} ${LOOP}`)), 'done', source);
});

test('data of another memory is no matter', () => {
  const memories = [5, 5, 2, 0, 1, 0, 1];
  const data = (memory) => [11, 10, 1, 2, memory, 0x41, 16, 0x0b, 3, 1, 2, 3];
  assert.equal(outcome(module(TYPE, FUNCTION, memories, CODE, data(1))), 'done');
  assert.match(outcome(module(TYPE, FUNCTION, memories, CODE, data(0))), /lies in data segment 0 \(16 to 18\)/);
});

test('checks are put in once, however the address is said', () => {
  const original = assemble(LOOP);
  const { bytes } = instrument(original, { engine: 'v8' });
  for (const check of [{ kind: 'word' }, { kind: 'word', address: 16 }, { address: 16, kind: 'word' }])
    assert.deepEqual(instrument(bytes, { engine: 'v8', check }).bytes, bytes, JSON.stringify(check));
  assert.match(outcome(bytes, at(20)), /^INVALID_ARGUMENT the module has other checks already/);
});

// ---- Broken modules ----

const PREAMBLE = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const TYPE = [1, 4, 1, 0x60, 0, 0];
const FUNCTION = [3, 2, 1, 0];
const MEMORY = [5, 3, 1, 0, 1];
const CODE = [10, 9, 1, 7, 0, 3, 0x40, 0x0c, 0, 0x0b, 0x0b];
const CUSTOM = [0, 2, 1, 0x61];
const module = (...sections) => new Uint8Array([PREAMBLE, ...sections].flat());
/** A code section of one body. */
const code = (...body) => [10, body.length + 3, 1, body.length + 1, 0, ...body];

test('sections twice, out of their order, or at odds with one another are refused', () => {
  assert.equal(outcome(module(TYPE, CUSTOM, FUNCTION, CUSTOM, CUSTOM, MEMORY, CODE, CUSTOM)), 'done');
  for (const [sections, expected] of [
    [[TYPE, FUNCTION, CODE, CODE], /section 10 behind section 10/],
    [[TYPE, FUNCTION, CODE, CUSTOM, code(0x0b)], /section 10 behind section 10/],
    [[FUNCTION, TYPE, CODE], /section 1 behind section 3/],
    [[TYPE, FUNCTION, CODE, MEMORY], /section 5 behind section 10/],
    [[TYPE, FUNCTION, CODE, [12, 1, 0]], /section 12 behind section 10/],
    [[TYPE, FUNCTION, [6, 1, 0], [13, 1, 0], CODE], /section 13 behind section 6/],
    [[TYPE, [3, 3, 2, 0, 0], CODE], /section 3 announces 2 items, section 10 has 1/],
    [[TYPE, FUNCTION], /section 3 announces 1 items, section 10 has 0/],
    [[TYPE, CODE], /section 3 announces 0 items, section 10 has 1/],
    [[TYPE, FUNCTION, [12, 1, 1], CODE], /section 12 announces 1 items, section 11 has 0/],
  ]) {
    assert.ok(!WebAssembly.validate(module(...sections)));
    assert.match(outcome(module(...sections)), expected);
  }
});

test('bodies whose end is not where they end, and what lies behind the last of a section, are refused', () => {
  for (const [sections, expected] of [
    [[TYPE, FUNCTION, code(0x03, 0x40, 0x0b)], /function body 0, offset \d+: its end is not where the body ends/],
    [[TYPE, FUNCTION, code(0x0b, 0x0b)], /function body 0, offset \d+: its end is not where the body ends/],
    [[TYPE, FUNCTION, code(0x0b, 0x01)], /function body 0, offset \d+: its end is not where the body ends/],
    [[TYPE, FUNCTION, code()], /function body 0, offset \d+: its end is not where the body ends/],
    [[TYPE, FUNCTION, [10, 6, 1, 3, 0, 0x01, 0x0b, 0x0b]], /section 10, offset 5: there is more than/],
    [[TYPE, FUNCTION, [5, 4, 1, 0, 1, 0], CODE], /section 5, offset 3: there is more than/],
    [[TYPE, FUNCTION, [7, 2, 0, 0], CODE], /section 7, offset 1: there is more than/],
    [[TYPE, [2, 2, 0, 0], FUNCTION, CODE], /section 2, offset 1: there is more than/],
    [[TYPE, FUNCTION, MEMORY, CODE, [11, 6, 1, 3, 0x41, 0, 0x0b, 0]], /section 11, .*unknown kind of data segment 3/],
  ]) {
    assert.ok(!WebAssembly.validate(module(...sections)));
    assert.match(outcome(module(...sections)), expected);
  }
});

test('a file that ends early is refused wherever it ends, or is a module all the same', () => {
  const whole = assemble(`(memory 1) (data $d "ab") (global i32 (i32.const 1)) ${LOOP} (func data.drop $d)`);
  let refused = 0;
  for (let length = 0; length < whole.length; length++) {
    const bytes = whole.slice(0, length);
    const found = outcome(bytes);
    if (found === 'done') assert.ok(WebAssembly.validate(bytes), `${length} bytes`);
    else refused++;
  }
  assert.ok(refused >= whole.length - 5, `${refused} of ${whole.length}`);
});
