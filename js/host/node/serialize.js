/**
 * The host's functions for the codec on Node, Deno and Bun: the engine's own structured-clone
 * serializer through node:v8, and text in shared memory through Buffer's methods.
 */

import { Buffer } from 'node:buffer';
import v8 from 'node:v8';

/**
 * How far to search for objects that V8 drops. Modules are usually near the top of a value; a full
 * search of large values would cost more than serializing them. A deeper one fails at the reader.
 */
const MAX_NODES_V8 = 256;
/** How far to search in Bun, where shared memory that is missed arrives as a copy. */
const MAX_NODES_BUN = 10_000;

/** Thrown inside the serializer for objects that can be cloned, but not as bytes. One object, because creating errors is slow. */
const needsChannel = new Error('only a message can carry this');

/** @type {ReturnType<typeof cloneSerializer> | undefined} created at the first use, so that workers start without it */
let CloneSerializer;

/** A serializer that treats views as structured clone does: views of one buffer still share it afterwards. */
function cloneSerializer() {
  return class extends v8.Serializer {
    constructor() {
      super();
      /** @type {any} */ (this)._setTreatArrayBufferViewsAsHostObjects(false);
    }

    _writeHostObject() {
      throw needsChannel;
    }

    _getSharedArrayBufferId() {
      throw needsChannel;
    }
  };
}

/**
 * @param {object} value
 * @param {number} limit
 * @returns {Iterable<unknown>} the first parts, up to `limit`; accessors are skipped, not called
 */
function* contents(value, limit) {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return;
  let left = limit;
  if (value instanceof Map) {
    for (const pair of value) {
      if (--left < 0) return;
      yield* pair;
    }
  } else if (value instanceof Set) {
    for (const item of value) {
      if (--left < 0) return;
      yield item;
    }
  }
  const isLong = Array.isArray(value) && value.length > limit;
  const keys = isLong ? Array.from({ length: limit }, (_, i) => i) : Object.keys(value);
  for (const key of keys) {
    if (--left < 0) return;
    yield Object.getOwnPropertyDescriptor(value, key)?.value;
  }
}

/**
 * Searches, breadth first, for objects that the serializer drops or copies instead of refusing them.
 * @param {unknown} root
 * @param {number} maxNodes search no further than this many properties and elements
 * @param {(value: object) => boolean} isWanted
 * @returns {boolean}
 */
function contains(root, maxNodes, isWanted) {
  const todo = new Set([root]);
  let left = maxNodes;
  for (const value of todo) {
    if (typeof value !== 'object' || value === null) continue;
    if (isWanted(value)) return true;
    if (left <= 0) continue;
    for (const item of contents(value, left)) {
      left--;
      if (typeof item === 'object' && item !== null) todo.add(item);
    }
  }
  return false;
}

/**
 * Objects that V8 cannot write as bytes: for a WebAssembly.Module it writes nothing, without an error; shared memory needs a message.
 * @param {object} value
 * @returns {boolean}
 */
function isNoBytesV8(value) {
  const memory = ArrayBuffer.isView(value) ? value.buffer : value;
  return memory instanceof SharedArrayBuffer || value instanceof WebAssembly.Module;
}

/**
 * @param {object} value
 * @returns {boolean} whether the value shares memory or lives outside the JavaScript heap
 */
function isHostOwned(value) {
  const memory = ArrayBuffer.isView(value) ? value.buffer : value;
  return memory instanceof SharedArrayBuffer || value instanceof Blob;
}

/**
 * @param {unknown} value
 * @returns {Uint8Array | undefined}
 */
function serializeV8(value) {
  if (contains(value, MAX_NODES_V8, isNoBytesV8)) return undefined;
  CloneSerializer ??= cloneSerializer();
  const serializer = new CloneSerializer();
  serializer.writeHeader();
  try {
    if (serializer.writeValue(value) === false) return undefined;
  } catch (error) {
    if (error === needsChannel) return undefined;
    throw error;
  }
  return serializer.releaseBuffer();
}

/**
 * @param {Uint8Array} bytes
 * @returns {unknown}
 */
function deserializeV8(bytes) {
  const deserializer = new v8.Deserializer(bytes);
  deserializer.readHeader();
  return deserializer.readValue();
}

/**
 * Bun: node:v8 has no Serializer class there, but its serialize() follows structured clone, except
 * that it copies shared memory.
 * @param {unknown} value
 * @returns {Uint8Array | undefined}
 */
function serializeBun(value) {
  if (contains(value, MAX_NODES_BUN, isHostOwned)) return undefined;
  try {
    return v8.serialize(value);
  } catch {
    return undefined; // structuredClone decides, and gives the reason
  }
}

/**
 * Tries a pair of functions on a value that shows whether views keep sharing one buffer.
 * @param {(value: unknown) => Uint8Array | undefined} serialize
 * @param {(bytes: Uint8Array) => unknown} deserialize
 * @returns {boolean}
 */
function works(serialize, deserialize) {
  try {
    const buffer = new ArrayBuffer(2);
    const bytes = serialize([new Uint8Array(buffer, 1), buffer]);
    if (!bytes) return false;
    const [view, copy] = /** @type {[Uint8Array, ArrayBuffer]} */ (deserialize(Uint8Array.from(bytes)));
    return view.buffer === copy && view.byteOffset === 1 && !Buffer.isBuffer(view);
  } catch {
    return false;
  }
}

/**
 * @returns {Pick<import('../../codec/types.js').CodecHost, 'writeText' | 'readText' | 'textBytes' | 'utf16'>}
 */
function textFunctions() {
  const write = Reflect.get(Buffer.prototype, 'utf8Write');
  const slice = Reflect.get(Buffer.prototype, 'utf8Slice');
  try {
    const probe = new Uint8Array(new SharedArrayBuffer(8));
    const text = '\ufeffé';
    if (write.call(probe, text, 1, 7) !== 5 || slice.call(probe, 1, 6) !== text) return {};
  } catch {
    return {};
  }
  return {
    writeText: (text, u8, offset, capacity) => write.call(u8, text, offset, capacity),
    readText: (u8, offset, length) => slice.call(u8, offset, offset + length),
    textBytes: (text) => Buffer.from(text, 'utf8'),
    utf16: utf16Functions(),
  };
}

/** @returns {import('../../codec/types.js').CodecHost['utf16']} undefined: this runtime's functions do not work right */
function utf16Functions() {
  const slice = Reflect.get(Buffer.prototype, 'ucs2Slice');
  const bytes = (/** @type {string} */ text) => Buffer.from(text, 'utf16le');
  const read = (/** @type {Uint8Array} */ u8, /** @type {number} */ offset, /** @type {number} */ length) =>
    slice.call(u8, offset, offset + length);
  try {
    const probe = new Uint8Array(new SharedArrayBuffer(16));
    const text = '\ufeff\ud800é';
    probe.set(bytes(text), 3);
    if (read(probe, 3, 6) !== text) return undefined;
  } catch {
    return undefined;
  }
  return { isAscii: (text) => Buffer.byteLength(text) === text.length, bytes, read };
}

/** The pair of functions that works in this runtime, if there is one. */
function findSerializer() {
  if (works(serializeV8, deserializeV8)) return { serialize: serializeV8, deserialize: deserializeV8 };
  const deserialize = (/** @type {Uint8Array} */ bytes) => v8.deserialize(bytes);
  return works(serializeBun, deserialize) ? { serialize: serializeBun, deserialize } : undefined;
}

/**
 * Makes the host's functions for the codec, without those that do not work in this runtime.
 * @returns {import('../../codec/types.js').CodecHost}
 */
export function createSerializer() {
  return { ...textFunctions(), ...findSerializer() };
}

/**
 * The same for a runtime that is known to have a serializer, which is chosen at the first use.
 * @returns {import('../../codec/types.js').CodecHost}
 */
export function createLateSerializer() {
  /** @type {ReturnType<typeof findSerializer>} */
  let found;
  const find = () => (found ??= /** @type {NonNullable<typeof found>} */ (findSerializer()));
  return {
    ...textFunctions(),
    serialize: (value) => find().serialize(value),
    deserialize: (bytes) => find().deserialize(bytes),
  };
}
