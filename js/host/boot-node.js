/** Entry file of a worker thread on Node, Bun and Deno. Loaded anywhere else it does nothing. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { clockOffsetMs } from './clock-node.js';
import { createSerializer } from './serialize-node.js';
import { defer, time } from './time-node.js';
import { boot } from '../worker/boot.js';

if (!isMainThread && parentPort && workerData === 'em-pthread') {
  const port = parentPort;
  port.once('close', () => process.exit()); // by a handler: main would never hear of this thread again
  boot({
    post: (message, transfer) =>
      port.postMessage(message, /** @type {import('node:worker_threads').Transferable[] | undefined} */ (transfer)),
    listen: (onMessage) => port.on('message', onMessage),
    clockOffsetMs,
    time,
    defer,
    codec: createSerializer(),
  });
}
