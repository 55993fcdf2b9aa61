/** The pool's part of a worker thread on Node, Deno and Bun. */
import { syncBuiltinESMExports } from 'node:module';
import threads from 'node:worker_threads';
import { clockOffsetMs } from '../host/node/clock.js';
import { sendOutput } from '../host/node/output-worker.js';
import { ownGlue } from './own-glue.js';
import { createLateSerializer, createSerializer } from '../host/node/serialize.js';
import { defer, time } from '../host/node/time.js';
import { own } from '../base/own.js';
import { boot } from '../worker/boot.js';

const { parentPort, receiveMessageOnPort } = threads;

const isNode = !('bun' in process.versions || 'deno' in process.versions);
/** What the glue may add to, and does not take back. */
const PROCESS_EVENTS = ['uncaughtException', 'unhandledRejection'];
/** When main is given this worker's code for later ones: it takes a millisecond, and by then the first rush is over. */
const CODE_AFTER_MS = 200;

/**
 * @param {import('../host/node/index.js').First} first
 * @param {(url: string) => Promise<any>} importModule
 * @param {() => [code: Uint8Array, source: Uint8Array]} [makeCode] gives what the engine has compiled so far, and from what; undefined:
 *   nobody wants it
 */
export function start({ port, output }, importModule, makeCode) {
  sendOutput(output);
  port.once('close', () => process.exit()); // main would never hear of this thread again
  if (makeCode) time.setTimeout(() => sendCode(port, ...makeCode()), CODE_AFTER_MS);
  boot({
    post: (message, transfer) =>
      port.postMessage(message, /** @type {import('node:worker_threads').Transferable[] | undefined} */ (transfer)),
    listen: (onMessage) => port.on('message', onMessage),
    take: () => receiveMessageOnPort(port)?.message,
    clockOffsetMs,
    time,
    defer,
    codec: isNode ? createLateSerializer() : createSerializer(),
    importModule,
    ownGlue,
    disguise,
    heapMeter: async () => {
      const { getHeapStatistics } = await importModule('node:v8'); // few need it, and loading it takes part of a millisecond
      return () => getHeapStatistics().used_heap_size;
    },
    write: (fd, text) => void process[fd === 1 ? 'stdout' : 'stderr'].write(text),
  });
}

/**
 * @param {import('node:worker_threads').MessagePort} port
 * @param {Uint8Array} code
 * @param {Uint8Array} source
 */
function sendCode(port, code, source) {
  port.postMessage(own({ kind: 'code', code: shared(code), source: shared(source) }));
}

/** @param {Uint8Array} bytes */
function shared(bytes) {
  const copy = new SharedArrayBuffer(bytes.length);
  new Uint8Array(copy).set(bytes);
  return copy;
}

/**
 * The glue knows a thread by its workerData, listens at its parentPort and posts there.
 * @returns {() => void} the way back
 */
function disguise() {
  const { workerData } = threads;
  const listeners = PROCESS_EVENTS.map((event) => process.rawListeners(event));
  show('em-pthread', { on: () => undefined, postMessage: () => undefined });
  return () => {
    show(workerData, parentPort);
    PROCESS_EVENTS.forEach((event, i) => {
      for (const listener of process.rawListeners(event))
        if (!listeners[i].includes(listener)) process.removeListener(event, /** @type {any} */ (listener));
    });
  };
}

/**
 * @param {unknown} workerData
 * @param {unknown} port
 */
function show(workerData, port) {
  Object.assign(threads, { workerData, parentPort: port });
  syncBuiltinESMExports();
}
