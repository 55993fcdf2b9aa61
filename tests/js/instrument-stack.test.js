/** Stack checks, and modules that bring the globals which checks need. */
import assert from 'node:assert/strict';
import test from 'node:test';
import loadWabt from 'wabt';
import { PoolError } from '../../js/base/errors.js';
import { instrument } from '../../js/instrument/instrument.js';
import { checkStacks } from '../../js/instrument/stack.js';
import { WABT_FEATURES as FEATURES } from './wabt-features.js';

const wabt = await loadWabt();
const THREAD = { kind: /** @type {const} */ ('thread'), flag: 64, stop: 8, tag: 12, inside: 0 };

/** @param {string} source */
function assemble(source) {
  const parsed = wabt.parseWat('test.wat', source, FEATURES);
  const { buffer } = parsed.toBinary({ write_debug_names: true });
  parsed.destroy();
  return new Uint8Array(buffer);
}

const GLOBALS = `(global $other (mut i32) (i32.const 9)) (global $sp (mut i32) (i32.const 100)) (global $end (mut i32) (i32.const 40))
  (export "__stack_pointer" (global $sp)) (export "wasmpool_stack_end" (global $end)) (export "other" (global $other))`;
const RECURSION = `(module ${GLOBALS} (func $f (export "run") (param i32) (result i32)
  global.get $sp i32.const 10 i32.sub global.set $sp
  global.get $other i32.const 1 i32.sub global.set $other
  local.get 0 if local.get 0 i32.const 1 i32.sub call $f drop end
  global.get $sp i32.const 10 i32.add global.set $sp
  global.get $sp))`;

test('a function that uses up its stack traps; one that fits does as before; other globals are left alone', () => {
  const { bytes, checks } = checkStacks(assemble(RECURSION));
  assert.equal(checks, 2);
  const run = (/** @type {number} */ depth) => {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    return { value: /** @type {any} */ (exports).run(depth), other: /** @type {any} */ (exports).other.value };
  };
  assert.deepEqual(run(5), { value: 100, other: 3 }, 'six frames of ten end at the stack’s end');
  assert.throws(() => run(6), /unreachable/);
});

test('a module that has stack checks stays as it is; one without the exports is refused', () => {
  const { bytes } = checkStacks(assemble(RECURSION));
  assert.deepEqual(checkStacks(bytes), { bytes, checks: 0 });
  const refused = { name: 'PoolError', code: 'INVALID_ARGUMENT', message: /must export '__stack_pointer'/ };
  assert.throws(() => checkStacks(assemble('(module (func))')), refused);
  const constant = '(module (global i32 (i32.const 1)) (export "__stack_pointer" (global 0)))';
  assert.throws(() => checkStacks(assemble(constant)), PoolError);
});

test('a check of the core uses the globals that the module exports, and says in them that it is there', () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const source = `(module (import "env" "memory" (memory 1 1 shared))
    (global $before (export "before") (mut i64) (i64.const 7))
    (global $thread (export "wasmpool_thread") (mut i32) (i32.const 0))
    (global $checks (export "wasmpool_checks") (mut i32) (i32.const 0))
    (func (export "run") loop end (block (loop (br_if 1 (i32.const 1)) (br 0)))))`;
  const { bytes, report } = instrument(assemble(source), { engine: 'generic', check: THREAD });
  assert.ok(report.loops > 0);
  const { exports } = /** @type {any} */ (new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }));
  assert.deepEqual([exports.before.value, exports.wasmpool_thread.value, exports.wasmpool_checks.value], [7n, 64, 1]);
  const words = new Uint32Array(memory.buffer);
  words[16] = 1; // somebody is being stopped
  exports.run(); // not this thread: it has no record yet
  exports.wasmpool_thread.value = 128;
  [words[32], words[34], words[35]] = [0, 0x80000005, 5];
  assert.throws(() => exports.run(), /unreachable/);
});
