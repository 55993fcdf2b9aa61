/**
 * Small buffers in `transfer` travel as bytes in shared memory, like copied ones: a message of their own costs more than the copy. Their
 * sender sees no difference, because they are detached as well.
 */

/** A copy of so many bytes costs as much as a message. */
const SMALL_BYTES = 128 << 10;
const FEW = 8;

/**
 * @param {unknown} value
 * @param {readonly unknown[]} transfer
 * @returns {boolean} whether `transfer` consists of a few small ArrayBuffers, and `value` arrives as bytes just as it would by message
 */
export function moveAsBytes(value, transfer) {
  if (transfer.length > FEW || isPartOfBuffer(value)) return false;
  let bytes = 0;
  for (const item of transfer) {
    if (!(item instanceof ArrayBuffer) || /** @type {any} */ (item).resizable) return false;
    bytes += item.byteLength;
  }
  return bytes <= SMALL_BYTES;
}

/**
 * Whether the value is a view of part of its buffer. As bytes it would arrive without the rest (js/codec/codec.js); by message the whole
 * buffer arrives.
 * @param {unknown} value
 */
function isPartOfBuffer(value) {
  return ArrayBuffer.isView(value) && value.byteLength !== value.buffer.byteLength;
}

/**
 * Detaches the buffers, as transferring them would.
 * @param {readonly import('../base/host-types.js').Transferable[]} transfer
 * @throws {DataCloneError} if one cannot be transferred; then none is detached
 */
export function detach(transfer) {
  structuredClone(null, { transfer: [...transfer] });
}
