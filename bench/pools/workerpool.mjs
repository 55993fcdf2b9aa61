import { fileURLToPath } from 'node:url';
import workerpool from 'workerpool';
import { sharedByHand } from './index.mjs';

const FILE = fileURLToPath(new URL('./workers/workerpool.mjs', import.meta.url));

export const cannot = { spares: 'no spares', map: 'no map' };

/**
 * @param {import('./index.mjs').Config} config
 * @returns {import('./index.mjs').Pool}
 */
export function open({ workers }) {
  const pool = workerpool.pool(FILE, {
    minWorkers: workers,
    maxWorkers: workers,
    workerType: 'thread',
    workerTerminateTimeout: 1, // by default it waits a second for the handler's own clean-up before it ends the thread
  });
  const run = (name, value, options) => {
    const execution = pool.exec(name, [value], options?.move && { transfer: options.move });
    options?.signal?.addEventListener('abort', () => void execution.cancel(), { once: true });
    return execution;
  };
  return {
    run,
    shared: sharedByHand(run),
    close: () => pool.terminate(true),
  };
}
