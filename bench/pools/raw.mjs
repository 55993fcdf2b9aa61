/** What postMessage alone gives: one message for each task, in turn to each worker; no queue, no errors, nothing ends early. */
import { Worker } from 'node:worker_threads';
import { sharedByHand } from './index.mjs';

const FILE = new URL('./workers/raw.mjs', import.meta.url);

export const cannot = {
  abort: 'nothing ends a task',
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
  const threads = Array.from({ length: workers }, () => {
    const thread = new Worker(FILE);
    thread.on('message', ({ call, result }) => {
      const resolve = waiting.get(call);
      waiting.delete(call);
      resolve(result);
    });
    return thread;
  });
  const run = (task, value, options) =>
    new Promise((resolve) => {
      const call = calls++;
      waiting.set(call, resolve);
      threads[call % workers].postMessage({ call, task, value }, options?.move);
    });
  return {
    run,
    shared: sharedByHand(run),
    close: () => Promise.all(threads.map((thread) => thread.terminate())),
  };
}
