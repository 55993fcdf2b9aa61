/** Messages as their receivers see them. */

/** @param {unknown} prototype */
const isPlain = (prototype) => prototype === Object.prototype || prototype === null;

/**
 * A message with its sender, read-only. Values that are no plain objects have no place for a sender.
 * @param {any} message the receiver's own copy
 * @param {string} from
 * @param {import('./mailbox.js').BoxHandle} [handle] of the box that the sender hands over with it
 */
export function sealed(message, from, handle) {
  if (message === null || typeof message !== 'object' || !isPlain(Object.getPrototypeOf(message))) return message;
  message.from = from;
  const box = handle ?? handleIn(message.data);
  if (box) message.handle = box;
  return Object.freeze(message);
}

/**
 * The handle that a message carries, itself or in its data.
 * @param {any} message
 * @returns {import('./mailbox.js').BoxHandle | undefined}
 */
export function handleOf(message) {
  return handleIn(message) ?? handleIn(message?.data);
}

/**
 * The handle that a message carries in its data, as `self.send('result', { handle })` makes one.
 * @param {any} data
 * @returns {import('./mailbox.js').BoxHandle | undefined}
 */
function handleIn(data) {
  const handle = data?.handle;
  return Number.isInteger(handle?.boxIndex) && Number.isInteger(handle?.epoch) ? handle : undefined;
}
