/** A later turn of a browser's event loop, on main and in workers alike. */

/** @type {(() => void)[]} */
const deferred = [];
/** @type {MessagePort | undefined} made when it is needed: elsewhere an open port would keep the program alive */
let port;

/**
 * By a message to oneself: chained timers would wait 4 ms each.
 * @param {() => void} run
 */
export function defer(run) {
  deferred.push(run);
  port ??= open();
  port.postMessage(0);
}

function open() {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => deferred.shift()?.();
  return port2;
}
