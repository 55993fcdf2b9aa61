/**
 * `wasmpool/twin`: the pool for users of Twin, a Luau framework, with its names, its units (seconds) and its defaults. The behaviour is the
 * pool's; docs/twin.md lists the differences.
 */
import { LABEL } from '../jobs/callback.js';
import { hearCrashes, milliseconds } from './compat.js';
import { poolError } from '../base/errors.js';
import { host } from '../host/index.js';
import { Pool } from '../api/pool.js';
import { ignore } from '../task/task.js';
import { keysOf, oneOf, poolOptions, schedulerOf, settingsOf, translated, wrong } from './twin-options.js';

/**
 * @typedef {import('./twin-options.js').TwinConfiguration} TwinConfiguration
 * @typedef {import('./twin-options.js').TaskLibrary} TaskLibrary
 * @typedef {import('./twin-worker.js').Target} Target
 * @typedef {import('./twin-worker.js').Offer} Offer
 *
 * @typedef {'light' | 'heavy'} Weight
 * @typedef {'critical' | 'normal' | 'background'} BulkPriority
 * @typedef {{ Disconnect: () => void }} Handle
 * @typedef {{ Environment: 'Server' | 'Client', MainThread: number, Workers: number[] }} TaskLoad percent of the last second
 */

/**
 * @template {object} T
 * @typedef {T & { [K in keyof T & string as `____${K}`]?: T[K] }} Prefixed keys may begin with four underscores
 */

/**
 * @typedef {Prefixed<{ Weight?: Weight }>} SplitOptions 'heavy'
 * @typedef {Prefixed<{ BatchSize?: number, SharedArgs?: unknown, MaxWaitTime?: number, Priority?: BulkPriority }>} BulkOptions
 *   BatchSize: items in a batch, by default one batch per worker; MaxWaitTime: seconds, 0.05; Priority: 'normal'
 * @typedef {Prefixed<{ Module?: string | URL, FunctionName?: string, Payload?: unknown, Weight?: Weight }>} ChainStep
 *   Payload: a value, or a function of the result before it
 */

const SPLIT_KEYS = ['Weight'];
const BULK_KEYS = ['BatchSize', 'SharedArgs', 'MaxWaitTime', 'Priority'];
const STEP_KEYS = ['Module', 'FunctionName', 'Payload', 'Weight'];
const WEIGHTS = ['light', 'heavy'];
const PRIORITIES = ['critical', 'normal', 'background'];

/**
 * @param {{ disconnect: () => void }} handle
 * @returns {Handle}
 */
const handleOf = (handle) => ({ Disconnect: () => handle.disconnect() });

/**
 * A job's name in messages: its module and its function.
 * @param {Target} target
 */
const labelOf = ({ module, name }) => `${module} ${name}`;

/** Twin's functions, over a pool of their own. */
class TwinScheduler {
  /** @type {Pool | undefined} */
  #pool;
  #given;
  #isDev;
  /** In development: modules' functions, as reported by workers. @type {Map<string, Offer>} */
  #offered = new Map();
  /** Whether Destroy was called. */
  #over = false;

  /**
   * @param {TwinConfiguration} [configuration]
   * @param {boolean} [isLazy] whether the workers start only with the first job
   */
  constructor(configuration = {}, isLazy = false) {
    this.#given = settingsOf(configuration);
    this.#isDev = this.#given.ENABLE_STRICT_API_PARAMETER_CHECKER_POLICE;
    if (!isLazy) this.#start();
  }

  get #running() {
    const pool = this.#pool ?? this.#start();
    if (this.#over) void pool.destroy(); // made after Destroy, only to refuse the job
    return pool;
  }

  #start() {
    const pool = translated(() => new Pool(poolOptions(this.#given)));
    pool.on('error', (message) => this.#log(message));
    hearCrashes(pool, (message) => this.#log(message));
    return (this.#pool = pool);
  }

  /**
   * Logs a failure, but not those that Destroy causes.
   * @param {string} message
   */
  #log(message) {
    if (!this.#over) console.warn(`Twin: ${message}`);
  }

  /**
   * Warns of a job that never runs because Destroy was called before.
   * @param {string} what
   */
  #logIfOver(what) {
    if (this.#over) console.warn(`Twin: ${what}: called after Destroy, nothing runs any more`);
  }

  /**
   * Runs one function on a worker. The callback runs in the same turn in which the main thread learns of its end.
   * @param {string | URL} Module an ES module, loaded inside the worker; a URL, or a path from the working directory
   * @param {string} FunctionName one that it exports, or that its default export has; it gets the payload and nothing else
   * @param {unknown} Payload
   * @param {(result: any) => void} Callback must not be asynchronous; gets undefined if the function failed
   * @param {SplitOptions} [Options]
   * @returns {Handle}
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT; in development also UNKNOWN_TASK
   */
  Split(Module, FunctionName, Payload, Callback, Options) {
    const { Weight = 'heavy' } = keysOf('Options', Options, SPLIT_KEYS);
    const target = this.#target(Module, FunctionName);
    const options = { weight: Weight, [LABEL]: labelOf(target) };
    const job = { target, payload: Payload };
    const handle = translated(() => this.#running.split('single', job, Callback, options));
    this.#logIfOver(labelOf(target));
    return handleOf(handle);
  }

  /**
   * Runs a function over batches of a list, on all workers. It gets a slice and the shared arguments, and returns one result per item.
   * @param {string | URL} Module
   * @param {string} FunctionName
   * @param {readonly unknown[]} Items
   * @param {(results: any[]) => void} Callback once, when every batch is back; `results` is valid during the call only
   * @param {BulkOptions} [Options]
   * @returns {Handle}
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT; in development also UNKNOWN_TASK
   */
  BulkSplit(Module, FunctionName, Items, Callback, Options) {
    const given = keysOf('Options', Options, BULK_KEYS);
    oneOf('Priority', given.Priority, PRIORITIES);
    const target = this.#target(Module, FunctionName);
    const options = {
      batchSize: given.BatchSize,
      sharedArgs: { target, shared: given.SharedArgs },
      maxWaitMs: milliseconds('MaxWaitTime', given.MaxWaitTime ?? this.#given.DEFAULT_MAX_WAIT),
      priority: given.Priority,
      [LABEL]: labelOf(target),
    };
    const handle = translated(() => this.#running.bulkSplit('slice', Items, Callback, options));
    this.#logIfOver(labelOf(target));
    return handleOf(handle);
  }

  /**
   * Runs steps one after the other. The result of a failed step is undefined; a payload function that throws ends the chain.
   * @param {readonly ChainStep[]} Steps
   * @param {(results: any[]) => void} Callback once, with the result of every step
   * @returns {Handle}
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT; in development also UNKNOWN_TASK
   */
  Sequence(Steps, Callback) {
    const steps = Array.isArray(Steps) ? Steps.map((step, index) => this.#step(step, index)) : Steps;
    if (typeof Callback !== 'function') throw wrong('Callback: expected a function'); // the pool can do without
    const handle = translated(() => this.#running.sequence(/** @type {any} */ (steps), Callback));
    this.#logIfOver('Sequence');
    return handleOf(handle);
  }

  /** @returns {import('../telemetry/telemetry.js').Report | undefined} undefined: TELEMETRY_ENABLED is false, or there is no sample yet */
  Report() {
    return this.#pool?.report();
  }

  /** @returns {TaskLoad | undefined} updated once a second; undefined: TELEMETRY_ENABLED is false, or nothing has started */
  GetTaskLoad() {
    const load = this.#pool?.taskLoad();
    if (!load) return undefined;
    const Environment = load.environment === 'browser' ? 'Client' : 'Server';
    return { Environment, MainThread: load.mainThread, Workers: load.workers };
  }

  /**
   * Replaces the functions of time.
   * @param {string} ModuleName
   * @param {TaskLibrary} ModuleTableObject for missing functions the runtime's are used
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT, in development
   */
  Inject(ModuleName, ModuleTableObject) {
    const isTable = ModuleTableObject !== null && typeof ModuleTableObject === 'object';
    if (this.#isDev && !isTable) throw wrong('ModuleTableObject: expected an object of functions');
    translated(() => this.#running.inject(ModuleName, schedulerOf(ModuleTableObject)));
    this.#logIfOver('Inject');
  }

  /**
   * Ends the workers. Callbacks of waiting and running jobs get undefined, and so do those of later jobs, which are logged. Twin itself does
   * not have this.
   * @returns {Promise<void>} settles when the threads are gone
   */
  async Destroy() {
    this.#over = true;
    await this.#pool?.destroy();
  }

  /**
   * The target of a job. Mistakes in it are found by the worker and reported like any failure; in development this throws as soon as they
   * are known (TW-11).
   * @param {any} module
   * @param {any} name
   * @returns {Target}
   */
  #target(module, name) {
    if (this.#isDev) {
      const isModule = module instanceof URL || (typeof module === 'string' && module !== '');
      if (!isModule) throw wrong('Module: expected a URL or a path');
      if (typeof name !== 'string' || name === '') throw wrong('FunctionName: expected the name of a function');
    }
    const url = host.resolve(module);
    if (this.#isDev) this.#checkOffer(url, name);
    return { module: url, name };
  }

  /**
   * Checks a function's name. The first use of a module asks a worker for its functions; until the answer arrives every name passes.
   * @param {string} url
   * @param {string} name
   */
  #checkOffer(url, name) {
    if (!this.#offered.has(url)) {
      this.#offered.set(url, {});
      const asked = /** @type {Promise<Offer>} */ (this.#running.dispatch('offer', url));
      asked.then((offer) => this.#offered.set(url, offer), ignore);
    }
    const { names, problem } = /** @type {Offer} */ (this.#offered.get(url));
    if (problem !== undefined) throw wrong(`Module: ${url} cannot be loaded: ${problem}`);
    if (names?.includes(name) === false)
      throw poolError('UNKNOWN_TASK', `FunctionName: ${url} has no function '${name}'`);
  }

  /**
   * @param {ChainStep} step
   * @param {number} index
   * @returns {import('../options/task-options.js').Step}
   */
  #step(step, index) {
    const what = `step ${index + 1}`;
    const keys = keysOf(what, this.#isDev ? step : (step ?? {}), STEP_KEYS); // a missing step is reported below (TW-39)
    const { Module, FunctionName, Payload, Weight = 'heavy' } = keys;
    oneOf(`${what}: Weight`, Weight, WEIGHTS);
    const target = this.#isDev || (Module && FunctionName) ? this.#target(Module, FunctionName) : undefined;
    const label = target && labelOf(target);
    const job = (/** @type {unknown} */ payload) => {
      if (!target) throw wrong('expected Module and FunctionName'); // TW-39: an error at this step
      return { target, payload };
    };
    const isLate = typeof Payload === 'function' || !target;
    const payload = isLate
      ? (/** @type {unknown} */ previous) => job(typeof Payload === 'function' ? Payload(previous) : Payload)
      : job(Payload);
    return /** @type {any} */ ({ task: 'single', payload, weight: Weight, [LABEL]: label });
  }
}

/**
 * @param {TwinConfiguration} [configuration]
 * @returns {TwinScheduler} usable at once: jobs wait for workers
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT naming the setting
 */
export function createTwin(configuration) {
  return new TwinScheduler(configuration);
}

/** A ready-made instance with Twin's defaults; its workers start with the first job. */
export const Twin = new TwinScheduler({}, true);
