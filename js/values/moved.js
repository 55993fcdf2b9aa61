/**
 * Transferred buffers that are small travel as bytes in shared memory, as copied ones do: a message of their own costs more than the copy.
 * Whoever sent them sees no difference: they are detached all the same.
 */

/** What a message costs, a copy of so many bytes does. */
const SMALL_BYTES = 128 << 10;
const FEW = 8;

/**
 * @param {unknown} value
 * @param {readonly unknown[]} transfer
 * @returns {boolean} whether `transfer` is nothing but a few small ArrayBuffers, and bytes show `value` as a message would
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
 * A view that is itself the value comes with its own bytes only (js/codec/codec.js); one whose buffer moves brings all of it.
 * @param {unknown} value
 */
function isPartOfBuffer(value) {
  return ArrayBuffer.isView(value) && value.byteLength !== value.buffer.byteLength;
}

/**
 * Takes the buffers from this thread, as transferring them does.
 * @param {readonly import('../base/host-types.js').Transferable[]} transfer
 * @throws {DataCloneError} what cannot be transferred; then none of them is
 */
export function detach(transfer) {
  structuredClone(null, { transfer: [...transfer] });
}
