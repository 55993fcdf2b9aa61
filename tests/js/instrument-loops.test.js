/** Which loops get no check: those that provably end soon, and those whose every round passes another check. */
import assert from 'node:assert/strict';
import test from 'node:test';
import loadWabt from 'wabt';
import { instrument } from '../../js/instrument/instrument.js';
import { randomFrom, rounds, seed } from './helpers.js';

const wabt = await loadWabt();
const FLAG = 16;

/** @param {string} source */
function assemble(source) {
  const parsed = wabt.parseWat('test.wat', source, { exceptions: true, threads: true, function_references: true });
  const { buffer } = parsed.toBinary({});
  parsed.destroy();
  return new Uint8Array(buffer);
}

/** Makes a function `run` with this body; gives what instrument() reports of it. */
function report(body) {
  const source = `(module (memory (export "memory") 1 1 shared) (global $n (export "n") (mut i32) (i32.const 0))
    (table $t 1 funcref) (tag $e) (data $d "abcd") (elem $s func $leaf)
    (func $leaf) (func (export "run") (param i32) (result i32) (local $i i32) (local $j i32) (local $k i64)
      ${body} local.get $i))`;
  return instrument(assemble(source), { engine: 'v8' }).report;
}

const step = (by = 1) => `local.get $i i32.const ${by} i32.add local.tee $i`;
const counted = (from, last, by, inside = '') =>
  `i32.const ${from} local.set $i loop $l ${inside} ${step(by)} i32.const ${last} i32.ne br_if $l end\n`;

const SPARED = {
  'counts up': counted(0, 100, 1),
  'counts up in steps': counted(4, 100, 8),
  'counts down': counted(100, 0, -1),
  'counts down to 0 without a comparison': `i32.const 9 local.set $i loop $l ${step(-1)} br_if $l end`,
  'counts from a negative number': counted(-64, 0, 4),
  'the step stands in a block': `i32.const 0 local.set $i
    loop $l block ${step()} i32.const 10 i32.ne br_if $l end end`,
  'ways out are no ways back': counted(0, 100, 1, 'block $out local.get 0 br_if $out end'),
  'goes round once': 'loop $l local.get 0 drop end',
  'a short loop in a short loop': `i32.const 0 local.set $i loop $l
    i32.const 0 local.set $j loop $m local.get $j i32.const 1 i32.add local.tee $j i32.const 8 i32.ne br_if $m end
    ${step()} i32.const 8 i32.ne br_if $l end`,
};

const CHECKED = {
  'the step is 0': counted(0, 100, 0),
  'the last value is stepped over': counted(0, 100, 3),
  'it runs away from the last value': counted(0, 100, -1),
  'it would take too long': counted(0, 1 << 24, 1),
  'the first value is not known': `local.get 0 local.set $i loop $l ${step()} i32.const 10 i32.ne br_if $l end`,
  'the first value was set in a branch': `local.get 0 if i32.const 0 local.set $i end
    loop $l ${step()} i32.const 10 i32.ne br_if $l end`,
  'the first value was changed after it was set': `i32.const 0 local.set $i local.get 0 local.set $i
    loop $l ${step()} i32.const 10 i32.ne br_if $l end`,
  'the counter is written twice': counted(0, 100, 1, 'local.get 0 local.set $i'),
  'the counter is written in a block': counted(0, 100, 1, 'local.get 0 if i32.const 0 local.set $i end'),
  'the counter is written in a loop inside': counted(0, 100, 1, 'loop $m i32.const 5 local.set $i end'),
  'another way back': counted(0, 100, 1, 'local.get 0 br_if $l'),
  'a table of ways back': counted(0, 100, 1, 'block $b local.get 0 br_table $b $l $b end'),
  'the step is the index of a table': `i32.const 3 local.set $i loop $l block $b ${step(-1)} br_table $l $b end end`,
  'the way back has no condition': `i32.const 3 local.set $i loop $l ${step(-1)} br $l end`,
  'another local is compared': `i32.const 0 local.set $i loop $l
    local.get $i i32.const 1 i32.add local.set $i local.get $j i32.const 10 i32.ne br_if $l end`,
  'the step goes into another local': `i32.const 0 local.set $i loop $l
    local.get $i i32.const 1 i32.add local.tee $j i32.const 10 i32.ne br_if $l end`,
  'another comparison': `i32.const 0 local.set $i loop $l ${step()} i32.const 10 i32.ge_u br_if $l end`,
  '64 bits': `i64.const 0 local.set $k loop $l local.get $k i64.const 1 i64.add local.tee $k i64.const 9 i64.ne br_if $l end`,
  'calls, which may take long': counted(0, 100, 1, 'call $leaf'),
  'fills memory': counted(0, 100, 1, 'i32.const 32 i32.const 0 i32.const 60000 memory.fill'),
  waits: counted(0, 9, 1, 'i32.const 32 i32.const 0 i64.const -1 memory.atomic.wait32 drop'),
  'copies memory': counted(0, 100, 1, 'i32.const 32 i32.const 0 i32.const 60000 memory.copy'),
  'copies from a segment': counted(0, 100, 1, 'i32.const 32 i32.const 0 i32.const 4 memory.init $d'),
  'makes memory larger': counted(0, 100, 1, 'i32.const 0 memory.grow drop'),
  'makes a table larger': counted(0, 100, 1, 'ref.null func i32.const 9 table.grow $t drop'),
  'fills a table': counted(0, 100, 1, 'i32.const 0 ref.null func i32.const 1 table.fill $t'),
  'copies a table': counted(0, 100, 1, 'i32.const 0 i32.const 0 i32.const 1 table.copy $t $t'),
  'copies into a table': counted(0, 100, 1, 'i32.const 0 i32.const 0 i32.const 1 table.init $t $s'),
  throws: counted(0, 100, 1, 'try throw $e catch_all end'),
  'throws again': counted(0, 100, 1, 'try try throw $e catch_all rethrow 0 end catch_all end'),
};

for (const [what, body] of Object.entries(SPARED))
  test(`no check: ${what}`, () => {
    const { loops, spared } = report(body);
    assert.deepEqual({ loops, spared }, { loops: 0, spared: body.split(/\bloop\b/).length - 1 });
  });

for (const [what, body] of Object.entries(CHECKED)) test(`a check: ${what}`, () => assert.equal(report(body).loops, 1));

test('short loops are spared as long as all that run in a row are short together', () => {
  const round = 'i32.const 7 drop '.repeat(5);
  const third = counted(0, 1 << 12, 1, round); // 27 bytes per round
  const found = (body) => {
    const { loops, spared } = report(body);
    return { loops, spared };
  };
  assert.deepEqual(found(third.repeat(2)), { loops: 0, spared: 2 });
  assert.deepEqual(found(third.repeat(9)), { loops: 7, spared: 2 });
  const endless = (body) => found(`loop $o ${body} br $o end`);
  assert.deepEqual(endless(third.repeat(2)), { loops: 1, spared: 2 });
  assert.equal(endless(third.repeat(9)).spared, 3, 'the one around them passes their checks');
  assert.deepEqual(found(`${third} loop $o br $o end ${third} ${third}`), { loops: 2, spared: 2 });
});

test('divisions and square roots count for more', () => {
  const loops = (body) => report(counted(0, 1 << 12, 1, body)).loops;
  /** Three operations with a second operand, or without one. */
  const chain = (type, name, operand) => `${type}.const 9 ${`${operand} ${type}.${name} `.repeat(3)} drop`;
  for (const type of ['i32', 'i64', 'f32', 'f64']) {
    const [binary, slow] = [`${type}.const 3`, type[0] === 'i' ? ['div_s', 'div_u', 'rem_s', 'rem_u'] : ['div']];
    assert.equal(loops(chain(type, 'mul', binary)), 0, type);
    for (const name of slow) assert.equal(loops(chain(type, name, binary)), 1, `${type}.${name}`);
  }
  for (const type of ['f32', 'f64'])
    assert.deepEqual([loops(chain(type, 'abs', '')), loops(chain(type, 'sqrt', ''))], [0, 1], type);
});

test('what may run many times in a row without another check has one: at its entry, or in loops behind a call', () => {
  const entries = (rounds) => report(counted(0, rounds, 1)).entries;
  assert.deepEqual([entries(16), entries(1000)], [0, 1]);
  const loops = (body) => report(body).loops;
  assert.equal(loops(counted(0, 1000, 1)), 0);
  assert.equal(loops(`call $leaf ${counted(0, 16, 1)}`), 0);
  assert.equal(loops(`call $leaf ${counted(0, 1000, 1)}`), 1);
});

test('a stop is noticed on the way out of recursion, too', () => {
  const source = `(module (memory (export "memory") 1 1 shared) (global $n (export "n") (mut i32) (i32.const 0))
    (func $down (export "run") (param $deep i32) (local $i i32)
      local.get $deep if local.get $deep i32.const 1 i32.sub call $down
      else i32.const ${FLAG} i32.const 1 i32.store end
      ${counted(0, 1000, 1, '(global.set $n (i32.add (global.get $n) (i32.const 1)))')}))`;
  const { bytes } = instrument(assemble(source), { engine: 'v8' });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  assert.throws(() => exports.run(1000), WebAssembly.RuntimeError);
  assert.ok(exports.n.value <= 1000, `${exports.n.value} rounds`);
});

test('a round that passes the check of a loop inside needs none of its own', () => {
  const inner = 'loop $m local.get 0 br_if $m end';
  const loops = (body) => report(body).loops;
  assert.equal(loops(`loop $l ${inner} local.get 0 br_if $l end`), 1);
  assert.equal(loops(`loop $l local.get 0 br_if $l ${inner} local.get 0 br_if $l end`), 2, 'a way back before it');
  assert.equal(loops(`loop $l local.get 0 if ${inner} end local.get 0 br_if $l end`), 2, 'not in every round');
  assert.equal(loops(`loop $l block $b local.get 0 br_if $b ${inner} end local.get 0 br_if $l end`), 2, 'stepped over');
  assert.equal(
    loops(`loop $k loop $l local.get 0 br_if $k ${inner} local.get 0 br_if $l end local.get 0 br_if $k end`),
    2,
  );
});

/** A random function body: nested loops of all kinds; each round of each adds 1 to $n. */
function randomBody(random, depth, label) {
  const pick = (...choices) => choices[random() % choices.length];
  const count = '(global.set $n (i32.add (global.get $n) (i32.const 1)))';
  let body = '';
  for (let part = random() % 3; part >= 0; part--) {
    const local = `$${pick('a', 'b', 'c')}`;
    const [name, by] = [`$l${label.next++}`, pick(1, 1, 2, -1, 3)];
    const [from, last] = [pick(0, 0, 1, -8, 40), pick(0, 16, 40, 5)];
    const inside = depth > 0 ? randomBody(random, depth - 1, label) : '';
    const set = pick(`i32.const ${from} local.set ${local}`, `local.get 0 local.set ${local}`, '');
    const compare = pick(`i32.const ${last} i32.ne`, `i32.const ${last} i32.ne`, `i32.const ${last} i32.lt_s`, '');
    const stepped = `local.get ${local} i32.const ${by} i32.add local.tee ${local}`;
    const extra = pick('', '', `local.get 0 br_if ${name}`, `i32.const 1 local.set ${local}`);
    body += pick(
      `${set} loop ${name} ${count} ${inside} ${extra} ${stepped} ${compare} br_if ${name} end\n`,
      `local.get 0 if ${inside} end\n`,
      `block ${name} ${inside} local.get 0 br_if ${name} ${count} end\n`,
    );
  }
  return body;
}

test(`random programs that do not end soon meet a check (SEED=${seed})`, () => {
  const random = randomFrom(seed);
  let spared = 0;
  let stopped = 0;
  for (let program = 0; program < rounds(300); program++) {
    const body = randomBody(() => Math.floor(random() * 2 ** 30), 2, { next: 0 });
    const source = `(module (memory (export "memory") 1 1 shared) (global $n (export "n") (mut i32) (i32.const 0))
      (func (export "run") (param i32) (local $a i32) (local $b i32) (local $c i32) ${body}))`;
    const { bytes, report: found } = instrument(assemble(source), { engine: 'v8' });
    spared += found.spared;
    for (const argument of [0, 1]) {
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
      new Int32Array(exports.memory.buffer)[FLAG / 4] = 1; // now all are to stop
      try {
        exports.run(argument);
      } catch (error) {
        assert.ok(error instanceof WebAssembly.RuntimeError, String(error));
        stopped++;
      }
      assert.ok(exports.n.value < 1 << 18, `${exports.n.value} rounds without a check:\n${body}`);
    }
  }
  assert.ok(spared > 20 && stopped > 20, `${spared} loops spared, ${stopped} runs stopped`);
});
