/** Entry file of a worker thread on Node, Deno and Bun. On main it does nothing. */
import { syncBuiltinESMExports } from 'node:module';
import threads from 'node:worker_threads';
import { clockOffsetMs } from '../host/node/clock.js';
import { sendOutput } from '../host/node/output-worker.js';
import { createSerializer } from '../host/node/serialize.js';
import { defer, time } from '../host/node/time.js';
import { boot } from '../worker/boot.js';

/** @typedef {import('node:worker_threads').MessagePort} MessagePort */

const { isMainThread, parentPort, receiveMessageOnPort } = threads;

/** What the glue may add to, and does not take back. */
const PROCESS_EVENTS = ['uncaughtException', 'unhandledRejection'];

if (!isMainThread && parentPort) awaitPort(parentPort);

/**
 * The pool's port is the first message. It is taken without listening: what else comes there waits for the user's modules.
 * @param {MessagePort} parent
 */
function awaitPort(parent) {
  const first = receiveMessageOnPort(parent)?.message;
  if (first?.kind === 'wasmpool') start(first);
  else time.setTimeout(() => awaitPort(parent), 1); // main was held up between starting this thread and sending it
}

/**
 * @param {object} first message of main
 * @param {MessagePort} first.port for the pool
 * @param {import('../host/node/output-worker.js').OutputWay} first.output
 */
function start({ port, output }) {
  sendOutput(output);
  port.once('close', () => process.exit()); // main would never hear of this thread again
  boot({
    post: (message, transfer) =>
      port.postMessage(message, /** @type {import('node:worker_threads').Transferable[] | undefined} */ (transfer)),
    listen: (onMessage) => port.on('message', onMessage),
    take: () => receiveMessageOnPort(port)?.message,
    clockOffsetMs,
    time,
    defer,
    codec: createSerializer(),
    disguise,
    write: (fd, text) => void process[fd === 1 ? 'stdout' : 'stderr'].write(text),
  });
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
