/** A task's options, checked and turned into what the core needs. */
import { poolError } from './errors.js';
import * as L from './generated/layout.js';
import { milliseconds, priorityLane, wrong } from './options.js';

/**
 * Everything of a task but its name and payload.
 * @typedef {object} Spec
 * @property {number} lane
 * @property {number} [timeoutMs]
 * @property {number} [lookMs] main must look at the clocks as often while it runs
 * @property {number} [flags] of the slot
 * @property {number} [group] index + 1
 * @property {number} [seat] index + 1
 * @property {number} [dueMs] of a slice: from then on it goes before single tasks
 * @property {(value: any) => void} [onProgress]
 * @property {readonly Transferable[]} [transfer]
 */

/**
 * What the pool adds to a task's options.
 * @typedef {object} Extra
 * @property {number} [flags] of the slot
 * @property {number} [seat] index + 1
 * @property {number} [dueMs] of a slice, absolute
 * @property {boolean} [unbounded] admitted already
 * @property {'light' | 'heavy'} [weight] unless the options say otherwise
 * @property {boolean} [isJob] of split, bulkSplit or sequence: it is run again when its worker is lost or silent
 */

/** @type {import('./task.js').TaskOptions} */
export const NO_OPTIONS = Object.freeze({});
/** @type {Extra} */
export const NO_EXTRA = Object.freeze({});

/** Options of single tasks that belong to later versions: refused rather than ignored. */
const NOT_YET = ['shardKey'];

const WEIGHTS = Object.freeze({ light: L.SLOT_LIGHT, heavy: L.SLOT_HEAVY });

/**
 * @param {import('./task.js').TaskOptions} options
 * @param {Pick<import('./options.js').ResolvedOptions, 'taskTimeoutMs' | 'liveness'>} pool
 * @param {Extra} extra
 * @returns {Spec}
 * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT, UNSUPPORTED
 */
export function specify(options, pool, extra) {
  checkOptions(options);
  const { onLost = extra.isJob ? 'requeue' : 'reject', deliver, onProgress, transfer } = options;
  const weight = options.weight ?? extra.weight;
  const timeoutMs = timeLimit(options.timeoutMs === undefined ? pool.taskTimeoutMs : options.timeoutMs);
  const isWatched = pool.liveness.timeoutMs !== undefined && (pool.liveness.all || extra.isJob === true);
  return {
    lane: options.priority === undefined ? L.PRIORITY_NORMAL : priorityLane(options.priority),
    timeoutMs,
    lookMs: Math.min(timeoutMs ?? Infinity, isWatched ? pool.liveness.scanMs : Infinity),
    flags:
      (extra.flags ?? 0) |
      (weight ? WEIGHTS[weight] : 0) |
      (deliver === 'lease' ? L.SLOT_LEASE : 0) |
      (onLost === 'requeue' ? L.SLOT_REQUEUE : 0) |
      (isWatched ? L.SLOT_WATCHED : 0),
    seat: extra.seat,
    group: 0, // a batch's or a bulk job's comes later
    dueMs: extra.dueMs,
    onProgress,
    transfer,
  };
}

/**
 * @param {import('./task.js').TaskOptions} options
 * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT, UNSUPPORTED
 */
function checkOptions(options) {
  if (options === null || typeof options !== 'object') throw wrong('options', options, 'an object');
  const later = NOT_YET.find((key) => /** @type {any} */ (options)[key] !== undefined);
  if (later) throw poolError('UNSUPPORTED', `option ${later} is not available in this version`);
  const { onLost = 'reject', deliver = 'copy', weight, signal, transfer, onProgress } = options;
  if (onLost !== 'reject' && onLost !== 'requeue') throw wrong('onLost', onLost, 'reject, requeue');
  if (deliver !== 'copy' && deliver !== 'lease') throw wrong('deliver', deliver, 'copy, lease');
  if (weight !== undefined && !Object.hasOwn(WEIGHTS, weight)) throw wrong('weight', weight, 'light, heavy');
  if (signal && typeof signal.addEventListener !== 'function') throw wrong('signal', signal, 'an AbortSignal');
  if (transfer && !Array.isArray(transfer)) throw wrong('transfer', transfer, 'an array');
  if (onProgress && typeof onProgress !== 'function') throw wrong('onProgress', onProgress, 'a function');
}

/**
 * The core takes 0 for "none", so the shortest limit is 1 ms.
 * @param {unknown} timeoutMs
 */
function timeLimit(timeoutMs) {
  const limit = timeoutMs === undefined ? undefined : milliseconds('timeoutMs', timeoutMs);
  return limit === undefined ? undefined : Math.max(1, limit);
}

/**
 * @param {unknown} task
 * @returns {string}
 * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT
 */
export function taskName(task) {
  const name = typeof task === 'function' ? task.name : task;
  if (typeof name !== 'string' || name === '')
    throw poolError('INVALID_ARGUMENT', 'task: expected the name of a handler');
  return name;
}
