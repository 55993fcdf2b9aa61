/** `ctx.fmt`: values to bytes and back. CBOR comes from a library that is loaded at its first use. */
import { poolError } from '../../base/errors.js';
import { encoderClass } from '../../entry/cbor-encoder.js';

/** Arrays of numbers, by name. */
const ARRAYS = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
  f32: Float32Array,
  f64: Float64Array,
};

const ENCODER = new TextEncoder();

/**
 * Reads text. A TextDecoder refuses shared memory, so the bytes are copied.
 * @param {Uint8Array} bytes
 * @param {boolean} [fatal] throw for bytes that are not UTF-8
 */
const textOf = (bytes, fatal = false) => new TextDecoder('utf-8', { fatal, ignoreBOM: true }).decode(bytes.slice());

/** JSON as UTF-8. */
const json = {
  /** @param {unknown} value @returns {Uint8Array} */
  encode: (value) => {
    const text = JSON.stringify(value);
    if (text === undefined) throw poolError('NOT_SERIALIZABLE', `JSON has no form for ${typeof value}`);
    return ENCODER.encode(text);
  },
  /** @param {Uint8Array} bytes @returns {any} */
  decode: (bytes) => JSON.parse(textOf(bytes)),
};

/** Text as UTF-8. */
const string = {
  /** @param {string} text @returns {Uint8Array} */
  encode: (text) => ENCODER.encode(text),
  /** @param {Uint8Array} bytes */
  decode: (bytes) => textOf(bytes),
};

/** @type {InstanceType<ReturnType<typeof encoderClass>> | undefined} */
let library;

/** Plain CBOR: no records, bytes without a tag; maps whose keys are texts become objects. */
const OPTIONS = {
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  tagUint8Array: false,
  copyBuffers: true,
};
const cborLibrary = () => (library ??= new (encoderClass())(OPTIONS));

/** CBOR, RFC 8949. */
const cbor = {
  /** @param {unknown} value @returns {Uint8Array} */
  encode: (value) => new Uint8Array(cborLibrary().encode(value)), // a copy: the library reuses its buffer
  /** @param {Uint8Array} bytes @returns {any} */
  decode: (bytes) => cborLibrary().decode(bytes.slice()),
};

/**
 * Bytes of a value: bytes pass through, a string becomes UTF-8, everything else JSON.
 * @param {unknown} value
 * @returns {Uint8Array}
 */
function encode(value) {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return typeof value === 'string' ? ENCODER.encode(value) : json.encode(value);
}

/**
 * The value of bytes: JSON if they are JSON, else text.
 * @param {Uint8Array} bytes
 * @returns {any}
 */
function decode(bytes) {
  const text = textOf(bytes);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * Functions that make arrays of zeros, by name.
 * @type {{ readonly [N in keyof typeof ARRAYS]: (length: number) => InstanceType<typeof ARRAYS[N]> }}
 */
const arrays = /** @type {any} */ (
  Object.fromEntries(Object.entries(ARRAYS).map(([name, type]) => [name, (/** @type {number} */ n) => new type(n)]))
);

/** What `ctx.fmt` offers. `alloc(bytes)` makes zeros; `alloc.f64(length)`, or `f64(length)`, an array of numbers. */
export const fmt = Object.freeze({
  alloc: Object.freeze(Object.assign((/** @type {number} */ bytes) => new Uint8Array(bytes), arrays)),
  ...arrays,
  from: encode,
  encode,
  decode,
  json,
  string,
  cbor,
});
