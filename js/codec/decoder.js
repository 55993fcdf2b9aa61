/** Bytes in shared memory back to values. See js/codec/codec.js for the types and for its users. */

import { describeReason, poolError } from '../base/errors.js';
import { privateCopy } from './bytes.js';
import { Cbor } from './cbor.js';
import { isOverflow, unflatten } from '../values/deep.js';
import { fromRecord } from './errors.js';
import { readText, readUtf16 } from './text.js';
import { TYPE, VIEW_KINDS } from './types.js';

const NUMBER_BYTES = 8;

/** @type {Record<number, string>} formats by tag, for messages */
const NAMES = {
  [TYPE.JSON]: 'JSON',
  [TYPE.CBOR]: 'CBOR',
  [TYPE.HOST]: 'structured clone',
  [TYPE.DEEP]: 'structured clone',
};

/** Decoder of one thread; the codec adds the other direction. */
export class Decoder {
  /** @protected @type {import('./types.js').CodecHost} */
  _host;
  /** @protected */
  _cbor = new Cbor();

  #numberBytes = new Uint8Array(NUMBER_BYTES);
  #numberView = new DataView(this.#numberBytes.buffer);

  /** @param {import('./types.js').CodecHost} host */
  constructor(host) {
    this._host = host;
  }

  /**
   * Decodes bytes. The result belongs to the caller; no part of it aliases u8.
   * @param {number} type
   * @param {number} aux
   * @param {Uint8Array} u8 source, may be shared memory
   * @param {number} offset
   * @param {number} length bytes
   * @param {{ view?: boolean }} [options] view: BINARY is not copied, the result aliases u8
   * @returns {unknown}
   * @throws {import('../base/errors.js').PoolError} NOT_SERIALIZABLE: the bytes do not fit the type
   */
  decode(type, aux, u8, offset, length, options) {
    switch (type) {
      case TYPE.NUMBER:
        for (let i = 0; i < NUMBER_BYTES; i++) {
          this.#numberBytes[i] = /** @type {number} */ (u8[offset + i]);
        }
        return this.#numberView.getFloat64(0, true);
      case TYPE.UNDEFINED:
        return undefined;
      case TYPE.NULL:
        return null;
      case TYPE.FALSE:
        return false;
      case TYPE.TRUE:
        return true;
      case TYPE.STRING:
        return readText(this._host, u8, offset, length);
      case TYPE.STRING_UTF16:
        return readUtf16(this._host, u8, offset, length);
      case TYPE.BINARY:
        return options?.view ? u8.subarray(offset, offset + length) : privateCopy(u8, offset, length);
      default:
        return this.#decodeRest(type, aux, u8, offset, length);
    }
  }

  /**
   * @param {number} type
   * @param {number} aux
   * @param {Uint8Array} u8
   * @param {number} offset
   * @param {number} length
   * @returns {unknown}
   */
  #decodeRest(type, aux, u8, offset, length) {
    try {
      switch (type) {
        case TYPE.CBOR:
          return this._cbor.decode(u8, offset, length);
        case TYPE.JSON:
          return JSON.parse(readText(this._host, u8, offset, length));
        case TYPE.ARRAY_BUFFER:
          return privateCopy(u8, offset, length).buffer;
        case TYPE.TYPED_ARRAY: {
          const make = Reflect.get(globalThis, VIEW_KINDS[aux] ?? '');
          return new make(privateCopy(u8, offset, length).buffer);
        }
        case TYPE.HOST:
          return this.#decodeByHost(u8, offset, length);
        case TYPE.DEEP: {
          const flat = this._host.deserialize
            ? this.#decodeByHost(u8, offset, length)
            : this._cbor.decode(u8, offset, length);
          return unflatten(/** @type {any} */ (flat));
        }
        case TYPE.ERROR:
          return fromRecord(/** @type {any} */ (this.decode(aux, 0, u8, offset, length)));
        default:
          throw new Error(`type ${type}`);
      }
    } catch (cause) {
      const name = NAMES[type] ?? `type ${type}`;
      let why = isOverflow(cause) ? "too many levels for this thread's stack" : describeReason(cause);
      // V8's serializer writes such an error, although its deserializer cannot read it.
      if (type === TYPE.HOST) why += '; an error whose causes lead back to it cannot be read';
      throw poolError('NOT_SERIALIZABLE', `${length} bytes of ${name} cannot be read: ${why}`, {
        cause,
      });
    }
  }

  /**
   * @param {Uint8Array} u8
   * @param {number} offset
   * @param {number} length
   */
  #decodeByHost(u8, offset, length) {
    if (!this._host.deserialize) throw new Error('this runtime has no serializer');
    return this._host.deserialize(privateCopy(u8, offset, length));
  }
}
