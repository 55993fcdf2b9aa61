/** Several values in one argument of a C task: see src/arguments.h. */
import { poolError } from '../base/errors.js';
import { lostInJson } from '../values/json.js';
import { TYPE } from './types.js';

/** WP_ARGUMENTS_MARK */
const MARK = 0x31617077;
const utf8 = new TextEncoder();

/**
 * Packs several values into one payload for a C task, which reads them by `wp_task_argument(task, index, …)`: numbers as doubles, text as UTF-8
 * with a NUL behind it, views and ArrayBuffers as their bytes, everything else as JSON. The values are copied.
 * @param {...unknown} values
 * @returns {Uint8Array<ArrayBuffer>} the payload
 * @throws {import('../base/errors.js').PoolError} NOT_SERIALIZABLE for a value that JSON would lose
 */
export function packArguments(...values) {
  const parts = values.map(partOf);
  let end = 8 + 12 * parts.length;
  const places = parts.map(({ bytes }) => {
    const at = Math.ceil(end / 8) * 8;
    end = at + bytes.length + 1;
    return at;
  });
  const packed = new Uint8Array(end);
  const view = new DataView(packed.buffer);
  view.setUint32(0, MARK, true);
  view.setUint32(4, parts.length, true);
  for (const [i, { type, bytes }] of parts.entries()) {
    const at = places[i];
    for (const [word, value] of [type, at, bytes.length].entries()) view.setUint32(8 + 12 * i + 4 * word, value, true);
    packed.set(bytes, at);
  }
  return packed;
}

/**
 * @param {unknown} value
 * @param {number} index
 * @returns {{ type: number, bytes: Uint8Array }}
 */
function partOf(value, index) {
  if (value === undefined) return { type: TYPE.UNDEFINED, bytes: new Uint8Array(0) };
  if (typeof value === 'number') {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    return { type: TYPE.NUMBER, bytes };
  }
  if (typeof value === 'string') return { type: TYPE.STRING, bytes: utf8.encode(value) };
  if (ArrayBuffer.isView(value))
    return { type: TYPE.BINARY, bytes: new Uint8Array(value.buffer, value.byteOffset, value.byteLength) };
  if (value instanceof ArrayBuffer) return { type: TYPE.BINARY, bytes: new Uint8Array(value) };
  const name = `argument ${index}`;
  /** @type {string | undefined} */
  let text;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw poolError('NOT_SERIALIZABLE', `${name}: ${/** @type {Error} */ (cause).message}`, { cause });
  }
  const lost = text === undefined ? ` is a ${typeof value}` : lostInJson(value);
  if (lost) throw poolError('NOT_SERIALIZABLE', `${name}${lost}; C tasks get JSON, which would lose it`);
  return { type: TYPE.JSON, bytes: utf8.encode(text) };
}
