/** Globals of a module that bring what an instrumented module needs, so that it need not be added. */
import { poolError } from '../base/errors.js';
import { skipInstruction } from './code.js';
import { SECTION } from '../wasm-binary/module.js';
import { skipValueType } from '../wasm-binary/types.js';
import { Writer } from '../wasm-binary/writer.js';

/** @typedef {import('../wasm-binary/module.js').Module} Module */

const I32 = 0x7f;
const MUTABLE = 1;
const GLOBAL = 3;
const OP = { end: 0x0b, i32Const: 0x41 };

/**
 * The index of an exported global.
 * @param {Module} module
 * @param {string} name
 * @returns {number | undefined} undefined: there is none
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT: the export is something else, or not a variable of 32 bits
 */
export function exportedGlobal(module, name) {
  const found = module.readExports().find((other) => other.name === name);
  if (!found) return undefined;
  const own = found.kind === GLOBAL ? ownGlobals(module)[found.index - module.readImports().globals] : undefined;
  if (own?.type !== I32 || own.mutable !== MUTABLE)
    throw poolError('INVALID_ARGUMENT', `the module's export '${name}' is not a variable of its own of type i32`);
  return found.index;
}

/**
 * Sets the initial value of a global of the module.
 * @param {Module} module
 * @param {number} index as exportedGlobal gives it
 * @param {number} value
 */
export function setGlobal(module, index, value) {
  const { at, end } = ownGlobals(module)[index - module.readImports().globals];
  const { content } = /** @type {import('../wasm-binary/module.js').Section} */ (module.find(SECTION.global));
  const writer = new Writer(content.length + 8).bytes(content.subarray(0, at));
  writer.byte(OP.i32Const).signed(value).byte(OP.end);
  module.put(SECTION.global, writer.bytes(content.subarray(end)).written);
}

/**
 * The module's own globals; at, end: where the initial value stands in the section.
 * @param {Module} module
 */
function ownGlobals(module) {
  const reader = module.reader(SECTION.global);
  return (
    reader?.all(() => {
      const type = reader.peek();
      skipValueType(reader);
      const mutable = reader.byte();
      const { at } = reader;
      skipExpression(reader);
      return { type, mutable, at, end: reader.at };
    }) ?? []
  );
}

/** @param {import('../wasm-binary/reader.js').Reader} reader at a constant expression */
function skipExpression(reader) {
  while (skipInstruction(reader) !== OP.end);
}
