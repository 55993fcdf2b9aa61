/** Entry file of a worker in a browser. On a page it does nothing. */
import { own } from '../base/own.js';
import { boot } from '../worker/boot.js';
import { defer } from '../host/browser/defer.js';
import { time } from '../host/browser/time.js';
import { ownGlue } from './own-glue.js';

const scope = /** @type {any} */ (globalThis);

if (typeof scope.WorkerGlobalScope === 'function') scope.addEventListener('message', awaitPort);

/**
 * The first message brings the pool's port, and the name of a Web Lock that the worker holds for its life, so that main learns of its
 * death (js/host/browser/index.js).
 * @param {MessageEvent} event
 */
function awaitPort(event) {
  if (event.data?.kind !== 'wasmpool') return;
  scope.removeEventListener('message', awaitPort);
  event.stopImmediatePropagation();
  const { port, lock } = event.data;
  void navigator.locks.request(lock, () => new Promise(() => {}));
  boot({
    post: (message, transfer) => port.postMessage(message, transfer ?? []),
    listen: (onMessage) => (port.onmessage = (/** @type {MessageEvent} */ { data }) => onMessage(data)),
    clockOffsetMs: () => performance.timeOrigin,
    time,
    defer,
    codec: {},
    importModule: (url) => import(/* @vite-ignore */ /* webpackIgnore: true */ url),
    ownGlue,
    loadIsolated: () => import('../handlers/isolated.js'),
    disguise,
  });
  port.postMessage({ kind: 'ready' });
}

/**
 * The glue recognises a thread by its name, and posts to main; both are replaced while it starts.
 * @returns {() => void} restores them
 */
function disguise() {
  const shown = { name: `em-pthread ${scope.name}`, postMessage: () => undefined };
  const kept = Object.keys(shown).map((key) => ({ key, before: Reflect.getOwnPropertyDescriptor(scope, key) }));
  for (const [key, value] of Object.entries(shown))
    Object.defineProperty(scope, key, own({ value, configurable: true, writable: true }));
  return () => {
    for (const { key, before } of kept) {
      delete scope[key];
      if (before) Object.defineProperty(scope, key, own(before));
    }
  };
}
