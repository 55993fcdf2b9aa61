/** Opcodes with the prefix 0xfd: vector instructions; relaxed ones from 0x100. `-`: not in use. See opcodes.js. */

const COMPARE = 'eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u';
const COMPARE_FLOATS = 'eq ne lt gt le ge';
const FLOATS = 'abs neg - sqrt add sub mul div min max pmin pmax';

/**
 * @param {string} type
 * @param {string} names
 */
const of = (type, names) =>
  names
    .split(' ')
    .map((name) => (name === '-' ? '-' : `${type}.${name}`))
    .join(' ');

/** @type {import('./opcodes.js').Row[]} */
export const SIMD = [
  [
    0x00,
    'm',
    of(
      'v128',
      'load load8x8_s load8x8_u load16x4_s load16x4_u load32x2_s load32x2_u load8_splat load16_splat load32_splat load64_splat store',
    ),
  ],
  [0x0c, 'q', 'v128.const i8x16.shuffle'],
  [0x0e, '', 'i8x16.swizzle i8x16.splat i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat'],
  [
    0x15,
    'l',
    'i8x16.extract_lane_s i8x16.extract_lane_u i8x16.replace_lane i16x8.extract_lane_s i16x8.extract_lane_u ' +
      'i16x8.replace_lane i32x4.extract_lane i32x4.replace_lane i64x2.extract_lane i64x2.replace_lane f32x4.extract_lane ' +
      'f32x4.replace_lane f64x2.extract_lane f64x2.replace_lane',
  ],
  [0x23, '', of('i8x16', COMPARE)],
  [0x2d, '', of('i16x8', COMPARE)],
  [0x37, '', of('i32x4', COMPARE)],
  [0x41, '', of('f32x4', COMPARE_FLOATS)],
  [0x47, '', of('f64x2', COMPARE_FLOATS)],
  [0x4d, '', of('v128', 'not and andnot or xor bitselect any_true')],
  [
    0x54,
    'ml',
    of('v128', 'load8_lane load16_lane load32_lane load64_lane store8_lane store16_lane store32_lane store64_lane'),
  ],
  [0x5c, 'm', 'v128.load32_zero v128.load64_zero'],
  [0x5e, '', 'f32x4.demote_f64x2_zero f64x2.promote_low_f32x4'],
  [0x60, '', of('i8x16', 'abs neg popcnt all_true bitmask narrow_i16x8_s narrow_i16x8_u')],
  [0x67, '', of('f32x4', 'ceil floor trunc nearest')],
  [0x6b, '', of('i8x16', 'shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u')],
  [0x74, '', of('f64x2', 'ceil floor')],
  [0x76, '', of('i8x16', 'min_s min_u max_s max_u')],
  [0x7a, '', 'f64x2.trunc i8x16.avgr_u'],
  [0x7c, '', of('i16x8', 'extadd_pairwise_i8x16_s extadd_pairwise_i8x16_u')],
  [0x7e, '', of('i32x4', 'extadd_pairwise_i16x8_s extadd_pairwise_i16x8_u')],
  [
    0x80,
    '',
    of(
      'i16x8',
      'abs neg q15mulr_sat_s all_true bitmask narrow_i32x4_s narrow_i32x4_u extend_low_i8x16_s extend_high_i8x16_s ' +
        'extend_low_i8x16_u extend_high_i8x16_u shl shr_s shr_u add add_sat_s add_sat_u sub sub_sat_s sub_sat_u',
    ),
  ],
  [0x94, '', 'f64x2.nearest'],
  [
    0x95,
    '',
    of(
      'i16x8',
      'mul min_s min_u max_s max_u - avgr_u extmul_low_i8x16_s extmul_high_i8x16_s extmul_low_i8x16_u extmul_high_i8x16_u',
    ),
  ],
  [
    0xa0,
    '',
    of(
      'i32x4',
      'abs neg - all_true bitmask - - extend_low_i16x8_s extend_high_i16x8_s extend_low_i16x8_u extend_high_i16x8_u ' +
        'shl shr_s shr_u add - - sub - - - mul min_s min_u max_s max_u dot_i16x8_s - ' +
        'extmul_low_i16x8_s extmul_high_i16x8_s extmul_low_i16x8_u extmul_high_i16x8_u',
    ),
  ],
  [
    0xc0,
    '',
    of(
      'i64x2',
      'abs neg - all_true bitmask - - extend_low_i32x4_s extend_high_i32x4_s extend_low_i32x4_u extend_high_i32x4_u ' +
        'shl shr_s shr_u add - - sub - - - mul eq ne lt_s gt_s le_s ge_s ' +
        'extmul_low_i32x4_s extmul_high_i32x4_s extmul_low_i32x4_u extmul_high_i32x4_u',
    ),
  ],
  [0xe0, '', of('f32x4', FLOATS)],
  [0xec, '', of('f64x2', FLOATS)],
  [
    0xf8,
    '',
    'i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s f32x4.convert_i32x4_u ' +
      'i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u',
  ],
  [
    0x100,
    '',
    'i8x16.relaxed_swizzle i32x4.relaxed_trunc_f32x4_s i32x4.relaxed_trunc_f32x4_u i32x4.relaxed_trunc_f64x2_s_zero ' +
      'i32x4.relaxed_trunc_f64x2_u_zero f32x4.relaxed_madd f32x4.relaxed_nmadd f64x2.relaxed_madd f64x2.relaxed_nmadd ' +
      'i8x16.relaxed_laneselect i16x8.relaxed_laneselect i32x4.relaxed_laneselect i64x2.relaxed_laneselect ' +
      'f32x4.relaxed_min f32x4.relaxed_max f64x2.relaxed_min f64x2.relaxed_max i16x8.relaxed_q15mulr_s ' +
      'i16x8.relaxed_dot_i8x16_i7x16_s i32x4.relaxed_dot_i8x16_i7x16_add_s',
  ],
];
