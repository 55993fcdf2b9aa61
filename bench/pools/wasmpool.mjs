/** wasmpool with JavaScript handlers. */
import { createPool } from '../../js/index.js';

const MODULE = new URL('./workers/wasmpool.mjs', import.meta.url);

/**
 * @param {import('./index.mjs').Config} config
 * @returns {Promise<import('./index.mjs').Pool>}
 */
export async function open(config) {
  const pool = await createPool({ module: MODULE, ...config });
  return adapt(pool, 'makeInPlace', 'remakeInPlace');
}

/**
 * @param {import('../../js/api/pool.js').Pool<any>} pool
 * @param {string} make task whose result is memory that the pool gave it
 * @param {string} remake
 * @returns {import('./index.mjs').Pool}
 */
export function adapt(pool, make, remake) {
  const lease = { deliver: /** @type {const} */ ('lease') };
  return {
    run: (task, value, options) =>
      options
        ? pool.dispatch(task, value, { signal: options.signal, transfer: options.move })
        : pool.dispatch(task, value),
    map: (task, items) => pool.map(task, items),
    mapBatched: (task, items, size) => pool.map(task, items, { batchSize: size }),
    shared: {
      make: (length) => pool.dispatch(make, length, lease),
      inspect: (box) => pool.dispatch('inspect', box),
      remake: (box) => pool.dispatch(remake, box, lease),
      bytes: (box) => box.raw(),
      release: (box) => box.release(),
    },
    close: () => pool.destroy(),
  };
}
