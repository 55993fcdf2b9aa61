/**
 * A thread without a pool, for `wasmpool bench`: answers a message [call, n] with [call, n + 1]; after a negative n it hangs.
 */

import { parentPort } from 'node:worker_threads';

parentPort?.on('message', ([call, n]) => {
  parentPort?.postMessage([call, n + 1]);
  if (n < 0) for (;;);
});
