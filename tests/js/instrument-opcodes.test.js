/** The instruction table against wabt: wabt assembles each instruction, and the table must skip exactly its bytes. */
import assert from 'node:assert/strict';
import test from 'node:test';
import loadWabt from 'wabt';
import { skipInstruction } from '../../js/instrument/code.js';
import { ATOMIC, GC, MISCELLANEOUS, PLAIN } from '../../js/wasm-binary/opcodes.js';
import { SIMD } from '../../js/wasm-binary/opcodes-simd.js';
import { Reader } from '../../js/wasm-binary/reader.js';

const wabt = await loadWabt();
const FEATURES = {
  exceptions: true,
  mutable_globals: true,
  sat_float_to_int: true,
  sign_extension: true,
  simd: true,
  threads: true,
  function_references: true,
  multi_value: true,
  tail_call: true,
  bulk_memory: true,
  reference_types: true,
  annotations: true,
  code_metadata: true,
  gc: true,
  memory64: true,
  multi_memory: true,
  extended_const: true,
  relaxed_simd: true,
};

/** Instructions that wabt does not assemble; they are tested by hand below. */
const UNKNOWN_TO_WABT =
  /^(throw_ref|try_table|ref\.eq|ref\.as_non_null|br_on_null|br_on_non_null|call_ref|return_call_ref|i64\.(add128|sub128|mul_wide_[su]))$/;
/** Parts of blocks, which cannot stand alone; the blocks are tested. */
const PARTS = /^(else|end|catch|catch_all|delegate|try|rethrow)$/;

/** How an instruction's immediates are written. @type {Record<string, string>} */
const OPERANDS = {
  v: '(result i32)',
  t: '0 0 0',
  h: 'func',
  4: '1.5',
  8: '1.5',
  m: 'offset=200',
  ml: 'offset=200 1',
  l: '1',
};
/** @type {Record<string, string>} */
const SPECIAL = {
  'i64.const': '-9223372036854775808',
  'i32.const': '-2147483648',
  'v128.const': 'i64x2 -1 -1',
  'i8x16.shuffle': '0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15',
  'atomic.fence': '',
  select_t: '(result i32)',
  call_indirect: '(type 0)',
  return_call_indirect: '(type 0)',
  'memory.init': '$m 200',
  'memory.copy': '',
  'memory.fill': '',
  'memory.size': '',
  'memory.grow': '',
  'table.init': '$t 0',
  'table.copy': '$t $t',
  'data.drop': '200',
  'elem.drop': '0',
  'local.get': '200',
  'ref.func': '200',
};

/**
 * The body that wabt makes of an instruction, without its locals and its end.
 * @param {string} text
 */
function assemble(text) {
  const locals = 'local '.concat('i32 '.repeat(201));
  const functions = '(func) '.repeat(200);
  const source =
    `(module (type (func)) (tag $e) (memory $m 1) (table $t 1 funcref) (elem 0 funcref (ref.null func)) ` +
    `(global (mut i32) (i32.const 0)) ${'(data "x") '.repeat(201)} ${functions} (func (${locals}) ${text}))`;
  const parsed = wabt.parseWat('test.wat', source, FEATURES);
  const { buffer } = parsed.toBinary({});
  parsed.destroy();
  return buffer;
}

/** The last function body of a module: behind its locals, in front of its end. @param {Uint8Array} bytes */
function lastBody(bytes) {
  const reader = new Reader(bytes, 8);
  for (;;) {
    const id = reader.byte();
    const size = reader.number();
    if (id !== 10) {
      reader.skip(size);
      continue;
    }
    let body = bytes;
    reader.vector(() => (body = reader.take(reader.number())));
    const inner = new Reader(body);
    inner.vector(() => [inner.number(), inner.byte()]);
    return body.subarray(inner.at, body.length - 1);
  }
}

/**
 * @param {string} name
 * @param {string} kinds
 */
function textOf(name, kinds) {
  const operand = SPECIAL[name] ?? OPERANDS[kinds] ?? '0';
  if (kinds === 'b') return `${name} end`;
  const plain = name === 'select_t' ? 'select' : name;
  return `${plain} ${kinds === '' ? '' : operand}`;
}

for (const [title, rows, prefix] of [
  ['plain', PLAIN, undefined],
  ['miscellaneous', MISCELLANEOUS, 0xfc],
  ['vector', SIMD, 0xfd],
  ['atomic', ATOMIC, 0xfe],
]) {
  test(`${title} instructions: numbers, names and lengths are those of wabt`, () => {
    let known = 0;
    for (const [first, kinds, names] of rows) {
      for (const [i, name] of names.split(' ').entries()) {
        if (name === '-' || UNKNOWN_TO_WABT.test(name) || PARTS.test(name)) continue;
        const body = lastBody(assemble(textOf(name, kinds)));
        const reader = new Reader(body);
        assert.equal(skipInstruction(reader), prefix ?? first + i, name);
        const rest = kinds === 'b' ? 1 : 0; // the block's end
        assert.equal(body.length - reader.at, rest, `${name}: ${body}`);
        if (prefix) assert.equal(new Reader(body, 1).number(), first + i, name);
        known++;
      }
    }
    assert.ok(known > 9, `${known} instructions`);
  });
}

test('instructions that wabt does not know: lengths as in the specification', () => {
  const samples = {
    throw_ref: [0x0a],
    'try_table, all kinds of catch': [0x1f, 0x40, 4, 0, 0x80, 1, 0, 1, 0, 0, 2, 0, 3, 0],
    call_ref: [0x14, 0x80, 1],
    return_call_ref: [0x15, 0],
    'ref.eq': [0xd3],
    'ref.as_non_null': [0xd4],
    br_on_null: [0xd5, 0],
    br_on_non_null: [0xd6, 0],
    'ref.null none': [0xd0, 0x71],
    'select (ref null 300)': [0x1c, 1, 0x63, 0xac, 2],
    'block (result (ref 5))': [0x02, 0x64, 5],
    'block, type 200': [0x02, 0xc8, 1],
    'i32.load of memory 3': [0x28, 0x42, 3, 0x80, 1],
    'v128.store64_lane of memory 1': [0xfd, 0x5b, 0x43, 1, 8, 1],
    'struct.new': [0xfb, 0, 5],
    'struct.get': [0xfb, 2, 5, 1],
    'array.new_fixed': [0xfb, 8, 5, 3],
    'array.len': [0xfb, 15],
    'array.copy': [0xfb, 17, 5, 6],
    'ref.test (ref i31)': [0xfb, 20, 0x6c],
    br_on_cast: [0xfb, 24, 3, 0, 0x6e, 0x6b],
    'ref.i31': [0xfb, 28],
    'i31.get_u': [0xfb, 30],
  };
  for (const [name, bytes] of Object.entries(samples)) {
    const reader = new Reader(new Uint8Array(bytes));
    skipInstruction(reader);
    assert.equal(reader.at, bytes.length, name);
  }
  assert.equal(GC.flatMap(([, , names]) => names.split(' ')).length, 31);
});

test('an instruction that is not known is refused with its place', () => {
  for (const bytes of [[0xff], [0x27], [0xfb, 31], [0xfd, 0x9a, 1], [0xfe, 0x4f]]) {
    const skip = () => skipInstruction(new Reader(new Uint8Array(bytes), 0, bytes.length, 'function body 7'));
    assert.throws(skip, { code: 'UNSUPPORTED', message: /function body 7, offset 0: unknown instruction 0x/ });
  }
});
