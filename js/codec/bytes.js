/** Copies of bytes, and which buffers may be copied as they are. */

const SMALL_COPY = 64;

/**
 * Copies bytes; short ones in a loop, because a view for set() costs more than they do.
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
 * @returns {Uint8Array<ArrayBuffer>} private copy; not Buffer's slice, which is a view
 */
export function privateCopy(u8, offset, length) {
  const copy = new Uint8Array(length);
  copyBytes(u8, offset, length, copy, 0);
  return copy;
}

/**
 * @param {ArrayBufferLike} buffer
 * @returns {boolean} whether its bytes can be taken as they are: not shared, not resizable
 */
export function isOrdinaryBuffer(buffer) {
  return buffer instanceof ArrayBuffer && Reflect.get(buffer, 'resizable') !== true;
}
