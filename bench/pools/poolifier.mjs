import { fileURLToPath } from 'node:url';
import { FixedThreadPool } from 'poolifier';
import { sharedByHand } from './index.mjs';

const FILE = fileURLToPath(new URL('./workers/poolifier.mjs', import.meta.url));

export const cannot = {
  abort: 'a hung task is not ended: its AbortSignal asks the task',
  'move-out': 'results are copied',
  'move-both': 'results are copied',
  spares: 'no spares',
};

/**
 * @param {import('./index.mjs').Config} config
 * @returns {import('./index.mjs').Pool}
 */
export function open({ workers }) {
  const pool = new FixedThreadPool(workers, FILE, { enableEvents: false, errorHandler() {} });
  const run = (name, value, options) => pool.execute(value, name, options?.signal, options?.move);
  return {
    run,
    shared: sharedByHand(run),
    map: (name, items) => pool.mapExecute(items, name),
    close: () => pool.destroy(),
  };
}
