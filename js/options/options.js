/** The pool's options: checks them and fills in the defaults. */
import {
  callback,
  flag,
  integer,
  LONGEST_MS,
  milliseconds,
  nameSet,
  object,
  ownOptions,
  wrong,
} from '../base/check.js';
import { poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { host } from '../host/index.js';
import {
  agingOptions,
  boxOptions,
  GROUP_DEFAULTS,
  isolationOptions,
  livenessOptions,
  mainFunctions,
  memoryBytes,
  restartOptions,
  telemetryOptions,
} from './option-groups.js';
import { isolatedOptions } from './isolated.js';
import { Time } from '../time/scheduler.js';
import { threadOptions } from './thread-options.js';
import { workerOptions } from './worker-count.js';

/** @typedef {'critical' | 'high' | 'normal' | 'low' | 'background'} Priority highest first; background is served as low */

/**
 * @typedef {import('../host/index.js').Caps} Caps
 * @typedef {import('../host/index.js').OutputStream} OutputStream
 * @typedef {import('../time/scheduler.js').Scheduler} Scheduler
 * @typedef {import('./option-groups.js').RestartOptions} RestartOptions
 * @typedef {import('./option-groups.js').AgingOptions} AgingOptions
 * @typedef {import('./option-groups.js').TelemetryOptions} TelemetryOptions
 * @typedef {import('./option-groups.js').LivenessOptions} LivenessOptions
 * @typedef {import('./worker-count.js').WorkerRange} WorkerRange
 *
 * @typedef {object} PoolOptions
 * @property {string | URL} [module] worker module with JavaScript handlers; a URL, or a path from the working directory
 * @property {string | URL} [wasm] Emscripten module of C tasks, built with wasmpool-config; default: the package's own core
 * @property {boolean} [allowFunctions] a function given as a task is sent by its source, and may use its arguments and globals only; false:
 *   it means the handler of its name
 * @property {string | URL} [wasmUrl] where the package's wasm/dist/wasmpool.wasm lies, for those who place files by hand; default: it is
 *   found, or part of the build
 * @property {string | URL} [workerUrl] where the package's start file of workers lies (in browsers js/dist/browser-worker.js), likewise
 * @property {boolean} [loopChecks] whether the wasm module's loops get checks when it is loaded, so that a hung C task is stopped
 *   without its thread; true. False: a little faster, and it costs the thread, where the runtime can end it
 * @property {'none' | 'worker'} [isolation] what the wasm module must be: linked with the core, whose memory all its tasks share, or one
 *   that each worker has an instance of; either
 * @property {Readonly<Record<string, import('./isolated.js').IsolatedOptions>>} [isolated] tasks that are wasm modules which somebody else
 *   built, by their names: each call gets an instance with a memory of its own
 * @property {number | string} [maxTaskBytes] ceiling for the memory of an instance, in bytes or as text
 * @property {number | 'auto' | WorkerRange} [workers] 'auto': WASMPOOL_WORKERS, else the hardware's concurrency, else 2
 * @property {number} [maxTasksPerWorker] a worker that has finished so many tasks is replaced by a fresh one; never
 * @property {number | string} [maxHeapBytes] a worker whose JavaScript heap is larger after a task is replaced by a fresh one: bytes, or
 *   '512mb'; never. Node
 * @property {number} [spares] warm stand-ins that replace a killed worker at once; 0
 * @property {number} [maxQueue] tasks that may wait; unbounded
 * @property {number} [taskTimeoutMs] time limit of a task, from its start; none
 * @property {number} [recycleTimeoutMs] how much longer a task may run after its time-out before it is stopped, if need be with its
 *   worker; 0: it is stopped at its limit; Infinity: it is waited for
 * @property {number} [cancelGraceMs] how long a task may take to end by itself (context.signal, context.isCancelled) once it is given
 *   up, before it is stopped; 1
 * @property {LivenessOptions | false} [liveness] recovers workers that run a task and give no sign of life: given, for all tasks;
 *   false, for none; by default for those of `split`, `bulkSplit` and `sequence`
 * @property {import('./option-groups.js').BoxOptions} [boxes] leased results at once, and the memory that is reserved for each
 * @property {number} [leaseMs] how long a leased result lives without being released; 5,000
 * @property {import('./option-groups.js').MemoryOptions} [memory] ceiling of the pool's memory
 * @property {RestartOptions} [restart]
 * @property {number} [readyTimeoutMs] how long the core may take to load, and each worker to start; 10,000
 * @property {unknown} [initData] reaches every worker before its module is imported: context.initData
 * @property {unknown} [workerData] what the worker's modules find as `workerData` of node:worker_threads. Not in browsers
 * @property {boolean} [stdout] what workers print to stdout does not go to this program's, but to `pool.stdout`; false. Not in browsers
 * @property {boolean} [stderr] the same for stderr
 * @property {Readonly<Record<string, string | number | boolean | undefined>> | symbol} [env] the workers' `process.env`: variables, or
 *   SHARE_ENV of node:worker_threads; a copy of the program's. Not in browsers
 * @property {readonly (string | number | boolean)[]} [argv] more of the workers' `process.argv`. Node and Bun
 * @property {readonly string[]} [execArgv] Node's flags for the workers; the program's own. Node
 * @property {boolean} [trackUnmanagedFds] whether files that a worker opened by number and left open are closed when it ends; true. Node
 * @property {string} [name] what the workers' names begin with: 'img' for `img_1`, `img_2`; 'Worker'
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
 *   are spoiled when their callback is over; writes to leased results are told by the event 'error'
 * @property {(message: string, taskId: string) => void} [onTaskError] every failed task; lost workers are told by the event workerDown
 * @property {(message: string, taskId: string) => void} [onWorkerError] the older name of onTaskError
 */

const PRIORITIES = Object.freeze({
  critical: L.LEVEL_CRITICAL,
  high: L.LEVEL_HIGH,
  normal: L.LEVEL_NORMAL,
  low: L.LEVEL_LOW,
  background: L.LEVEL_LOW, // REQUIREMENTS C-01
});

/** The defaults, but for those of the number of workers (worker-count.js). */
export const DEFAULTS = Object.freeze({
  ...GROUP_DEFAULTS,
  allowFunctions: false,
  loopChecks: true,
  recycleTimeoutMs: 0,
  cancelGraceMs: 1,
  leaseMs: 5000,
  slowMs: 16,
  dispatchBudgetMs: 8,
  maxSliceItems: 256,
  readyTimeoutMs: 10_000,
  concurrentTasksPerWorker: 1,
});

/** @type {Record<keyof PoolOptions, 1>} */
const NAMES = {
  module: 1,
  wasm: 1,
  wasmUrl: 1,
  workerUrl: 1,
  loopChecks: 1,
  allowFunctions: 1,
  isolated: 1,
  isolation: 1,
  maxTaskBytes: 1,
  workers: 1,
  maxTasksPerWorker: 1,
  maxHeapBytes: 1,
  spares: 1,
  maxQueue: 1,
  taskTimeoutMs: 1,
  recycleTimeoutMs: 1,
  cancelGraceMs: 1,
  liveness: 1,
  boxes: 1,
  leaseMs: 1,
  memory: 1,
  restart: 1,
  readyTimeoutMs: 1,
  initData: 1,
  workerData: 1,
  stdout: 1,
  stderr: 1,
  env: 1,
  argv: 1,
  execArgv: 1,
  trackUnmanagedFds: 1,
  name: 1,
  unref: 1,
  concurrentTasksPerWorker: 1,
  resourceLimits: 1,
  main: 1,
  scheduler: 1,
  aging: 1,
  slowMs: 1,
  dispatchBudgetMs: 1,
  maxSliceItems: 1,
  telemetry: 1,
  dev: 1,
  onTaskError: 1,
  onWorkerError: 1,
};
/** Names of all options. */
export const POOL_NAMES = nameSet(NAMES);

/** Options of later versions: refused with a code of their own. */
const NOT_YET = ['resources', 'backend', 'topology'];

/**
 * @param {unknown} priority
 * @returns {number} the core's level
 */
export function priorityLane(priority) {
  const lane = Object.hasOwn(PRIORITIES, /** @type {string} */ (priority))
    ? PRIORITIES[/** @type {Priority} */ (priority)]
    : undefined;
  if (lane === undefined) throw wrong('priority', priority, Object.keys(PRIORITIES).join(', '));
  return lane;
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function moduleUrl(name, value) {
  if (value === undefined) return undefined;
  if (value === '' || (typeof value !== 'string' && !(value instanceof URL)))
    throw wrong(name, value, 'a URL or a path');
  try {
    return host.resolve(value);
  } catch (cause) {
    throw poolError('INVALID_ARGUMENT', `${name}: '${value}' is no URL`, { cause });
  }
}

/**
 * @param {PoolOptions} given
 * @returns {PoolOptions} its own properties only
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT, UNSUPPORTED
 */
function ownPoolOptions(given) {
  object('options', given);
  const later = NOT_YET.find((name) => Object.hasOwn(given, name) && /** @type {any} */ (given)[name] !== undefined);
  if (later) throw poolError('UNSUPPORTED', `option ${later} is not available in this version`);
  return ownOptions('', given, POOL_NAMES);
}

/**
 * @param {PoolOptions} given
 * @returns all options, frozen, with defaults
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT naming the option, UNSUPPORTED for one of a later version
 */
export function resolveOptions(given) {
  const options = ownPoolOptions(given);
  const allowFunctions = flag('allowFunctions', options.allowFunctions, DEFAULTS.allowFunctions);
  const { module, wasm, isolated } = options;
  if (module === undefined && wasm === undefined && isolated === undefined && !allowFunctions) {
    throw poolError(
      'INVALID_ARGUMENT',
      'module: expected the URL of a worker module (or wasm: of a C module, or isolated)',
    );
  }
  const maximumBytes = memoryBytes(options.memory);
  const boxes = boxOptions(options.boxes, maximumBytes);
  const isolation = isolationOptions(options);
  return Object.freeze({
    module: moduleUrl('module', options.module),
    wasm: moduleUrl('wasm', options.wasm),
    wasmUrl: moduleUrl('wasmUrl', options.wasmUrl),
    workerUrl: moduleUrl('workerUrl', options.workerUrl),
    ...isolation,
    isolated: isolatedOptions(isolated, isolation.maxTaskBytes),
    ...workerOptions(options),
    ...countOptions(options),
    ...timeOptions(options),
    allowFunctions,
    loopChecks: flag('loopChecks', options.loopChecks, DEFAULTS.loopChecks),
    boxCount: boxes.count,
    boxBytes: boxes.bytes,
    isBoxSizeGiven: boxes.isGiven,
    memoryBytes: maximumBytes,
    liveness: livenessOptions(options.liveness),
    restart: restartOptions(options.restart),
    initData: options.initData,
    ...threadOptions(options),
    unref: flag('unref', options.unref),
    main: mainFunctions(options.main),
    scheduler: new Time(options.scheduler),
    aging: agingOptions(options.aging),
    telemetry: telemetryOptions(options.telemetry),
    dev: flag('dev', options.dev),
    onTaskError: taskErrorCallback(options),
  });
}

/**
 * The callback for failed tasks, an option with two names.
 * @param {PoolOptions} options
 */
function taskErrorCallback({ onTaskError, onWorkerError }) {
  if (onTaskError !== undefined && onWorkerError !== undefined)
    throw poolError('INVALID_ARGUMENT', 'onTaskError and onWorkerError are the same option: give one of them');
  return callback('onTaskError', onTaskError) ?? callback('onWorkerError', onWorkerError);
}

/**
 * Options that are counts.
 * @param {PoolOptions} options
 */
function countOptions(options) {
  const all = { ...DEFAULTS, maxQueue: Infinity, ...options };
  return {
    maxQueue: all.maxQueue === Infinity ? undefined : integer('maxQueue', all.maxQueue, 0, 2 ** 31),
    concurrency: integer('concurrentTasksPerWorker', all.concurrentTasksPerWorker, 1, L.CONCURRENCY_MAX),
    maxSliceItems: integer('maxSliceItems', all.maxSliceItems, 1, 2 ** 31),
  };
}

/**
 * Options that are times; undefined: no limit.
 * @param {PoolOptions} options
 */
function timeOptions(options) {
  const all = { ...DEFAULTS, taskTimeoutMs: Infinity, ...options };
  const ms = (/** @type {keyof typeof all} */ name) => milliseconds(name, all[name]);
  return {
    taskTimeoutMs: ms('taskTimeoutMs'),
    recycleTimeoutMs: ms('recycleTimeoutMs'),
    cancelGraceMs: ms('cancelGraceMs') ?? LONGEST_MS,
    leaseMs: ms('leaseMs') ?? LONGEST_MS,
    readyTimeoutMs: ms('readyTimeoutMs'),
    slowMs: ms('slowMs') ?? LONGEST_MS,
    dispatchBudgetMs: ms('dispatchBudgetMs') ?? Infinity,
  };
}

/** @typedef {ReturnType<typeof resolveOptions>} ResolvedOptions */
