/** How a value goes to readers other than JavaScript handlers, and by message. */

/**
 * The value that the codec has just encoded, as its reader would get it, to be sent by message.
 * @param {import('../codec/codec.js').Codec} codec
 * @param {Uint8Array} bytes
 * @returns {{ value: unknown, transfer: import('../base/host-types.js').Transferable[] }}
 */
export function asMessage(codec, bytes) {
  const value = codec.decode(codec.type, codec.aux, bytes, 0, bytes.length);
  return { value, transfer: ArrayBuffer.isView(value) ? [/** @type {ArrayBuffer} */ (value.buffer)] : [] };
}

/**
 * The format of a value for readers other than JavaScript handlers: C tasks, and leases.
 * @param {unknown} value
 * @returns {'string' | 'binary' | 'tree'}
 */
export function formatOf(value) {
  if (typeof value === 'string') return 'string';
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer ? 'binary' : 'tree';
}
