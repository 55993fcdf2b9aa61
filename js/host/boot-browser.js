/** Entry file of a worker in a browser. Loaded anywhere else it does nothing. */
import { boot } from '../worker/boot.js';
import { defer } from './defer-browser.js';
import { time } from './time-browser.js';

const scope = /** @type {any} */ (globalThis);

if (typeof scope.WorkerGlobalScope === 'function' && scope.name?.startsWith('em-pthread')) {
  boot({
    post: (message, transfer) => scope.postMessage(message, transfer ?? []),
    listen: (onMessage) =>
      scope.addEventListener('message', (/** @type {MessageEvent} */ event) => {
        // Held for the worker's life: how main learns of its death (js/host/browser.js).
        if (event.data?.kind === 'lock') void navigator.locks.request(event.data.name, () => new Promise(() => {}));
        else onMessage(event.data);
      }),
    clockOffsetMs: () => performance.timeOrigin,
    time,
    defer,
    codec: {},
  });
}
