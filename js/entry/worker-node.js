/** The pool's part of a worker thread on Node, Deno and Bun. */
import { syncBuiltinESMExports } from 'node:module';
import threads from 'node:worker_threads';
import { clockOffsetMs } from '../host/node/clock.js';
import { sendOutput } from '../host/node/output-worker.js';
import { ownGlue } from './own-glue.js';
import { createLateSerializer, createSerializer } from '../host/node/serialize.js';
import { defer, time } from '../host/node/time.js';
import { own } from '../base/own.js';
import { STATUS } from '../generated/status.js';
import { callFromC } from '../registry/c-tasks.js';
import { boot } from '../worker/boot.js';

const { parentPort, receiveMessageOnPort } = threads;

const isNode = !('bun' in process.versions || 'deno' in process.versions);
/** Events to which the glue may add listeners that it does not remove. */
const PROCESS_EVENTS = ['uncaughtException', 'unhandledRejection'];
/** When the worker sends main its compiled code for later workers. Making it takes a millisecond; by then the start-up work is over. */
const CODE_AFTER_MS = 200;

/**
 * @param {import('../host/node/index.js').First} first
 * @param {(url: string) => Promise<any>} importModule
 * @param {() => [code: Uint8Array, source: Uint8Array]} [makeCode] returns the code that the engine has compiled so far, and its source;
 *   undefined: main does not need it
 * @param {number} [tid] this thread's number in the system
 */
export function start({ port, output }, importModule, makeCode, tid) {
  sendOutput(output);
  port.once('close', () => process.exit()); // without the port main would never hear of this thread again
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
    tid,
    shared: callShared,
    loadIsolated: () => import('../handlers/isolated.js'),
    heapMeter: async () => {
      const { getHeapStatistics } = await importModule('node:v8'); // on demand: loading it takes part of a millisecond
      return () => getHeapStatistics().used_heap_size;
    },
    write: (fd, text) => void process[fd === 1 ? 'stdout' : 'stderr'].write(text),
  });
}

/**
 * Shared state for C tasks. The file is loaded by the first call, and lies beside this one; a build that contains this one has not got it.
 * @param {Parameters<typeof callFromC>} call
 */
function callShared(...call) {
  let run;
  try {
    run = callFromC;
  } catch {
    return STATUS.UNSUPPORTED;
  }
  return run(...call);
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
 * The glue recognises a thread by its workerData, and uses its parentPort; both are replaced while it starts.
 * @returns {() => void} restores them
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
