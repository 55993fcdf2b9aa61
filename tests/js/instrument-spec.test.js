/** Loop checks in the test modules of the WebAssembly specification: they stay valid, get checks only once, and give the same results. */
import assert from 'node:assert/strict';
import test from 'node:test';
import loadWabt from 'wabt';
import { instrument } from '../../js/instrument/instrument.js';
import { noSpecModules, specModules } from './spec-modules.js';
import { WABT_FEATURES } from './wabt-features.js';

const FEATURES = { ...WABT_FEATURES, gc: true };
/** An address where few tests write; those that do are not compared any further. */
const FLAG = 65000;
const wabt = await loadWabt();

/** @returns {Uint8Array<ArrayBuffer> | undefined} undefined: wabt does not know what is in it */
function assemble(source) {
  let parsed;
  try {
    parsed = wabt.parseWat('spec.wat', source, FEATURES);
    return new Uint8Array(parsed.toBinary({ write_debug_names: true }).buffer);
  } catch {
    return undefined;
  } finally {
    parsed?.destroy();
  }
}

/** The outcome of a call; the specification's tests have no endless loops. */
function outcome(exports, { name, values }) {
  try {
    const result = exports[name](...values);
    return typeof result === 'function' ? 'a function' : result;
  } catch (error) {
    return error instanceof WebAssembly.RuntimeError || error instanceof RangeError ? 'trap' : `${error}`;
  }
}

/** Instances of the module without and with checks, if Node can run it and it imports nothing. */
function instancesOf(original, checked) {
  if (!WebAssembly.validate(original)) return undefined;
  const [before, after] = [original, checked].map((bytes) => new WebAssembly.Module(bytes));
  if (WebAssembly.Module.imports(before).length > 0) return undefined;
  try {
    return [before, after].map((module) => new WebAssembly.Instance(module).exports);
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) return undefined; // its data or its start function trap, or there is no memory at FLAG
    throw error;
  }
}

/** Whether the module has not written where the checks look. */
function isUnflagged(exports) {
  const memory = Object.values(exports).find((value) => value instanceof WebAssembly.Memory);
  return memory.buffer.byteLength > FLAG && new DataView(memory.buffer).getInt32(FLAG, true) === 0;
}

test(
  "the specification's test modules are valid and give the same results with checks",
  { skip: noSpecModules },
  (t) => {
    const counts = { modules: 0, unknownToWabt: 0, refused: 0, run: 0, calls: 0, loops: 0, spared: 0 };
    for (const { file, source, calls } of specModules()) {
      const instances = check(source, file, counts);
      for (const call of calls) {
        if (!instances || !isUnflagged(instances[1])) break;
        counts.calls++;
        const [before, after] = instances.map((exports) => outcome(exports, call));
        assert.deepEqual(after, before, `${file}: ${call.name}(${call.values})`);
      }
    }
    t.diagnostic(JSON.stringify(counts));
    assert.ok(counts.modules > 1000 && counts.calls > 5000, JSON.stringify(counts));
  },
);

/** Instruments a module in the form for V8 and for JavaScriptCore. */
function check(form, file, counts) {
  const original = assemble(form);
  if (!original) {
    counts.unknownToWabt++;
    return undefined;
  }
  const wasValid = isValid(original);
  if (!wasValid) return undefined; // some tests have modules that must be refused
  counts.modules++;
  let checked;
  for (const engine of /** @type {const} */ (['jsc', 'v8'])) {
    try {
      checked = instrument(original, { engine, check: { kind: 'word', address: FLAG } });
    } catch (error) {
      assert.match(error.message, /^the flag at address 65000 lies/, `${file}: ${form}`);
      counts.refused++;
      return undefined;
    }
    assert.ok(isValid(checked.bytes), `${file}: not valid with checks for ${engine}: ${form}`);
    assert.equal(instrument(checked.bytes, { engine, check: { kind: 'word', address: FLAG } }).report.unchanged, true);
  }
  counts.loops += checked.report.loops;
  counts.spared += checked.report.spared;
  const instances = instancesOf(original, checked.bytes);
  counts.run += instances ? 1 : 0;
  return instances;
}

/** @param {Uint8Array} bytes */
function isValid(bytes) {
  let parsed;
  try {
    parsed = wabt.readWasm(bytes, { readDebugNames: true, ...FEATURES });
    parsed.validate(FEATURES);
    return true;
  } catch {
    return false;
  } finally {
    parsed?.destroy();
  }
}
