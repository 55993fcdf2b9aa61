/** The pool's options: checked and completed in one place. */
import { poolError } from './errors.js';
import * as L from './generated/layout.js';
import { host } from './host/index.js';
import { Time } from './scheduler.js';
import { THRESHOLDS } from './telemetry.js';

/** @typedef {'critical' | 'high' | 'normal' | 'low' | 'background'} Priority highest first; background is served as low */

/**
 * What this runtime can do. A pool never pretends more.
 * @typedef {object} Caps
 * @property {boolean} threads workers run in parallel
 * @property {boolean} sharedMemory shared memory is available (browsers: the page is cross-origin isolated)
 * @property {boolean} killJs a JavaScript handler that never returns can be stopped
 * @property {boolean} killWasm a C task that never returns can be stopped
 * @property {boolean} confirmedDeath the host says when a killed worker is gone for certain
 *
 * @typedef {import('./scheduler.js').Scheduler} Scheduler
 *
 * @typedef {object} RestartOptions what happens after a worker crashed (not after the pool killed it)
 * @property {'always' | 'on-failure' | 'never'} [policy] 'always'; 'on-failure': not after `process.exit(0)` while it ran no task
 * @property {number} [minMs] delay before the first restart; 200
 * @property {number} [maxMs] it doubles up to this; 10,000
 * @property {number} [jitter] random part of the delay, 0 … 1; 0.2
 * @property {number} [max] restarts within the window before the seat is given up; 10; -1: no limit
 * @property {number} [windowMs] 60,000; 0: for ever
 *
 * @typedef {object} AgingOptions
 * @property {number} [lowSkips] after so many tasks of higher levels one of the lowest goes first; 50
 * @property {number} [heavySkips] after so many tasks that went before it, a heavy task runs beside bulk jobs; 10
 *
 * @typedef {object} TelemetryOptions
 * @property {number} [ring] samples in the window, one for each tick; 600
 * @property {number} [tickMs] 16
 * @property {Partial<Record<import('./telemetry.js').ThresholdName, readonly [warm: number, overloaded: number]>>} [thresholds]
 *
 * @typedef {object} LivenessOptions signs of life: a heartbeat, progress, a task's start or end, and, while a handler awaits
 *   something, the worker's event loop. Without one the task is stopped: it ends with WORKER_LOST, or runs again with
 *   `onLost: 'requeue'`
 * @property {number} [timeoutMs] of silence; 5,000
 * @property {number} [scanMs] how often it is looked for; 1,000
 * @property {number} [maxRedeliveries] of one task whose workers are lost, however; then it ends with POISON_JOB; 3
 *
 * @typedef {object} PoolOptions
 * @property {string | URL} [module] worker module with JavaScript handlers; a URL, or a path from the working directory
 * @property {string | URL} [wasm] Emscripten module of C tasks, linked with the core; default: the package's own core
 * @property {boolean} [loopChecks] whether the wasm module's loops get checks when it is loaded, so that a hung C task is stopped
 *   without its thread; true. False: a little faster, and it costs the thread, where the runtime can end it
 * @property {number | 'auto'} [workers] 'auto': WASMPOOL_WORKERS, else the hardware's concurrency, else 2
 * @property {number} [spares] warm stand-ins that replace a killed worker at once; 0
 * @property {number} [maxQueue] tasks that may wait; unbounded
 * @property {number} [taskTimeoutMs] time limit of a task, from its start; none
 * @property {number} [recycleTimeoutMs] how long a worker may stay silent after a time-out before it is killed; undefined: for
 *   ever, 0: it is killed at once
 * @property {LivenessOptions | false} [liveness] recovers workers that run a task and give no sign of life: given, for all tasks;
 *   false, for none; by default for those of `split`, `bulkSplit` and `sequence`
 * @property {{ count?: number, size?: number | string }} [boxes] leased results at once, and their size; 64, '1mb'
 * @property {number} [leaseMs] how long a leased result lives without being released; 5,000
 * @property {{ maximum?: number | string }} [memory] ceiling of the pool's memory in bytes, or '512mb'; '4gb'
 * @property {RestartOptions} [restart]
 * @property {number} [readyTimeoutMs] how long a worker may take to start; 10,000
 * @property {unknown} [initData] reaches every worker before its module is imported: context.initData
 * @property {boolean} [unref] an idle pool does not keep the process alive
 * @property {number} [concurrentTasksPerWorker] 1; more only for asynchronous handlers
 * @property {object} [resourceLimits] passed to the host where it knows them
 * @property {Record<string, (argument: any) => unknown>} [main] functions that handlers may call by context.main(name)
 * @property {Partial<Scheduler>} [scheduler]
 * @property {boolean | AgingOptions} [aging] false: the order of levels is strict; true
 * @property {number} [slowMs] light tasks run beside bulk jobs while some worker takes so long for a task on average; 16
 * @property {number} [dispatchBudgetMs] how long `split` and `sequence` may keep main busy in each tick of 16 ms; what is over
 *   waits for the next tick; 8
 * @property {number} [maxSliceItems] items in a slice of a bulk job, at most; 256
 * @property {boolean | TelemetryOptions} [telemetry] samples the pool's health for `report` and `taskLoad`; false
 * @property {boolean} [dev] for development: names of tasks are checked before they are queued, and results that may not be kept
 *   are spoiled when their callback is over
 * @property {(message: string, taskId: string) => void} [onWorkerError] every failed task; lost workers are told by the event workerDown
 */

const PRIORITIES = Object.freeze({
  critical: L.PRIORITY_CRITICAL,
  high: L.PRIORITY_HIGH,
  normal: L.PRIORITY_NORMAL,
  low: L.PRIORITY_LOW,
  background: L.PRIORITY_LOW, // REQUIREMENTS C-01
});

/** Every default, in one place. */
export const DEFAULTS = Object.freeze({
  loopChecks: true,
  spares: 0,
  boxes: Object.freeze({ count: 64, size: '1mb' }),
  leaseMs: 5000,
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
  slowMs: 16,
  dispatchBudgetMs: 8,
  maxSliceItems: 256,
  telemetry: Object.freeze({ ring: L.TELEMETRY_RING, tickMs: 16 }),
  readyTimeoutMs: 10_000,
  concurrentTasksPerWorker: 1,
});

/** Options of later versions: refused rather than ignored. */
const NOT_YET = ['isolated', 'resources', 'backend', 'topology'];

/**
 * @param {string} name
 * @param {unknown} value
 * @param {string} expected
 */
export function wrong(name, value, expected) {
  return poolError('INVALID_ARGUMENT', `${name}: expected ${expected}, got ${display(value)}`);
}

/** @param {unknown} value */
function display(value) {
  return typeof value === 'string'
    ? `'${value}'`
    : typeof value === 'object'
      ? Object.prototype.toString.call(value)
      : String(value);
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {number} least
 * @param {number} [most]
 */
export function integer(name, value, least, most = Number.MAX_SAFE_INTEGER) {
  if (!Number.isSafeInteger(value) || /** @type {number} */ (value) < least || /** @type {number} */ (value) > most) {
    throw wrong(
      name,
      value,
      most === Number.MAX_SAFE_INTEGER ? `a whole number from ${least}` : `a whole number from ${least} to ${most}`,
    );
  }
  return /** @type {number} */ (value);
}

/** The longest time that a 32-bit count of milliseconds holds with room to spare: 24 days, as for setTimeout. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * A time in milliseconds; fractions are rounded up, Infinity means none.
 * @param {string} name
 * @param {unknown} value
 */
export function milliseconds(name, value) {
  if (value === Infinity) return undefined;
  if (typeof value !== 'number' || !(value >= 0) || value > LONGEST_MS) throw wrong(name, value, 'milliseconds from 0');
  return Math.ceil(value);
}

const UNITS = { '': 0, b: 0, kb: 1, kib: 1, mb: 2, mib: 2, gb: 3, gib: 3 };

/**
 * A number of bytes, or text such as '1.5 MB': powers of 1,024 (REQUIREMENTS NF-02).
 * @param {string} name
 * @param {unknown} value
 * @returns {number}
 */
export function parseSize(name, value) {
  const match = typeof value === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(value) : undefined;
  const power = match ? UNITS[/** @type {keyof typeof UNITS} */ (match[2].toLowerCase())] : 0;
  const bytes = match
    ? Math.floor(Number(match[1]) * 1024 ** power)
    : typeof value === 'number'
      ? Math.floor(value)
      : NaN;
  if (!Number.isFinite(bytes) || bytes <= 0) throw wrong(name, value, "bytes, or text such as '1mb'");
  return bytes;
}

/**
 * @param {unknown} priority
 * @returns {number} the lane
 */
export function priorityLane(priority) {
  const lane = Object.hasOwn(PRIORITIES, /** @type {string} */ (priority))
    ? PRIORITIES[/** @type {Priority} */ (priority)]
    : undefined;
  if (lane === undefined) throw wrong('priority', priority, Object.keys(PRIORITIES).join(', '));
  return lane;
}

/** @param {unknown} workers */
function workerCount(workers) {
  if (workers !== 'auto') return integer('workers', workers, 1, L.SEATS_MAX);
  const wanted = Number(host.environment('WASMPOOL_WORKERS') ?? NaN);
  const found = Number.isSafeInteger(wanted) && wanted > 0 ? wanted : host.hardwareConcurrency() || 2;
  return Math.min(found, L.SEATS_MAX);
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function moduleUrl(name, value) {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' && !(value instanceof URL)) throw wrong(name, value, 'a URL or a path');
  try {
    return host.resolve(value);
  } catch (cause) {
    throw poolError('INVALID_ARGUMENT', `${name}: '${value}' is no URL`, { cause });
  }
}

/** @param {LivenessOptions | false} [liveness] */
function livenessOptions(liveness) {
  if (liveness !== undefined && liveness !== false && (liveness === null || typeof liveness !== 'object'))
    throw wrong('liveness', liveness, 'an object or false');
  const merged = { ...DEFAULTS.liveness, ...liveness };
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
function agingOptions(aging = true) {
  if (typeof aging !== 'boolean' && (aging === null || typeof aging !== 'object'))
    throw wrong('aging', aging, 'a boolean or an object');
  if (aging === false) return Object.freeze({ lowSkips: undefined, heavySkips: undefined });
  const { lowSkips, heavySkips } = { ...DEFAULTS.aging, ...(aging === true ? {} : aging) };
  return Object.freeze({
    lowSkips: integer('aging.lowSkips', lowSkips, 1, 2 ** 31),
    heavySkips: integer('aging.heavySkips', heavySkips, 1, 2 ** 31),
  });
}

/** @param {boolean | TelemetryOptions} [telemetry] */
function telemetryOptions(telemetry = false) {
  if (typeof telemetry !== 'boolean' && (telemetry === null || typeof telemetry !== 'object'))
    throw wrong('telemetry', telemetry, 'a boolean or an object');
  if (telemetry === false) return undefined;
  const given = { ...DEFAULTS.telemetry, thresholds: {}, ...(telemetry === true ? {} : telemetry) };
  return Object.freeze({
    ring: integer('telemetry.ring', given.ring, 1, 1 << 20),
    tickMs: Math.max(1, milliseconds('telemetry.tickMs', given.tickMs) ?? LONGEST_MS),
    thresholds: Object.freeze(thresholdOptions(given.thresholds)),
  });
}

/** @param {TelemetryOptions['thresholds']} [thresholds] */
function thresholdOptions(thresholds = {}) {
  for (const [name, pair] of Object.entries(thresholds)) {
    if (!THRESHOLDS.includes(/** @type {any} */ (name)))
      throw wrong('telemetry.thresholds', name, THRESHOLDS.join(', '));
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every(Number.isFinite))
      throw wrong(`telemetry.thresholds.${name}`, pair, '[warm, overloaded]');
  }
  return { ...thresholds };
}

/** @param {RestartOptions} [restart] */
function restartOptions(restart = {}) {
  const merged = { ...DEFAULTS.restart, ...restart };
  if (!['always', 'on-failure', 'never'].includes(merged.policy))
    throw wrong('restart.policy', merged.policy, 'always, on-failure, never');
  for (const key of /** @type {const} */ (['minMs', 'maxMs', 'windowMs'])) milliseconds(`restart.${key}`, merged[key]);
  if (!(merged.jitter >= 0 && merged.jitter <= 1)) throw wrong('restart.jitter', merged.jitter, '0 to 1');
  integer('restart.max', merged.max, -1);
  return Object.freeze(merged);
}

/**
 * @param {PoolOptions} options
 * @returns all options, frozen, with defaults
 * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT naming the option, UNSUPPORTED for one of a later version
 */
export function resolveOptions(options) {
  if (options === null || typeof options !== 'object') throw wrong('options', options, 'an object');
  const later = NOT_YET.find((name) => /** @type {any} */ (options)[name] !== undefined);
  if (later) throw poolError('UNSUPPORTED', `option ${later} is not available in this version`);
  if (options.module === undefined && options.wasm === undefined) {
    throw poolError('INVALID_ARGUMENT', 'module: expected the URL of a worker module (or wasm: of a C module)');
  }
  const workers = workerCount(options.workers ?? 'auto');
  const onWorkerError = options.onWorkerError;
  if (onWorkerError !== undefined && typeof onWorkerError !== 'function')
    throw wrong('onWorkerError', onWorkerError, 'a function');
  const optionalMs = (/** @type {string} */ name, /** @type {unknown} */ value) =>
    value === undefined ? undefined : milliseconds(name, value);
  return Object.freeze({
    module: moduleUrl('module', options.module),
    wasm: moduleUrl('wasm', options.wasm),
    loopChecks: options.loopChecks ?? DEFAULTS.loopChecks,
    workers,
    spares: integer('spares', options.spares ?? DEFAULTS.spares, 0, L.SEATS_MAX - workers),
    maxQueue:
      options.maxQueue === undefined || options.maxQueue === Infinity
        ? undefined
        : integer('maxQueue', options.maxQueue, 0, 2 ** 31),
    taskTimeoutMs: optionalMs('taskTimeoutMs', options.taskTimeoutMs),
    recycleTimeoutMs: optionalMs('recycleTimeoutMs', options.recycleTimeoutMs),
    boxCount: integer('boxes.count', options.boxes?.count ?? DEFAULTS.boxes.count, 1, 1 << 24),
    boxBytes: parseSize('boxes.size', options.boxes?.size ?? DEFAULTS.boxes.size),
    leaseMs: milliseconds('leaseMs', options.leaseMs ?? DEFAULTS.leaseMs) ?? LONGEST_MS,
    memoryBytes: Math.min(parseSize('memory.maximum', options.memory?.maximum ?? DEFAULTS.memory.maximum), 2 ** 32),
    liveness: livenessOptions(options.liveness),
    restart: restartOptions(options.restart),
    readyTimeoutMs: milliseconds('readyTimeoutMs', options.readyTimeoutMs ?? DEFAULTS.readyTimeoutMs),
    initData: options.initData,
    unref: options.unref === true,
    concurrency: integer(
      'concurrentTasksPerWorker',
      options.concurrentTasksPerWorker ?? DEFAULTS.concurrentTasksPerWorker,
      1,
      L.CONCURRENCY_MAX,
    ),
    resourceLimits: options.resourceLimits,
    main: options.main ?? {},
    scheduler: new Time(options.scheduler),
    aging: agingOptions(options.aging),
    slowMs: milliseconds('slowMs', options.slowMs ?? DEFAULTS.slowMs) ?? LONGEST_MS,
    dispatchBudgetMs:
      milliseconds('dispatchBudgetMs', options.dispatchBudgetMs ?? DEFAULTS.dispatchBudgetMs) ?? Infinity,
    maxSliceItems: integer('maxSliceItems', options.maxSliceItems ?? DEFAULTS.maxSliceItems, 1, 2 ** 31),
    telemetry: telemetryOptions(options.telemetry),
    dev: options.dev === true,
    onWorkerError,
  });
}

/** @typedef {ReturnType<typeof resolveOptions>} ResolvedOptions */
