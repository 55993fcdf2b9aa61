/** Entry file of a worker in a browser. Loaded anywhere else it does nothing. */
import { boot } from '../worker/boot.js';

const scope = /** @type {any} */ (globalThis);

if (typeof scope.WorkerGlobalScope === 'function' && scope.name?.startsWith('em-pthread')) {
  const channel = new MessageChannel();
  /** @type {(() => void)[]} */
  const deferred = [];
  channel.port1.onmessage = () => deferred.shift()?.();
  boot({
    post: (message, transfer) => scope.postMessage(message, transfer ?? []),
    listen: (onMessage) =>
      scope.addEventListener('message', (/** @type {MessageEvent} */ event) => {
        // Held for the worker's life: how main learns of its death (js/host/browser.js).
        if (event.data?.kind === 'lock') void navigator.locks.request(event.data.name, () => new Promise(() => {}));
        else onMessage(event.data);
      }),
    clockOffsetMs: () => performance.timeOrigin,
    defer: (run) => {
      deferred.push(run);
      channel.port2.postMessage(0);
    },
    codec: {},
  });
}
