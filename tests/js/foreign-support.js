/** Modules for the tests of the option `isolated`, written as text. */
import loadWabt from 'wabt';

const wabt = await loadWabt();
const FEATURES = {
  bulk_memory: true,
  reference_types: true,
  multi_value: true,
  exceptions: true,
  threads: true,
  simd: true,
};

/**
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function wat(text) {
  const module = wabt.parseWat('test.wat', text, FEATURES);
  try {
    return new Uint8Array(module.toBinary({}).buffer);
  } finally {
    module.destroy();
  }
}

/** Memory and an allocator that never frees. */
const ALLOC = `
  (memory (export "memory") 1)
  (global $top (mut i32) (i32.const 4096))
  (func $alloc (export "alloc") (param $n i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $top))
    (global.set $top (i32.add (global.get $top) (local.get $n)))
    (block $enough
      (br_if $enough (i32.le_u (global.get $top) (i32.mul (memory.size) (i32.const 65536))))
      (drop (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get $n) (i32.const 65536))))))
    (local.get $at))`;

/** Functions of every shape that the convention knows. */
export const SHAPES = wat(`(module ${ALLOC}
  (func $shout (param $at i32) (param $n i32)
    (local $i i32)
    (block $over (loop $next
      (br_if $over (i32.ge_u (local.get $i) (local.get $n)))
      (i32.store8 (i32.add (local.get $at) (local.get $i))
        (i32.and (i32.const 0xdf) (i32.load8_u (i32.add (local.get $at) (local.get $i)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next))))
  (func (export "run") (param i32 i32) (result i64)
    (call $shout (local.get 0) (local.get 1))
    (i64.or (i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 32)) (i64.extend_i32_u (local.get 1))))
  (func (export "pair") (param i32 i32) (result i32 i32)
    (call $shout (local.get 0) (local.get 1))
    (i32.add (local.get 0) (i32.const 1)) (i32.sub (local.get 1) (i32.const 1)))
  (func (export "inplace") (param i32 i32) (call $shout (local.get 0) (local.get 1)))
  (func (export "length") (param i32 i32) (result i32) (local.get 1))
  (func (export "wide") (param i32 i32) (result i64) (i64.extend_i32_u (local.get 1)))
  (func (export "nth") (param i32 i32 i32) (result i32) (i32.load8_u (i32.add (local.get 0) (local.get 2))))
  (func (export "both") (param i32 i32 i32 i32) (result i32) (i32.add (local.get 1) (local.get 3)))
  (func (export "add") (param i32 i64 f64) (result i64 f64)
    (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1)) (local.get 2))
  (func (export "outside") (param i32 i32) (result i64) (i64.const 0xfffffff000000010))
  (func (export "nothing"))
  (global $calls (mut i32) (i32.const 0))
  (func (export "count") (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1))) (global.get $calls))
  (func (export "trap") unreachable)
  (func (export "hang") (loop $again (br $again))))`);

/** As wasm-bindgen has it: the place of the result is the first parameter. */
export const BINDGEN = wat(`(module (memory (export "memory") 1)
  (global $stack (mut i32) (i32.const 4096))
  (func (export "__wbindgen_add_to_stack_pointer") (param i32) (result i32)
    (global.set $stack (i32.add (global.get $stack) (local.get 0))) (global.get $stack))
  (func (export "__wbindgen_malloc") (param i32 i32) (result i32) (i32.add (i32.const 8192) (i32.mul (local.get 1) (i32.const 0))))
  (func (export "run") (param i32 i32 i32)
    (i32.store (local.get 0) (local.get 1))
    (i32.store offset=4 (local.get 0) (i32.div_u (local.get 2) (i32.const 2)))))`);

/** A program: what comes in goes out; the exit code is the number of arguments. */
export const PROGRAM = wat(`(module
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 2)
  (func (export "_start")
    (drop (call $args_sizes (i32.const 0) (i32.const 4)))
    (drop (call $args (i32.const 16) (i32.const 1024)))
    (i32.store (i32.const 8) (i32.const 1024)) (i32.store (i32.const 12) (i32.load (i32.const 4)))
    (drop (call $write (i32.const 2) (i32.const 8) (i32.const 1) (i32.const 200)))
    (drop (call $env_sizes (i32.const 204) (i32.const 208)))
    (drop (call $env (i32.const 300) (i32.const 2048)))
    (i32.store (i32.const 8) (i32.const 2048)) (i32.store (i32.const 12) (i32.load (i32.const 208)))
    (drop (call $write (i32.const 2) (i32.const 8) (i32.const 1) (i32.const 200)))
    (block $over (loop $more
      (i32.store (i32.const 8) (i32.const 65536)) (i32.store (i32.const 12) (i32.const 1000))
      (drop (call $read (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 212)))
      (br_if $over (i32.eqz (i32.load (i32.const 212))))
      (i32.store (i32.const 12) (i32.load (i32.const 212)))
      (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 200)))
      (br $more)))
    (call $exit (i32.load (i32.const 0)))))`);

/** Modules that do harm, each by its export `run` or by being started. @type {Record<string, Uint8Array<ArrayBuffer>>} */
export const HOSTILE = {
  loop: wat('(module (func (export "run") (loop $again (br $again))))'),
  loopThatCatches: wat(
    '(module (func (export "run") (loop $again (try (do (loop $inner (br $inner))) (catch_all)) (br $again))))',
  ),
  loopThatOverwritesMemory: wat(
    `(module (memory (export "memory") 1) (func (export "run") (local $i i32)
      (loop $again
        (i32.store (i32.and (local.get $i) (i32.const 0xfffc)) (i32.const 0))
        (local.set $i (i32.add (local.get $i) (i32.const 4)))
        (br $again))))`,
  ),
  fills: wat(
    `(module (memory 1000) (func (export "run")
      (loop $again (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536000)) (br $again))))`,
  ),
  recursion: wat('(module (func $f (export "run") (result i32) (i32.add (call $f) (i32.const 1))))'),
  endlessCalls: wat(
    '(module (func $f (param i32) (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1))) (call $f (i32.sub (local.get 0) (i32.const 1)))))) (func (export "run") (call $f (i32.const 1000))))',
  ),
  start: wat('(module (func $s (loop $again (br $again))) (start $s) (func (export "run")))'),
  initialize: wat('(module (func (export "_initialize") (loop $again (br $again))) (func (export "run")))'),
  waits: wat(
    `(module (memory 1 1 shared) (func (export "run")
      (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))))`,
  ),
  grows: wat(
    `(module (memory (export "memory") 1) (func (export "run") (result i32)
      (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
      (memory.fill (i32.const 0) (i32.const 1) (i32.mul (memory.size) (i32.const 65536)))
      (memory.size)))`,
  ),
  growsTables: wat(
    `(module (table $t 1 externref) (func (export "run") (result i32)
      (loop $more (br_if $more (i32.ne (table.grow $t (ref.null extern) (i32.const 1000)) (i32.const -1))))
      (table.size $t)))`,
  ),
  outOfBounds: wat('(module (memory 1) (func (export "run") (result i32) (i32.load (i32.const 0x7fffffff))))'),
  sleeps: wat(
    `(module (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "run") (i64.store (i32.const 24) (i64.const 3600000000000))
        (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))))`,
  ),
  prints: wat(
    `(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start") (i32.store (i32.const 4) (i32.const 60000))
        (loop $more (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br $more))))`,
  ),
  printsManyBuffers: wat(
    `(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 3000)
      (func (export "run") (result i32) (call $write (i32.const 1) (i32.const 16) (i32.const 20000000) (i32.const 8))))`,
  ),
};
