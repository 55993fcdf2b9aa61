/** Messages as their receivers see them. */

/** @param {unknown} prototype */
const isPlain = (prototype) => prototype === Object.prototype || prototype === null;

/**
 * A message with its sender, read-only. Values that are no plain objects have no place for a sender.
 * @param {any} message the receiver's own copy
 * @param {string} from
 */
export function sealed(message, from) {
  if (message === null || typeof message !== 'object' || !isPlain(Object.getPrototypeOf(message))) return message;
  message.from = from;
  return Object.freeze(message);
}
