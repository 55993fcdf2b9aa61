/** Loop checks: where they are put, what they stop, and that nothing else changes. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import loadWabt from 'wabt';
import { PoolError } from '../../js/base/errors.js';
import { instrument } from '../../js/instrument/instrument.js';
import { until } from './helpers.js';
import { WABT_FEATURES as FEATURES } from './wabt-features.js';

const wabt = await loadWabt();
const ENGINES = /** @type {const} */ (['v8', 'jsc', 'spidermonkey', 'cranelift', 'generic']);
const THREAD = { kind: /** @type {const} */ ('thread'), flag: 64, stop: 8, tag: 12, inside: 0 };

/** @param {string} source */
function assemble(source) {
  const parsed = wabt.parseWat('test.wat', source, FEATURES);
  const { buffer } = parsed.toBinary({ write_debug_names: true });
  parsed.destroy();
  return new Uint8Array(buffer);
}

/** The module as text, after wabt has checked it. @param {Uint8Array} bytes */
function checkedText(bytes) {
  const parsed = wabt.readWasm(bytes, { readDebugNames: true, ...FEATURES });
  parsed.validate(FEATURES);
  const text = parsed.toText({ foldExprs: false, inlineExport: false });
  parsed.destroy();
  return text;
}

/** @param {Uint8Array<ArrayBuffer>} bytes */
const instantiate = (bytes, imports = {}) => new WebAssembly.Instance(new WebAssembly.Module(bytes), imports).exports;

/** An added section. @param {string} name */
const custom = (name, ...content) => {
  const text = new TextEncoder().encode(name);
  return [0, text.length + 1 + content.length, text.length, ...text, ...content];
};

/** Programs with a function `run` of one i32; most have loops. */
const PROGRAMS = {
  'a loop in a loop': `(memory 1) (func (export "run") (param i32) (result i32) (local i32 i32)
    loop $outer
      i32.const 0 local.set 2
      loop $inner
        local.get 1 local.get 2 i32.add local.set 1
        local.get 2 i32.const 1 i32.add local.tee 2 i32.const 10 i32.lt_u br_if $inner
      end
      local.get 0 i32.const 1 i32.sub local.tee 0 br_if $outer
    end local.get 1)`,
  'a loop with parameters and results': `(func (export "run") (param i32) (result i32) (local i32)
    i32.const 5 i32.const 7
    loop $l (param i32 i32) (result i32 i32)
      i32.const 3 i32.add
      local.get 0 i32.const 1 i32.sub local.tee 0 br_if $l
    end i32.mul)`,
  recursion: `(func $f (export "run") (param i32) (result i32)
    local.get 0 i32.eqz if (result i32) i32.const 1 else local.get 0 local.get 0 i32.const 1 i32.sub call $f i32.mul end)`,
  'calls through a table': `(type $t (func (param i32) (result i32))) (table funcref (elem $a $b))
    (func $a (type $t) local.get 0 i32.const 1 i32.add) (func $b (type $t) local.get 0 i32.const 2 i32.mul)
    (func (export "run") (param i32) (result i32) local.get 0 local.get 0 i32.const 1 i32.and call_indirect (type $t))`,
  vectors: `(memory 1) (func (export "run") (param i32) (result i32) (local v128)
    loop $l
      local.get 1 v128.const i32x4 1 2 3 4 i32x4.add i8x16.popcnt
      i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 local.set 1
      local.get 0 i32.const 1 i32.sub local.tee 0 br_if $l
    end local.get 1 i32x4.extract_lane 2)`.replace('i8x16.popcnt\n', 'local.get 1\n'),
  atomics: `(memory 1 1 shared) (func (export "run") (param i32) (result i32)
    i32.const 100 i32.const 0 i32.atomic.store
    loop $l
      i32.const 100 i32.const 3 i32.atomic.rmw.add drop atomic.fence
      local.get 0 i32.const 1 i32.sub local.tee 0 br_if $l
    end i32.const 100 i32.atomic.load)`,
  'memory in bulk': `(memory 1) (data $d "abcdef") (func (export "run") (param i32) (result i32)
    loop $l
      i32.const 200 i32.const 0 i32.const 6 memory.init $d
      i32.const 300 i32.const 200 i32.const 6 memory.copy
      i32.const 400 local.get 0 i32.const 9 memory.fill
      local.get 0 i32.const 1 i32.sub local.tee 0 br_if $l
    end i32.const 302 i32.load16_u i32.const 404 i32.load8_u i32.add)`,
  exceptions: `(tag $e (param i32)) (func $thrower (param i32) local.get 0 throw $e)
    (func (export "run") (param i32) (result i32) (local i32)
    loop $l
      try local.get 0 call $thrower catch $e local.get 1 i32.add local.set 1 catch_all end
      local.get 0 i32.const 1 i32.sub local.tee 0 br_if $l
    end local.get 1)`,
  'branch tables': `(func (export "run") (param i32) (result i32) (local i32)
    loop $l
      block $b block $a local.get 0 i32.const 3 i32.rem_u br_table $a $b $b end local.get 1 i32.const 10 i32.add local.set 1 end
      local.get 1 i32.const 1 i32.add local.set 1
      local.get 0 i32.const 1 i32.sub local.tee 0 br_if $l
    end local.get 1)`,
  'a start function and globals': `(global $g (mut i32) (i32.const 1)) (func $s i32.const 40 global.set $g) (start $s)
    (func (export "run") (param i32) (result i32) loop $l local.get 0 i32.const 1 i32.sub local.tee 0 br_if $l end global.get $g)`,
};

for (const [title, source] of Object.entries(PROGRAMS))
  test(`${title}: same results with checks, in every form`, () => {
    const original = assemble(`(module ${source})`);
    const before = instantiate(original);
    for (const engine of ENGINES) {
      const { bytes, report } = instrument(original, { engine });
      checkedText(bytes);
      const after = instantiate(bytes);
      for (const argument of [1, 2, 7, 12])
        assert.equal(after.run(argument), before.run(argument), `${engine}: run(${argument})`);
      assert.ok(report.loops + report.entries > 0);
    }
  });

/** Features that Node 20 does not run; wabt validates the result. */
const VALIDATED = {
  'tail calls': `(func $f (param i32) (result i32) local.get 0 return_call $f)`,
  'memory of 64 bits': `(memory i64 1) (func (param i64) loop br 0 end)`,
  'several memories': `(memory 1) (memory $b 1) (func loop i32.const 0 i32.const 1 i32.store $b br 0 end)`,
  'relaxed vectors': `(func (param v128) (result v128) loop br 0 end local.get 0 local.get 0 i8x16.relaxed_swizzle)`,
  'extended constants': `(global i32 (i32.add (i32.const 1) (i32.const 2))) (func loop br 0 end)`,
};
for (const [title, source] of Object.entries(VALIDATED))
  test(`${title}: the module with checks is valid`, () => {
    for (const engine of ENGINES) {
      const { bytes, report } = instrument(assemble(`(module ${source})`), { engine });
      const text = checkedText(bytes);
      assert.equal(report.loops + report.entries, 1);
      assert.match(text, engine === 'jsc' ? /i32\.load/ : /i32\.atomic\.load/);
    }
  });

test('checks stand at loop heads and at the entry of functions that call, and nowhere else', () => {
  const source = `(memory 1)
    (func $leaf (param i32) (result i32) local.get 0 i32.const 1 i32.add)
    (func $caller (result i32) i32.const 1 call $leaf)
    (func $looper (param i32) loop $a local.get 0 br_if $a loop $b br 0 end end)`;
  const { report, bytes } = instrument(assemble(`(module ${source})`), { engine: 'v8' });
  assert.deepEqual([report.functions, report.loops, report.entries, report.unchanged], [3, 2, 1, false]);
  assert.equal(checkedText(bytes).split('i32.atomic.load').length - 1, 3);
});

test('checks are put in once; others than those that are there are refused', () => {
  const original = assemble(`(module (func loop br 0 end))`);
  const once = instrument(original, { engine: 'v8' });
  const twice = instrument(once.bytes, { engine: 'v8' });
  assert.deepEqual(twice.bytes, once.bytes);
  assert.equal(twice.report.unchanged, true);
  for (const options of [{ engine: 'jsc' }, { engine: 'v8', check: { kind: 'word', address: 32 } }])
    assert.throws(() => instrument(once.bytes, options), { code: 'INVALID_ARGUMENT', message: /other checks already/ });
});

test('memory: a private one is shared and exported, one that is exported is not exported twice, none is added', () => {
  const cases = [
    ['(memory 2)', /\(memory \(;0;\) 2 65536 shared\)/, 'wasmpool_memory'],
    ['(memory (export "memory") 2 7)', /\(memory \(;0;\) 2 7 shared\)/, 'memory'],
    ['', /\(memory \(;0;\) 1 1 shared\)/, 'wasmpool_memory'],
    ['(memory 1 2 shared)', /\(memory \(;0;\) 1 2 shared\)/, 'wasmpool_memory'],
  ];
  for (const [memory, expected, name] of cases) {
    const { bytes, report } = instrument(assemble(`(module ${memory} (func loop br 0 end))`), { engine: 'v8' });
    assert.match(checkedText(bytes), expected);
    assert.deepEqual(Object.keys(instantiate(bytes)), [name]);
    assert.equal(report.warnings.length, memory.includes('shared') ? 0 : 1);
  }
  const imported = instrument(assemble(`(module (import "env" "memory" (memory 3)) (func loop br 0 end))`), {
    engine: 'v8',
  });
  assert.match(checkedText(imported.bytes), /\(import "env" "memory" \(memory \(;0;\) 3 65536 shared\)\)/);
  assert.match(imported.report.warnings.join(), /must be a shared one/);
});

test('sections that are added stand before those of names', () => {
  for (const engine of ENGINES) checkedText(instrument(assemble('(module)'), { engine }).bytes);
});

test('custom sections are kept, but for those that name places in the code', () => {
  const plain = assemble(`(module (func $with_a_name loop br 0 end))`);
  const added = [
    ...custom('producers', 1, 2),
    ...custom('metadata.code.branch_hint', 0),
    ...custom('.debug_info', 9),
    ...custom('sourceMappingURL', 1, 120),
  ];
  const { bytes, report } = instrument(new Uint8Array([...plain, ...added]), { engine: 'v8' });
  const sections = (name) => WebAssembly.Module.customSections(new WebAssembly.Module(bytes), name).length;
  assert.deepEqual(
    ['name', 'producers', '.debug_info', 'sourceMappingURL', 'metadata.code.branch_hint', 'wasmpool.checks'].map(
      sections,
    ),
    [1, 1, 1, 1, 0, 1],
  );
  assert.match(checkedText(bytes), /with_a_name/);
  assert.deepEqual(
    report.warnings.map((text) => text.split(' ')[0]),
    ['metadata.code.branch_hint', '.debug_info', 'sourceMappingURL', 'its'],
  );
});

test('what cannot be handled is refused, with the place', () => {
  const plain = [...assemble(`(module (memory 1) (func loop br 0 end))`)];
  const code = (bytes, options = {}) => {
    try {
      instrument(new Uint8Array(bytes), { engine: 'v8', ...options });
    } catch (error) {
      assert.ok(error instanceof PoolError, String(error));
      return `${error.code} ${error.message}`;
    }
    return 'done';
  };
  assert.match(code([...plain, ...custom('linking', 2)]), /^UNSUPPORTED an object file/);
  assert.match(code([...plain, ...custom('reloc.CODE', 2)]), /^UNSUPPORTED an object file/);
  assert.match(code([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]), /^UNSUPPORTED a component/);
  assert.match(code([0x7f, 0x45, 0x4c, 0x46, 1, 0, 0, 0]), /^INVALID_ARGUMENT .*not WebAssembly/);
  assert.match(code([...plain.slice(0, 8), 99, 0]), /^INVALID_ARGUMENT .*unknown section 99/);
  assert.match(code(plain, { engine: 'x' }), /^INVALID_ARGUMENT engine/);
  assert.match(code(plain, { check: THREAD }), /^INVALID_ARGUMENT not linked with the core/);
  for (let length = 0; length < plain.length; length++) {
    const outcome = code(plain.slice(0, length));
    assert.ok(outcome === 'done' || outcome.startsWith('INVALID_ARGUMENT'), `${length} bytes: ${outcome}`);
  }
});

test('every module of the installed packages: valid with checks, in every form', () => {
  const root = new URL('../../', import.meta.url);
  const found = ['node_modules', 'tests/smoke/node_modules', 'build', 'wasm/dist'].flatMap((directory) => {
    const url = new URL(`${directory}/`, root);
    return readdirSync(url, { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.wasm') && !name.startsWith('checked/'))
      .map((name) => new URL(name, url));
  });
  assert.ok(found.length >= 3, `${found.length} modules`);
  for (const url of found) {
    const bytes = new Uint8Array(readFileSync(url));
    for (const engine of ENGINES) {
      const { report, bytes: changed } = instrument(bytes, { engine });
      assert.ok(WebAssembly.validate(changed), url.href);
      assert.ok(report.loops > 0, url.href);
    }
  }
});

// ---- What the checks stop ----

const HANGS = `(import "env" "memory" (memory 1 1 shared))
  (func $loop (export "loop") (param i32) loop br 0 end)
  (func $store (export "store") (param i32) loop i32.const 100 local.get 0 i32.store br 0 end)
  (func $deep (export "recursion") (param i32) (result i32)
    local.get 0 i32.const 2 i32.lt_u if (result i32) local.get 0
    else local.get 0 i32.const 1 i32.sub call $deep local.get 0 i32.const 2 i32.sub call $deep i32.add end)
  (func $indirect (export "indirect") (param i32) loop local.get 0 i32.const 0 call_indirect (param i32) br 0 end)
  (func $nothing (param i32)) (table funcref (elem $nothing))
  (func (export "answer") (param i32) (result i32) (local i32)
    loop local.get 1 i32.const 2 i32.add local.set 1 local.get 0 i32.const 1 i32.sub local.tee 0 br_if 0 end local.get 1)`;

/** A thread that runs functions of HANGS; `run` settles with the outcome of one. */
async function withThread(options, use) {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const { bytes } = instrument(assemble(`(module ${HANGS})`), options);
  const wasmModule = new WebAssembly.Module(bytes);
  const started = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./fixtures/instrument/worker.js', import.meta.url));
  let first = true;
  const run = (name, argument) => {
    Atomics.store(started, 0, 0);
    const answer = new Promise((resolve) => worker.once('message', resolve));
    worker.postMessage({ wasmModule: first ? wasmModule : undefined, memory, started, name, argument });
    first = false;
    return answer;
  };
  const running = async () => {
    await until(() => Atomics.load(started, 0) !== 0);
  };
  try {
    await use({ run, running, words: new Int32Array(memory.buffer) });
  } finally {
    await worker.terminate();
  }
}

for (const engine of ENGINES)
  test(`a hung function traps, again and again, and the next call is right (${engine})`, () =>
    withThread({ engine }, async ({ run, running, words }) => {
      for (let i = 0; i < 100; i++) {
        const name = ['loop', 'store', 'recursion', 'indirect'][i % 4];
        const outcome = run(name, 90);
        await running();
        Atomics.store(words, 4, 1);
        assert.deepEqual(await outcome, { error: 'RuntimeError: unreachable' }, name);
        Atomics.store(words, 4, 0);
        assert.deepEqual(await run('answer', i + 1), { value: 2 * (i + 1) });
      }
    }));

test('a thread of a pool traps only outside the gate, and only for the task that is meant', () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const words = new Int32Array(memory.buffer);
  for (const engine of ENGINES) {
    const { bytes } = instrument(assemble(`(module ${HANGS})`), { engine, check: THREAD });
    checkedText(bytes);
    const exports = instantiate(bytes, { env: { memory } });
    const at = 1024;
    const set = (flag, inside, stop, tag) => {
      words[16] = flag;
      words.set([inside, 0, stop && stop | 0x80000000, tag], at / 4);
    };
    set(1, 0, 5, 5);
    assert.equal(exports.answer(3), 6, 'not a worker');
    exports.wasmpool_thread.value = at;
    for (const [values, why] of [
      [[0, 0, 5, 5], 'nobody is to be stopped'],
      [[1, 1, 5, 5], 'inside the gate'],
      [[1, 0, 4, 5], 'another task is meant'],
      [[1, 0, 0, 0], 'no task runs'],
    ]) {
      set(...values);
      assert.equal(exports.answer(3), 6, why);
    }
    set(1, 0, 5, 5);
    assert.throws(() => exports.answer(3), { name: 'RuntimeError', message: 'unreachable' });
    set(0, 0, 0, 0);
  }
});
