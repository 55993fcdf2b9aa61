/** Finds the part of a value that cannot be carried, and the path to it, for the message of NOT_SERIALIZABLE. Slow path; never throws. */

import { poolError, safeText } from '../base/errors.js';
import { contents, stepTo } from '../values/contents.js';
import { deepest, isOverflow } from '../values/deep.js';
import { isCloneable, isError } from './errors.js';
import { MOST_DEPTH, MOST_KEYS, MOST_TEXT, isWellFormed } from './simple.js';

const MAX_NODES = 10_000;
/** How often explainFailure() tries to clone a part. */
const MAX_CLONES = 1000;
const MOST_GETTERS = 3;
/** Steps of a deep value's path that a message shows. */
const SHOWN_STEPS = 4;
/** Classes that structured clone refuses, or would only transfer. */
const REFUSED = new Set([
  'Promise',
  'WeakMap',
  'WeakSet',
  'WeakRef',
  'Generator',
  'AsyncGenerator',
  'Module',
  'Symbol',
  'MessagePort',
  'WebAssembly.Memory',
  'WebAssembly.Instance',
  'WebAssembly.Table',
  'Atomics',
]);
/** Classes whose content structured clone visits, or that it always copies. */
const COPIED = new Set([
  'Object',
  'Array',
  'Map',
  'Set',
  'Date',
  'RegExp',
  'Error',
  'Number',
  'String',
  'Boolean',
  'BigInt',
]);

/** @param {string} noun */
const withArticle = (noun) => `${/^[AEIO]/.test(noun) ? 'an' : 'a'} ${noun}`;

/** @param {object} value */
const tagOf = (value) => Object.prototype.toString.call(value).slice(8, -1);

/**
 * @param {unknown} value
 * @param {boolean} movable
 * @returns {string | undefined} why structured clone refuses the value itself, apart from its contents
 */
function refusal(value, movable) {
  if (typeof value === 'function' || typeof value === 'symbol') return `is a ${typeof value}`;
  if (typeof value !== 'object' || value === null) return undefined;
  const tag = tagOf(value);
  if (typeof MessagePort === 'function' && value instanceof MessagePort)
    return movable ? 'is a MessagePort, which must be in `transfer`' : 'is a MessagePort';
  if (REFUSED.has(tag)) return `is ${withArticle(tag)}`;
  if (COPIED.has(tag) || ArrayBuffer.isView(value)) return undefined;
  if (value instanceof ArrayBuffer && value.byteLength > 0) return undefined;
  try {
    structuredClone(value); // safe to try: it is small, or an object of the runtime that runs no user code
    return undefined;
  } catch (error) {
    return `is ${withArticle(tag)} that cannot be copied: ${safeText(/** @type {any} */ (error)?.message)}`;
  }
}

/**
 * Finds the first part of a value that structured clone refuses. Calls no getter.
 * @param {unknown} value
 * @param {boolean} movable
 * @returns {string | undefined} for instance `value.items[3].done is a function`
 */
function explainRefusal(value, movable) {
  try {
    const seen = new Set();
    /** @type {[string, unknown][]} */
    const todo = [['value', value]];
    for (let i = 0; i < todo.length && i < MAX_NODES; i++) {
      const [path, item] = /** @type {[string, unknown]} */ (todo[i]);
      const why = refusal(item, movable);
      if (why) return `${path} ${why}`;
      if (typeof item !== 'object' || item === null || seen.has(item)) continue;
      seen.add(item);
      for (const [step, part] of contents(item)) {
        if (todo.length < MAX_NODES) todo.push([path + step, part]);
      }
    }
  } catch {
    // A Proxy, or a class with side effects: the message has no path.
  }
  return undefined;
}

/**
 * Finds a part that failed with an error of its own: a getter that threw, or a Proxy.
 * @param {unknown} value
 * @param {string} why
 * @returns {string} for instance `value.state: #<Object> could not be cloned`
 */
function explainFailure(value, why) {
  try {
    const getters = gettersOf(value);
    if (getters.length > 0) return `${why} (getters: ${getters.slice(0, MOST_GETTERS).join(', ')})`;
    const seen = new Set();
    let path = 'value';
    for (let at = value, left = MAX_CLONES; !seen.has(at);) {
      seen.add(at);
      const part = [...contents(/** @type {object} */ (at))].find(
        ([, item]) => isObject(item) && left-- > 0 && !isCloneable(item),
      );
      if (!part) break;
      path += part[0];
      at = part[1];
    }
    return `${path}: ${why}`;
  } catch {
    return why;
  }
}

/** @param {unknown} item */
const isObject = (item) => typeof item === 'object' && item !== null;

/**
 * @param {unknown} value
 * @returns {string[]} paths
 */
function gettersOf(value) {
  const found = [];
  const seen = new Set();
  /** @type {[string, unknown][]} */
  const todo = [['value', value]];
  for (let i = 0; i < todo.length && i < MAX_NODES; i++) {
    const [path, item] = todo[i];
    if (!isObject(item) || seen.has(item)) continue;
    seen.add(item);
    for (const key of ArrayBuffer.isView(item) ? [] : Object.keys(/** @type {object} */ (item)))
      if (Object.getOwnPropertyDescriptor(item, key)?.get) found.push(path + stepTo(key));
    for (const [step, part] of contents(/** @type {object} */ (item)))
      if (todo.length < MAX_NODES) todo.push([path + step, part]);
  }
  return found;
}

/**
 * @param {unknown} value that used up the stack of a serializer
 * @param {string} why
 */
function explainDepth(value, why) {
  try {
    const { levels, path } = deepest(value);
    const way = path.slice(0, SHOWN_STEPS).join('') + (levels > SHOWN_STEPS ? '…' : '');
    return `${way} is ${levels} levels deep: ${why}`;
  } catch {
    return why; // a Proxy
  }
}

/**
 * Finds the first part of a value that a plain tree cannot have (js/codec/simple.js).
 * @param {unknown} value
 * @param {boolean} isJson JSON takes all of these except a bigint
 * @returns {string | undefined} for instance `value.when is a Date`
 */
function explainTree(value, isJson) {
  try {
    const seen = new Set();
    /** @type {[path: string, item: unknown, levels: number][]} */
    const todo = [['value', value, 0]];
    for (let entry = todo.pop(), left = MAX_NODES; entry && left > 0; entry = todo.pop(), left--) {
      const [path, item, levels] = entry;
      if (levels > MOST_DEPTH && !isJson) return explainDepth(value, `${MOST_DEPTH} at most`);
      const why = seen.has(item) ? 'is met twice' : oddity(item);
      if (why && (!isJson || typeof item === 'bigint')) return `${path} ${why}`;
      if (typeof item !== 'object' || item === null || seen.has(item)) continue;
      seen.add(item);
      for (const [key, { value: part, get }] of Object.entries(Object.getOwnPropertyDescriptors(item)).reverse()) {
        if ((key === '__proto__' || get) && !isJson)
          return `${path + stepTo(key)} is a ${get ? 'getter' : 'property of this name'}`;
        if (key !== 'length' || !Array.isArray(item)) todo.push([path + stepTo(key), part, levels + 1]);
      }
    }
  } catch {
    // a Proxy
  }
  return undefined;
}

/**
 * @param {unknown} item
 * @returns {string | undefined} why a plain tree cannot have this item, apart from its contents
 */
function oddity(item) {
  if (typeof item === 'string') {
    if (item.length > MOST_TEXT) return `is a text of ${item.length} characters`;
    if (!isWellFormed(item)) return 'is a text with half a surrogate pair';
    return item.startsWith('\ufeff') ? 'is a text that starts with a byte order mark' : undefined;
  }
  if (typeof item === 'number') return Object.is(item, -0) ? 'is -0' : undefined;
  if (['bigint', 'symbol', 'function'].includes(typeof item)) return `is a ${typeof item}`;
  if (typeof item !== 'object' || item === null) return undefined;
  const keys = Object.keys(item).length;
  if (Array.isArray(item)) return keys === item.length ? undefined : 'is an array with holes or named properties';
  if (keys > MOST_KEYS) return `has ${keys} properties`;
  const prototype = Object.getPrototypeOf(item);
  if (prototype === null || prototype === Object.prototype) return undefined;
  return `is ${withArticle(prototype.constructor?.name || tagOf(item))}`;
}

/**
 * The error for a value that cannot be carried.
 * @param {unknown} value
 * @param {unknown} [cause]
 * @param {boolean} [movable] whether the caller could use an option `transfer`
 * @returns {import('../base/errors.js').PoolError}
 */
export function notSerializable(value, cause, movable = true) {
  const why = isError(cause) ? safeText(cause.message) : undefined;
  const reason = isOverflow(cause)
    ? explainDepth(value, String(why))
    : (explainRefusal(value, movable) ?? (why && explainFailure(value, why)));
  return poolError('NOT_SERIALIZABLE', reason, { cause });
}

/**
 * The error for data for all workers that cannot be carried to them.
 * @param {'initData' | 'workerData'} name
 * @param {unknown} data
 * @param {unknown} cause
 */
export function carryError(name, data, cause) {
  return poolError('NOT_SERIALIZABLE', `${name}: ${notSerializable(data, cause, false).message}`, { cause });
}

/**
 * The error for a value that is not plain data where only plain data is allowed.
 * @param {unknown} value
 * @param {string} rule what is allowed
 * @param {unknown} [cause]
 * @returns {import('../base/errors.js').PoolError}
 */
export function notPlain(value, rule, cause) {
  if (isOverflow(cause)) return notSerializable(value, cause);
  const reason =
    explainTree(value, cause !== undefined) ??
    (isError(cause) ? safeText(cause.message) : 'the value is no plain data');
  return poolError('NOT_SERIALIZABLE', `${reason}; ${rule}`, { cause });
}
