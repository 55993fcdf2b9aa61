/** Copies of bytes, and which buffers may be copied as they are. */

/** Up to this length a loop is faster than set(), which needs a view of the source. */
const SMALL_COPY = 64;

/**
 * Copies bytes.
 * @param {Uint8Array} from
 * @param {number} start
 * @param {number} length
 * @param {Uint8Array} to
 * @param {number} offset
 */
export function copyBytes(from, start, length, to, offset) {
  if (length <= SMALL_COPY) {
    for (let i = 0; i < length; i++) to[offset + i] = /** @type {number} */ (from[start + i]);
    return;
  }
  const isWhole = start === 0 && length === from.length;
  to.set(isWhole ? from : from.subarray(start, start + length), offset);
}

/**
 * @param {Uint8Array} u8 may be shared memory
 * @param {number} offset
 * @param {number} length
 * @returns {Uint8Array<ArrayBuffer>} a private copy (Buffer's slice would be a view)
 */
export function privateCopy(u8, offset, length) {
  const copy = new Uint8Array(length);
  copyBytes(u8, offset, length, copy, 0);
  return copy;
}

/**
 * @param {ArrayBufferLike} buffer
 * @returns {boolean} whether its bytes can be copied as they are: it is neither shared nor resizable
 */
export function isOrdinaryBuffer(buffer) {
  return buffer instanceof ArrayBuffer && Reflect.get(buffer, 'resizable') !== true;
}
