/** Features that are enabled in the tests' assembler. */
export const WABT_FEATURES = {
  exceptions: true,
  simd: true,
  threads: true,
  tail_call: true,
  memory64: true,
  multi_memory: true,
  extended_const: true,
  relaxed_simd: true,
  function_references: true,
};
