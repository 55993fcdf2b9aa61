/** A map that all threads share: src/map.h. */
import { TYPE } from '../codec/types.js';
import { check, theCore } from './core.js';
import { State } from './state.js';

/** Instead of a value: the key is not there. */
const NONE = Symbol('none');

/**
 * Keys are strings. A value is data, and what a reader gets is a copy of its own. For each key, calls of all threads take effect one after
 * the other, and no reader sees a part of a value.
 */
export class SharedMap extends State {
  /** @protected @override */
  _make() {
    return theCore().exports.wp_shared_map_new(theCore().v);
  }

  /** @protected @override @param {number} ref */
  _drop(ref) {
    theCore().exports.wp_shared_map_drop(theCore().v, ref);
  }

  /**
   * @param {string} key
   * @param {unknown} value
   * @returns {this}
   */
  set(key, value) {
    const { _core: core, _ref: ref } = this;
    if (typeof value === 'number') {
      const bytes = core.writeKey(key);
      core.enter();
      const status = core.exports.wp_shared_map_set_number(core.v, ref, bytes, TYPE.NUMBER, value);
      core.leave();
      if (status) check(status, `set ${JSON.stringify(key)}`);
      return this;
    }
    const encoded = core.encode(value);
    const bytes = core.writeKey(key);
    core.enter();
    const status = core.exports.wp_shared_map_set(core.v, ref, bytes, core.place(encoded));
    core.leave();
    check(status, `set ${JSON.stringify(key)}`);
    return this;
  }

  /**
   * @param {string} key
   * @returns {any} undefined: there is none
   */
  get(key) {
    const value = this.#read(key);
    return value === NONE ? undefined : value;
  }

  /** @param {string} key */
  has(key) {
    return this.#call('wp_shared_map_has', key) === 1;
  }

  /** @param {string} key @returns {boolean} whether it was there */
  delete(key) {
    return this.#call('wp_shared_map_remove', key) === 1;
  }

  /**
   * @template T
   * @param {string} key
   * @param {T} value what the key gets unless it has a value
   * @returns {T} what the key has
   */
  getOrInsert(key, value) {
    const { _core: core, _ref: ref } = this;
    for (;;) {
      const known = this.#read(key);
      if (known !== NONE) return /** @type {T} */ (known);
      const encoded = core.encode(value);
      const bytes = core.writeKey(key);
      core.enter();
      const status = core.exports.wp_shared_map_set_new(core.v, ref, bytes, core.place(encoded));
      core.leave();
      if (check(status, `set ${JSON.stringify(key)}`)) return value;
    }
  }

  get size() {
    const { _core: core, _ref: ref } = this;
    core.enter();
    const size = core.exports.wp_shared_map_size(core.v, ref) >>> 0;
    core.leave();
    return size;
  }

  /** All keys, in no order. Of keys that others set or delete meanwhile, some may be missing. @returns {string[]} */
  keys() {
    const { _core: core, _ref: ref } = this;
    const { exports } = core;
    /** @type {Set<string>} */
    const keys = new Set();
    core.enter();
    exports.wp_shared_pin(core.v);
    try {
      for (let node = 0; (node = exports.wp_shared_map_next(core.v, ref, node) >>> 0);)
        keys.add(core.readKey(exports.wp_shared_key_at(node) >>> 0, exports.wp_shared_key_bytes(node)));
    } finally {
      exports.wp_shared_unpin(core.v);
      core.leave();
    }
    return [...keys];
  }

  /** Deletes all keys, one after the other. */
  clear() {
    const { _core: core, _ref: ref } = this;
    core.enter();
    core.exports.wp_shared_map_clear(core.v, ref);
    core.leave();
  }

  /**
   * @param {string} key
   * @returns {unknown} NONE: the key is not there
   */
  #read(key) {
    const { _core: core, _ref: ref } = this;
    const bytes = core.writeKey(key);
    core.enter();
    const found = core.exports.wp_shared_map_get(core.v, ref, bytes) >>> 0;
    if (!found) {
      core.leave();
      return NONE;
    }
    try {
      return core.read(found);
    } finally {
      core.exports.wp_shared_unpin(core.v);
      core.leave();
    }
  }

  /** @param {string} name @param {string} key */
  #call(name, key) {
    const { _core: core, _ref: ref } = this;
    const bytes = core.writeKey(key);
    core.enter();
    const result = core.exports[name](core.v, ref, bytes);
    core.leave();
    return result;
  }
}

/** @returns {SharedMap} to be given to shared(); until then nobody else knows it */
export const sharedMap = () => new SharedMap();
