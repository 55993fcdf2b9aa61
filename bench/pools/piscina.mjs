import Piscina from 'piscina';

const FILE = new URL('./workers/piscina.mjs', import.meta.url).href;

export const cannot = { share: 'no results in shared memory', spares: 'no spares', map: 'no map' };

/**
 * @param {import('./index.mjs').Config} config
 * @returns {import('./index.mjs').Pool}
 */
export function open({ workers }) {
  const pool = new Piscina({ filename: FILE, minThreads: workers, maxThreads: workers });
  return {
    run: (name, value, options) => pool.run(value, { name, signal: options?.signal, transferList: options?.move }),
    close: () => pool.destroy(),
  };
}
