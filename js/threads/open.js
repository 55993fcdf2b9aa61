/** Creates a pool inside an instance of the core; reads its gauges. */
import { poolError } from '../base/errors.js';
import { createCodec } from '../codec/codec.js';
import { Core } from '../core/core.js';
import * as L from '../generated/layout.js';
import { STATUS } from '../generated/status.js';
import { host } from '../host/index.js';
import { allocate, Memory } from '../core/memory.js';

/** Share of the memory that boxes may take if no size was given. */
const BOXES_PART = 1 / 16;
/** Their sizes are whole cache lines. */
const BOX_ALIGN = 64;

/**
 * How much memory is reserved for each of the pool's boxes.
 * @param {import('../options/options.js').ResolvedOptions} options
 * @param {number} maximumBytes how far the memory may grow
 */
function boxBytes({ boxBytes: wanted, boxCount, isBoxSizeGiven }, maximumBytes) {
  if (isBoxSizeGiven) return wanted;
  const most = Math.floor((maximumBytes * BOXES_PART) / boxCount / BOX_ALIGN) * BOX_ALIGN;
  return Math.min(wanted, most); // may be 0: then every box takes memory of its own
}

/**
 * @param {import('../options/options.js').ResolvedOptions} options
 * @param {import('../core/core.js').Exports} exports
 * @param {import('../base/host-types.js').WasmMemory} wasmMemory
 * @param {number} [maximumBytes] how far that may grow
 * @returns {Core} main's
 * @throws {import('../base/errors.js').PoolError} NO_MEMORY, START_FAILED if two C tasks have the same name, or the program was linked with another version of the core
 */
export function openCore(options, exports, wasmMemory, maximumBytes = options.memoryBytes) {
  const memory = new Memory(wasmMemory);
  const at = allocate({ exports, memory }, L.CONFIG_SIZE + 8);
  const { u32, i32, f64 } = memory;
  const set = (/** @type {number} */ field, /** @type {number} */ value) => {
    u32[(at + field) >>> 2] = value;
  };
  u32.fill(0, at >>> 2, (at + L.CONFIG_SIZE + 8) >>> 2);
  set(L.CONFIG_WORKERS, options.seats);
  set(L.CONFIG_SPARES, options.spares);
  set(L.CONFIG_CONCURRENCY, options.concurrency);
  set(L.CONFIG_MAX_QUEUE, options.maxQueue ?? L.NONE);
  set(L.CONFIG_MAX_TASKS, L.TABLE_RECORDS_MAX);
  set(L.CONFIG_RECYCLE_MS, options.recycleTimeoutMs ?? L.NONE);
  set(L.CONFIG_LIVENESS_MS, options.liveness.timeoutMs ?? L.NONE);
  set(L.CONFIG_SCAN_MS, Math.min(options.liveness.scanMs, L.NONE));
  set(L.CONFIG_MAX_REDELIVERIES, options.liveness.maxRedeliveries);
  set(L.CONFIG_LIVENESS_ALL, options.liveness.all ? 1 : 0);
  set(L.CONFIG_LOW_SKIPS, options.aging.lowSkips ?? L.NONE);
  set(L.CONFIG_HEAVY_SKIPS, options.aging.heavySkips ?? L.NONE);
  set(L.CONFIG_SLOW_MS, options.slowMs);
  set(L.CONFIG_TASKS_PER_WORKER, options.maxTasksPerWorker ?? 0);
  set(L.CONFIG_CORES, host.hardwareConcurrency());
  set(L.CONFIG_BOX_COUNT, options.boxCount);
  set(L.CONFIG_BOX_BYTES, boxBytes(options, maximumBytes)); // below 2 ** 32, as the memory is
  set(L.CONFIG_LEASE_MS, options.leaseMs);
  f64[(at + L.CONFIG_DISPATCH_BUDGET_MS) >>> 3] = options.dispatchBudgetMs;
  set(L.CONFIG_SIZE, L.LAYOUT);
  const pool = exports._wp_js_pool_create(at, at + L.CONFIG_SIZE);
  const status = i32[(at + L.CONFIG_SIZE) >>> 2] ?? 0;
  exports._wp_free(at);
  const twice = status ? exports._wp_task_twice() >>> 0 : 0;
  const core = new Core(exports, wasmMemory, pool, L.MAIN, createCodec(host.codec));
  if (twice) throw poolError('START_FAILED', `two C tasks have the name ${core.memory.cString(twice)}`);
  if (status === STATUS.START_FAILED)
    throw poolError('START_FAILED', 'wasm: it was linked with another version of wasmpool; link it anew');
  const boxes = `${options.boxCount} boxes of ${options.boxBytes} bytes`;
  core.check(status, `the pool could not be created${options.isBoxSizeGiven ? ` with ${boxes}` : ''}`);
  return core;
}

/**
 * Names of the C tasks that are linked with the core.
 * @param {Core} core
 */
export function taskNames({ exports, pool, memory }) {
  const names = [];
  for (;;) {
    /** @type {number} */
    const at = exports._wp_js_task_name(pool, names.length) >>> 0;
    if (!at) return names;
    names.push(memory.cString(at));
  }
}

/** @param {import('../options/options.js').ResolvedOptions} options @returns {string[]} names of the tasks that are modules of others */
export const namesOf = ({ isolated }) => isolated?.map(({ task }) => task.name) ?? [];

/**
 * A snapshot of the core's gauges.
 * @param {Core} core
 * @param {number} at STATS_SIZE bytes of core memory
 */
export function readStats({ exports, pool, memory }, at) {
  exports._wp_stats_read(pool, at);
  const word = (/** @type {number} */ field) => memory.u32[(at + field) >>> 2] ?? 0;
  const wide = (/** @type {number} */ field) => word(field) + word(field + 4) * 2 ** 32;
  const stats = {
    free: word(L.STATS_FREE_WORKERS),
    busy: word(L.STATS_BUSY_WORKERS),
    total: word(L.STATS_TOTAL_WORKERS),
    queued: word(L.STATS_QUEUED),
    processed: wide(L.STATS_PROCESSED),
    errors: wide(L.STATS_ERRORS),
    boxesInUse: word(L.STATS_BOXES_IN_USE),
    boxes: {
      count: word(L.STATS_BOX_COUNT),
      size: wide(L.STATS_BOX_BYTES),
      leased: word(L.STATS_BOXES_LEASED),
      reserved: word(L.STATS_BOXES_RESERVED),
    },
    tasksInUse: word(L.STATS_TASKS_IN_USE),
    heapBytes: wide(L.STATS_HEAP_BYTES),
    keptBytes: wide(L.STATS_KEPT_BYTES),
    brokenLocks: wide(L.STATS_BROKEN_LOCKS),
  };
  // Sizes of heaps look like addresses in them: the search for what still points to a killed task's memory must not find them here.
  memory.u32.fill(0, at >>> 2, (at + L.STATS_SIZE) >>> 2);
  return stats;
}
