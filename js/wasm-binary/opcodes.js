/**
 * The immediates of each opcode: core specification 3.0, 5.4, with the legacy exception instructions that compilers still emit.
 * Tested against wabt (tests/js/instrument-opcodes.test.js).
 *
 * Kinds of immediates, one letter each:
 *   n  a LEB128 number: an index, a constant           b  a block type
 *   m  alignment and offset, maybe a memory index      h  a heap type
 *   4 8  that many raw bytes                           v  a vector of value types
 *   q  16 raw bytes                                    t  br_table: a vector of labels and one more
 *   l  one raw byte: a lane, or a reserved one         y  the catches of try_table
 *   c  br_on_cast: flags, label, two heap types
 */
import { SIMD } from './opcodes-simd.js';

/** @typedef {[first: number, immediates: string, names: string]} Row consecutive opcodes with the same immediates */

/** @type {Row[]} */
export const PLAIN = [
  [0x00, '', 'unreachable nop'],
  [0x02, 'b', 'block loop if'],
  [0x05, '', 'else'],
  [0x06, 'b', 'try'],
  [0x07, 'n', 'catch throw rethrow'],
  [0x0a, '', 'throw_ref end'],
  [0x0c, 'n', 'br br_if'],
  [0x0e, 't', 'br_table'],
  [0x0f, '', 'return'],
  [0x10, 'n', 'call'],
  [0x11, 'nn', 'call_indirect'],
  [0x12, 'n', 'return_call'],
  [0x13, 'nn', 'return_call_indirect'],
  [0x14, 'n', 'call_ref return_call_ref'],
  [0x18, 'n', 'delegate'],
  [0x19, '', 'catch_all drop select'],
  [0x1c, 'v', 'select_t'],
  [0x1f, 'by', 'try_table'],
  [0x20, 'n', 'local.get local.set local.tee global.get global.set table.get table.set'],
  [
    0x28,
    'm',
    'i32.load i64.load f32.load f64.load i32.load8_s i32.load8_u i32.load16_s i32.load16_u i64.load8_s i64.load8_u ' +
      'i64.load16_s i64.load16_u i64.load32_s i64.load32_u i32.store i64.store f32.store f64.store i32.store8 i32.store16 ' +
      'i64.store8 i64.store16 i64.store32',
  ],
  [0x3f, 'n', 'memory.size memory.grow i32.const i64.const'],
  [0x43, '4', 'f32.const'],
  [0x44, '8', 'f64.const'],
  [
    0x45,
    '',
    'i32.eqz i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u ' +
      'i64.eqz i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u ' +
      'f32.eq f32.ne f32.lt f32.gt f32.le f32.ge f64.eq f64.ne f64.lt f64.gt f64.le f64.ge ' +
      'i32.clz i32.ctz i32.popcnt i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor ' +
      'i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr ' +
      'i64.clz i64.ctz i64.popcnt i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor ' +
      'i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr ' +
      'f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt f32.add f32.sub f32.mul f32.div f32.min f32.max ' +
      'f32.copysign ' +
      'f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt f64.add f64.sub f64.mul f64.div f64.min f64.max ' +
      'f64.copysign ' +
      'i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u i64.extend_i32_s i64.extend_i32_u ' +
      'i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u f32.convert_i32_s f32.convert_i32_u ' +
      'f32.convert_i64_s f32.convert_i64_u f32.demote_f64 f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s ' +
      'f64.convert_i64_u f64.promote_f32 i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64 ' +
      'i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s',
  ],
  [0xd0, 'h', 'ref.null'],
  [0xd1, '', 'ref.is_null'],
  [0xd2, 'n', 'ref.func'],
  [0xd3, '', 'ref.eq ref.as_non_null'],
  [0xd5, 'n', 'br_on_null br_on_non_null'],
];

/** Behind 0xfb. @type {Row[]} */
export const GC = [
  [0, 'n', 'struct.new struct.new_default'],
  [2, 'nn', 'struct.get struct.get_s struct.get_u struct.set'],
  [6, 'n', 'array.new array.new_default'],
  [8, 'nn', 'array.new_fixed array.new_data array.new_elem'],
  [11, 'n', 'array.get array.get_s array.get_u array.set'],
  [15, '', 'array.len'],
  [16, 'n', 'array.fill'],
  [17, 'nn', 'array.copy array.init_data array.init_elem'],
  [20, 'h', 'ref.test ref.test_null ref.cast ref.cast_null'],
  [24, 'c', 'br_on_cast br_on_cast_fail'],
  [26, '', 'any.convert_extern extern.convert_any ref.i31 i31.get_s i31.get_u'],
];

/** Behind 0xfc. @type {Row[]} */
export const MISCELLANEOUS = [
  [
    0,
    '',
    'i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u ' +
      'i64.trunc_sat_f32_s i64.trunc_sat_f32_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u',
  ],
  [8, 'nn', 'memory.init'],
  [9, 'n', 'data.drop'],
  [10, 'nn', 'memory.copy'],
  [11, 'n', 'memory.fill'],
  [12, 'nn', 'table.init'],
  [13, 'n', 'elem.drop'],
  [14, 'nn', 'table.copy'],
  [15, 'n', 'table.grow table.size table.fill'],
  [19, '', 'i64.add128 i64.sub128 i64.mul_wide_s i64.mul_wide_u'],
];

const RMW = 'i32 i64 i32_8 i32_16 i64_8 i64_16 i64_32';
/** @param {string} operation */
const rmw = (operation) =>
  RMW.split(' ')
    .map((type) => {
      const [base, width] = type.split('_');
      return width ? `${base}.atomic.rmw${width}.${operation}_u` : `${base}.atomic.rmw.${operation}`;
    })
    .join(' ');

/** Behind 0xfe. @type {Row[]} */
export const ATOMIC = [
  [0x00, 'm', 'memory.atomic.notify memory.atomic.wait32 memory.atomic.wait64'],
  [0x03, 'l', 'atomic.fence'],
  [
    0x10,
    'm',
    'i32.atomic.load i64.atomic.load i32.atomic.load8_u i32.atomic.load16_u i64.atomic.load8_u i64.atomic.load16_u ' +
      'i64.atomic.load32_u i32.atomic.store i64.atomic.store i32.atomic.store8 i32.atomic.store16 i64.atomic.store8 ' +
      'i64.atomic.store16 i64.atomic.store32 ' +
      ['add', 'sub', 'and', 'or', 'xor', 'xchg', 'cmpxchg'].map(rmw).join(' '),
  ],
];

/**
 * Immediates by opcode.
 * @param {Row[]} rows
 * @returns {(string | undefined)[]}
 */
function byOpcode(rows) {
  /** @type {(string | undefined)[]} */
  const immediates = [];
  for (const [first, kinds, names] of rows)
    for (const [i, name] of names.split(' ').entries()) if (name !== '-') immediates[first + i] = kinds;
  return immediates;
}

/** Immediates by opcode. */
export const PLAIN_IMMEDIATES = byOpcode(PLAIN);
/** @type {Record<number, (string | undefined)[]>} by prefix */
export const PREFIXED_IMMEDIATES = {
  0xfb: byOpcode(GC),
  0xfc: byOpcode(MISCELLANEOUS),
  0xfd: byOpcode(SIMD),
  0xfe: byOpcode(ATOMIC),
};
