/** The pools of the page. */
import { createPool } from 'wasmpool';

/** A phone's cores may be many and slow, and a lane each has to be seen. */
const WORKERS_MAX = 8;

/** At least two, so that there are others to go on when one hangs. */
export const WORKERS = Math.min(Math.max(navigator.hardwareConcurrency || 2, 2), WORKERS_MAX);

/**
 * @param {number} workers
 * @param {string} name
 */
export const openPool = (workers, name) =>
  createPool({
    module: new URL('../tasks/worker.js', import.meta.url),
    wasm: new URL('../tasks/paint.mjs', import.meta.url),
    workers,
    name,
    memory: { maximum: '512mb' },
    // Whoever tries the buttons crashes workers more often than a program should.
    restart: { minMs: 400, maxMs: 400, jitter: 0, max: -1 },
    taskTimeoutMs: 60_000,
  });

/**
 * A pool of one worker, whose only task is a function of somebody else's module.
 * @param {Uint8Array} bytes of the module
 * @param {string} entry the function
 */
export const openGuest = (bytes, entry) =>
  createPool({
    isolated: {
      guest: { wasm: bytes, export: entry, maxTaskBytes: '128mb', maxOutputBytes: '1mb', unknownImports: 'trap' },
    },
    workers: 1,
    name: 'Guest',
    memory: { maximum: '256mb' },
  });
