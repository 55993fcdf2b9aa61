/**
 * The CBOR library (cbor-x) behind two calls that do not allocate for small values. Only for values
 * that isSimple() accepts; decoding takes any CBOR, because C tasks write it too.
 */

import { Encoder } from '../dist/cbor.js'; // scripts/bundle-worker.mjs
import { copyBytes, privateCopy } from './bytes.js';

const STAGING_BYTES = 4096;
/** A buffer that has grown beyond this is dropped after use. */
const KEPT_BUFFER_BYTES = 1 << 20;
const FIRST_BUFFER_BYTES = 8192;
/** cbor-x: return the buffer with .start and .end instead of a view, and rewind it afterwards. */
const REUSE_AND_RESET = 512 | 1024;

/** @typedef {Uint8Array & { start: number, end: number }} Encoded */

/**
 * The part of cbor-x that is used here; its own types do not declare all of it.
 * @typedef {object} Library
 * @property {(value: unknown, options: number) => Encoded} encode
 * @property {(bytes: Uint8Array, end?: number) => unknown} decode
 * @property {(buffer: Uint8Array) => void} useBuffer
 */

/** @returns {Uint8Array} a new buffer for the library, which in Node calls Buffer's methods on it */
function freshBuffer() {
  /** @type {{ allocUnsafeSlow(size: number): Uint8Array } | undefined} */
  const buffers = Reflect.get(globalThis, 'Buffer');
  return buffers ? buffers.allocUnsafeSlow(FIRST_BUFFER_BYTES) : new Uint8Array(FIRST_BUFFER_BYTES);
}

/** CBOR encoder and decoder of one thread. */
export class Cbor {
  /**
   * The value encoded last is buffer[start … end), valid until the library is used again.
   * @type {Uint8Array}
   */
  buffer = new Uint8Array(0);
  start = 0;
  end = 0;

  /** @type {Library | undefined} */
  #library;
  #staging = new Uint8Array(STAGING_BYTES);

  /** Creates the encoder at its first use: workers start without it (scripts/bundle-worker.mjs). */
  #load() {
    // copyBuffers: byte strings (from C tasks) must not alias the staging buffer.
    const encoder = new Encoder({ useRecords: false, mapsAsObjects: true, copyBuffers: true });
    return (this.#library = /** @type {Library} */ (/** @type {unknown} */ (encoder)));
  }

  /**
   * @param {unknown} value a simple one
   * @returns {number} bytes
   */
  encode(value) {
    const library = this.#library ?? this.#load();
    const buffer = library.encode(value, REUSE_AND_RESET);
    this.buffer = buffer;
    this.start = buffer.start;
    this.end = buffer.end;
    if (buffer.length > KEPT_BUFFER_BYTES) library.useBuffer(freshBuffer());
    return this.end - this.start;
  }

  /** @returns {Uint8Array} the bytes encoded last, as a view that the codec owns from now on */
  take() {
    const bytes = this.buffer.subarray(this.start, this.end);
    this.buffer = this.#staging;
    return bytes;
  }

  /**
   * @param {Uint8Array} u8 may be shared memory
   * @param {number} offset
   * @param {number} length
   * @returns {unknown}
   */
  decode(u8, offset, length) {
    const library = this.#library ?? this.#load();
    if (length > STAGING_BYTES) return library.decode(privateCopy(u8, offset, length));
    copyBytes(u8, offset, length, this.#staging, 0);
    return library.decode(this.#staging, length);
  }
}
