/**
 * A thread without a pool, for `wasmpool bench`: answers a message [call, n] with [call, n + 1]; after a negative n it hangs.
 */

import { parentPort } from 'node:worker_threads';

parentPort?.on('message', (message) => {
  if (!Array.isArray(message)) return; // the pool's port, for which there is no use
  const [call, n] = message;
  parentPort?.postMessage([call, n + 1]);
  if (n < 0) for (;;);
});
