/** The pool's statistics and diagnostics. */
import * as L from '../generated/layout.js';
import { noStops } from '../threads/stop-log.js';
import { workerViews } from './workers.js';

/**
 * @typedef {object} Stats
 * @property {number} freeWorkers
 * @property {number} busyWorkers workers that are starting (also after a crash), run a task, or are poisoned
 * @property {number} totalWorkers free and busy ones; a worker that ended and is not replaced (event `workerRetired`) does not count
 * @property {number} queued waiting tasks
 * @property {number} processed tasks that have settled, in any way
 * @property {number} errors tasks among these that failed
 *
 * @typedef {object} BoxGauges
 * @property {number} count most leased results at once
 * @property {number} size bytes reserved for each
 * @property {number} leased number of leased results, including boxes granted to workers
 * @property {number} reserved how many of these are in reserved memory; the others are larger than `size`
 *
 * @typedef {object} Diagnostics
 * @property {number} boxesInUse values in shared memory: arguments, results, leases
 * @property {BoxGauges} boxes those for leased results
 * @property {number} tasksInUse descriptors
 * @property {number} heapBytes heap memory in use, of all threads
 * @property {number} memoryBytes size of the shared memory
 * @property {number} threads number of threads, including spares and dying ones
 * @property {number} keptBytes memory that stopped C tasks had allocated and that was kept, because something of the program pointed to it
 * @property {number} brokenLocks locks and critical sections that stopped C tasks did not leave by themselves, and that were opened for the
 *   others: what they protect may be half-changed. See the event `lockBroken`
 * @property {number} nullWrites 32-bit words of the first 64 KB of the pool's memory that are not 0: nothing lies there, so C tasks have
 *   written through NULL, or through pointers near it
 * @property {number} kills workers that the pool has ended because of their task
 * @property {number} interventions workers that were recovered because they gave no sign of life (option `liveness`)
 * @property {Record<import('../threads/stop-log.js').Rung, import('../threads/stop-log.js').RungTimes>} stops tasks that had to be
 *   stopped, by what stopped them: the flag that they read, a loop check, or the end of their thread
 * @property {import('../threads/stop-log.js').Stop[]} recentStops the latest of these
 * @property {import('./workers.js').WorkerView[]} workers what each thread is doing now, by index; then spares, and threads that are ending
 */

/**
 * @param {import('../engine/engine.js').Engine | undefined} engine undefined: not loaded yet, or closed
 * @param {number} size number of workers
 * @param {{ settled: number, waiting: number }} outside counts of tasks that have not reached the core
 * @param {{ processed: number, errors: number }} final the core's counts when it was closed
 * @returns {Stats}
 */
export function poolStats(engine, size, outside, final) {
  const gauges = engine?.ledger.stats() ?? { ...final, free: 0, busy: size, total: size, queued: 0 };
  return {
    freeWorkers: gauges.free,
    busyWorkers: gauges.busy,
    totalWorkers: gauges.total,
    queued: gauges.queued + outside.waiting,
    processed: gauges.processed + outside.settled,
    errors: gauges.errors + outside.settled,
  };
}

/**
 * @param {import('../engine/engine.js').Engine | undefined} engine
 * @returns {Diagnostics}
 */
export function diagnose(engine) {
  const gauges = engine?.ledger.stats();
  return {
    boxesInUse: gauges?.boxesInUse ?? 0,
    boxes: gauges?.boxes ?? { count: 0, size: 0, leased: 0, reserved: 0 },
    tasksInUse: gauges?.tasksInUse ?? 0,
    heapBytes: gauges?.heapBytes ?? 0,
    memoryBytes: engine?.core.memory.wasmMemory.buffer.byteLength ?? 0,
    threads: engine?.fleet.members.size ?? 0,
    keptBytes: gauges?.keptBytes ?? 0,
    brokenLocks: gauges?.brokenLocks ?? 0,
    nullWrites: engine ? nullWrites(engine.core.memory.u32) : 0,
    kills: engine?.fleet.suspicions.kills ?? 0,
    interventions: engine?.fleet.suspicions.interventions ?? 0,
    stops: structuredClone(engine?.fleet.suspicions.stopped.rungs ?? noStops()),
    recentStops: [...(engine?.fleet.suspicions.stopped.recent ?? [])],
    workers: engine ? workerViews(engine) : [],
  };
}

/** @param {Uint32Array} memory */
function nullWrites(memory) {
  return memory.subarray(0, L.NULL_BYTES >>> 2).reduce((count, word) => count + Number(word !== 0), 0);
}
