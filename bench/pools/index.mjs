/**
 * Each pool in the same three verbs, with the same task bodies (bench/tasks.mjs).
 *
 * @typedef {object} Pool
 * @property {(name: string, value?: unknown, signal?: AbortSignal) => Promise<any>} run
 * @property {() => number} queued tasks that no worker has
 * @property {() => Promise<unknown>} close
 */
import { fileURLToPath } from 'node:url';
import Piscina from 'piscina';
import Tinypool from 'tinypool';
import workerpool from 'workerpool';
import { createPool } from '../../js/index.js';

const MODULE = new URL('../tasks.mjs', import.meta.url);
const BY_NAME = new URL('./by-name.mjs', import.meta.url);

/** @type {Record<string, (workers: number) => Pool | Promise<Pool>>} */
export const pools = {
  wasmpool: (workers) => wasmpool({ workers }),
  'wasmpool, a spare': (workers) => wasmpool({ workers, spares: 1 }),
  piscina(workers) {
    const pool = new Piscina({ filename: MODULE.href, minThreads: workers, maxThreads: workers });
    return {
      run: (name, value, signal) => pool.run(value, { name, signal }),
      queued: () => pool.queueSize,
      close: () => pool.destroy(),
    };
  },
  tinypool(workers) {
    const pool = new Tinypool({ filename: MODULE.href, minThreads: workers, maxThreads: workers });
    return {
      run: (name, value, signal) => pool.run(value, { name, signal }),
      queued: () => pool.queueSize,
      close: () => pool.destroy(),
    };
  },
  workerpool(workers) {
    // Its default waits a second for the handler's abort listeners before it ends the thread.
    const options = { minWorkers: workers, maxWorkers: workers, workerType: 'thread', workerTerminateTimeout: 1 };
    const pool = workerpool.pool(fileURLToPath(BY_NAME), /** @type {any} */ (options));
    return {
      run(name, value, signal) {
        const execution = pool.exec(name, [value]);
        const promise = new Promise((resolve, reject) => execution.then(resolve, reject));
        signal?.addEventListener('abort', () => void execution.cancel(), { once: true });
        return promise;
      },
      queued: () => pool.stats().pendingTasks,
      close: async () => pool.terminate(true),
    };
  },
};

/** @param {object} options */
async function wasmpool(options) {
  const pool = await createPool({ module: MODULE, ...options });
  return {
    run: (/** @type {string} */ name, /** @type {unknown} */ value, /** @type {AbortSignal | undefined} */ signal) =>
      pool.dispatch(name, value, { signal }),
    queued: () => pool.stats().queued,
    close: () => pool.destroy(),
  };
}
