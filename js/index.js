/** wasmpool: the package's entry point. Every public name is exported here. */
import { Pool } from './pool.js';

export { Box } from './box.js';
export { PoolError } from './errors.js';
export { Pool } from './pool.js';
export { TaskPromise } from './task.js';
export { MapPromise } from './map.js';
export { defineWorker } from './worker/handlers.js';

/** @typedef {import('./options.js').PoolOptions} PoolOptions */
/** @typedef {import('./options.js').Priority} Priority */
/** @typedef {import('./options.js').Caps} Caps */
/** @typedef {import('./options.js').RestartOptions} RestartOptions */
/** @typedef {import('./task.js').TaskOptions} TaskOptions */
/** @typedef {import('./map.js').MapOptions} MapOptions */
/** @typedef {import('./jobs.js').BulkOptions} BulkOptions */
/** @typedef {import('./callback.js').Handle} Handle */
/** @typedef {import('./sequence.js').Step} Step */
/** @typedef {import('./sequence.js').Sequence} Sequence */
/** @typedef {import('./options.js').TelemetryOptions} TelemetryOptions */
/** @typedef {import('./telemetry.js').Report} Report */
/** @typedef {import('./telemetry.js').TaskLoad} TaskLoad */
/** @typedef {import('./trace.js').Trace} Trace */
/** @typedef {import('./worker/context.js').Context} Ctx */

/**
 * A pool whose workers have all started.
 * @template [M=any] the worker module's type, so that pool.tasks knows its handlers
 * @param {import('./options.js').PoolOptions} options
 * @returns {Promise<Pool<M>>}
 * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT, START_FAILED, UNSUPPORTED
 */
export async function createPool(options) {
  /** @type {Pool<M>} */
  const pool = new Pool(options);
  try {
    await pool.ready;
  } catch (error) {
    await pool.destroy();
    throw error;
  }
  return pool;
}
