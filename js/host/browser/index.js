/** Browsers: module workers. */
import { own } from '../../base/own.js';
import { bootUrl } from './boot-url.js';
import { defer } from './defer.js';
import { fetchBytes } from '../fetch.js';
import { time } from './time.js';

/** @typedef {import('../index.js').Host} Host */

const isolated = globalThis.crossOriginIsolated === true;

/** @type {Host} */
export const host = {
  name: 'browser',
  version: globalThis.navigator?.userAgent ?? '',
  // Browsers do not report the end of a worker: docs/decisions/0007-capabilities.md
  caps: Object.freeze({
    threads: typeof Worker === 'function',
    sharedMemory: isolated,
    killJs: true,
    killWasm: true,
    confirmedDeath: false,
  }),
  stopIsSure: true,
  wasmEngine: engineOf(globalThis.navigator?.userAgent ?? ''),
  bootUrl,
  threadOptions: [],
  sharesEnv: false,
  takeOutput: () => undefined, // the console shows what workers print
  createThread,
  clockOffsetMs: () => performance.timeOrigin,
  time,
  defer,
  bind: (callback) => callback,
  warn: (text, detail) => console.warn(`wasmpool: ${text}${detail ? `\n${detail}` : ''}`),
  hardwareConcurrency: () => globalThis.navigator?.hardwareConcurrency ?? 0,
  environment: () => undefined,
  read: fetchBytes,
  resolve: (specifier) => new URL(specifier, globalThis.location?.href).href,
  codec: {},
};

/**
 * The engine, by the browser's name; there is no other way. A wrong answer costs speed or, in WebKit, may leave a loop that cannot be
 * stopped.
 * @param {string} agent
 */
function engineOf(agent) {
  if (/Chrom(e|ium)\//.test(agent)) return 'v8';
  if (/Firefox\//.test(agent)) return 'spidermonkey';
  return /AppleWebKit\//.test(agent) ? 'jsc' : 'generic';
}

/**
 * Browsers do not tell a page why a worker was not started.
 * @param {URL} url its start file
 */
function failedStart({ protocol }) {
  const hint = protocol === 'blob:' ? ': if the page forbids workers from blob: URLs, see the option workerUrl' : '';
  return `the worker failed to start${hint}`;
}

/**
 * The worker holds a Web Lock for its life. When main is granted the lock, the thread is dead: browsers give no other sign (it is never
 * early; in Chromium seconds late).
 * @type {Host['createThread']}
 */
function createThread(url, threadName, events) {
  const worker = new Worker(url, own({ type: /** @type {const} */ ('module'), name: threadName }));
  const lock = `wasmpool-${threadName}-${crypto.randomUUID()}`;
  const { port1: port, port2 } = new MessageChannel();
  port.onmessage = (event) => events.onMessage(event.data);
  port.onmessageerror = () => events.onError(new Error('a message could not be read'));
  worker.onmessage = (event) => events.onUserMessage(event.data);
  worker.onerror = (event) => {
    event.preventDefault();
    events.onError(event.error instanceof Error ? event.error : new Error(event.message || failedStart(url)));
  };
  worker.postMessage({ kind: 'wasmpool', port: port2, lock }, [port2]);
  return {
    name: threadName,
    threadId: undefined,
    post: (message, transfer) => port.postMessage(message, /** @type {Transferable[]} */ (transfer ?? [])),
    postToUser: (message, transfer) => worker.postMessage(message, /** @type {Transferable[]} */ (transfer ?? [])),
    stop: async () => {
      worker.terminate();
      await navigator.locks.request(lock, () => undefined);
      port.close();
    },
    hold: () => undefined,
  };
}
