/** Says what in a value cannot be cloned, for the message of NOT_SERIALIZABLE. Slow path only. */

import { poolError } from '../errors.js';
import { isError, safeText } from './errors.js';

const MAX_NODES = 10_000;
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
const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/**
 * @param {unknown} value
 * @returns {string | undefined} kind of a value that is never cloned
 */
function refusedKind(value) {
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`;
  if (typeof value !== 'object' || value === null) return undefined;
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  return REFUSED.has(tag) ? `a ${tag}` : undefined;
}

/**
 * @param {object} value
 * @param {string} path
 * @returns {Generator<[string, unknown]>} contents with their paths, getters left alone
 */
function* contents(value, path) {
  if (value instanceof Map) {
    for (const [key, item] of value) {
      yield [`a key of ${path}`, key];
      yield [`${path}.get(${typeof key === 'string' ? JSON.stringify(key) : '…'})`, item];
    }
  } else if (value instanceof Set) {
    for (const item of value) yield [`an item of ${path}`, item];
  }
  if (ArrayBuffer.isView(value)) return;
  for (const key of Object.keys(value)) {
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    if (!descriptor || !('value' in descriptor)) continue;
    const step = IDENTIFIER.test(key) ? `.${key}` : /^\d+$/.test(key) ? `[${key}]` : `[${JSON.stringify(key)}]`;
    yield [path + step, descriptor.value];
  }
}

/**
 * Finds the first part of a value that structured clone refuses. Never throws, calls no getter.
 * @param {unknown} value
 * @returns {string | undefined} for instance `value.items[3].done is a function`
 */
export function explainRefusal(value) {
  try {
    const seen = new Set();
    /** @type {[string, unknown][]} */
    const todo = [['value', value]];
    for (let i = 0; i < todo.length && i < MAX_NODES; i++) {
      const [path, item] = /** @type {[string, unknown]} */ (todo[i]);
      const kind = refusedKind(item);
      if (kind) return `${path} is ${kind}`;
      if (typeof item !== 'object' || item === null || seen.has(item)) continue;
      seen.add(item);
      for (const entry of contents(item, path)) {
        if (todo.length < MAX_NODES) todo.push(entry);
      }
    }
  } catch {
    // A Proxy or a class with side effects: the message does without the path.
  }
  return undefined;
}

/**
 * The error for a value that cannot be carried.
 * @param {unknown} value
 * @param {unknown} [cause]
 * @returns {import('../errors.js').PoolError}
 */
export function notSerializable(value, cause) {
  const reason = explainRefusal(value) ?? (isError(cause) ? safeText(cause.message) : undefined);
  return poolError('NOT_SERIALIZABLE', reason, { cause });
}
