/**
 * What is compared. Each pool has a file that opens it and says what it cannot do; the task bodies are the same for all.
 * A pool is opened in a process of its own: this file loads none of them.
 *
 * @typedef {object} RunOptions
 * @property {AbortSignal} [signal] its abort ends the task, even a hung one
 * @property {ArrayBuffer[]} [move] parts of the value that may be moved
 *
 * @typedef {object} Shared results that lie in shared memory, for those that read them in place
 * @property {(length: number) => PromiseLike<any>} make on a worker; gives a handle
 * @property {(handle: any) => PromiseLike<number>} inspect on a worker
 * @property {(handle: any) => PromiseLike<any>} remake on a worker; gives a new handle
 * @property {(handle: any) => Uint8Array} bytes
 * @property {(handle: any) => void} release
 *
 * @typedef {object} Pool
 * @property {(task: string, value?: any, options?: RunOptions) => PromiseLike<any>} run
 * @property {(count: number) => PromiseLike<unknown>} [meet] so many tasks at the same time, if its tasks cannot be given a shared word
 * @property {(task: string, items: number[]) => PromiseLike<any[]>} [map] its own map, item by item
 * @property {(task: string, items: number[], size: number) => PromiseLike<any[]>} [mapBatched] its own map, in batches
 * @property {Shared} [shared]
 * @property {() => unknown} close
 *
 * @typedef {object} Config
 * @property {number} workers
 * @property {number} [spares] warm stand-ins for killed workers
 *
 * @typedef {object} Adapter
 * @property {(config: Config) => Promise<Pool> | Pool} open
 * @property {Record<string, string>} [cannot] why there is no figure, by name of a row or of what a row needs
 * @property {(bench: import('../rows/index.mjs').Bench & { row: import('../rows/index.mjs').Row }) => Promise<object>} [measure] measures
 *   every row in its own way
 *
 * @typedef {object} Entry
 * @property {string} title
 * @property {string} [package] on npm
 * @property {() => Promise<Adapter>} [load] its adapter
 * @property {string} [program] that measures rows itself: its arguments are the row's name and parameters
 */

/** @type {Record<string, Entry>} */
export const POOLS = {
  wasmpool: { title: 'wasmpool', load: () => import('./wasmpool.mjs') },
  'wasmpool-c': { title: 'wasmpool, C tasks', load: () => import('./wasmpool-c.mjs') },
  piscina: { title: 'piscina', package: 'piscina', load: () => import('./piscina.mjs') },
  tinypool: { title: 'tinypool', package: 'tinypool', load: () => import('./tinypool.mjs') },
  workerpool: { title: 'workerpool', package: 'workerpool', load: () => import('./workerpool.mjs') },
  poolifier: { title: 'poolifier', package: 'poolifier', load: () => import('./poolifier.mjs') },
  comlink: { title: 'comlink', package: 'comlink', load: () => import('./comlink.mjs') },
  multithreading: { title: 'multithreading', package: 'multithreading', load: () => import('./multithreading.mjs') },
  'jest-worker': { title: 'jest-worker', package: 'jest-worker', load: () => import('./jest-worker.mjs') },
  raw: { title: 'raw postMessage', load: () => import('./raw.mjs') },
  'limit-js': { title: 'limit: the rings, no promises', load: () => import('./limit-js.mjs') },
  'limit-native': { title: 'limit: the core, natively', program: 'build/bench/limit' },
};

/**
 * Shared memory for pools that have nothing of their own for it: a task's result is a view of a SharedArrayBuffer. It is new each
 * time, its size is nobody's limit, and the garbage collector frees it.
 * @param {Pool['run']} run
 * @returns {Shared}
 */
export const sharedByHand = (run) => ({
  make: (length) => run('makeShared', length),
  inspect: (bytes) => run('inspect', bytes),
  remake: (bytes) => run('remakeShared', bytes),
  bytes: (bytes) => bytes,
  release() {},
});

/** What the others are compared with. */
export const BASE = 'piscina';
