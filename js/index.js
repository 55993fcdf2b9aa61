/** wasmpool: the package's entry point. Every public name is exported here. */
import { Pool as AnyPool } from './api/pool.js';

export { Box } from './task/box.js';
export { PoolError } from './base/errors.js';
export { TaskPromise } from './task/task.js';
export { MapPromise } from './jobs/map.js';
export { defineWorker } from './handlers/handlers.js';
export { packArguments } from './codec/arguments.js';

/**
 * Types of the signatures of these names. Options:
 * @typedef {import('./options/options.js').PoolOptions} PoolOptions
 * @typedef {import('./options/options.js').Priority} Priority
 * @typedef {import('./options/options.js').Scheduler} Scheduler
 * @typedef {import('./options/options.js').WorkerRange} WorkerRange
 * @typedef {import('./options/options.js').RestartOptions} RestartOptions
 * @typedef {import('./options/options.js').AgingOptions} AgingOptions
 * @typedef {import('./options/options.js').LivenessOptions} LivenessOptions
 * @typedef {import('./options/isolated.js').IsolatedOptions} IsolatedOptions
 * @typedef {import('./options/options.js').TelemetryOptions} TelemetryOptions
 * @typedef {import('./options/option-groups.js').ThresholdName} ThresholdName
 * @typedef {import('./options/option-groups.js').BoxOptions} BoxOptions
 * @typedef {import('./options/option-groups.js').MemoryOptions} MemoryOptions
 * @typedef {import('./options/task-options.js').TaskOptions} TaskOptions
 * @typedef {import('./options/task-options.js').LeaseOptions} LeaseOptions
 * @typedef {import('./options/task-options.js').MapOptions} MapOptions
 * @typedef {import('./options/task-options.js').BulkOptions} BulkOptions
 * @typedef {import('./options/task-options.js').BatchJob} BatchJob
 * @typedef {import('./options/task-options.js').Step} Step
 * @typedef {import('./base/errors.js').PoolErrorExtra} PoolErrorExtra
 * @typedef {import('./base/host-types.js').Transferable} Transferable
 *
 * Tasks:
 * @typedef {import('./base/task-name.js').TaskRef} TaskRef
 * @typedef {import('./base/task-name.js').ModuleTask} ModuleTask
 * @typedef {import('./handlers/handlers.js').Handler} Handler
 * @typedef {import('./handlers/context.js').Ctx} Ctx
 * @typedef {import('./jobs/callback.js').Handle} Handle
 * @typedef {import('./jobs/sequence.js').Sequence} Sequence
 *
 * Events, statistics, telemetry:
 * @typedef {import('./api/pool-events.js').PoolEvents} PoolEvents
 * @typedef {import('./api/pool-events.js').WorkerEvent} WorkerEvent
 * @typedef {import('./api/pool-events.js').WorkerEnd} WorkerEnd
 * @typedef {import('./options/options.js').Caps} Caps
 * @typedef {import('./options/options.js').OutputStream} OutputStream
 * @typedef {import('./telemetry/report.js').Stats} Stats
 * @typedef {import('./telemetry/report.js').Diagnostics} Diagnostics
 * @typedef {import('./telemetry/workers.js').WorkerView} WorkerView
 * @typedef {import('./telemetry/workers.js').WorkerState} WorkerState
 * @typedef {import('./threads/stop-log.js').Rung} Rung
 * @typedef {import('./threads/stop-log.js').RungTimes} RungTimes
 * @typedef {import('./threads/stop-log.js').Stop} Stop
 * @typedef {import('./telemetry/telemetry.js').Report} Report
 * @typedef {import('./telemetry/telemetry.js').Metric} Metric
 * @typedef {import('./telemetry/telemetry.js').Gauge} Gauge
 * @typedef {import('./telemetry/telemetry.js').Status} Status
 * @typedef {import('./telemetry/telemetry.js').GroupStatus} GroupStatus
 * @typedef {import('./telemetry/telemetry.js').TaskLoad} TaskLoad
 * @typedef {import('./telemetry/trace.js').Trace} Trace
 * @typedef {import('./telemetry/trace.js').TraceFile} TraceFile
 * @typedef {import('./telemetry/trace.js').TraceEvent} TraceEvent
 */
/**
 * A pool of workers.
 * @template [M=any] the worker module's type: `createPool<typeof import('./worker.js')>(…)`
 * @typedef {Omit<AnyPool, keyof import('./api/calls.js').Calls<M>> & import('./api/calls.js').Calls<M>} Pool
 */
/** @template M @typedef {import('./task/task.js').TaskProxy<M>} TaskProxy */
/** @template P, R @typedef {import('./task/task.js').TaskCall<P, R>} TaskCall */

/** The class; its own types know no worker module. */
export const Pool = /** @type {{ new <M = any>(options: PoolOptions): Pool<M>, prototype: Pool }} */ (
  /** @type {any} */ (AnyPool)
);

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
