import Piscina from 'piscina';
import { sharedByHand } from './index.mjs';

const FILE = new URL('./workers/piscina.mjs', import.meta.url).href;

export const cannot = { spares: 'no spares', map: 'no map' };

/**
 * @param {import('./index.mjs').Config} config
 * @returns {import('./index.mjs').Pool}
 */
export function open({ workers }) {
  const pool = new Piscina({ filename: FILE, minThreads: workers, maxThreads: workers });
  const run = (name, value, options) => pool.run(value, { name, signal: options?.signal, transferList: options?.move });
  return {
    run,
    shared: sharedByHand(run),
    close: () => pool.destroy(),
  };
}
