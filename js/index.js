/** wasmpool: the package's entry point. Every public name is exported here. */
import { Pool } from './api/pool.js';

export { Box } from './task/box.js';
export { PoolError } from './base/errors.js';
export { Pool } from './api/pool.js';
export { TaskPromise } from './task/task.js';
export { MapPromise } from './jobs/map.js';
export { defineWorker } from './handlers/handlers.js';

/** @typedef {import('./options/options.js').PoolOptions} PoolOptions */
/** @typedef {import('./options/options.js').Priority} Priority */
/** @typedef {import('./options/options.js').Caps} Caps */
/** @typedef {import('./options/options.js').RestartOptions} RestartOptions */
/** @typedef {import('./options/task-options.js').TaskOptions} TaskOptions */
/** @typedef {import('./options/task-options.js').MapOptions} MapOptions */
/** @typedef {import('./options/task-options.js').BulkOptions} BulkOptions */
/** @typedef {import('./jobs/callback.js').Handle} Handle */
/** @typedef {import('./options/task-options.js').Step} Step */
/** @typedef {import('./jobs/sequence.js').Sequence} Sequence */
/** @typedef {import('./options/options.js').TelemetryOptions} TelemetryOptions */
/** @typedef {import('./telemetry/telemetry.js').Report} Report */
/** @typedef {import('./telemetry/telemetry.js').TaskLoad} TaskLoad */
/** @typedef {import('./telemetry/trace.js').Trace} Trace */
/** @typedef {import('./handlers/context.js').Context} Ctx */

/**
 * A pool whose workers have all started.
 * @template [M=any] the worker module's type, so that pool.tasks knows its handlers
 * @param {import('./options/options.js').PoolOptions} options
 * @returns {Promise<Pool<M>>}
 * @throws {import('./base/errors.js').PoolError} INVALID_ARGUMENT, START_FAILED, UNSUPPORTED
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
