/**
 * What postMessage alone gives: one message for each task, in turn to each worker; no queue, no errors. A hung task is ended with its
 * thread, and a new one is started, by hand; the tasks that were sent to it are lost.
 */
import { Worker } from 'node:worker_threads';
import { sharedByHand } from './index.mjs';

const FILE = new URL('./workers/raw.mjs', import.meta.url);

export const cannot = {
  crash: 'nothing notices',
  spares: 'no spares',
  map: 'no map',
};

/**
 * @param {import('./index.mjs').Config} config
 * @returns {import('./index.mjs').Pool}
 */
export function open({ workers }) {
  const waiting = new Map();
  let calls = 0;
  const start = () => {
    const thread = new Worker(FILE);
    thread.on('message', ({ call, result }) => {
      const { resolve } = waiting.get(call);
      waiting.delete(call);
      resolve(result);
    });
    return thread;
  };
  const threads = Array.from({ length: workers }, start);
  const run = (task, value, options) =>
    new Promise((resolve, reject) => {
      const call = calls++;
      const index = call % workers;
      waiting.set(call, { resolve });
      threads[index].postMessage({ call, task, value }, options?.move);
      options?.signal?.addEventListener('abort', async () => {
        await threads[index].terminate();
        threads[index] = start();
        waiting.delete(call);
        reject(options.signal.reason);
      });
    });
  return {
    run,
    shared: sharedByHand(run),
    close: () => Promise.all(threads.map((thread) => thread.terminate())),
  };
}
