/** comlink is no pool: the proxies of several workers take turns here. */
import { Worker } from 'node:worker_threads';
import { transfer, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { sharedByHand } from './index.mjs';

const FILE = new URL('./workers/comlink.mjs', import.meta.url);

export const cannot = {
  abort: 'no way to end a task',
  spares: 'no spares',
  map: 'no map',
};

/**
 * @param {import('./index.mjs').Config} config
 * @returns {import('./index.mjs').Pool}
 */
export function open({ workers }) {
  const threads = Array.from({ length: workers }, () => new Worker(FILE));
  const proxies = threads.map((thread) => wrap(nodeEndpoint(thread)));
  let turn = 0;
  const run = (name, value, options) =>
    proxies[turn++ % workers][name](options?.move ? transfer(value, options.move) : value);
  return {
    run,
    shared: sharedByHand(run),
    close: () => Promise.all(threads.map((thread) => thread.terminate())),
  };
}
