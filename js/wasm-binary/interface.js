/** What a module wants and offers: its types, imports and exports. JavaScript tells names and kinds of a compiled module, and no types. */
import { SECTION } from './module.js';
import { readLimits, skipValueType, skipVector } from './types.js';

/** Number types, by their codes. Others (vectors, references) keep their codes. */
export const TYPE_NAMES = /** @type {Record<number, string>} */ ({
  0x7f: 'i32',
  0x7e: 'i64',
  0x7d: 'f32',
  0x7c: 'f64',
});
/** Kinds of imports and exports, by their codes. */
export const KIND_NAMES = /** @type {const} */ (['function', 'table', 'memory', 'global', 'tag']);

const GROUP = 0x4e;
const SUBTYPES = [0x50, 0x4f];
const FUNCTION = 0x60;
const STRUCT = 0x5f;
const ARRAY = 0x5e;

/**
 * @typedef {import('./reader.js').Reader} Reader
 * @typedef {import('./types.js').Limits} Limits
 * @typedef {{ params: number[], results: number[] }} FunctionType codes of types
 *
 * @typedef {object} Import
 * @property {string} module
 * @property {string} name
 * @property {typeof KIND_NAMES[number]} kind
 * @property {number} type of a function: its type's index; of a table: the type of its elements
 * @property {Limits | undefined} limits of a memory or a table
 *
 * @typedef {object} Interface
 * @property {(FunctionType | undefined)[]} types undefined: a struct or an array
 * @property {Import[]} imports
 * @property {number[]} functions indexes of all functions' types, those of the imported functions first
 * @property {{ name: string, kind: typeof KIND_NAMES[number], index: number }[]} exports
 */

/**
 * @param {import('./module.js').Module} module
 * @returns {Interface}
 */
export function readInterface(module) {
  const imports = module.reader(SECTION.import);
  const wanted = imports?.all(() => readImport(imports)) ?? [];
  const own = module.reader(SECTION.function);
  return {
    types: readTypes(module),
    imports: wanted,
    functions: [
      ...wanted.filter(({ kind }) => kind === 'function').map(({ type }) => type),
      ...(own?.all(() => own.number()) ?? []),
    ],
    exports: module.readExports().map(({ name, kind, index }) => ({ name, kind: KIND_NAMES[kind], index })),
  };
}

/** @param {Reader} reader @returns {Import} */
function readImport(reader) {
  const module = reader.name();
  const name = reader.name();
  const kind = KIND_NAMES[reader.byte()];
  /** @type {Import} */
  const found = { module, name, kind, type: 0, limits: undefined };
  if (kind === 'function') found.type = reader.number();
  else if (kind === 'memory') found.limits = readLimits(reader);
  else if (kind === 'table') {
    found.type = reader.peek();
    skipValueType(reader);
    found.limits = readLimits(reader);
  } else if (kind === 'global') {
    found.type = reader.peek();
    skipValueType(reader);
    reader.byte();
  } else if (kind === 'tag') {
    reader.byte();
    reader.skipNumber();
  } else reader.fail('unknown kind of import');
  return found;
}

/**
 * Types in the order of their indexes: a group of recursive types counts as many as it has.
 * @param {import('./module.js').Module} module
 */
function readTypes(module) {
  const reader = module.reader(SECTION.type);
  return (
    reader
      ?.all(() => {
        if (reader.peek() !== GROUP) return [readType(reader)];
        reader.byte();
        return reader.vector(() => readType(reader));
      })
      .flat() ?? []
  );
}

/** @param {Reader} reader @returns {FunctionType | undefined} */
function readType(reader) {
  if (SUBTYPES.includes(reader.peek())) {
    reader.byte();
    skipVector(reader, () => reader.skipNumber());
  }
  const form = reader.byte();
  if (form === FUNCTION) return { params: readValueTypes(reader), results: readValueTypes(reader) };
  if (form === STRUCT) skipVector(reader, () => skipField(reader));
  else if (form === ARRAY) skipField(reader);
  else reader.fail(`unknown kind of type 0x${form.toString(16)}`);
  return undefined;
}

/** @param {Reader} reader @returns {number[]} */
function readValueTypes(reader) {
  return reader.vector(() => {
    const type = reader.peek();
    skipValueType(reader);
    return type;
  });
}

/** @param {Reader} reader */
function skipField(reader) {
  skipValueType(reader);
  reader.byte();
}
