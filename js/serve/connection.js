/** The end of a client's connection. */

/** What is to be told, by socket: one listener each, because many requests may follow one another on a connection. @type {WeakMap<import('node:net').Socket, Set<() => void>>} */
const waiting = new WeakMap();

/**
 * Tells when a connection has ended, also of a request whose response waits behind others and so has no socket yet.
 * @param {import('node:net').Socket} socket
 * @param {() => void} tell
 * @returns {() => void} it does not need to be told any more
 */
export function whenClosed(socket, tell) {
  if (socket.destroyed) queueMicrotask(tell); // while its request waited to be served
  let all = waiting.get(socket);
  if (!all) {
    const told = new Set();
    all = told;
    waiting.set(socket, told);
    socket.once('close', () => {
      for (const each of told) each();
    });
  }
  all.add(tell);
  return () => all.delete(tell);
}
