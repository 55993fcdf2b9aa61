/** A task's options, checked and turned into what the core needs. */
import { callback, flag, integer, LONGEST_MS, milliseconds, nameSet, unknownOption, wrong } from './check.js';
import { poolError } from './errors.js';
import * as L from './generated/layout.js';
import { host } from './host/index.js';
import { priorityLane } from './options.js';

/**
 * Everything of a task but its name and payload.
 * @typedef {object} Spec
 * @property {number} lane
 * @property {number} [timeoutMs]
 * @property {import('./deadlines.js').Deadline} [deadline]
 * @property {number} [lookMs] main must look at the clocks as often while it runs
 * @property {number} [flags] of the slot
 * @property {number} [group] index + 1
 * @property {number} [seat] index + 1
 * @property {number} [dueMs] of a slice: from then on it goes before single tasks
 * @property {number} [itemsBytes] room for the results of a batch's items
 * @property {(value: any) => void} [onProgress] calls back in the context of the task's submission
 * @property {(run: () => unknown) => unknown} [inContext] calls in that context, if functions of main may have to
 * @property {readonly Transferable[]} [transfer]
 * @property {number} [graceMs] unless it is the pool's
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

/**
 * @typedef {import('./task.js').TaskOptions} TaskOptions
 * @typedef {import('./map.js').MapExtras} MapExtras
 * @typedef {import('./jobs.js').BulkExtras} BulkExtras
 */

/** @type {TaskOptions} */
export const NO_OPTIONS = Object.freeze({});
/** @type {Extra} */
export const NO_EXTRA = Object.freeze({});

/** Options of single tasks that belong to later versions: refused with a code of their own. */
const NOT_YET = ['shardKey'];

const WEIGHTS = Object.freeze({ light: L.SLOT_LIGHT, heavy: L.SLOT_HEAVY });

/**
 * The options of one task, a map or a bulk job, read once and checked by name. The fields are its own, so that what somebody puts
 * on Object.prototype is no option.
 * @implements {TaskOptions}
 * @implements {MapExtras}
 * @implements {BulkExtras}
 */
export class Given {
  /** @type {TaskOptions['priority']} */
  priority = undefined;
  /** @type {TaskOptions['weight']} */
  weight = undefined;
  /** @type {number | undefined} */
  timeoutMs = undefined;
  /** @type {number | undefined} */
  deadlineMs = undefined;
  /** @type {AbortSignal | undefined} */
  signal = undefined;
  /** @type {TaskOptions['onLost']} */
  onLost = undefined;
  /** @type {TaskOptions['deliver']} */
  deliver = undefined;
  /** @type {TaskOptions['transfer']} */
  transfer = undefined;
  /** @type {TaskOptions['onProgress']} */
  onProgress = undefined;
  /** @type {number | undefined} */
  cancelGraceMs = undefined;
  /** @type {boolean | undefined} */
  alone = undefined;
  /** @type {number | undefined} */
  batchSize = undefined;
  /** @type {unknown} */
  sharedArgs = undefined;
  /** @type {number | undefined} */
  maxWaitMs = undefined;
  /** @type {boolean | undefined} */
  settle = undefined;
  /** @type {MapExtras['onItems']} */
  onItems = undefined;
}

/** @type {Record<keyof TaskOptions, 1>} */
const TASK = {
  priority: 1,
  weight: 1,
  timeoutMs: 1,
  deadlineMs: 1,
  signal: 1,
  onLost: 1,
  deliver: 1,
  transfer: 1,
  onProgress: 1,
  cancelGraceMs: 1,
  alone: 1,
};
/** @type {Record<keyof MapExtras, 1>} */
const MAP = { batchSize: 1, sharedArgs: 1, maxWaitMs: 1, settle: 1, onItems: 1 };
/** @type {Record<keyof BulkExtras, 1>} */
const BULK = { batchSize: 1, sharedArgs: 1, maxWaitMs: 1 };
/** @type {Record<keyof import('./sequence.js').StepExtras, 1>} */
const STEP = { task: 1, payload: 1 };
/** A slice is always plain: it has no weight, and what it carries is copied. */
const NOT_BULK = ['weight', 'deliver', 'transfer'];

/** Which options a call takes, by name. */
export const OPTIONS_OF = Object.freeze({
  task: nameSet(TASK),
  map: nameSet({ ...TASK, ...MAP }),
  bulk: new Set(Object.keys({ ...TASK, ...BULK }).filter((name) => !NOT_BULK.includes(name))),
  step: nameSet({ ...TASK, ...STEP }),
  job: new Set(['task', 'payload', 'priority']),
  broadcast: new Set(['sticky']),
  close: new Set(['timeoutMs']),
  message: new Set(['worker', 'transfer']),
});

/** What is no option of the task, though it stands beside them. */
const ASIDE = nameSet(STEP);

/**
 * @param {TaskOptions & MapExtras & BulkExtras} options
 * @param {ReadonlySet<string>} [known] which options there are
 * @param {string} [group] what they are called in messages
 * @returns {Given} `options` itself if it has been read already
 * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT, UNSUPPORTED
 */
export function readOptions(options, known = OPTIONS_OF.task, group = '') {
  if (options instanceof Given) return options;
  if (options === null || typeof options !== 'object' || Array.isArray(options))
    throw wrong('options', options, 'an object');
  const given = /** @type {any} */ (new Given());
  for (const name of Object.keys(options)) {
    if (!known.has(name)) refuse(name, /** @type {any} */ (options)[name], known, group);
    else if (known !== OPTIONS_OF.step || !ASIDE.has(name)) given[name] = /** @type {any} */ (options)[name];
  }
  checkValues(given);
  return given;
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {ReadonlySet<string>} known
 * @param {string} group
 */
function refuse(name, value, known, group) {
  if (!NOT_YET.includes(name)) throw unknownOption(name, known, group);
  if (value !== undefined) throw poolError('UNSUPPORTED', `option ${name} is not available in this version`);
}

/**
 * @param {Given} given
 * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT
 */
function checkValues({ onLost, deliver, weight, signal, transfer, onProgress, batchSize, settle, onItems, alone }) {
  if (onLost !== undefined && onLost !== 'reject' && onLost !== 'requeue')
    throw wrong('onLost', onLost, 'reject, requeue');
  if (deliver !== undefined && deliver !== 'copy' && deliver !== 'lease')
    throw wrong('deliver', deliver, 'copy, lease');
  if (weight !== undefined && !Object.hasOwn(WEIGHTS, weight)) throw wrong('weight', weight, 'light, heavy');
  if (signal !== undefined && signal !== null && typeof signal.addEventListener !== 'function')
    throw wrong('signal', signal, 'an AbortSignal');
  if (transfer !== undefined && !Array.isArray(transfer)) throw wrong('transfer', transfer, 'an array');
  if (onProgress !== undefined) callback('onProgress', onProgress);
  if (onItems !== undefined) callback('onItems', onItems);
  if (alone !== undefined) flag('alone', alone);
  if (batchSize !== undefined) integer('batchSize', batchSize, 1);
  if (deliver === 'lease' && batchSize !== undefined && batchSize > 1)
    throw poolError('INVALID_ARGUMENT', "batchSize: with deliver: 'lease' each result is a box of its own");
  if (settle !== undefined && typeof settle !== 'boolean') throw wrong('settle', settle, 'a boolean');
}

const call = (/** @type {() => unknown} */ run) => run();

/**
 * What calls in the context of this moment; of a task that may call functions of main.
 * @param {Pick<import('./options.js').ResolvedOptions, 'main'>} pool
 */
export function contextFor({ main }) {
  for (const _ in main) return host.bind(call);
  return undefined;
}

/**
 * @param {TaskOptions} options
 * @param {Pick<import('./options.js').ResolvedOptions, 'taskTimeoutMs' | 'liveness' | 'main' | 'scheduler'>} pool
 * @param {Extra} extra
 * @returns {Spec}
 * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT, UNSUPPORTED
 */
export function specify(options, pool, extra) {
  const given = readOptions(options);
  const { onLost = extra.isJob ? 'requeue' : 'reject', deliver, onProgress, transfer, cancelGraceMs } = given;
  const weight = given.weight ?? extra.weight;
  const timeoutMs = timeLimit(given.timeoutMs === undefined ? pool.taskTimeoutMs : given.timeoutMs);
  const isWatched = pool.liveness.timeoutMs !== undefined && (pool.liveness.all || extra.isJob === true);
  return {
    lane: given.priority === undefined ? L.PRIORITY_NORMAL : priorityLane(given.priority),
    timeoutMs,
    deadline: given.deadlineMs === undefined ? undefined : deadlineOf(given.deadlineMs, pool.scheduler),
    lookMs: Math.min(timeoutMs ?? Infinity, isWatched ? pool.liveness.scanMs : Infinity),
    flags:
      (extra.flags ?? 0) |
      (weight ? WEIGHTS[weight] : 0) |
      (deliver === 'lease' ? L.SLOT_LEASE : 0) |
      (onLost === 'requeue' ? L.SLOT_REQUEUE : 0) |
      (isWatched ? L.SLOT_WATCHED : 0) |
      (given.alone ? L.SLOT_EXCLUSIVE : 0),
    seat: extra.seat,
    group: 0, // a batch's or a bulk job's comes later
    dueMs: extra.dueMs,
    onProgress: onProgress && host.bind(onProgress),
    inContext: contextFor(pool),
    transfer,
    graceMs: cancelGraceMs === undefined ? undefined : (milliseconds('cancelGraceMs', cancelGraceMs) ?? LONGEST_MS),
  };
}

/**
 * @param {number} deadlineMs
 * @param {import('./scheduler.js').Time} time
 */
export function deadlineOf(deadlineMs, time) {
  const ms = milliseconds('deadlineMs', deadlineMs);
  return ms === undefined ? undefined : { ms, at: time.poolNow() + ms };
}

/**
 * The core takes 0 for "none", so the shortest limit is 1 ms.
 * @param {unknown} timeoutMs
 */
function timeLimit(timeoutMs) {
  const limit = timeoutMs === undefined ? undefined : milliseconds('timeoutMs', timeoutMs);
  return limit === undefined ? undefined : Math.max(1, limit);
}
