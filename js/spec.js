/** A task's options, checked and turned into what the core needs. */
import { poolError } from './errors.js';
import * as L from './generated/layout.js';
import { milliseconds, priorityLane } from './options.js';

/**
 * Everything of a task but its name and payload.
 * @typedef {object} Spec
 * @property {number} lane
 * @property {number} [timeoutMs]
 * @property {number} [flags] of the slot
 * @property {number} [group] index + 1
 * @property {number} [seat] index + 1
 * @property {(value: any) => void} [onProgress]
 * @property {readonly Transferable[]} [transfer]
 */

/**
 * What the pool adds to a task's options.
 * @typedef {{ flags?: number, seat?: number, unbounded?: boolean }} Extra unbounded: admitted already
 */

/** @type {import('./task.js').TaskOptions} */
export const NO_OPTIONS = Object.freeze({});
/** @type {Extra} */
export const NO_EXTRA = Object.freeze({});

/** Options of single tasks that belong to later versions: refused rather than ignored. */
const NOT_YET = ['weight', 'shardKey', 'maxWaitMs'];

/**
 * @param {import('./task.js').TaskOptions} options
 * @param {number | undefined} poolTimeoutMs the pool's taskTimeoutMs
 * @param {Extra} extra
 * @returns {Spec}
 * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT, UNSUPPORTED
 */
export function specify(options, poolTimeoutMs, extra) {
  const later = NOT_YET.find((key) => /** @type {any} */ (options)[key] !== undefined);
  if (later) throw poolError('UNSUPPORTED', `option ${later} is not available in this version`);
  const { onLost = 'reject', deliver = 'copy', timeoutMs = poolTimeoutMs } = options;
  if (onLost !== 'reject' && onLost !== 'requeue') throw poolError('INVALID_ARGUMENT', `onLost: '${onLost}'`);
  if (deliver !== 'copy' && deliver !== 'lease') throw poolError('INVALID_ARGUMENT', `deliver: '${deliver}'`);
  const lease = deliver === 'lease' ? L.SLOT_LEASE : 0;
  const requeue = onLost === 'requeue' ? L.SLOT_REQUEUE : 0;
  return {
    lane: options.priority === undefined ? L.PRIORITY_NORMAL : priorityLane(options.priority),
    timeoutMs: timeLimit(timeoutMs),
    flags: (extra.flags ?? 0) | lease | requeue,
    seat: extra.seat,
    onProgress: options.onProgress,
    transfer: options.transfer,
  };
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
