/** Turns input lines into values, and results into lines of JSON. Workers use it too, so it does not depend on files and streams. */

import { Buffer, isUtf8 } from 'node:buffer';
import { ItemError, describe } from '../fault.js';

/**
 * A result as JSON, without a line end. Values that JSON does not have: binary data becomes base64, a BigInt its decimal digits, a Map
 * an array of pairs, a Set an array; undefined, NaN and the infinities become null.
 * @param {unknown} value
 * @returns {string}
 * @throws {ItemError} NOT_SERIALIZABLE for functions, symbols, promises, and objects that contain themselves
 */
export function toJson(value) {
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
  try {
    return JSON.stringify(value, isPlain(value, PLAIN_DEPTH) ? undefined : plainJson) ?? 'null';
  } catch (error) {
    throw new ItemError('NOT_SERIALIZABLE', `the result is no JSON: ${describe(error)}`);
  }
}

/** Deeper values are not checked, and take the slow path. */
const PLAIN_DEPTH = 8;

/**
 * Whether JSON can express all of a value. This check costs less than a replacer that is called for each part.
 * @param {any} value
 * @param {number} depth
 * @returns {boolean}
 */
function isPlain(value, depth) {
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean' || value == null;
  }
  if (depth === 0) return false;
  if (Array.isArray(value)) return value.every((part) => isPlain(part, depth - 1));
  if (Object.getPrototypeOf(value) !== Object.prototype || 'toJSON' in value) return false;
  for (const key in value) if (!isPlain(value[key], depth - 1)) return false;
  return true;
}

/**
 * @this {any}  the object around the value, whose toJSON() was called already
 * @param {string} key
 * @param {unknown} value
 */
function plainJson(key, value) {
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'function' || typeof value === 'symbol') throw new TypeError(`it contains a ${typeof value}`);
  if (typeof value !== 'object' || value === null) return value;
  const own = this[key]; // a Buffer's toJSON() makes an array of numbers
  if (ArrayBuffer.isView(own)) return Buffer.from(own.buffer, own.byteOffset, own.byteLength).toString('base64');
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return Buffer.from(value).toString('base64');
  if (value instanceof Map || value instanceof Set) return [...value];
  if (value instanceof Promise) throw new TypeError('it contains a promise');
  return value;
}

/**
 * The text of a line, without the CR of a CRLF.
 * @param {Buffer} line
 * @param {boolean} isText  whether it is known to be UTF-8
 * @throws {ItemError}
 */
export function textOf(line, isText) {
  if (!isText && !isUtf8(line)) throw new ItemError('INVALID_ARGUMENT', 'the line is not UTF-8');
  return line.toString('utf8', 0, line[line.length - 1] === 0x0d ? line.length - 1 : line.length);
}

/**
 * @param {string} line
 * @returns {unknown}
 * @throws {ItemError}
 */
export function parseLine(line) {
  try {
    return JSON.parse(line.charCodeAt(0) === 0xfeff ? line.slice(1) : line);
  } catch (error) {
    throw new ItemError('INVALID_ARGUMENT', `not a JSON value: ${/** @type {Error} */ (error).message}`);
  }
}
