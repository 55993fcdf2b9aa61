/**
 * Decides whether a value is a plain tree that the CBOR library carries unchanged. Reads data
 * properties only: a getter makes the value not simple and is not called here, so that the
 * serializer calls it once only.
 *
 * What the library (cbor-x 1.6) would change, and is therefore not simple: -0 (becomes 0), lone
 * surrogates (U+FFFD), a leading byte order mark in longer text (dropped), holes and named
 * properties of arrays, shared references and cycles, own `__proto__` keys (renamed), objects with
 * more than 65535 keys (16-bit count), every class but Object and Array. tests/js/codec.test.js
 * pins each.
 *
 * Known limits: a Proxy of plain data looks like plain data here and arrives as the data that it
 * shows; a getter on an array's index is called twice.
 */

import { lookupGetter } from '../values/contents.js';

/** Levels of a plain tree. */
export const MOST_DEPTH = 64;
/** Properties of one object. */
export const MOST_KEYS = 0xffff;
/** Characters of one text. */
export const MOST_TEXT = 1 << 22;
const FEW = 16;
const getPrototypeOf = Object.getPrototypeOf;
const objectPrototype = Object.prototype;
const arrayPrototype = Array.prototype;

/** @type {((this: string) => boolean) | undefined} missing in engines from before 2023 */
const native = Reflect.get(String.prototype, 'isWellFormed');
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * @param {string} text
 * @returns {boolean} whether UTF-8 can carry the text
 */
export function isWellFormed(text) {
  return native ? native.call(text) : !LONE_SURROGATE.test(text);
}

/** Objects met so far: while there are few, in a list, which is faster than a Set; then all of them in a Set. */
const few = /** @type {(object | undefined)[]} */ (new Array(FEW).fill(undefined));
const many = /** @type {Set<object>} */ (new Set());
let met = 0;
let nodesLeft = 0;

/**
 * @param {object} value
 * @returns {boolean} whether this walk meets the object for the first time
 */
function isFirst(value) {
  if (met > FEW) {
    met++;
    const before = many.size;
    return many.add(value).size !== before;
  }
  for (let i = 0; i < met; i++) if (few[i] === value) return false;
  if (met < FEW) {
    few[met++] = value;
    return true;
  }
  for (let i = 0; i < FEW; i++) many.add(/** @type {object} */ (few[i]));
  many.add(value);
  met++;
  return true;
}

/** Forgets the objects of the last walk, so that they are not kept alive. */
function forget() {
  const used = met < FEW ? met : FEW;
  for (let i = 0; i < used; i++) few[i] = undefined;
  if (met > FEW) many.clear();
  met = 0;
}

/**
 * @param {string} text
 * @returns {boolean}
 */
function isSimpleText(text) {
  return text.length <= MOST_TEXT && text.charCodeAt(0) !== 0xfeff && isWellFormed(text);
}

/**
 * @param {unknown} value
 * @param {number} depth
 * @returns {boolean}
 */
function walk(value, depth) {
  switch (typeof value) {
    case 'string':
      return isSimpleText(value);
    case 'number':
      return value !== 0 || 1 / value > 0;
    case 'boolean':
    case 'undefined':
      return true;
    case 'object':
      return value === null || walkObject(value, depth);
    default:
      return false;
  }
}

/**
 * @param {unknown[]} array
 * @param {number} depth
 * @returns {boolean}
 */
function walkArray(array, depth) {
  const length = array.length;
  if ((nodesLeft -= length) < 0) return false;
  // Index keys come first and ascending, so these two comparisons exclude holes and named keys.
  const keys = Object.keys(array);
  if (keys.length !== length) return false;
  if (length > 0 && keys[length - 1] !== String(length - 1)) return false;
  for (let i = 0; i < length; i++) if (!walk(array[i], depth)) return false;
  return true;
}

/**
 * @param {object} value
 * @param {number} depth
 * @returns {boolean}
 */
function walkObject(value, depth) {
  const prototype = getPrototypeOf(value);
  if (depth >= MOST_DEPTH) return false;
  if (prototype === arrayPrototype) {
    return Array.isArray(value) && isFirst(value) && walkArray(value, depth + 1);
  }
  if (prototype !== objectPrototype && prototype !== null) return false;
  // Excludes namespaces (Math, module objects) and `arguments`, which structured clone refuses.
  if (Symbol.toStringTag in value || Symbol.iterator in value) return false;
  if (!isFirst(value)) return false;
  const record = /** @type {Record<string, unknown>} */ (value);
  const keys = Object.keys(record);
  if (keys.length > MOST_KEYS || (nodesLeft -= keys.length) < 0) return false;
  for (let i = 0; i < keys.length; i++) {
    const key = /** @type {string} */ (keys[i]);
    if (key === '__proto__' || !isSimpleText(key)) return false;
    if (lookupGetter.call(record, key) !== undefined) return false;
    if (!walk(record[key], depth + 1)) return false;
  }
  return true;
}

/**
 * Whether the CBOR library carries the value unchanged. Cost: about 30 ns per property.
 * @param {object} value
 * @param {number} maxNodes give up (false) above this number of properties and elements
 * @returns {boolean}
 */
export function isSimple(value, maxNodes) {
  nodesLeft = maxNodes;
  try {
    return walkObject(value, 0);
  } catch {
    return false; // a Proxy trap threw: the full path reports it
  } finally {
    forget();
  }
}
