/**
 * Copies of values without views of the pool's memory. A handler may return part of a box that it was sent, and main may send the view
 * that `raw()` returns; such views are only lent, so their bytes are copied.
 */
import { own } from '../base/own.js';

/**
 * @param {unknown} value
 * @param {(view: ArrayBufferView) => boolean} isLent
 * @returns {unknown} the value itself if it has no such view; else a copy of its arrays, maps, sets and objects with copies of the bytes
 */
export function privately(value, isLent) {
  return hasLent(value, isLent, new Set()) ? copied(value, isLent, new Map()) : value;
}

/**
 * @param {unknown} value
 * @param {(view: ArrayBufferView) => boolean} isLent
 * @param {Set<object>} seen
 * @returns {boolean}
 */
function hasLent(value, isLent, seen) {
  if (value === null || typeof value !== 'object' || seen.has(value)) return false;
  if (ArrayBuffer.isView(value)) return isLent(value);
  seen.add(value);
  return partsOf(value).some((part) => hasLent(part, isLent, seen));
}

/** @param {object} value @returns {unknown[]} the parts that structured clone would visit */
function partsOf(value) {
  if (value instanceof Map) return [...value.keys(), ...value.values()];
  if (value instanceof Set) return [...value];
  return isPlain(value) ? Object.values(value) : [];
}

/** @param {object} value */
function isPlain(value) {
  return Array.isArray(value) || Object.prototype.toString.call(value) === '[object Object]';
}

/**
 * @param {any} value
 * @param {(view: ArrayBufferView) => boolean} isLent
 * @param {Map<object, unknown>} seen
 * @returns {any}
 */
function copied(value, isLent, seen) {
  if (value === null || typeof value !== 'object') return value;
  if (seen.has(value)) return seen.get(value);
  const keep = (/** @type {unknown} */ copy) => (seen.set(value, copy), copy);
  const part = (/** @type {unknown} */ inner) => copied(inner, isLent, seen);
  if (ArrayBuffer.isView(value)) return isLent(value) ? keep(copyOfView(value)) : value;
  if (value instanceof Map) {
    const map = /** @type {Map<unknown, unknown>} */ (keep(new Map()));
    for (const [key, item] of value) map.set(part(key), part(item));
    return map;
  }
  if (value instanceof Set) {
    const set = /** @type {Set<unknown>} */ (keep(new Set()));
    for (const item of value) set.add(part(item));
    return set;
  }
  if (!isPlain(value)) return value;
  const object = /** @type {any} */ (keep(Array.isArray(value) ? new Array(value.length) : {}));
  for (const [key, item] of Object.entries(value))
    Object.defineProperty(
      object,
      key,
      own({ value: part(item), writable: true, enumerable: true, configurable: true }),
    );
  return object;
}

/** @param {any} view */
function copyOfView(view) {
  const bytes = new Uint8Array(view.byteLength);
  bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  if (view instanceof DataView) return new DataView(bytes.buffer);
  return new view.constructor(bytes.buffer);
}
