/** The pool's options for the number of workers, and for when one is replaced. */
import { integer, milliseconds, nameSet, ownOptions, parseSize } from '../base/check.js';
import { poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { host } from '../host/index.js';

/**
 * @typedef {object} WorkerRange an elastic pool: it grows while tasks wait and every worker is busy, one worker at a time
 * @property {number} min number of workers that always run, and with which the pool starts
 * @property {number | 'auto'} max largest number of workers
 * @property {number} [idleMs] after this time an idle worker ends; 10,000; Infinity: never
 */

/** @type {Record<keyof WorkerRange, 1>} */
const NAMES = { min: 1, max: 1, idleMs: 1 };
const RANGE = nameSet(NAMES);

/** Defaults. idleMs: keeping a thread for a while is cheap, starting one is not. spares: only on request. */
export const WORKER_DEFAULTS = Object.freeze({ idleMs: 10_000, spares: 0 });

/**
 * Every pool may be resized up to this, or to its own largest number of workers. A seat costs 6 KB of the pool's memory, with its two thread
 * records (heap bytes of pools that were laid out for 1 to 201 seats).
 */
const SEATS_LEAST = 32;

/**
 * @param {string} name
 * @param {unknown} workers
 * @param {number} least
 * @param {number} most
 */
function count(name, workers, least, most) {
  if (workers !== 'auto') return integer(name, workers, least, most);
  const wanted = Number(host.environment('WASMPOOL_WORKERS') ?? NaN);
  const found = Number.isSafeInteger(wanted) && wanted > 0 ? wanted : host.hardwareConcurrency() || 2;
  return Math.max(least, Math.min(found, most));
}

/**
 * @param {import('./options.js').PoolOptions['workers']} workers
 * @returns {{ min: number, max: number, idleMs: number | undefined }} `idleMs` undefined: never
 */
function rangeOf(workers = 'auto') {
  if (typeof workers !== 'object' || workers === null) {
    const all = count('workers', workers, 1, L.SEATS_MAX);
    return { min: all, max: all, idleMs: undefined };
  }
  const {
    min,
    max,
    idleMs = WORKER_DEFAULTS.idleMs,
  } = ownOptions('workers', workers, RANGE, 'a number, auto or { min, max }');
  const least = integer('workers.min', min, 1, L.SEATS_MAX);
  return {
    min: least,
    max: count('workers.max', max, least, L.SEATS_MAX),
    idleMs: milliseconds('workers.idleMs', idleMs),
  };
}

/**
 * @param {unknown} limit
 * @param {(limit: any) => number} read
 * @returns {number | undefined} undefined: none
 */
function unlessNone(limit, read) {
  return limit === undefined || limit === Infinity ? undefined : read(limit);
}

/**
 * @param {import('./options.js').PoolOptions} options
 * @returns `workers`: the largest number by the options; `seats`: the largest number that resize() takes
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT, UNSUPPORTED
 */
export function workerOptions({ workers, spares = WORKER_DEFAULTS.spares, maxTasksPerWorker, maxHeapBytes }) {
  const { min, max, idleMs } = rangeOf(workers);
  const warm = integer('spares', spares, 0, L.SEATS_MAX - max);
  if (maxHeapBytes !== undefined && !host.threadOptions.includes('maxHeapBytes')) {
    const instead = 'maxTasksPerWorker replaces workers everywhere';
    throw poolError(
      'UNSUPPORTED',
      `maxHeapBytes: workers of ${host.name} do not tell how large their heap is; ${instead}`,
    );
  }
  return {
    workersMin: min,
    workers: max,
    idleMs,
    seats: Math.max(max, Math.min(SEATS_LEAST, L.SEATS_MAX - warm)),
    spares: warm,
    maxTasksPerWorker: unlessNone(maxTasksPerWorker, (tasks) => integer('maxTasksPerWorker', tasks, 1, 2 ** 31)),
    maxHeapBytes: unlessNone(maxHeapBytes, (bytes) => parseSize('maxHeapBytes', bytes)),
  };
}

/**
 * Whether a pool's workers come and go by themselves.
 * @param {Pick<import('./options.js').ResolvedOptions, 'workersMin' | 'workers' | 'maxTasksPerWorker' | 'maxHeapBytes'>} options
 */
export function isElastic({ workersMin, workers, maxTasksPerWorker, maxHeapBytes }) {
  return workersMin < workers || maxTasksPerWorker !== undefined || maxHeapBytes !== undefined;
}
