/**
 * Loop checks in what Node 20 does not run: garbage collection, references to functions and exceptions, memories of 64 bits, several
 * memories. Modules of our own and those of the specification, assembled by Binaryen; run without and with checks by the engines at hand.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import loadWabt from 'wabt';
import { instrument } from '../../js/instrument/instrument.js';
import { assemble, faultOf } from './binaryen.js';
import { compare } from './fixtures/instrument/compare.js';
import { PROGRAMS } from './fixtures/instrument/programs.js';
import { noSpecModules, specModules } from './spec-modules.js';
import { WABT_FEATURES } from './wabt-features.js';

const wabt = await loadWabt();
/** An address where few of the specification's tests write. */
const FLAG = 65000;
const FORMS = /** @type {const} */ (['v8', 'jsc']);
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const BUN = fileURLToPath(new URL('../smoke/node_modules/.bin/bun', import.meta.url));

/**
 * A module without and with checks, for compare().
 * @param {string} name
 * @param {Uint8Array<ArrayBuffer>} original
 * @param {{ name: string, values: (number | bigint)[] }[]} calls
 */
function pairs(name, original, calls, stops = false) {
  return FORMS.map((engine) => ({
    name: `${name} (${engine})`,
    before: Buffer.from(original).toString('base64'),
    after: Buffer.from(withChecks(original, engine).bytes).toString('base64'),
    calls: calls.map((call) => ({
      name: call.name,
      values: call.values.map((value) => (typeof value === 'bigint' ? `${value}n` : `${value}`)),
    })),
    stops,
  }));
}

const withChecks = (bytes, engine) => instrument(bytes, { engine, check: { kind: 'word', address: FLAG } });

const programs = Object.entries(PROGRAMS).map(([title, source]) => ({ title, bytes: assemble(`(module ${source})`) }));
const calls = [1, 2, 7, 12].map((value) => ({ name: 'run', values: [value] }));
const ours = programs.flatMap(({ title, bytes }) => pairs(title, bytes, calls, true));

for (const { title, bytes } of programs)
  test(`${title}: valid with checks, in every form`, () => {
    for (const engine of FORMS) {
      const { bytes: checked, report } = withChecks(bytes, engine);
      assert.equal(faultOf(checked), undefined);
      assert.ok(report.loops + report.entries > 0);
      assert.equal(withChecks(checked, engine).report.unchanged, true);
    }
  });

test('what allocates, throws or calls by reference is in no loop that is spared', () => {
  const loops = (body) =>
    instrument(
      assemble(`(module (memory 1) (type $s (struct (field i32))) (type $a (array (mut i32))) (type $f (func)) (tag $e)
        (elem declare func $leaf) (data $d "abcdefgh") (func $leaf (type $f))
        (func (local $i i32) (local $a (ref null $a)) (local $e exnref)
          (local.set $i (i32.const 9))
          (loop $l ${body} (br_if $l (local.tee $i (i32.add (local.get $i) (i32.const -1)))))))`),
      { engine: 'v8' },
    ).report.loops;
  assert.equal(loops('(drop (i32.const 1))'), 0);
  for (const body of [
    '(drop (struct.new $s (i32.const 1)))',
    '(drop (struct.new_default $s))',
    '(drop (array.new $a (i32.const 1) (i32.const 60000)))',
    '(drop (array.new_default $a (i32.const 60000)))',
    '(drop (array.new_fixed $a 1 (i32.const 1)))',
    '(drop (array.new_data $a $d (i32.const 0) (i32.const 1)))',
    '(array.fill $a (local.get $a) (i32.const 0) (i32.const 1) (i32.const 60000))',
    '(array.copy $a $a (local.get $a) (i32.const 0) (local.get $a) (i32.const 0) (i32.const 60000))',
    '(array.init_data $a $d (local.get $a) (i32.const 0) (i32.const 0) (i32.const 1))',
    '(call_ref $f (ref.func $leaf))',
    '(block $h (try_table (catch_all $h) (throw $e)))',
    '(block $h (try_table (catch_all $h) (throw_ref (local.get $e))))',
    '(throw_ref (local.get $e))',
  ])
    assert.equal(loops(body), 1, body);
});

/** @returns {Uint8Array<ArrayBuffer> | undefined} undefined: it is not to be had, or this Node runs it and it is tested elsewhere */
function foreign(source) {
  let bytes;
  let parsed;
  try {
    parsed = wabt.parseWat('spec.wat', source, WABT_FEATURES);
    bytes = new Uint8Array(parsed.toBinary({}).buffer);
    wabt.readWasm(bytes, WABT_FEATURES).destroy(); // throws if wabt has made a mistake, as for data of a second memory
  } catch {
    bytes = assembled(source);
  } finally {
    parsed?.destroy();
  }
  return bytes && !WebAssembly.validate(bytes) ? bytes : undefined;
}

function assembled(source) {
  try {
    return assemble(source);
  } catch {
    return undefined; // Binaryen does not know everything either
  }
}

/** The specification's modules of this kind. */
function specPairs() {
  const found = [];
  for (const { file, source, calls: theirs } of noSpecModules ? [] : specModules()) {
    const original = foreign(source);
    if (!original) continue;
    try {
      found.push(...pairs(file, original, theirs));
    } catch (error) {
      assert.match(error.message, /^the flag at address 65000 lies/, `${file}: ${source}`);
    }
  }
  return found;
}

let all;
const everything = () => (all ??= [...ours, ...specPairs()]);

/** The engines at hand. */
const ENGINES = {
  'this Node': { skip: false, run: async () => compare(everything(), FLAG) },
  Bun: { skip: !existsSync(BUN) && `${BUN} is not there`, run: inBun },
  Chromium: { skip: !existsSync(CHROMIUM) && `${CHROMIUM} is not there`, run: inChromium },
};

function inBun() {
  const input = JSON.stringify({ pairs: everything(), flag: FLAG });
  const main = fileURLToPath(new URL('./fixtures/instrument/compare-main.js', import.meta.url));
  return new Promise((resolve, reject) => {
    const child = execFile(BUN, [main], { maxBuffer: 1 << 26 }, (error, stdout) =>
      error ? reject(error) : resolve(JSON.parse(stdout)),
    );
    child.stdin.end(input);
  });
}

async function inChromium() {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    const page = await browser.newPage();
    return await page.evaluate(({ source, modules, flag }) => new Function(`return ${source}`)()(modules, flag), {
      source: compare.toString(),
      modules: everything(),
      flag: FLAG,
    });
  } finally {
    await browser.close();
  }
}

for (const [engine, { skip, run }] of Object.entries(ENGINES))
  test(`the same results with checks, and a trap once the flag is set: ${engine}`, { skip }, async (t) => {
    const { differences, ...counts } = await run();
    t.diagnostic(JSON.stringify(counts));
    assert.deepEqual(differences, []);
    if (engine === 'this Node') return; // an old Node has none of these features
    assert.ok(counts.stopped >= ours.length, `${counts.stopped} runs stopped`);
    if (!noSpecModules) assert.ok(counts.run > 250 && counts.calls > 1000, JSON.stringify(counts));
  });
