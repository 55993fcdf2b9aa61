/**
 * Errors on their way to another thread. As plain records: what a handler throws must reach the caller with its name,
 * message, stack, code, cause and own properties, whatever odd object it is. Nothing here throws, but encodeRecord.
 */

import { own } from '../base/own.js';
import { PoolError, withoutFrames } from '../base/errors.js';
import { STANDARD } from '../values/error-types.js';
import { TYPE } from './types.js';

const MAX_DEPTH = 8;
const MAX_PROPS = 64;
const OWN_FIELDS = new Set(['name', 'message', 'stack', 'cause', 'errors']);

/**
 * A value inside a record: either an error's record or the value itself.
 * @typedef {{ error: ErrorRecord } | { value: unknown }} Wrapped
 */

/**
 * @typedef {object} ErrorRecord
 * @property {string} kind class to build: a standard name, AggregateError, DOMException, PoolError
 * @property {string} name
 * @property {string} message
 * @property {string} [stack]
 * @property {string | number} [code] where it is no own enumerable property
 * @property {Wrapped} [cause]
 * @property {Wrapped[]} [errors] of an AggregateError
 * @property {[string, Wrapped][]} [props] own enumerable properties
 */

/**
 * @param {unknown} value
 * @returns {value is Error}
 */
export function isError(value) {
  try {
    return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]';
  } catch {
    return false;
  }
}

/**
 * @param {object} object
 * @param {string} key
 * @returns {unknown} undefined if reading throws
 */
function read(object, key) {
  try {
    return Reflect.get(object, key);
  } catch {
    return undefined;
  }
}

/**
 * @param {unknown} value
 * @returns {string} never throws
 */
export function safeText(value) {
  try {
    return String(value);
  } catch {
    return 'a value that has no text';
  }
}

/**
 * @param {Error} error
 * @returns {string} the class that the reader builds
 */
function kindOf(error) {
  if (error instanceof PoolError) return 'PoolError';
  if (typeof AggregateError === 'function' && error instanceof AggregateError) {
    return 'AggregateError';
  }
  if (typeof DOMException === 'function' && error instanceof DOMException) return 'DOMException';
  for (const [name, type] of Object.entries(STANDARD)) {
    if (name !== 'Error' && error instanceof type) return name;
  }
  const name = safeText(read(error, 'name')); // an error of another realm
  return Object.hasOwn(STANDARD, name) ? name : 'Error';
}

/**
 * @param {unknown} value
 * @param {(value: unknown) => boolean} canCarry
 * @param {object[]} path errors around the value
 * @returns {Wrapped | undefined} undefined: cannot be carried
 */
function wrap(value, canCarry, path) {
  if (isError(value)) {
    if (path.length >= MAX_DEPTH || path.includes(value)) return undefined;
    return { error: toRecord(value, canCarry, path) };
  }
  return canCarry(value) ? { value } : undefined;
}

/**
 * @param {Error} error
 * @param {(value: unknown) => boolean} canCarry
 * @param {object[]} path
 * @returns {[string, Wrapped][]}
 */
function propsOf(error, canCarry, path) {
  /** @type {[string, Wrapped][]} */
  const props = [];
  /** @type {string[]} */
  let keys = [];
  try {
    keys = Object.keys(error).slice(0, MAX_PROPS);
  } catch {
    // a Proxy: its properties stay behind
  }
  for (const key of keys) {
    if (OWN_FIELDS.has(key) && key !== 'name' && isError(error)) continue;
    const wrapped = wrap(read(error, key), canCarry, path);
    if (wrapped) props.push([key, wrapped]);
  }
  return props;
}

/**
 * Makes the record of an error. Properties that cannot be carried stay behind.
 * @param {Error} error
 * @param {(value: unknown) => boolean} canCarry whether a value can be carried as bytes
 * @param {object[]} [around] errors around this one
 * @returns {ErrorRecord}
 */
function toRecord(error, canCarry, around = []) {
  const path = [...around, error];
  const stack = read(error, 'stack');
  const code = has(error, 'code') ? read(error, 'code') : undefined;
  /** @type {ErrorRecord} */
  const record = {
    kind: kindOf(error),
    name: safeText(read(error, 'name')),
    message: safeText(read(error, 'message') ?? ''),
    props: propsOf(error, canCarry, path),
  };
  if (typeof stack === 'string') record.stack = stack;
  if (typeof code === 'string' || typeof code === 'number') record.code = code;
  if (has(error, 'cause')) record.cause = wrap(read(error, 'cause'), canCarry, path);
  const errors = read(error, 'errors');
  if (record.kind === 'AggregateError' && Array.isArray(errors)) {
    record.errors = errors.map((item) => wrap(item, canCarry, path) ?? { value: undefined });
  }
  return record;
}

/**
 * @param {import('./codec.js').Codec} codec
 * @param {unknown} value
 * @returns {boolean} whether the value can be carried as bytes
 */
function canEncode(codec, value) {
  try {
    codec.encode(value, new Uint8Array(0), 0, 0);
    return codec.type !== TYPE.CHANNEL;
  } catch {
    return false;
  }
}

/**
 * What of a thrown value can be carried: the value, or those properties of an object that can.
 * @param {import('./codec.js').Codec} codec
 * @param {any} thrown no error
 * @returns {{ value: unknown } | undefined} undefined: nothing
 */
export function carriedPart(codec, thrown) {
  if (canEncode(codec, thrown)) return { value: thrown };
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  const props = propsOf(thrown, (value) => canEncode(codec, value), []);
  const plain = props.flatMap(([key, wrapped]) => ('value' in wrapped ? [[key, wrapped.value]] : []));
  return plain.length > 0 ? { value: Object.fromEntries(plain) } : undefined;
}

/**
 * Encodes an error as its record.
 * @param {import('./codec.js').Codec} codec
 * @param {Error} error
 * @param {Uint8Array} u8
 * @param {number} offset
 * @param {number} capacity
 * @returns {number} as codec.encode()
 * @throws when its properties resist
 */
export function encodeRecord(codec, error, u8, offset, capacity) {
  const record = toRecord(error, (value) => canEncode(codec, value));
  const length = codec.encode(record, u8, offset, capacity);
  codec.aux = codec.type;
  codec.type = TYPE.ERROR;
  return length;
}

/**
 * @param {Wrapped} wrapped
 * @returns {unknown}
 */
function unwrap(wrapped) {
  const { error, value } = /** @type {any} */ (own(wrapped));
  return error ? fromRecord(error) : value;
}

/** @param {unknown} value */
function canClone(value) {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false;
  }
}

/**
 * What was thrown, in a form that a message carries.
 * @param {unknown} thrown
 * @returns {Wrapped}
 */
export function toMessage(thrown) {
  return wrap(thrown, canClone, []) ?? { error: toRecord(new Error(safeText(thrown)), canClone) };
}

/**
 * The inverse of toMessage().
 * @param {Wrapped} message
 */
export const fromMessage = unwrap;

/**
 * @param {ErrorRecord} record
 * @returns {Error} of the record's class
 */
function build(record) {
  const { kind, message } = record;
  if (kind === 'PoolError') return new PoolError(String(record.code ?? 'TASK_FAILED'), message);
  if (kind === 'AggregateError') {
    return new AggregateError((record.errors ?? []).map(unwrap), message);
  }
  if (kind === 'DOMException' && typeof DOMException === 'function') {
    return new DOMException(message, record.name);
  }
  const type = Object.hasOwn(STANDARD, kind) ? STANDARD[/** @type {keyof typeof STANDARD} */ (kind)] : Error;
  return new type(message);
}

/**
 * @param {object} object
 * @param {string} key
 * @param {unknown} value
 * @param {boolean} enumerable
 */
function define(object, key, value, enumerable) {
  Object.defineProperty(object, key, own({ value, enumerable, writable: true, configurable: true }));
}

/**
 * Builds the error of a record.
 * @param {ErrorRecord} given
 * @returns {Error}
 */
export function fromRecord(given) {
  const record = own(given); // an optional field is not what Object.prototype has
  const error = withoutFrames(() => build(record)); // it has its own
  if (error.name !== record.name) define(error, 'name', record.name, false);
  define(error, 'stack', record.stack, false);
  if (record.cause) define(error, 'cause', unwrap(record.cause), false);
  if (record.code !== undefined && read(error, 'code') !== record.code) {
    define(error, 'code', record.code, false);
  }
  for (const [key, wrapped] of record.props ?? []) define(error, key, unwrap(wrapped), true);
  return error;
}

/**
 * A property of its own, or of its class; not what somebody has put into Object.prototype.
 * @param {object} error
 * @param {string} key
 */
function has(error, key) {
  return Object.hasOwn(error, key) || (key in error && !(key in Object.prototype));
}
