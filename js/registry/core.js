/**
 * A thread's access to the shared registry: an instance of its module over the memory of all threads, a visitor of its store (src/store.h),
 * keys and values in and out.
 */
import { poolError, statusRow } from '../base/errors.js';
import { createCodec, TYPE } from '../codec/codec.js';
import { Memory } from '../core/memory.js';
import * as host from '../host/node/registry/thread.js';

/** @typedef {Record<string, (...numbers: any[]) => any> & { __stack_pointer: WebAssembly.Global }} Exports src/shared/shared.c */

export const { STORE_AT } = host;
/** src/map.h */
const KEY_BYTES = 1024;
/** Before a value's bytes: their number, type, aux. */
export const VALUE_HEADER = 8;
/** Longer keys are written by the encoder. */
const SHORT_KEY = 32;
const UTF8_NEVER = 0xff;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true }); // a key may begin with what looks like a byte order mark

/** Of one thread. */
class RegistryCore {
  #stack;
  #scratch;
  /** Whether a call was cut off by an exception. */
  #isInside = false;
  #codec = createCodec(host.createSerializer());
  #bytes = new Uint8Array(4096);

  constructor() {
    const offered = host.offered() ?? (host.onMain ? offer() : undefined);
    if (!offered) throw poolError('UNSUPPORTED', 'the registry: this thread was started before main could offer one');
    this.memory = new Memory(/** @type {any} */ (offered.memory));
    const instance = new WebAssembly.Instance(host.compile(), { env: { memory: offered.memory } });
    this.exports = /** @type {Exports} */ (/** @type {unknown} */ (instance.exports));
    this.v = claim();
    this.#stack = this.exports.wp_shared_stack(this.v);
    this.#scratch = this.exports.wp_shared_scratch(this.v);
    this.exports.__stack_pointer.value = this.#stack;
    host.watchThreads();
    host.atEnd(() => Atomics.store(host.storeWords(), host.OWNERS + this.v, host.DEAD));
    check(this.exports.wp_shared_begin(this.v, offered.maxBytes), 'the registry');
  }

  /** Before a call that changes memory; leave() after it. What an exception has cut off is put right first. */
  enter() {
    if (this.#isInside) {
      this.exports.__stack_pointer.value = this.#stack;
      this.exports.wp_shared_recover(this.v);
    }
    this.#isInside = true;
  }

  leave() {
    this.#isInside = false;
  }

  /**
   * Writes a key to where calls look for it. Keys are compared exactly, so those that UTF-8 cannot carry are written as UTF-16, behind a
   * byte that no UTF-8 has.
   * @param {unknown} key
   * @param {number} [behind] bytes of another one before it
   * @param {string} [what] it is, for the message
   * @returns {number} its bytes
   */
  writeKey(key, behind = 0, what = 'the key') {
    if (typeof key !== 'string') throw poolError('INVALID_ARGUMENT', `${what} must be a string`);
    const { u8 } = this.memory;
    const start = this.#scratch + behind;
    const { length } = key;
    if (length <= SHORT_KEY) {
      let i = 0;
      for (; i < length; i++) {
        const unit = key.charCodeAt(i);
        if (unit > 127) break;
        u8[start + i] = unit;
      }
      if (i === length) return length;
    }
    return this.#writeLong(key, start, what);
  }

  /** @param {string} key @param {number} start @param {string} what */
  #writeLong(key, start, what) {
    const bytes = isWellFormed(key) ? encoder.encode(key) : utf16(key);
    if (bytes.length > KEY_BYTES)
      throw poolError('TOO_LARGE', `${what} has ${bytes.length} bytes, at most ${KEY_BYTES} are possible`);
    this.memory.u8.set(bytes, start);
    return bytes.length;
  }

  /** @param {number} at @param {number} length @returns {string} */
  readKey(at, length) {
    const bytes = this.memory.copy(at, length);
    return bytes[0] === UTF8_NEVER ? fromUtf16(bytes) : decoder.decode(bytes);
  }

  /**
   * Encodes a value. Getters of the value may use the registry themselves, so it is copied into the store only afterwards (place).
   * @param {unknown} value
   * @returns {{ bytes: Uint8Array, type: number, aux: number }}
   */
  encode(value) {
    const codec = this.#codec;
    const length = codec.encode(value, this.#bytes, 0, this.#bytes.length);
    if (codec.type === TYPE.CHANNEL)
      throw poolError('NOT_SERIALIZABLE', 'a map holds data, not shared memory or ports');
    const bytes = length < 0 ? /** @type {Uint8Array} */ (codec.bytes) : this.#bytes.subarray(0, length);
    return { bytes, type: codec.type, aux: codec.aux };
  }

  /**
   * Copies an encoded value into the store, for one of the calls that take it.
   * @param {{ bytes: Uint8Array, type: number, aux: number }} encoded
   * @returns {number} its reference
   */
  place({ bytes, type, aux }) {
    const ref = this.exports.wp_shared_value_new(this.v, bytes.length, type, aux) >>> 0;
    if (!ref) {
      this.leave();
      throw poolError('REGISTRY_FULL', `the registry has no room for a value of ${bytes.length} bytes`);
    }
    this.memory.write(STORE_AT + ref + VALUE_HEADER, bytes);
    return ref;
  }

  /** A copy of a value that nobody takes away meanwhile. @param {number} ref @returns {unknown} */
  read(ref) {
    const { memory } = this;
    const at = STORE_AT + ref;
    memory.reach(at + VALUE_HEADER);
    const length = memory.u32[at >>> 2];
    const type = memory.u8[at + 4];
    memory.reach(at + VALUE_HEADER + length);
    if (type === TYPE.NUMBER) return memory.f64[(at + VALUE_HEADER) >>> 3];
    return this.#codec.decode(type, memory.u8[at + 5], memory.u8, at + VALUE_HEADER, length);
  }

  /** A word of the store. @param {number} ref */
  word(ref) {
    this.memory.reach(STORE_AT + ref + 4);
    return this.memory.u32[(STORE_AT + ref) >>> 2];
  }

  /** The first word of the scratch: what a call found. */
  get found() {
    return this.memory.u32[this.#scratch >>> 2];
  }
}

/** @returns {number} a visitor for this thread */
function claim() {
  const words = host.storeWords();
  for (let v = 0; v < host.VISITORS; v++) {
    const owner = Atomics.load(words, host.OWNERS + v);
    if (owner !== 0 && owner !== host.DEAD) continue;
    if (Atomics.compareExchange(words, host.OWNERS + v, owner, host.tag) === owner) return v;
  }
  throw poolError('REGISTRY_FULL', `${host.VISITORS} threads use the registry already`);
}

/** @param {number} [maxBytes] */
function offer(maxBytes) {
  try {
    return host.offer(maxBytes);
  } catch (cause) {
    throw poolError('NO_MEMORY', 'there is no address space for the shared registry', { cause });
  }
}

/** @param {string} text */
const isWellFormed = (text) => /** @type {any} */ (text).isWellFormed();

/** @param {string} text */
function utf16(text) {
  const bytes = new Uint8Array(1 + 2 * text.length);
  bytes[0] = UTF8_NEVER;
  for (let i = 0; i < text.length; i++) new DataView(bytes.buffer).setUint16(1 + 2 * i, text.charCodeAt(i), true);
  return bytes;
}

/** @param {Uint8Array} bytes */
function fromUtf16(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset + 1, bytes.length - 1);
  let text = '';
  for (let at = 0; at < view.byteLength; at += 2) text += String.fromCharCode(view.getUint16(at, true));
  return text;
}

/**
 * @param {number} status of a call: an error, or the number that it returns
 * @param {string} subject for the message
 * @returns {number}
 */
export function check(status, subject) {
  if (status >= 0) return status;
  const { code, text } = statusRow(status);
  throw poolError(code, `${subject}: ${text}`);
}

/** @type {RegistryCore | undefined} */
let core;

/** This thread's. */
export const theCore = () => (core ??= new RegistryCore());

/** @typedef {RegistryCore} Core */

/** How much memory the registry has taken so far, and how much it may take: bytes. Of what is taken a part may be free again. */
export function registryUsage() {
  const { exports } = theCore();
  const { maxBytes } = /** @type {import('../host/node/registry/memory.js').Offered} */ (host.offered());
  return { usedBytes: exports.wp_shared_used_bytes(), maxBytes };
}

/**
 * How large the registry may become. On main, before the first pool, and before anything is shared.
 * @param {{ maxBytes: number }} options 1 GiB unless it is set; 4 GiB are the most
 */
export function configureRegistry({ maxBytes }) {
  if (!host.onMain) throw poolError('INVALID_ARGUMENT', 'configureRegistry is for the main thread');
  if (host.offered()) throw poolError('INVALID_ARGUMENT', 'configureRegistry: the registry is there already');
  if (!(maxBytes >= 4 * 2 ** 20 && maxBytes <= 2 ** 32))
    throw poolError('INVALID_ARGUMENT', 'maxBytes: from 4 MiB to 4 GiB');
  offer(maxBytes);
}
