/** The code of a loop check, in the form that suits an engine. Measurements: docs/decisions/0008-loop-checks.md */
import { Writer } from '../wasm-binary/writer.js';

/** @typedef {'v8' | 'jsc' | 'spidermonkey' | 'cranelift' | 'generic'} Engine */

const OP = {
  unreachable: 0x00,
  if: 0x04,
  end: 0x0b,
  globalGet: 0x23,
  load: 0x28,
  store: 0x36,
  i32Const: 0x41,
  i64Const: 0x42,
  eqz: 0x45,
  or: 0x72,
  xor: 0x73,
  atomic: 0xfe,
  atomicLoad: 0x10,
};
const EMPTY = 0x40;
/** -0x80000000 as LEB128. */
const HIGHEST_BIT = [0x80, 0x80, 0x80, 0x80, 0x78];
/** Alignment of a 32-bit access, as an exponent of 2. */
const ALIGNMENT = 2;

/**
 * The flag's place, and which thread must trap when it is set.
 * @typedef {object} Site
 * @property {boolean} wide whether addresses have 64 bits
 * @property {number} address of the flag
 * @property {number | undefined} scratch index of a global with an address that a check may overwrite with 0
 * @property {Thread | undefined} thread how a thread knows that it must trap; undefined: every thread traps
 *
 * @typedef {object} Thread
 * @property {number} record index of a global with the address of the thread's record
 * @property {number} stop offset in the record of the word that says which task must stop: its tag, with the highest bit set
 * @property {number} tag offset of the running task's tag, which is 0 if there is none
 * @property {number} inside offset of the depth of gate sections
 */

/**
 * The code of a check, which leaves the stack as it was. It traps by `unreachable` right behind a condition: engines compile that to one
 * branch, to code out of line. A call instead would cost every loop its registers.
 * @param {Site} site
 * @returns {Uint8Array}
 */
export function checkBytes(site) {
  const writer = new Writer();
  if (site.scratch !== undefined) {
    // A plain load after a store that might be to the same address, so that the engine does not move the load out of the loop.
    writer.byte(OP.globalGet).number(site.scratch).byte(OP.i32Const).byte(0);
    writer.byte(OP.store).byte(ALIGNMENT).byte(0);
  }
  writer.byte(site.wide ? OP.i64Const : OP.i32Const).byte(0);
  if (site.scratch !== undefined) writer.byte(OP.load);
  else writer.byte(OP.atomic).byte(OP.atomicLoad);
  writer.byte(ALIGNMENT).number(site.address);
  writer.byte(OP.if).byte(EMPTY);
  if (site.thread) {
    isMeant(writer, site.thread);
    writer.byte(OP.if).byte(EMPTY);
  }
  writer.byte(OP.unreachable).byte(OP.end);
  return site.thread ? writer.byte(OP.end).written : writer.written;
}

/**
 * Whether this thread runs the task that must stop, outside the gate: `stop` and `tag` differ only in the mark, and the depth is 0.
 * @param {Writer} writer
 * @param {Thread} thread
 */
function isMeant(writer, { record, stop, tag, inside }) {
  const load = (/** @type {number} */ offset) =>
    writer.byte(OP.globalGet).number(record).byte(OP.atomic).byte(OP.atomicLoad).byte(ALIGNMENT).number(offset);
  load(stop);
  load(tag).byte(OP.xor);
  writer.byte(OP.i32Const).bytes(HIGHEST_BIT).byte(OP.xor);
  load(inside).byte(OP.or).byte(OP.eqz);
}
