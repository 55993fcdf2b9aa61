/** The pool's options that are groups: restart, liveness, aging, telemetry and so on. */
import {
  callback,
  integer,
  LONGEST_MS,
  milliseconds,
  nameSet,
  object,
  ownOptions,
  parseSize,
  wrong,
} from '../base/check.js';
import { poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';

/** Names of thresholds, in the core's order (wp_thresholds). */
export const THRESHOLDS = /** @type {const} */ ([
  'freePart',
  'depth',
  'execSeconds',
  'overBudget',
  'activeBulks',
  'lowSkips',
  'heavySkips',
  'interventions',
]);

/** @typedef {typeof THRESHOLDS[number]} ThresholdName */

/**
 * @typedef {object} RestartOptions how crashed workers are replaced (not those that the pool killed)
 * @property {'always' | 'on-failure' | 'never'} [policy] 'always'; 'on-failure': not after `process.exit(0)` while it ran no task
 * @property {number} [minMs] delay before the first restart; 200
 * @property {number} [maxMs] the delay doubles up to this; 10,000
 * @property {number} [jitter] random part of the delay, 0 … 1; 0.2
 * @property {number} [max] restarts within the window before the seat is given up; 10; -1, or above 4,096: no limit
 * @property {number} [windowMs] 60,000; 0: for ever
 *
 * @typedef {object} AgingOptions
 * @property {number} [lowSkips] after so many tasks of higher levels one of the lowest goes first; 50
 * @property {number} [heavySkips] after so many tasks that were taken before it, a heavy task runs beside bulk jobs; 10
 *
 * @typedef {object} TelemetryOptions
 * @property {number} [ring] samples in the window, one for each tick; 600
 * @property {number} [tickMs] 16
 * @property {Partial<Record<ThresholdName, readonly [warm: number, overloaded: number]>>} [thresholds]
 *
 * @typedef {object} LivenessOptions signs of life: a heartbeat, progress, a task's start or end, and, while a handler awaits
 *   something, the worker's event loop. Without one the task is stopped: it ends with WORKER_LOST, or runs again with
 *   `onLost: 'requeue'`
 * @property {number} [timeoutMs] of silence; 5,000
 * @property {number} [scanMs] how often signs of life are checked; 1,000
 * @property {number} [maxRedeliveries] how often a task may run again whose worker was lost, for any reason; then it ends with POISON_JOB; 3
 *
 * @typedef {object} BoxOptions
 * @property {number} [count] leased results at once; 64
 * @property {number | string} [size] memory that is reserved for each when the pool opens, in bytes or as text; '1mb', less if all of them
 *   would take more than a sixteenth of memory.maximum. A larger result takes memory of its own
 *
 * @typedef {object} MemoryOptions
 * @property {number | string} [maximum] ceiling of the pool's memory in bytes, or '512mb'; '4gb'
 */

/** The defaults of all groups. */
export const GROUP_DEFAULTS = Object.freeze({
  boxes: Object.freeze({ count: 64, size: '1mb' }),
  memory: Object.freeze({ maximum: '4gb' }),
  restart: Object.freeze({
    policy: /** @type {const} */ ('always'),
    minMs: 200,
    maxMs: 10_000,
    jitter: 0.2,
    max: 10,
    windowMs: 60_000,
  }),
  liveness: Object.freeze({ timeoutMs: 5000, scanMs: 1000, maxRedeliveries: 3 }),
  aging: Object.freeze({ lowSkips: 50, heavySkips: 10 }),
  telemetry: Object.freeze({ ring: L.TELEMETRY_RING, tickMs: 16 }),
});

/** @type {Record<keyof RestartOptions, 1>} */
const RESTART = { policy: 1, minMs: 1, maxMs: 1, jitter: 1, max: 1, windowMs: 1 };
/** @type {Record<keyof AgingOptions, 1>} */
const AGING = { lowSkips: 1, heavySkips: 1 };
/** @type {Record<keyof TelemetryOptions, 1>} */
const TELEMETRY = { ring: 1, tickMs: 1, thresholds: 1 };
/** @type {Record<keyof LivenessOptions, 1>} */
const LIVENESS = { timeoutMs: 1, scanMs: 1, maxRedeliveries: 1 };
/** @type {Record<keyof BoxOptions, 1>} */
const BOXES = { count: 1, size: 1 };
/** @type {Record<keyof MemoryOptions, 1>} */
const MEMORY = { maximum: 1 };
/** The same as in worker_threads: https://nodejs.org/api/worker_threads.html. @type {Record<string, 1>} */
const RESOURCE_LIMITS = {
  maxYoungGenerationSizeMb: 1,
  maxOldGenerationSizeMb: 1,
  codeRangeSizeMb: 1,
  stackSizeMb: 1,
};

const NAMES = Object.freeze({
  restart: nameSet(RESTART),
  aging: nameSet(AGING),
  telemetry: nameSet(TELEMETRY),
  liveness: nameSet(LIVENESS),
  boxes: nameSet(BOXES),
  memory: nameSet(MEMORY),
  resourceLimits: nameSet(RESOURCE_LIMITS),
  thresholds: new Set(THRESHOLDS),
});

/**
 * @param {BoxOptions | undefined} boxes
 * @param {number} maximumBytes of the pool's memory
 * @returns {{ count: number, bytes: number, isGiven: boolean }} isGiven: the size was given, so it may not be reduced
 */
export function boxOptions(boxes, maximumBytes) {
  const own = ownOptions('boxes', boxes ?? {}, NAMES.boxes);
  const { count, size } = { ...GROUP_DEFAULTS.boxes, ...own };
  const all = { count: integer('boxes.count', count, 1, 1 << 24), bytes: parseSize('boxes.size', size) };
  const isGiven = own.size !== undefined;
  if (isGiven && all.count * all.bytes > maximumBytes) {
    const text = `boxes: ${all.count} boxes of ${all.bytes} bytes do not fit into memory.maximum, ${maximumBytes} bytes`;
    throw poolError('INVALID_ARGUMENT', text);
  }
  return { ...all, isGiven };
}

/**
 * @param {MemoryOptions} [memory]
 * @returns {number} bytes, at most the size of a 32-bit address space
 */
export function memoryBytes(memory = {}) {
  const { maximum } = { ...GROUP_DEFAULTS.memory, ...ownOptions('memory', memory, NAMES.memory) };
  return Math.min(parseSize('memory.maximum', maximum), 2 ** 32);
}

/** @param {LivenessOptions | false} [liveness] */
export function livenessOptions(liveness) {
  const given = liveness === false ? {} : (liveness ?? {});
  const merged = { ...GROUP_DEFAULTS.liveness, ...ownOptions('liveness', given, NAMES.liveness, 'an object or false') };
  const duration = (/** @type {'timeoutMs' | 'scanMs'} */ key) =>
    Math.max(1, milliseconds(`liveness.${key}`, merged[key]) ?? LONGEST_MS);
  return Object.freeze({
    all: liveness !== undefined,
    timeoutMs: liveness === false ? undefined : duration('timeoutMs'),
    scanMs: liveness === false ? Infinity : duration('scanMs'),
    maxRedeliveries: integer('liveness.maxRedeliveries', merged.maxRedeliveries, 0, 2 ** 31),
  });
}

/** @param {boolean | AgingOptions} [aging] */
export function agingOptions(aging = true) {
  if (aging === false) return Object.freeze({ lowSkips: undefined, heavySkips: undefined });
  const own = aging === true ? {} : ownOptions('aging', aging, NAMES.aging, 'true, false or an object');
  const { lowSkips, heavySkips } = { ...GROUP_DEFAULTS.aging, ...own };
  return Object.freeze({
    lowSkips: integer('aging.lowSkips', lowSkips, 1, 2 ** 31),
    heavySkips: integer('aging.heavySkips', heavySkips, 1, 2 ** 31),
  });
}

/** @param {boolean | TelemetryOptions} [telemetry] */
export function telemetryOptions(telemetry = false) {
  if (telemetry === false) return undefined;
  const own = telemetry === true ? {} : ownOptions('telemetry', telemetry, NAMES.telemetry, 'true, false or an object');
  const given = { thresholds: {}, ...GROUP_DEFAULTS.telemetry, ...own };
  return Object.freeze({
    ring: integer('telemetry.ring', given.ring, 1, 1 << 20),
    tickMs: Math.max(1, milliseconds('telemetry.tickMs', given.tickMs) ?? LONGEST_MS),
    thresholds: Object.freeze(thresholdOptions(given.thresholds)),
  });
}

/** @param {NonNullable<TelemetryOptions['thresholds']>} thresholds */
function thresholdOptions(thresholds) {
  const own = ownOptions('telemetry.thresholds', thresholds, NAMES.thresholds);
  for (const [name, pair] of Object.entries(own)) {
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every(Number.isFinite))
      throw wrong(`telemetry.thresholds.${name}`, pair, '[warm, overloaded]');
  }
  return own;
}

/** @param {RestartOptions} [restart] */
export function restartOptions(restart = {}) {
  const merged = { ...GROUP_DEFAULTS.restart, ...ownOptions('restart', restart, NAMES.restart) };
  if (!['always', 'on-failure', 'never'].includes(merged.policy))
    throw wrong('restart.policy', merged.policy, 'always, on-failure, never');
  for (const key of /** @type {const} */ (['minMs', 'maxMs', 'windowMs']))
    merged[key] = milliseconds(`restart.${key}`, merged[key]) ?? (key === 'windowMs' ? 0 : LONGEST_MS);
  if (typeof merged.jitter !== 'number' || !(merged.jitter >= 0 && merged.jitter <= 1))
    throw wrong('restart.jitter', merged.jitter, '0 to 1');
  merged.max = merged.max === Infinity ? -1 : integer('restart.max', merged.max, -1);
  return Object.freeze(merged);
}

/** @param {object} [limits] */
export function resourceLimits(limits) {
  if (limits === undefined) return undefined;
  const own = ownOptions('resourceLimits', limits, NAMES.resourceLimits);
  for (const [name, value] of Object.entries(own)) {
    if (typeof value !== 'number' || !(value > 0)) throw wrong(`resourceLimits.${name}`, value, 'a number above 0');
  }
  return Object.freeze(own);
}

/** The main functions of a pool without the option `main`. @type {Record<string, (argument: any) => unknown>} */
export const NO_FUNCTIONS = Object.freeze({});

/**
 * Functions that handlers may call. Returned as they are, not copied: functions may be added later.
 * @param {Record<string, (argument: any) => unknown>} [main]
 */
export function mainFunctions(main = NO_FUNCTIONS) {
  object('main', main, 'an object of functions');
  for (const [name, value] of Object.entries(main)) {
    if (value === undefined) throw wrong(`main.${name}`, value, 'a function');
    callback(`main.${name}`, value);
  }
  return main;
}

/**
 * How C tasks run.
 * @param {import('./options.js').PoolOptions} options
 */
export function isolationOptions({ isolation, maxTaskBytes, wasm, isolated }) {
  if (isolation !== undefined && isolation !== 'none' && isolation !== 'worker')
    throw wrong('isolation', isolation, "'none' or 'worker'");
  for (const [name, value] of Object.entries({ isolation, maxTaskBytes }))
    if (value !== undefined && wasm === undefined && !(name === 'maxTaskBytes' && isolated))
      throw poolError('INVALID_ARGUMENT', `${name}: it is for C tasks: give a module of them as wasm`);
  return {
    isolation,
    maxTaskBytes: maxTaskBytes === undefined ? undefined : parseSize('maxTaskBytes', maxTaskBytes),
  };
}
