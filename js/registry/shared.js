/** Shared state by name. */
import { poolError } from '../base/errors.js';
import { check, STORE_AT, theCore, VALUE_HEADER } from './core.js';
import { typeOf } from './types.js';

/** In a value of the registry: the state, the length of the label, the label (src/registry.h). */
const ENTRY_BYTES = 8;

/**
 * The state that all threads of the process know by this key. The first call publishes the value's state; in later ones, from whichever
 * thread, the value only says which type is expected. Entries stay until the process ends.
 * @template {object} T
 * @param {string} key compared exactly
 * @param {T} value a counter, a map, or an instance of a registered type
 * @returns {T} a handle for this thread
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT, NOT_SHARABLE; ALREADY_HOLDS: the key has a state of another type;
 *   REGISTRY_FULL, TOO_LARGE: nothing has happened
 */
export function shared(key, value) {
  if (typeof key !== 'string') throw poolError('INVALID_ARGUMENT', 'shared: the key must be a string');
  const subject = `shared ${JSON.stringify(key)}`;
  const type = typeOf(subject, value);
  const core = theCore();
  const knownBytes = core.writeKey(key);
  core.enter(); // it changes nothing, but uses the stack in shared memory, which an exception must not leave lower
  const known = core.exports.wp_shared_find(core.v, knownBytes) >>> 0;
  core.leave();
  if (known) return handle(subject, known, type);
  const ref = type.refOf(value);
  const keyBytes = core.writeKey(key);
  const labelBytes = core.writeKey(type.label, keyBytes);
  type.published(value); // before it is: an exception in between may keep a state for ever, but never free one that others have
  core.enter();
  const status = core.exports.wp_shared_publish(core.v, keyBytes, labelBytes, type.kind, ref);
  const { found } = core;
  core.leave();
  const isFirst = status === 0 && core.word(found + VALUE_HEADER) === ref;
  if (!isFirst) type.notPublished(value);
  check(status, subject);
  return isFirst ? value : handle(subject, found, type); // another thread was first
}

/**
 * @param {string} subject
 * @param {number} found the value in the registry
 * @param {import('./types.js').Type} type the one that is asked for
 */
function handle(subject, found, type) {
  const core = theCore();
  const length = core.word(found + VALUE_HEADER + 4);
  const label = core.readKey(STORE_AT + found + VALUE_HEADER + ENTRY_BYTES, length);
  if (label !== type.label)
    throw poolError('ALREADY_HOLDS', `${subject} already holds ${label}; ${type.label} was asked for`);
  return type.open(core.word(found + VALUE_HEADER));
}
