/** Loop checks in the test modules of the WebAssembly specification: valid, put in once, and the same results. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import loadWabt from 'wabt';
import { instrument } from '../../js/instrument.js';
import { WABT_FEATURES } from './wabt-features.js';

const DATA = new URL('../../.cache/spec/data/', import.meta.url);
const FEATURES = { ...WABT_FEATURES, gc: true };
/** Where few tests write; those that do are not compared any further. */
const FLAG = 65000;
const wabt = await loadWabt();

/** The forms at the top of a script, as text. */
function* forms(text) {
  const code = text.replace(/\(;[^]*?;\)|;;.*|"(?:[^"\\]|\\[^])*"/g, (part) => (part[0] === '"' ? part : ' '));
  let depth = 0;
  let start = 0;
  for (const { 0: token, index } of code.matchAll(/"(?:[^"\\]|\\[^])*"|[()]/g)) {
    if (token === '(' && depth++ === 0) start = index;
    else if (token === ')' && --depth === 0) yield code.slice(start, index + 1);
  }
}

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

/** A call of a script with plain numbers: name and arguments. */
function callOf(form) {
  const found =
    /^\(assert_(?:return|trap)\s*\(invoke\s+"([^"\\]*)"((?:\s*\((?:i32|i64|f32|f64)\.const [^\s()]+\))*)\s*\)/.exec(
      form,
    );
  if (!found || /nan/.test(found[2])) return undefined;
  const values = [...found[2].matchAll(/\((i32|i64|f32|f64)\.const ([^\s()]+)\)/g)].map(([, type, number]) => {
    const plain = number.replaceAll('_', '').replace(/^\+/, '');
    const [sign, digits] = plain[0] === '-' ? [-1, plain.slice(1)] : [1, plain];
    if (type === 'i64') return BigInt(sign) * BigInt(digits);
    return sign * (digits === 'inf' ? Infinity : Number(digits)); // hexadecimal fractions are NaN, for both alike
  });
  return { name: found[1], values };
}

/** What a call does; loops without end are not in the specification's tests. */
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
    if (error instanceof WebAssembly.RuntimeError) return undefined; // its data or its start trap; or there is no memory at FLAG
    throw error;
  }
}

/** Whether nobody has written where the checks look. */
function isUnflagged(exports) {
  const memory = Object.values(exports).find((value) => value instanceof WebAssembly.Memory);
  return memory.buffer.byteLength > FLAG && new DataView(memory.buffer).getInt32(FLAG, true) === 0;
}

const files = existsSync(DATA)
  ? readdirSync(DATA, { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.wast'))
  : [];

test(
  "the specification's test modules",
  { skip: !files.length && 'not there: scripts/spec-tests.mjs says why' },
  (t) => {
    const seen = new Set();
    const counts = { modules: 0, unknownToWabt: 0, refused: 0, run: 0, calls: 0, loops: 0, spared: 0 };
    for (const file of files) {
      let instances;
      for (const form of forms(readFileSync(new URL(file, DATA), 'utf8'))) {
        if (/^\(module\b/.test(form)) {
          instances = undefined;
          if (seen.has(form) || /^\(module\s+(\$\S+\s+)?(binary|quote|definition|instance)\b/.test(form)) continue;
          seen.add(form);
          instances = check(form, file, counts);
        }
        const call = instances && isUnflagged(instances[1]) && callOf(form);
        if (!call) continue;
        counts.calls++;
        const [before, after] = instances.map((exports) => outcome(exports, call));
        assert.deepEqual(after, before, `${file}: ${form}`);
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
  if (!wasValid) return undefined; // some tests are about modules that must be refused
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
