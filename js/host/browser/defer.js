/** Runs functions in a later turn of a browser's event loop, on main and in workers. */

/** @type {(() => void)[]} */
const deferred = [];
/** @type {MessagePort | undefined} created at the first use: in other runtimes an open port would keep the program alive */
let port;

/**
 * Uses a message to itself, because chained timers would wait 4 ms each.
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
