import { fileURLToPath } from 'node:url';
import { Worker } from 'jest-worker';
import * as tasks from '../tasks.mjs';

const FILE = fileURLToPath(new URL('../tasks.mjs', import.meta.url));

export const cannot = {
  abort: 'no way to end a task',
  move: 'no transfer',
  share: 'no results in shared memory',
  spares: 'no spares',
  map: 'no map',
};

/**
 * @param {import('./index.mjs').Config} config
 * @returns {import('./index.mjs').Pool}
 */
export function open({ workers }) {
  const pool = new Worker(FILE, { numWorkers: workers, enableWorkerThreads: true, exposedMethods: Object.keys(tasks) });
  return { run: (name, value) => pool[name](value), close: () => pool.end() };
}
