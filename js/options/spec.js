/** Checks a task's options, and turns them into the fields that the core reads. */
import {
  callback,
  flag,
  integer,
  LONGEST_MS,
  milliseconds,
  nameSet,
  object,
  transferList,
  unknownOption,
  wrong,
} from '../base/check.js';
import { poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { host } from '../host/index.js';
import { NO_FUNCTIONS } from './option-groups.js';
import { POOL_NAMES, priorityLane } from './options.js';
import { own } from '../base/own.js';

/**
 * A task without its name and payload.
 * @typedef {object} Spec
 * @property {number} lane
 * @property {number} [timeoutMs]
 * @property {import('./task-options.js').Deadline} [deadline]
 * @property {number} [lookMs] how often main must check the clocks while the task runs
 * @property {number} [flags] of the slot
 * @property {number} [group] index + 1
 * @property {number} [seat] index + 1
 * @property {number} [dueMs] of a slice: when it begins to go before single tasks
 * @property {number} [itemsBytes] room for the results of a batch's items
 * @property {(value: any) => void} [onProgress] calls back in the async context of the task's submission
 * @property {(run: () => unknown) => unknown} [inContext] calls a function in that context; set if the pool has functions of main
 * @property {readonly import('../base/host-types.js').Transferable[]} [transfer]
 * @property {number} [graceMs] default: the pool's
 * @property {AbortSignal} [signal]
 */

/**
 * Fields that the pool adds to a task's options.
 * @typedef {object} Extra
 * @property {number} [flags] of the slot
 * @property {number} [seat] index + 1
 * @property {number} [dueMs] of a slice, absolute
 * @property {'light' | 'heavy'} [weight] default for the option
 * @property {boolean} [isJob] whether it comes from split, bulkSplit or sequence: it runs again if its worker is lost or silent
 */

/**
 * @typedef {import('./task-options.js').TaskOptions} TaskOptions
 * @typedef {import('./task-options.js').MapExtras} MapExtras
 * @typedef {import('./task-options.js').BulkExtras} BulkExtras
 */

/** @typedef {Pick<import('./options.js').ResolvedOptions, 'taskTimeoutMs' | 'liveness' | 'main' | 'scheduler'>} PoolPart */

/** @type {TaskOptions} */
export const NO_OPTIONS = Object.freeze({});
/** Has every field, so that none is read from Object.prototype. Spread it under others. @type {Extra} */
export const NO_EXTRA = Object.freeze({
  flags: 0,
  seat: undefined,
  dueMs: undefined,
  weight: undefined,
  isJob: false,
});

/** Options of single tasks that belong to later versions: refused with a code of their own. */
const NOT_YET = ['shardKey'];

const WEIGHED = L.SLOT_LIGHT | L.SLOT_HEAVY;
const weightFlag = (/** @type {'light' | 'heavy' | undefined} */ weight) =>
  weight === undefined ? 0 : weight === 'light' ? L.SLOT_LIGHT : L.SLOT_HEAVY;

// ---- Checks of single options: each returns the value, or throws ----

/**
 * @param {string} one
 * @param {string} other
 * @returns {(name: string, value: any) => any}
 */
const either = (one, other) => (name, value) => {
  if (value !== one && value !== other) throw wrong(name, value, `${one}, ${other}`);
  return value;
};
const lossOf = either('reject', 'requeue');
const deliveryOf = either('copy', 'lease');
const weightOf = either('light', 'heavy');

/**
 * @param {string} name
 * @param {any} value
 * @returns {AbortSignal | undefined}
 */
function signalOf(name, value) {
  const isSignal =
    value === null || (typeof value.addEventListener === 'function' && typeof value.aborted === 'boolean');
  if (!isSignal) throw wrong(name, value, 'an AbortSignal');
  return value ?? undefined;
}

/** @type {Record<string, (name: string, value: any) => unknown>} */
const CHECKS = own({
  priority: (_name, value) => priorityLane(value),
  timeoutMs: milliseconds,
  deadlineMs: milliseconds,
  cancelGraceMs: milliseconds,
  onLost: lossOf,
  deliver: deliveryOf,
  weight: weightOf,
  signal: signalOf,
  transfer: transferList,
  onProgress: callback,
  onItems: callback,
  alone: flag,
  settle: flag,
  batchSize: (name, value) => integer(name, value, 1),
});

/**
 * The options of one task, a map or a bulk job, after they were read and checked. It has every field itself, so that additions to
 * Object.prototype are not taken for options.
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
/** @type {Record<keyof import('./task-options.js').StepExtras, 1>} */
const STEP = { task: 1, payload: 1 };
/** Slices have no weight, and their items and results are copied. */
const NOT_BULK = ['weight', 'deliver', 'transfer'];

/** Names of the options of each call. */
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

/** Properties of a step that are not options of its task. */
const ASIDE = nameSet(STEP);

/**
 * Reads the options of a call, and checks each one.
 * @param {TaskOptions & MapExtras & BulkExtras} options
 * @param {ReadonlySet<string>} [known] names of the options
 * @param {string} [group] name of the options in messages
 * @returns {Given} `options` itself if it is one
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT, UNSUPPORTED
 */
export function readOptions(options, known = OPTIONS_OF.task, group = '') {
  if (options instanceof Given) return options;
  object('options', options);
  const given = /** @type {any} */ (new Given());
  for (const name of Object.keys(options)) {
    const value = /** @type {any} */ (options)[name];
    if (!known.has(name)) refuse(name, value, known, group);
    else if (value !== undefined && (known !== OPTIONS_OF.step || !ASIDE.has(name))) given[name] = checked(name, value);
  }
  // No task has it, so specify() does not read it: maps and bulk jobs get it checked, Infinity for none.
  if (given.maxWaitMs !== undefined) given.maxWaitMs = milliseconds('maxWaitMs', given.maxWaitMs) ?? Infinity;
  const { deliver, batchSize } = given;
  if (deliver === 'lease' && batchSize !== undefined && batchSize > 1)
    throw poolError('INVALID_ARGUMENT', "batchSize: with deliver: 'lease' each result is a box of its own");
  return given;
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {ReadonlySet<string>} known
 * @param {string} group
 */
function refuse(name, value, known, group) {
  if (!NOT_YET.includes(name)) throw unknownOption(name, known, group, POOL_NAMES);
  if (value !== undefined) throw poolError('UNSUPPORTED', `option ${name} is not available in this version`);
}

/**
 * @template T
 * @param {string} name
 * @param {T} value of an option
 * @returns {T}
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
function checked(name, value) {
  CHECKS[name]?.(name, value);
  return value;
}

const call = (/** @type {() => unknown} */ run) => run();

/**
 * A function that calls others in the present async context; undefined if the pool has no functions of main.
 * @param {Pick<import('./options.js').ResolvedOptions, 'main'>} pool
 */
export function contextFor({ main }) {
  if (main === NO_FUNCTIONS) return undefined;
  for (const _ in main) return host.bind(call);
  return undefined;
}

/**
 * The fields of a task's options. Every call with options comes here, so each option is read once, and checked where it is applied: options
 * that are not given cost nothing (bench/calls.mjs).
 * @param {TaskOptions} options
 * @param {PoolPart} pool
 * @param {Extra} extra
 * @returns {Spec}
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT, UNSUPPORTED
 */
export function specify(options, pool, extra) {
  object('options', options);
  const spec = plain(pool, extra);
  for (const name in options) {
    if (!Object.prototype.hasOwnProperty.call(options, name)) continue; // Object.hasOwn costs 7 ns more: V8 12
    const value = /** @type {any} */ (options)[name];
    const isKnown = value === undefined ? OPTIONS_OF.task.has(name) : apply(spec, name, value, pool);
    if (!isKnown && !(options instanceof Given)) refuse(name, value, OPTIONS_OF.task, '');
  }
  return spec;
}

/**
 * @param {Spec} spec
 * @param {string} name
 * @param {any} value
 * @param {PoolPart} pool
 * @returns {boolean} false: there is no such option of a task
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
function apply(spec, name, value, pool) {
  const { flags = 0 } = spec;
  switch (name) {
    case 'timeoutMs':
      limit(spec, value, pool);
      return true;
    case 'priority':
      spec.lane = priorityLane(value);
      return true;
    case 'signal':
      spec.signal = signalOf(name, value);
      return true;
    case 'onLost':
      spec.flags = lossOf(name, value) === 'requeue' ? flags | L.SLOT_REQUEUE : flags & ~L.SLOT_REQUEUE;
      return true;
    case 'weight':
      spec.flags = (flags & ~WEIGHED) | weightFlag(weightOf(name, value));
      return true;
    case 'deliver':
      spec.flags = deliveryOf(name, value) === 'lease' ? flags | L.SLOT_LEASE : flags;
      return true;
    case 'alone':
      spec.flags = flag(name, value) ? flags | L.SLOT_EXCLUSIVE : flags;
      return true;
    case 'transfer':
      spec.transfer = transferList(name, value);
      return true;
    case 'onProgress':
      spec.onProgress = host.bind(callback(name, value));
      return true;
    case 'cancelGraceMs':
      spec.graceMs = milliseconds(name, value) ?? LONGEST_MS;
      return true;
    case 'deadlineMs': {
      const ms = milliseconds(name, value);
      spec.deadline = ms === undefined ? undefined : deadlineIn(ms, pool.scheduler);
      return true;
    }
    default:
      return false;
  }
}

/**
 * @param {Spec} spec
 * @param {unknown} timeoutMs
 * @param {PoolPart} pool
 */
function limit(spec, timeoutMs, pool) {
  spec.timeoutMs = atLeast1(milliseconds('timeoutMs', timeoutMs));
  spec.lookMs = lookMs(spec.timeoutMs, ((spec.flags ?? 0) & L.SLOT_WATCHED) !== 0, pool);
}

/**
 * For the core 0 means "no limit", so the shortest limit is 1 ms.
 * @param {number | undefined} limitMs
 */
const atLeast1 = (limitMs) => (limitMs === 0 ? 1 : limitMs);

/**
 * @param {number | undefined} timeoutMs
 * @param {boolean} isWatched
 * @param {PoolPart} pool
 */
function lookMs(timeoutMs, isWatched, { liveness: { scanMs } }) {
  return isWatched && !(timeoutMs !== undefined && timeoutMs < scanMs) ? scanMs : timeoutMs;
}

/**
 * The fields of a task without options.
 * @param {PoolPart} pool
 * @param {Extra} extra
 * @returns {Spec}
 */
function plain(pool, { flags = 0, weight, isJob = false, seat, dueMs }) {
  const timeoutMs = atLeast1(pool.taskTimeoutMs);
  const isWatched = pool.liveness.timeoutMs !== undefined && (pool.liveness.all || isJob);
  return {
    lane: L.LEVEL_NORMAL,
    timeoutMs,
    deadline: undefined,
    lookMs: lookMs(timeoutMs, isWatched, pool),
    flags: flags | weightFlag(weight) | (isJob ? L.SLOT_REQUEUE : 0) | (isWatched ? L.SLOT_WATCHED : 0),
    seat,
    group: 0, // set later for batches and bulk jobs
    dueMs,
    onProgress: undefined,
    inContext: contextFor(pool),
    transfer: undefined,
    graceMs: undefined,
    signal: undefined,
  };
}

/**
 * The deadline of a task that is submitted now.
 * @param {number} ms
 * @param {import('../time/scheduler.js').Time} time
 * @returns {import('./task-options.js').Deadline}
 */
export function deadlineIn(ms, time) {
  return { ms, at: time.poolNow() + ms };
}
