import { fileURLToPath } from 'node:url';
import { Worker } from 'jest-worker';
import * as tasks from '../tasks.mjs';
import { sharedByHand } from './index.mjs';

const FILE = fileURLToPath(new URL('../tasks.mjs', import.meta.url));

export const cannot = {
  abort: 'no way to end a task',
  move: 'no transfer',
  spares: 'no spares',
  map: 'no map',
};

/**
 * @param {import('./index.mjs').Config} config
 * @returns {import('./index.mjs').Pool}
 */
export function open({ workers }) {
  const pool = new Worker(FILE, { numWorkers: workers, enableWorkerThreads: true, exposedMethods: Object.keys(tasks) });
  const run = (name, value) => pool[name](value);
  return { run, shared: sharedByHand(run), close: () => pool.end() };
}
