/**
 * Stack checks: a module that clang and wasm-ld built gets a comparison behind each store of its stack pointer, so a function that uses up
 * the stack traps, instead of writing into whatever lies below it. What Emscripten has as -sSTACK_OVERFLOW_CHECK=2, for all modules.
 */
import { poolError } from '../base/errors.js';
import { skipInstruction } from './code.js';
import { exportedGlobal } from './globals.js';
import { Module, SECTION } from '../wasm-binary/module.js';
import { Reader } from '../wasm-binary/reader.js';
import { skipValueType, skipVector } from '../wasm-binary/types.js';
import { Writer } from '../wasm-binary/writer.js';

/** Exports that the module must have: the stack pointer, and the lowest address of the stack. */
const POINTER = '__stack_pointer';
const END = 'wasmpool_stack_end';
/** Custom section of modules that have stack checks. */
const MARK = 'wasmpool.stack';
const VERSION = 1;
const OP = { unreachable: 0x00, if: 0x04, end: 0x0b, globalGet: 0x23, globalSet: 0x24, ltU: 0x49 };
const EMPTY = 0x40;

/**
 * Inserts the checks.
 * @param {Uint8Array<ArrayBuffer>} bytes the module, which is not changed
 * @returns {{ bytes: Uint8Array<ArrayBuffer>, checks: number }} checks: 0 if it had them already
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT: not a module, or one without these exports; UNSUPPORTED: an
 *   instruction that is not known
 */
export function checkStacks(bytes) {
  const module = new Module(bytes);
  if (module.custom(MARK)) return { bytes, checks: 0 };
  const [pointer, end] = [POINTER, END].map((name) => exportedGlobal(module, name));
  if (pointer === undefined || end === undefined)
    throw poolError(
      'INVALID_ARGUMENT',
      `for stack checks the module must export '${POINTER}' and '${END}', its stack's end`,
    );
  const check = new Writer().byte(OP.globalGet).number(pointer).byte(OP.globalGet).number(end).byte(OP.ltU);
  check.byte(OP.if).byte(EMPTY).byte(OP.unreachable).byte(OP.end);
  const code = module.reader(SECTION.code);
  let checks = 0;
  if (code) {
    const output = new Writer(code.end * 2);
    const bodies = code.all(() => {
      const size = code.number();
      const body = new Reader(code.bytes, code.at, code.at + size, 'a function body');
      checks += copyBody(body, pointer, check.written, output);
      code.at += size;
    });
    module.put(SECTION.code, new Writer().number(bodies.length).bytes(output.written).written);
  }
  module.sections.push({ id: SECTION.custom, content: new Writer().name(MARK).byte(VERSION).written });
  return { bytes: module.encode(), checks };
}

/**
 * Copies a function body, with the check behind each store of the pointer.
 * @param {Reader} body
 * @param {number} pointer index of the global
 * @param {Uint8Array} check
 * @param {Writer} output
 * @returns {number} how many
 */
function copyBody(body, pointer, check, output) {
  const start = body.at;
  skipVector(body, () => {
    body.skipNumber();
    skipValueType(body);
  });
  const places = [];
  while (body.at < body.end) {
    const { at } = body;
    if (skipInstruction(body) === OP.globalSet && new Reader(body.bytes, at + 1).number() === pointer)
      places.push(body.at);
  }
  output.number(body.end - start + places.length * check.length);
  let copied = start;
  for (const place of places) {
    output.bytes(body.bytes.subarray(copied, place)).bytes(check);
    copied = place;
  }
  output.bytes(body.bytes.subarray(copied, body.end));
  return places.length;
}
