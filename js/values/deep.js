/**
 * Deep values, such as long linked lists. V8's serializer and deserializer recurse: on main they run out of stack at about 2,000 levels. A
 * value with more than DEEP levels is therefore flattened before it is serialized, to a list of its objects that refer to each other by
 * number. No function here recurses as deep as the value.
 */
import { own } from '../base/own.js';
import { contents, lookupGetter } from './contents.js';
import { standardError } from './error-types.js';

/**
 * Levels up to which a value is left to the serializer. A choice: a quarter of the levels that fit on main's stack, because the handler or
 * the program that calls may have used up some of it, and isDeep() looks at so many objects of every long chain.
 */
const DEEP = 500;
/** Most levels of a value in a message: the runtime deserializes it, and reports nothing useful if it runs out of stack. */
const MESSAGE_LEVELS = 1000;
/** How many objects deepest() visits. */
const MOST_NODES = 1_000_000;
/**
 * In a long list isDeep() looks at so many items at each end. A choice: every value pays for the look, and the chains that it searches are
 * the first or last object of the outermost list.
 */
const ENDS = 8;

const ARRAY = 0;
const OBJECT = 1;
const MAP = 2;
const SET = 3;
/** An error whose cause is an object; other errors are left to the serializer. */
const ERROR = 4;

/**
 * One object of a flat value. `values` are its contents; those at the positions `refs` are numbers of other objects. A map's values
 * alternate with its keys; an error's are name, message, stack and cause.
 * @typedef {[kind: number, values: unknown[], refs: number[] | 0, keys?: string[] | 0, length?: number]} Node
 */

const { toString } = Object.prototype;
/** @type {(this: unknown) => unknown} */
const sizeOfMap = /** @type {any} */ (Object.getOwnPropertyDescriptor(Map.prototype, 'size')?.get);
/** @type {(this: unknown) => unknown} */
const sizeOfSet = /** @type {any} */ (Object.getOwnPropertyDescriptor(Set.prototype, 'size')?.get);

/** @param {unknown} value */
const isObject = (value) => typeof value === 'object' && value !== null;

/**
 * @param {unknown} value
 * @returns {number | undefined} undefined: the value has no contents, or only the serializer can read them
 */
function kindOf(value) {
  if (typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) return ARRAY;
  const tag = toString.call(value);
  if (tag === '[object Object]') return isPlain(value) ? OBJECT : undefined;
  if (tag === '[object Error]') return isPlain(value) && isObject(ownField(value, 'cause')) ? ERROR : undefined;
  if (tag === '[object Map]' && isBranded(sizeOfMap, value)) return MAP;
  return tag === '[object Set]' && isBranded(sizeOfSet, value) ? SET : undefined;
}

/**
 * Whether an object is one of plain JavaScript. Objects of the runtime that structured clone handles specially have symbol properties, or
 * their classes do.
 * @param {object} value
 */
function isPlain(value) {
  for (let at = value; at && at !== Object.prototype; at = Object.getPrototypeOf(at))
    if (Object.getOwnPropertySymbols(at).length > 0) return false;
  return true;
}

/**
 * @param {(this: unknown) => unknown} getter that throws for objects of other classes
 * @param {object} value
 */
function isBranded(getter, value) {
  try {
    getter.call(value);
    return true;
  } catch {
    return false;
  }
}

/**
 * A property of an error that serializers read whether or not it is enumerable.
 * @param {object} error
 * @param {'message' | 'cause'} key
 * @returns {any} undefined: it has no such own property, or it is a getter
 */
function ownField(error, key) {
  const descriptor = Object.getOwnPropertyDescriptor(error, key);
  return descriptor && Object.hasOwn(descriptor, 'value') ? descriptor.value : undefined;
}

/**
 * Whether a value has more levels than a serializer can be trusted with. A quick look, not a full search, because every value pays for it:
 * from each of the outermost objects it follows the first and the last object inside. That finds lists, and anything else that is one long
 * chain. Calls no getter of an object. An error that leads back to itself counts as deep, because V8 can write it but not read it.
 * @param {unknown} value
 * @returns {boolean}
 */
export function isDeep(value) {
  try {
    return objectsIn(value).some((part) => isChain(part, 0) || isChain(part, -1));
  } catch {
    return false; // a Proxy: the serializer reports it
  }
}

/**
 * @param {object | undefined} item
 * @param {0 | -1} which follow the first object inside each, or the last
 */
function isChain(item, which) {
  const seen = new Set();
  for (let levels = 0; levels < DEEP; levels++) {
    if (!item) return false;
    if (seen.has(item)) return [...seen].some((part) => part instanceof Error);
    seen.add(item);
    item = objectsIn(item).at(which);
  }
  return true;
}

/**
 * @param {any} item
 * @returns {object[]} the objects in it; of a long list, those near its ends
 */
function objectsIn(item) {
  if (typeof item !== 'object' || item === null || ArrayBuffer.isView(item)) return [];
  /** @type {object[]} */
  const found = [];
  const add = (/** @type {any} */ part) => isObject(part) && found.push(part);
  if (Array.isArray(item)) {
    for (let i = 0; i < item.length; i = i + 1 === ENDS ? Math.max(ENDS, item.length - ENDS) : i + 1) add(item[i]);
    return found;
  }
  if (item instanceof Map || item instanceof Set) {
    let left = 2 * ENDS;
    for (const [key, part] of item.entries()) {
      if (left-- === 0) break;
      add(key);
      add(part);
    }
  }
  const keys = Object.keys(item);
  for (let i = 0; i < keys.length; i = i + 1 === ENDS ? Math.max(ENDS, keys.length - ENDS) : i + 1)
    if (lookupGetter.call(item, keys[i]) === undefined) add(item[keys[i]]);
  if (item instanceof Error) add(ownField(item, 'cause'));
  return found;
}

/**
 * @param {unknown} value an object
 * @returns {Node[] | undefined} the value's objects, beginning with itself; undefined: it cannot be flattened
 */
export function flatten(value) {
  if (kindOf(value) === undefined) return undefined;
  /** @type {Node[]} */
  const nodes = [];
  const met = new Map([[value, 0]]);
  const todo = [value];
  const refer = (/** @type {unknown} */ part) => {
    const known = met.get(part);
    if (known !== undefined || kindOf(part) === undefined) return known;
    met.set(part, todo.length);
    return todo.push(part) - 1;
  };
  for (let i = 0; i < todo.length; i++) nodes.push(layOut(/** @type {any} */ (todo[i]), refer));
  return nodes;
}

/**
 * @param {any} item
 * @param {(part: unknown) => number | undefined} refer the number of an object
 * @returns {Node}
 */
function layOut(item, refer) {
  const kind = /** @type {number} */ (kindOf(item));
  if (kind === MAP) return nodeOf(kind, [...item].flat(1), refer);
  if (kind === SET) return nodeOf(kind, [...item], refer);
  if (kind === ERROR)
    return nodeOf(kind, [item.name, ownField(item, 'message'), item.stack, ownField(item, 'cause')], refer);
  const keys = Object.keys(item);
  const values = keys.map((key) => item[key]);
  if (kind === OBJECT) return [...nodeOf(kind, values, refer), keys];
  const isList = keys.length === item.length && (item.length === 0 || keys.at(-1) === String(item.length - 1));
  return [...nodeOf(kind, values, refer), isList ? 0 : keys, item.length];
}

/**
 * @param {number} kind
 * @param {unknown[]} parts
 * @param {(part: unknown) => number | undefined} refer
 * @returns {[number, unknown[], number[] | 0]}
 */
function nodeOf(kind, parts, refer) {
  /** @type {number[]} */
  const refs = [];
  const values = parts.map((part, i) => {
    const number = typeof part === 'object' && part !== null ? refer(part) : undefined;
    if (number === undefined) return part;
    refs.push(i);
    return number;
  });
  return [kind, values, refs.length > 0 ? refs : 0];
}

/**
 * The inverse of flatten().
 * @param {Node[]} nodes
 * @returns {unknown}
 */
export function unflatten(nodes) {
  const made = nodes.map(([kind, values, , , length]) => {
    if (kind === ERROR) return standardError(values[0]);
    if (kind === MAP) return new Map();
    if (kind === SET) return new Set();
    return kind === ARRAY ? new Array(length) : {};
  });
  for (const [i, [, values, refs, keys]] of nodes.entries()) {
    if (refs) for (const at of refs) values[at] = made[/** @type {number} */ (values[at])];
    if (nodes[i][0] === ERROR) fillError(made[i], values);
    else fill(made[i], values, keys || undefined);
  }
  return made[0];
}

/**
 * @param {any} target
 * @param {unknown[]} values
 * @param {string[] | undefined} keys
 */
function fill(target, values, keys) {
  if (target instanceof Map) for (let i = 0; i < values.length; i += 2) target.set(values[i], values[i + 1]);
  else if (target instanceof Set) for (const value of values) target.add(value);
  else if (!keys) for (let i = 0; i < values.length; i++) target[i] = values[i];
  else
    for (const [i, key] of keys.entries())
      Object.defineProperty(
        target,
        key,
        own({ value: values[i], writable: true, enumerable: true, configurable: true }),
      );
}

/**
 * @param {object} error
 * @param {unknown[]} values
 */
function fillError(error, [, message, stack, cause]) {
  const set = (/** @type {string} */ key, /** @type {unknown} */ value) =>
    Object.defineProperty(error, key, own({ value, writable: true, enumerable: false, configurable: true }));
  if (message !== undefined) set('message', String(message));
  set('stack', stack);
  set('cause', cause);
}

/**
 * structuredClone for values of any depth.
 * @template T
 * @param {T} value
 * @returns {T}
 * @throws what structuredClone throws
 */
export function cloneDeep(value) {
  const flat = isDeep(value) ? flatten(value) : undefined;
  return flat ? /** @type {T} */ (unflatten(structuredClone(flat))) : structuredClone(value);
}

/**
 * Clones a value that only a message can carry, and that therefore cannot be flattened.
 * @param {unknown} value
 * @param {boolean} deep
 * @throws what structuredClone throws; RangeError
 */
export function cloneForMessage(value, deep) {
  if (deep && deepest(value).levels > MESSAGE_LEVELS)
    throw new RangeError(
      `shared memory, ports and what is transferred take ${MESSAGE_LEVELS} levels around them at most`,
    );
  return structuredClone(value);
}

/**
 * Whether a serializer's error means that it ran out of stack.
 * @param {any} error
 */
export function isOverflow(error) {
  return error instanceof RangeError || error?.name === 'InternalError';
}

/**
 * How deep a value is, and the path to its deepest part. Visits parts in the serializer's order; calls no getter of an object.
 * @param {unknown} value
 * @returns {{ levels: number, path: string[] }}
 */
export function deepest(value) {
  const seen = new Set();
  /** @type {{ item: unknown, step: string, levels: number, from: any }[]} */
  const todo = [{ item: value, step: 'value', levels: 1, from: undefined }];
  let last = todo[0];
  for (let entry = todo.pop(); entry && seen.size < MOST_NODES; entry = todo.pop()) {
    const { item, levels } = entry;
    if (typeof item !== 'object' || item === null || seen.has(item)) continue;
    seen.add(item);
    if (levels > last.levels) last = entry;
    const parts = [...contents(item)].reverse();
    for (const [step, part] of parts) todo.push({ item: part, step, levels: levels + 1, from: entry });
  }
  const path = [];
  for (let at = last; at; at = at.from) path.push(at.step);
  return { levels: last.levels, path: path.reverse() };
}
