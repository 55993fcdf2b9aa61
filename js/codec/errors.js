/**
 * Errors on their way to another thread, as plain records: whatever object a handler throws must reach the caller with its name,
 * message, stack, code, cause and own properties. Only encodeRecord() throws.
 */

import { own } from '../base/own.js';
import { PoolError, safeText, withoutFrames } from '../base/errors.js';
import { STANDARD } from '../values/error-types.js';
import { TYPE } from './types.js';

/** Most errors in one record, counting causes, parts and properties. */
const MAX_ERRORS = 10_000;
/** Stands for each further error. */
const CUT = `more errors than the ${MAX_ERRORS} that are carried`;
const MAX_PROPS = 64;
const OWN_FIELDS = new Set(['name', 'message', 'stack', 'cause', 'errors']);

/**
 * A value inside a record: either the number of an error (0 is the record's own, 1 the first of `rest`) or the value itself. With numbers,
 * chains of causes may be long, and errors may refer to each other.
 * @typedef {{ error: number } | { value: unknown }} Part
 */

/**
 * @typedef {object} ErrorRecord
 * @property {string} kind class to build: a standard name, AggregateError, DOMException, PoolError
 * @property {string} name
 * @property {string} message
 * @property {string} [stack]
 * @property {string | number} [code] if it is not among `props`
 * @property {Part} [cause]
 * @property {Part[]} [errors] of an AggregateError
 * @property {[string, Part][]} [props] own enumerable properties
 * @property {ErrorRecord[]} [rest] the errors that this one refers to; they have no `rest`
 */

/**
 * A thrown value in a message.
 * @typedef {{ error: ErrorRecord } | { value: unknown }} Wrapped
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
 * @param {object} error
 * @param {(value: unknown) => Part | undefined} part undefined: the value cannot be carried
 * @returns {[string, Part][]}
 */
function propsOf(error, part) {
  /** @type {[string, Part][]} */
  const props = [];
  /** @type {string[]} */
  let keys = [];
  try {
    keys = Object.keys(error).slice(0, MAX_PROPS);
  } catch {
    // a Proxy that throws: carry no properties
  }
  for (const key of keys) {
    if (OWN_FIELDS.has(key) && key !== 'name' && isError(error)) continue;
    const found = part(read(error, key));
    if (found) props.push([key, found]);
  }
  return props;
}

/**
 * Makes the record of an error, without the properties that cannot be carried.
 * @param {Error} first
 * @param {(value: unknown) => boolean} canCarry whether a value can be carried as bytes
 * @returns {ErrorRecord}
 */
function toRecord(first, canCarry) {
  /** Keyed in the order of numbers. The loop over it also visits the errors that are added meanwhile. */
  const numbers = new Map([[first, 0]]);
  /** @param {unknown} value @returns {Part | undefined} */
  const part = (value) => {
    if (!isError(value)) return canCarry(value) ? { value } : undefined;
    const known = numbers.get(value);
    if (known !== undefined) return { error: known };
    if (numbers.size >= MAX_ERRORS) return { value: CUT };
    numbers.set(value, numbers.size);
    return { error: numbers.size - 1 };
  };
  const [record, ...rest] = Array.from(numbers.keys(), (error) => oneRecord(error, part));
  if (rest.length > 0) record.rest = rest;
  return record;
}

/**
 * @param {Error} error
 * @param {(value: unknown) => Part | undefined} part
 * @returns {ErrorRecord}
 */
function oneRecord(error, part) {
  const stack = read(error, 'stack');
  const code = has(error, 'code') ? read(error, 'code') : undefined;
  /** @type {ErrorRecord} */
  const record = {
    kind: kindOf(error),
    name: safeText(read(error, 'name')),
    message: safeText(read(error, 'message') ?? ''),
    props: propsOf(error, part),
  };
  if (typeof stack === 'string') record.stack = stack;
  if (typeof code === 'string' || typeof code === 'number') record.code = code;
  if (has(error, 'cause')) record.cause = part(read(error, 'cause'));
  const errors = read(error, 'errors');
  if (record.kind === 'AggregateError' && Array.isArray(errors)) {
    record.errors = errors.map((item) => part(item) ?? { value: undefined });
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
 * The part of a thrown value that can be carried: all of it, or some properties of an object.
 * @param {import('./codec.js').Codec} codec
 * @param {any} thrown not an error
 * @returns {{ value: unknown } | undefined} undefined: no part
 */
export function carriedPart(codec, thrown) {
  if (canEncode(codec, thrown)) return { value: thrown };
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  const props = propsOf(thrown, (value) => (canEncode(codec, value) ? { value } : undefined));
  const plain = props.flatMap(([key, part]) => ('value' in part ? [[key, part.value]] : []));
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
 * @throws if reading its properties throws
 */
export function encodeRecord(codec, error, u8, offset, capacity) {
  const record = toRecord(error, (value) => canEncode(codec, value));
  const length = codec.encode(record, u8, offset, capacity);
  codec.aux = codec.type;
  codec.type = TYPE.ERROR;
  return length;
}

/**
 * Whether structured clone takes a value.
 * @param {unknown} value
 */
export function isCloneable(value) {
  try {
    structuredClone(value);
    return true;
  } catch {
    return false; // e.g. a getter that throws, or a port; hosts throw different errors for these
  }
}

/**
 * A thrown value in a form that a message can carry.
 * @param {unknown} thrown
 * @returns {Wrapped}
 */
export function toMessage(thrown) {
  if (!isError(thrown) && isCloneable(thrown)) return { value: thrown };
  return { error: toRecord(isError(thrown) ? thrown : new Error(safeText(thrown)), isCloneable) };
}

/**
 * The inverse of toMessage().
 * @param {Wrapped} message
 * @returns {unknown}
 */
export function fromMessage(message) {
  const { error, value } = /** @type {any} */ (own(message));
  return error ? fromRecord(error) : value;
}

/**
 * @param {ErrorRecord} record
 * @returns {Error} of the record's class
 */
function build(record) {
  const { kind, message } = record;
  if (kind === 'PoolError') return new PoolError(String(record.code ?? 'TASK_FAILED'), message);
  if (kind === 'AggregateError') return new AggregateError([], message);
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
 * Builds the error of a record, and those that it leads to.
 * @param {ErrorRecord} given
 * @returns {Error}
 */
export function fromRecord(given) {
  // own(): an optional field must not come from Object.prototype. withoutFrames(): the errors bring their own stacks.
  const records = [given, ...(own(given).rest ?? [])].map(own);
  const errors = withoutFrames(() => records.map(build));
  const part = (/** @type {Part} */ carried) => {
    const { error, value } = /** @type {any} */ (own(carried));
    return error === undefined ? value : errors[error];
  };
  records.forEach((record, i) => fill(errors[i], record, part));
  return errors[0];
}

/**
 * @param {Error} error
 * @param {ErrorRecord} record
 * @param {(part: Part) => unknown} part
 */
function fill(error, record, part) {
  if (error.name !== record.name) define(error, 'name', record.name, false);
  define(error, 'stack', record.stack, false);
  if (record.errors) define(error, 'errors', record.errors.map(part), false);
  if (record.cause) define(error, 'cause', part(record.cause), false);
  if (record.code !== undefined && read(error, 'code') !== record.code) {
    define(error, 'code', record.code, false);
  }
  for (const [key, carried] of record.props ?? []) define(error, key, part(carried), true);
}

/**
 * Whether an error has a property of its own or of its class, not one that was put into Object.prototype.
 * @param {object} error
 * @param {string} key
 */
function has(error, key) {
  return Object.hasOwn(error, key) || (key in error && !(key in Object.prototype));
}
