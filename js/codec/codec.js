/**
 * Values to bytes and back. A value travels between threads as a type tag, an aux byte and bytes in
 * shared memory, and arrives as structuredClone would deliver it. Layers, cheapest first: direct
 * types (numbers, text, binary), plain trees as CBOR, everything else by the host's serializer, and
 * what bytes cannot express (shared memory, ports, blobs) by postMessage: type CHANNEL.
 *
 * One deliberate difference from structuredClone: a view (typed array, DataView) that is itself the
 * value arrives with exactly its own bytes at byteOffset 0; structuredClone would copy the whole
 * buffer under it. Inside other values views keep their buffers, as there.
 *
 * A codec is used by one thread; its fields are valid until its next call. Getters, toJSON and Proxy traps
 * run while a value is encoded, and may encode another one: after them the codec resets its state.
 * Cost: about 20 ns and no allocation for numbers and short text; see bench/ for the rest.
 */

import { copyBytes, isOrdinaryBuffer } from './bytes.js';
import { Decoder } from './decoder.js';
import { cloneForMessage, flatten, isDeep, isOverflow } from '../values/deep.js';
import { carriedPart, encodeRecord, isError } from './errors.js';
import { notPlain, notSerializable } from './explain.js';
import { isSimple, isWellFormed } from './simple.js';
import { isWide, textBytes, tryWriteText, utf16Bytes } from './text.js';
import { TYPE, VIEW_KINDS } from './types.js';
import { describeReason, poolError, safeText } from '../base/errors.js';

export { TYPE };

/** @typedef {import('./types.js').CodecHost} CodecHost */
/** @typedef {'json' | 'string' | 'binary' | 'cbor'} Format */

const NUMBER_BYTES = 8;
/** @type {Uint8Array} */
const NOTHING = new Uint8Array(0);
/** With a host serializer, larger trees go there: checking them here costs more than CBOR saves. */
const MAX_NODES_BEFORE_HOST = 1024;
const MAX_NODES_ALONE = 1 << 24;

/** Whether any codec is encoding a plain tree: isSimple() and the CBOR library keep their state for all codecs together. */
let inTree = false;

const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype);
/** @type {(this: unknown) => string | undefined} */
const kindOfView = /** @type {any} */ (Object.getOwnPropertyDescriptor(typedArrayPrototype, Symbol.toStringTag)?.get);

/** Encoder and decoder of one thread. */
export class Codec extends Decoder {
  /** Type tag of the value encoded last. @type {number} */
  type = TYPE.UNDEFINED;

  /** Second tag byte: element kind of TYPED_ARRAY, inner type of ERROR, else 0. @type {number} */
  aux = 0;

  /**
   * The bytes when they did not fit inline. May be memory of the caller's value or of the codec:
   * copy them before anything else runs.
   * @type {Uint8Array | undefined}
   */
  bytes = undefined;

  /** For CHANNEL: a private clone of the value, to be sent by postMessage with `transfer`. @type {unknown} */
  channel = undefined;

  /** For CHANNEL: the clone's transferables. @type {import('../base/host-types.js').Transferable[]} */
  transfer = [];

  #maxNodes;
  #u8 = NOTHING;
  #offset = 0;
  #capacity = 0;
  #numberBytes = new Uint8Array(NUMBER_BYTES);
  #numberView = new DataView(this.#numberBytes.buffer);

  /** @param {CodecHost} [host] */
  constructor(host = {}) {
    super(host);
    this.#maxNodes = host.serialize ? MAX_NODES_BEFORE_HOST : MAX_NODES_ALONE;
  }

  /**
   * Encodes a value: sets type and aux, and writes the bytes to u8[offset …] if they fit.
   * @param {unknown} value
   * @param {Uint8Array} u8 target, may be shared memory
   * @param {number} offset
   * @param {number} capacity bytes that may be written
   * @returns {number} bytes written, or -1: they are in `bytes` (or, for CHANNEL, in `channel`)
   * @throws {import('../base/errors.js').PoolError} NOT_SERIALIZABLE
   */
  encode(value, u8, offset, capacity) {
    this.#begin(u8, offset, capacity);
    switch (typeof value) {
      case 'number':
        return this.#encodeNumber(value);
      case 'string':
        return this.#encodeText(value, isWide(this._host, value));
      case 'boolean':
        this.type = value ? TYPE.TRUE : TYPE.FALSE;
        return 0;
      case 'undefined':
        this.type = TYPE.UNDEFINED;
        return 0;
      case 'object':
        if (value !== null) return this.#encodeObject(value, u8, offset, capacity);
        this.type = TYPE.NULL;
        return 0;
      case 'bigint':
        return this.#encodeByHost(value, u8, offset, capacity);
      default:
        throw notSerializable(value);
    }
  }

  /**
   * Encodes a value together with objects that move instead of being copied. Always CHANNEL.
   * @param {unknown} value
   * @param {import('../base/host-types.js').Transferable[]} transfer
   * @throws {import('../base/errors.js').PoolError} NOT_SERIALIZABLE
   */
  encodeTransfer(value, transfer) {
    this.#begin(NOTHING, 0, 0);
    try {
      const clone = structuredClone({ value, transfer }, { transfer });
      this.#begin(NOTHING, 0, 0);
      this.type = TYPE.CHANNEL;
      this.channel = clone.value;
      this.transfer = clone.transfer;
    } catch (cause) {
      throw notSerializable(value, cause);
    }
  }

  /**
   * Encodes a value in a given format, for boxes and C tasks.
   * @param {Format} format
   * @param {unknown} value json: anything JSON takes; string: text; binary: view or ArrayBuffer;
   *   cbor: plain data
   * @param {Uint8Array} u8
   * @param {number} offset
   * @param {number} capacity
   * @returns {number} as encode()
   * @throws {import('../base/errors.js').PoolError} NOT_SERIALIZABLE, INVALID_ARGUMENT
   */
  encodeAs(format, value, u8, offset, capacity) {
    this.#begin(u8, offset, capacity);
    switch (format) {
      case 'json':
        return this.#encodeJson(value, u8, offset, capacity);
      case 'string': {
        if (typeof value !== 'string' || !isWellFormed(value)) throw notPlain(value, 'text must be well-formed');
        return this.#encodeText(value);
      }
      case 'binary': {
        const isBuffer = value instanceof ArrayBuffer;
        if (!isBuffer && !ArrayBuffer.isView(value)) throw notSerializable(value);
        this.type = TYPE.BINARY;
        const bytes = isBuffer
          ? new Uint8Array(value)
          : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
        return this.#put(bytes);
      }
      case 'cbor': {
        const length = this.#tryTree(value, [value], MAX_NODES_ALONE, u8, offset, capacity);
        if (length === undefined) throw notPlain(value, 'a leased result is plain data');
        return length;
      }
      default:
        throw poolError('INVALID_ARGUMENT', `format ${safeText(format)}`);
    }
  }

  /**
   * Encodes what a handler threw. An error keeps name, message, stack, code, cause and own
   * enumerable properties, except those that cannot be carried. Any other value travels as
   * itself; an object loses the properties that cannot be carried. Never throws.
   * @param {unknown} thrown
   * @param {Uint8Array} u8
   * @param {number} offset
   * @param {number} capacity
   * @returns {number} as encode()
   */
  encodeError(thrown, u8, offset, capacity) {
    /** @type {unknown} */
    let error = thrown;
    try {
      if (!isError(thrown)) {
        const length = this.#encodeThrown(thrown, u8, offset, capacity);
        if (length !== undefined) return length;
        const text = `${describeReason(thrown)} was thrown: ${notSerializable(thrown).message}`;
        error = poolError('NOT_SERIALIZABLE', text);
      }
      return encodeRecord(this, /** @type {Error} */ (error), u8, offset, capacity);
    } catch {
      const plain = new Error(safeText(error)); // reading the error threw: a Proxy, for example
      return encodeRecord(this, plain, u8, offset, capacity);
    }
  }

  /**
   * @param {unknown} thrown no error
   * @param {Uint8Array} u8
   * @param {number} offset
   * @param {number} capacity
   * @returns {number | undefined} undefined: bytes cannot carry it
   */
  #encodeThrown(thrown, u8, offset, capacity) {
    const carried = carriedPart(this, thrown);
    if (carried) return this.encode(carried.value, u8, offset, capacity);
    try {
      const length = this.#encodeByHost(thrown, u8, offset, capacity, true); // for Map and Set without a serializer
      return this.type === TYPE.DEEP ? length : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * Forgets the value encoded last and sets the target of the next.
   * @param {Uint8Array} u8
   * @param {number} offset
   * @param {number} capacity
   */
  #begin(u8, offset, capacity) {
    this.#u8 = u8;
    this.#offset = offset;
    this.#capacity = capacity;
    this.aux = 0;
    this.bytes = undefined;
    this.channel = undefined;
    if (this.transfer.length > 0) this.transfer = [];
  }

  /** @param {Uint8Array} bytes @returns {number} */
  #put(bytes) {
    if (bytes.length <= this.#capacity) {
      copyBytes(bytes, 0, bytes.length, this.#u8, this.#offset);
      return bytes.length;
    }
    this.bytes = bytes;
    return -1;
  }

  /** @param {number} value @returns {number} */
  #encodeNumber(value) {
    this.type = TYPE.NUMBER;
    this.#numberView.setFloat64(0, value, true);
    return this.#put(this.#numberBytes);
  }

  /** @param {string} text @param {boolean} [wide] @returns {number} */
  #encodeText(text, wide) {
    if (wide || !isWellFormed(text)) {
      this.type = TYPE.STRING_UTF16;
      return this.#put(utf16Bytes(this._host, text));
    }
    this.type = TYPE.STRING;
    const written = tryWriteText(this._host, text, this.#u8, this.#offset, this.#capacity);
    if (written >= 0) return written;
    return this.#put(textBytes(this._host, text));
  }

  /**
   * @param {unknown} value
   * @param {Uint8Array} u8
   * @param {number} offset
   * @param {number} capacity
   * @returns {number}
   */
  #encodeJson(value, u8, offset, capacity) {
    let text;
    try {
      text = JSON.stringify(value);
    } catch (cause) {
      throw notPlain(value, 'C tasks get JSON', cause);
    }
    if (text === undefined) throw notSerializable(value);
    this.#begin(u8, offset, capacity);
    this.type = TYPE.JSON;
    return this.#put(textBytes(this._host, text));
  }

  /**
   * @param {object} value
   * @param {Uint8Array} u8
   * @param {number} offset
   * @param {number} capacity
   * @returns {number}
   */
  #encodeObject(value, u8, offset, capacity) {
    if (ArrayBuffer.isView(value)) return this.#encodeView(value, u8, offset, capacity);
    const length = this.#tryTree(value, value, this.#maxNodes, u8, offset, capacity);
    if (length !== undefined) return length;
    if (value instanceof ArrayBuffer && isOrdinaryBuffer(value) && value.byteLength > 0) {
      this.type = TYPE.ARRAY_BUFFER;
      return this.#put(new Uint8Array(value));
    }
    return this.#encodeByHost(value, u8, offset, capacity);
  }

  /**
   * @param {ArrayBufferView} view
   * @param {Uint8Array} u8
   * @param {number} offset
   * @param {number} capacity
   * @returns {number}
   */
  #encodeView(view, u8, offset, capacity) {
    // Length 0 may mean a detached buffer, which structured clone refuses: take the full path.
    if (view.byteLength === 0 || !isOrdinaryBuffer(view.buffer)) {
      return this.#encodeByHost(view, u8, offset, capacity);
    }
    const name = kindOfView.call(view) ?? 'DataView';
    if (name === 'Uint8Array') {
      this.type = TYPE.BINARY;
      return this.#put(/** @type {Uint8Array} */ (view));
    }
    this.type = TYPE.TYPED_ARRAY;
    this.aux = VIEW_KINDS.indexOf(name);
    if (this.aux < 0) return this.#encodeByHost(view, u8, offset, capacity);
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    return this.#put(bytes);
  }

  /**
   * @param {unknown} value
   * @param {object} shown what isSimple() checks: the value, or an array around it
   * @param {number} maxNodes
   * @param {Uint8Array} u8
   * @param {number} offset
   * @param {number} capacity
   * @returns {number | undefined} undefined: the value is not a plain tree, or this call comes from inside the encoding of one
   */
  #tryTree(value, shown, maxNodes, u8, offset, capacity) {
    if (inTree) return undefined;
    const cbor = this._cbor;
    let length;
    inTree = true;
    try {
      if (!isSimple(shown, maxNodes)) return undefined;
      length = cbor.encode(value);
    } catch (cause) {
      throw notSerializable(value, cause); // a Proxy that showed a different value to the library
    } finally {
      inTree = false;
      this.#begin(u8, offset, capacity);
    }
    this.type = TYPE.CBOR;
    if (length > capacity) {
      this.bytes = cbor.take();
      return -1;
    }
    copyBytes(cbor.buffer, cbor.start, length, u8, offset);
    return length;
  }

  /**
   * @param {unknown} value
   * @param {Uint8Array} u8
   * @param {number} offset
   * @param {number} capacity
   * @param {boolean} [deep] whether to flatten the value first
   * @returns {number}
   */
  #encodeByHost(value, u8, offset, capacity, deep = isDeep(value)) {
    const { serialize } = this._host;
    let flat;
    let bytes;
    let clone;
    try {
      flat = deep ? flatten(value) : undefined;
      if (flat && !serialize) {
        const length = this.#tryTree(flat, [flat], MAX_NODES_ALONE, u8, offset, capacity);
        if (length !== undefined) this.type = TYPE.DEEP;
        if (length !== undefined) return length;
      }
      bytes = serialize?.(flat ?? value);
      if (bytes === undefined) clone = cloneForMessage(value, deep);
    } catch (cause) {
      if (!deep && isOverflow(cause)) return this.#encodeByHost(value, u8, offset, capacity, true);
      throw notSerializable(value, cause);
    }
    this.#begin(u8, offset, capacity);
    if (bytes === undefined) {
      this.channel = clone;
      this.type = TYPE.CHANNEL;
      return -1;
    }
    this.type = flat ? TYPE.DEEP : TYPE.HOST;
    return this.#put(bytes);
  }
}

/**
 * Makes the codec of a thread.
 * @param {CodecHost} [host] what js/host/ offers; nothing in browsers
 * @returns {Codec}
 */
export function createCodec(host) {
  return new Codec(host);
}
