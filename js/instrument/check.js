/** The bytes of a check, in the form that suits an engine. Measured: docs/decisions/0008-loop-checks.md */
import { Writer } from './writer.js';

/** @typedef {'v8' | 'jsc' | 'spidermonkey' | 'cranelift' | 'generic'} Engine */

const OP = {
  unreachable: 0x00,
  block: 0x02,
  if: 0x04,
  end: 0x0b,
  brIf: 0x0d,
  call: 0x10,
  globalGet: 0x23,
  load: 0x28,
  store: 0x36,
  i32Const: 0x41,
  i64Const: 0x42,
  eqz: 0x45,
  ne: 0x47,
  atomic: 0xfe,
  atomicLoad: 0x10,
};
const EMPTY = 0x40;
/** Of a 32-bit access, as an exponent of 2. */
const ALIGNMENT = 2;

/**
 * Where the flag is, and what happens when it is set.
 * @typedef {object} Site
 * @property {boolean} wide whether addresses have 64 bits
 * @property {number} address of the flag
 * @property {number | undefined} scratch index of a global with an address that a check may overwrite with 0
 * @property {number | undefined} slow index of a function that decides; undefined: the check traps
 */

/**
 * The check itself; leaves the stack as it was.
 * @param {Site} site
 * @returns {Uint8Array}
 */
export function checkBytes(site) {
  const writer = new Writer();
  if (site.scratch !== undefined) {
    // A plain load behind a store that might be to the same place: the engine must not move it out of the loop.
    writer.byte(OP.globalGet).number(site.scratch).byte(OP.i32Const).byte(0);
    writer.byte(OP.store).byte(ALIGNMENT).byte(0);
  }
  writer.byte(site.wide ? OP.i64Const : OP.i32Const).byte(0);
  if (site.scratch !== undefined) writer.byte(OP.load);
  else writer.byte(OP.atomic).byte(OP.atomicLoad);
  writer.byte(ALIGNMENT).number(site.address);
  writer.byte(OP.if).byte(EMPTY);
  if (site.slow === undefined) writer.byte(OP.unreachable);
  else writer.byte(OP.call).number(site.slow);
  return writer.byte(OP.end).written;
}

/**
 * Body of the function that decides for a thread of a pool: traps if the flag means the task that this thread runs now, and
 * only outside the kill gate, so that nothing is left half-changed.
 * @param {number} thread index of the global with the address of the thread's record, 0 on threads that have none
 * @param {{ stop: number, tag: number, inside: number }} offsets in that record
 */
export function slowBody(thread, { stop, tag, inside }) {
  const writer = new Writer().byte(0); // no locals
  const record = () => writer.byte(OP.globalGet).number(thread);
  const load = (/** @type {number} */ offset) =>
    record().byte(OP.atomic).byte(OP.atomicLoad).byte(ALIGNMENT).number(offset);
  const leaveIf = () => writer.byte(OP.brIf).byte(0);
  writer.byte(OP.block).byte(EMPTY);
  record().byte(OP.eqz);
  leaveIf(); // not a worker
  load(inside);
  leaveIf();
  load(tag).byte(OP.eqz);
  leaveIf(); // it runs no C task
  load(tag);
  load(stop).byte(OP.ne);
  leaveIf(); // another task is meant
  return writer.byte(OP.unreachable).byte(OP.end).byte(OP.end).written;
}
