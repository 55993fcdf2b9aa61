/**
 * The types that may be shared. Two are built in; others are made of those: registerSharable. Which labels there are is known to all
 * threads, as the catalogue in shared memory; what belongs to a label is code, which each thread registers for itself.
 */
import { poolError } from '../base/errors.js';
import { onMain } from '../host/node/registry/thread.js';
import { check, theCore } from './core.js';
import { Counter } from './counter.js';
import { SharedMap } from './map.js';
import { State } from './state.js';

/** @typedef {Record<string, Counter | SharedMap>} Parts */

/**
 * @template {object} [T=any]
 * @typedef {object} SharableDescriptor
 * @property {new (...args: any[]) => T} type the class; its instances may be shared from now on
 * @property {(value: T) => Parts} share what a value consists of, by name: counters and maps
 * @property {(parts: any) => T} open makes a handle, in any thread, from parts that are shared
 */

/**
 * @typedef {object} Type
 * @property {string} label
 * @property {number} kind src/registry.h
 * @property {(value: any) => number} refOf the state of a value of this type, in shared memory
 * @property {(value: any) => void} published it is being published, so its state stays
 * @property {(value: any) => void} notPublished it was not after all
 * @property {(ref: number) => any} open
 */

const KIND = { COUNTER: 1, MAP: 2, PARTS: 3 };
const LABEL_BYTES = 128;

/** @type {Map<Function, Type>} by class */
const types = new Map();
/** @type {Map<string, Type>} */
const byLabel = new Map();

/** @param {Function} type @param {Type} row */
function enter(type, row) {
  types.set(type, row);
  byLabel.set(row.label, row);
}

/** The order of the first two in messages. */
const BUILT_IN = ['std:collections.map', 'std:collections.counter'];
let isListed = false;

/** Before the catalogue is read or added to. */
function listBuiltIn() {
  if (isListed) return;
  BUILT_IN.forEach((label, number) => addLabel(label, number));
  isListed = true;
}

/**
 * @param {string} label @param {number} number
 * @returns {boolean} whether it is new
 */
function addLabel(label, number) {
  const core = theCore();
  const bytes = core.writeKey(label, 0, 'the label');
  core.enter();
  const status = core.exports.wp_shared_register(core.v, bytes, number);
  core.leave();
  return check(status, `registerSharable ${JSON.stringify(label)}`) === 1;
}

enter(SharedMap, {
  label: BUILT_IN[0],
  kind: KIND.MAP,
  refOf: State.refOf,
  published: State.published,
  notPublished: State.notPublished,
  open: (ref) => new SharedMap(ref),
});
enter(Counter, {
  label: BUILT_IN[1],
  kind: KIND.COUNTER,
  refOf: State.refOf,
  published: State.published,
  notPublished: State.notPublished,
  open: (ref) => new Counter(0n, ref),
});

/** The labels of all types that may be shared now, in the order of their registration. @returns {string[]} */
export function sharableTypes() {
  listBuiltIn();
  const core = theCore();
  const { exports } = core;
  const catalogue = exports.wp_shared_catalogue();
  /** @type {{ label: string, number: number }[]} */
  const rows = [];
  for (let node = 0; (node = exports.wp_shared_map_next(core.v, catalogue, node) >>> 0);) {
    const label = core.readKey(exports.wp_shared_key_at(node) >>> 0, exports.wp_shared_key_bytes(node));
    rows.push({ label, number: core.word((exports.wp_shared_map_value(node) >>> 0) + 8) });
  }
  return rows.sort((a, b) => a.number - b.number).map(({ label }) => label);
}

/**
 * Lets values of a class be shared. On main it enters the label, once; in a worker it gives the label that main has entered its code
 * there. So a module that both import calls it before anything is shared.
 * @template {object} T
 * @param {string} label
 * @param {SharableDescriptor<T>} descriptor
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT: the label is taken, or main has not registered it
 */
export function registerSharable(label, descriptor) {
  const { type, share, open } = Object(descriptor);
  const subject = `registerSharable ${JSON.stringify(label)}`;
  if (typeof label !== 'string' || label === '')
    throw poolError('INVALID_ARGUMENT', `${subject}: the label must be a string`);
  if (typeof type !== 'function' || typeof share !== 'function' || typeof open !== 'function')
    throw poolError('INVALID_ARGUMENT', `${subject}: the descriptor needs type, share and open`);
  if (byLabel.has(label)) throw poolError('INVALID_ARGUMENT', `${subject}: the label is registered already`);
  if (types.has(type))
    throw poolError('INVALID_ARGUMENT', `${subject}: its type has the label ${types.get(type)?.label}`);
  if (new TextEncoder().encode(label).length > LABEL_BYTES)
    throw poolError('TOO_LARGE', `${subject}: a label has at most ${LABEL_BYTES} bytes`);
  listBuiltIn();
  if (onMain) {
    if (!addLabel(label, sharableTypes().length))
      throw poolError('INVALID_ARGUMENT', `${subject}: the label is registered already`);
  } else if (!sharableTypes().includes(label)) {
    throw poolError('INVALID_ARGUMENT', `${subject}: the main thread has to register it first`);
  }
  enter(type, rowOf(label, descriptor));
}

/**
 * A type of parts. Its state is a text in shared memory: the parts' names, labels and references.
 * @param {string} label
 * @param {SharableDescriptor} descriptor
 * @returns {Type}
 */
function rowOf(label, { share, open }) {
  /** @type {WeakMap<object, Parts>} */
  const partsOf = new WeakMap();
  return {
    label,
    kind: KIND.PARTS,
    refOf(value) {
      const parts = share(value);
      const text = Object.entries(parts).map(([name, part]) => {
        const row = types.get(part?.constructor);
        if (!row || row.kind === KIND.PARTS)
          throw poolError('INVALID_ARGUMENT', `${label}: its part ${JSON.stringify(name)} must be a counter or a map`);
        return [name, row.label, row.refOf(part)];
      });
      partsOf.set(value, parts);
      const core = theCore();
      const encoded = core.encode(JSON.stringify(text));
      core.enter();
      const ref = core.place(encoded);
      core.exports.wp_shared_keep(core.v);
      core.leave();
      return ref;
    },
    published(value) {
      for (const part of Object.values(partsOf.get(value) ?? {})) State.published(part);
    },
    notPublished(value) {
      for (const part of Object.values(partsOf.get(value) ?? {})) State.notPublished(part);
    },
    open(ref) {
      const rows = JSON.parse(/** @type {string} */ (theCore().read(ref)));
      return open(
        Object.fromEntries(
          rows.map((/** @type {[string, string, number]} */ [name, of, at]) => [name, byLabel.get(of)?.open(at)]),
        ),
      );
    },
  };
}

/**
 * The type of a value, to be shared.
 * @param {string} subject for the message
 * @param {unknown} value
 * @returns {Type}
 */
export function typeOf(subject, value) {
  const type = value !== null && typeof value === 'object' ? types.get(classOf(value)) : undefined;
  if (type) return type;
  if (isPlain(value))
    throw poolError('INVALID_ARGUMENT', `${subject}: the value must be a sharable userdata, not ${describe(value)}`);
  throw poolError(
    'NOT_SHARABLE',
    `${subject}: ${describe(value)} is not a sharable userdata; these types are: ${sharableTypes().join(', ')}`,
  );
}

/** @param {object} value */
const classOf = (value) => Object.getPrototypeOf(value)?.constructor;

/** Whether a value has no type of its own, so that nobody could have registered it. @param {unknown} value */
function isPlain(value) {
  if (value === null || typeof value !== 'object') return true;
  const prototype = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === null || prototype === Object.prototype;
}

/** @param {unknown} value */
function describe(value) {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  if (typeof value !== 'object') return `a ${typeof value}`;
  return isPlain(value) ? 'a plain object' : `an instance of ${classOf(value)?.name || 'a class without a name'}`;
}
