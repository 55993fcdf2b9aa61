/**
 * Type tags: what the bytes of a slot or box are. They are stored in shared memory, so their numbers
 * are part of the layout and never change. C knows those below 16, only JavaScript the others.
 */

/** Tag of a value in shared memory (one byte). */
export const TYPE = Object.freeze({
  UNDEFINED: 0,
  /** Raw bytes; arrives as Uint8Array. */
  BINARY: 1,
  /** UTF-8 text, no terminating zero. */
  STRING: 2,
  /** JSON as UTF-8 text. */
  JSON: 3,
  CBOR: 4,
  /** IEEE 754 double, 8 bytes, little-endian. */
  NUMBER: 5,
  NULL: 16,
  FALSE: 17,
  TRUE: 18,
  /** Text that UTF-8 cannot carry (lone surrogates): 16-bit units, little-endian. */
  STRING_UTF16: 19,
  ARRAY_BUFFER: 20,
  /** Raw bytes of a view; aux is its element kind, an index into VIEW_KINDS. */
  TYPED_ARRAY: 21,
  /** Bytes of the host's own structured-clone serializer. */
  HOST: 22,
  /** No bytes: the value travels by postMessage. */
  CHANNEL: 23,
  /** An error record; aux is the type tag of the bytes. */
  ERROR: 24,
  /** A deep value, laid out flat (js/values/deep.js), as HOST or, without a serializer, as CBOR. */
  DEEP: 25,
});

/** Element kinds of TYPED_ARRAY. The index is the aux byte, so the order never changes. */
export const VIEW_KINDS = Object.freeze([
  'DataView',
  'Int8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'Float16Array',
]);

/**
 * @callback WriteText
 * @param {string} text
 * @param {Uint8Array} u8
 * @param {number} offset
 * @param {number} capacity
 * @returns {number}
 */

/**
 * @typedef {object} Utf16
 * @property {(text: string) => boolean} isAscii
 * @property {(text: string) => Uint8Array} bytes its units, little-endian, in private memory
 * @property {(u8: Uint8Array, offset: number, length: number) => string} read text of such bytes in memory that may be shared
 */

/**
 * What a host offers to the codec. Everything is optional: a browser offers nothing.
 * @typedef {object} CodecHost
 * @property {(value: unknown) => Uint8Array | undefined} [serialize] bytes of the value as
 *   structured clone would copy it; undefined: bytes cannot express it; throws: it cannot be
 *   cloned at all
 * @property {(bytes: Uint8Array) => unknown} [deserialize] the inverse; `bytes` is private memory
 * @property {WriteText} [writeText] writes UTF-8 into memory that may be shared and returns the
 *   bytes written; there is room for all
 * @property {(text: string) => Uint8Array} [textBytes] UTF-8 of the text in private memory
 * @property {(u8: Uint8Array, offset: number, length: number) => string} [readText] text of UTF-8
 *   bytes in memory that may be shared; keeps a leading byte order mark
 * @property {Utf16} [utf16] bulk copies of text as its 16-bit units
 */
