/**
 * `wasmpool/twin`: the pool for people who come from Twin, a Luau framework. Its names, its units (seconds) and its defaults;
 * everything that happens is the pool's. What differs is in docs/twin.md.
 */
import { milliseconds } from './compat.js';
import { poolError } from './errors.js';
import { host } from './host/index.js';
import { Pool } from './pool.js';
import { ignore } from './task.js';
import { DEFAULTS, keysOf, poolOptions, schedulerOf, translated, wrong } from './twin-options.js';

/**
 * @typedef {import('./twin-options.js').TwinConfiguration} TwinConfiguration
 * @typedef {import('./twin-options.js').TaskLibrary} TaskLibrary
 * @typedef {import('./twin-worker.js').Target} Target
 *
 * @typedef {'light' | 'heavy'} Weight
 * @typedef {'critical' | 'normal' | 'background'} BulkPriority
 * @typedef {{ Disconnect: () => void }} Handle
 * @typedef {{ Environment: 'Server' | 'Client', MainThread: number, Workers: number[] }} TaskLoad percent of the last second
 */

/**
 * @template {object} T
 * @typedef {T & { [K in keyof T & string as `____${K}`]?: T[K] }} Prefixed its keys may have four underscores in front
 */

/**
 * @typedef {Prefixed<{ Weight?: Weight }>} SplitOptions 'heavy'
 * @typedef {Prefixed<{ BatchSize?: number, SharedArgs?: unknown, MaxWaitTime?: number, Priority?: BulkPriority }>} BulkOptions
 *   BatchSize: items in a batch, as many as give each worker one; MaxWaitTime: seconds, 0.05; Priority: 'normal'
 * @typedef {Prefixed<{ Module?: string | URL, FunctionName?: string, Payload?: unknown, Weight?: Weight }>} ChainStep
 *   Payload: a value, or a function of the result before it
 */

const SPLIT_KEYS = ['Weight'];
const BULK_KEYS = ['BatchSize', 'SharedArgs', 'MaxWaitTime', 'Priority'];
const STEP_KEYS = ['Module', 'FunctionName', 'Payload', 'Weight'];

/**
 * @param {{ disconnect: () => void }} handle
 * @returns {Handle}
 */
const handleOf = (handle) => ({ Disconnect: () => handle.disconnect() });

/** Twin's functions, over a pool of their own. */
class TwinScheduler {
  /** @type {Pool | undefined} */
  #pool;
  #given;
  #isDev;
  /** In development: what modules offer, as far as a worker has said so. @type {Map<string, string[] | undefined>} */
  #offered = new Map();
  /** Ends the log. */
  #silence = () => {};

  /**
   * @param {TwinConfiguration} [configuration]
   * @param {boolean} [isLazy] the workers start with the first job
   */
  constructor(configuration = {}, isLazy = false) {
    const unknown = Object.keys(configuration).find((name) => !Object.hasOwn(DEFAULTS, name));
    if (unknown !== undefined) throw wrong(`${unknown}: there is no such setting`);
    /** @type {import('./twin-options.js').Settings} */
    this.#given = { ...DEFAULTS, ...configuration };
    this.#isDev = this.#given.ENABLE_STRICT_API_PARAMETER_CHECKER_POLICE;
    if (!isLazy) this.#start();
  }

  get #running() {
    return this.#pool ?? this.#start();
  }

  #start() {
    const pool = translated(() => new Pool(poolOptions(this.#given)));
    this.#silence = pool.on('error', (message) => console.warn(`Twin: ${message}`));
    return (this.#pool = pool);
  }

  /**
   * Runs one function on a worker. The callback runs in the very turn in which its end is learned.
   * @param {string | URL} Module an ES module, loaded inside the worker; a URL, or a path from the working directory
   * @param {string} FunctionName one that it exports, or that its default export has; it gets the payload and nothing else
   * @param {unknown} Payload
   * @param {(result: any) => void} Callback must not be asynchronous; gets undefined if the function failed
   * @param {SplitOptions} [Options]
   * @returns {Handle}
   * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT; in development also UNKNOWN_TASK
   */
  Split(Module, FunctionName, Payload, Callback, Options) {
    const { Weight = 'heavy' } = keysOf('Options', Options, SPLIT_KEYS, this.#isDev);
    const job = { target: this.#target(Module, FunctionName), payload: Payload };
    return translated(() => handleOf(this.#running.split('single', job, Callback, { weight: Weight })));
  }

  /**
   * Runs a function over batches of a list, on all workers: it gets a slice and the shared arguments, and returns as many results.
   * @param {string | URL} Module
   * @param {string} FunctionName
   * @param {readonly unknown[]} Items
   * @param {(results: any[]) => void} Callback once, when every batch is back; `results` is valid during the call only
   * @param {BulkOptions} [Options]
   * @returns {Handle}
   * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT; in development also UNKNOWN_TASK
   */
  BulkSplit(Module, FunctionName, Items, Callback, Options) {
    const given = keysOf('Options', Options, BULK_KEYS, this.#isDev);
    const target = this.#target(Module, FunctionName);
    const options = {
      batchSize: given.BatchSize,
      sharedArgs: { target, shared: given.SharedArgs },
      maxWaitMs: milliseconds('MaxWaitTime', given.MaxWaitTime ?? this.#given.DEFAULT_MAX_WAIT),
      priority: given.Priority,
    };
    return translated(() => handleOf(this.#running.bulkSplit('slice', Items, Callback, options)));
  }

  /**
   * Runs steps one after the other. A step that fails gives undefined; a payload function that throws ends the chain.
   * @param {readonly ChainStep[]} Steps
   * @param {(results: any[]) => void} Callback once, with the result of every step
   * @returns {Handle}
   * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT; in development also UNKNOWN_TASK
   */
  Sequence(Steps, Callback) {
    const steps = Array.isArray(Steps) ? Steps.map((step, index) => this.#step(step, index)) : Steps;
    if (typeof Callback !== 'function') throw wrong('Callback: expected a function'); // the pool can do without
    return translated(() => handleOf(this.#running.sequence(/** @type {any} */ (steps), Callback)));
  }

  /** @returns {import('./telemetry.js').Report | undefined} undefined: TELEMETRY_ENABLED is false, or there is no sample yet */
  Report() {
    return this.#pool?.report();
  }

  /** @returns {TaskLoad | undefined} refreshed once a second; undefined: TELEMETRY_ENABLED is false, or nothing has started */
  GetTaskLoad() {
    const load = this.#pool?.taskLoad();
    if (!load) return undefined;
    const Environment = load.environment === 'browser' ? 'Client' : 'Server';
    return { Environment, MainThread: load.mainThread, Workers: load.workers };
  }

  /**
   * Replaces the functions of time, from now on.
   * @param {string} ModuleName
   * @param {TaskLibrary} ModuleTableObject what it lacks is the runtime's
   * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT, in development
   */
  Inject(ModuleName, ModuleTableObject) {
    const isTable = ModuleTableObject !== null && typeof ModuleTableObject === 'object';
    if (this.#isDev && !isTable) throw wrong('ModuleTableObject: expected an object of functions');
    translated(() => this.#running.inject(ModuleName, schedulerOf(ModuleTableObject)));
  }

  /**
   * Ends the workers; callbacks of what waits or runs get undefined. Not in Twin.
   * @returns {Promise<void>} settles when the threads are gone
   */
  async Destroy() {
    this.#silence();
    await this.#pool?.destroy();
  }

  /**
   * What is wrong with it the worker finds out, and tells like any failure; in development, it throws as soon as it is known (TW-11).
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
   * The first use of a module asks a worker what it offers; until the answer is there every name passes.
   * @param {string} url
   * @param {string} name
   */
  #checkOffer(url, name) {
    if (!this.#offered.has(url)) {
      this.#offered.set(url, undefined);
      const asked = /** @type {Promise<string[] | undefined>} */ (this.#running.dispatch('functions', url));
      asked.then((names) => this.#offered.set(url, names), ignore);
    }
    if (this.#offered.get(url)?.includes(name) === false)
      throw poolError('UNKNOWN_TASK', `FunctionName: ${url} has no function '${name}'`);
  }

  /**
   * @param {ChainStep} step
   * @param {number} index
   * @returns {import('./sequence.js').Step}
   */
  #step(step, index) {
    const keys = keysOf(`step ${index + 1}`, step, STEP_KEYS, this.#isDev);
    const { Module, FunctionName, Payload, Weight = 'heavy' } = keys;
    const target = this.#isDev || (Module && FunctionName) ? this.#target(Module, FunctionName) : undefined;
    const payload = (/** @type {unknown} */ previous) => {
      if (!target) throw wrong('expected Module and FunctionName'); // TW-39: an error at this step
      return { target, payload: typeof Payload === 'function' ? Payload(previous) : Payload };
    };
    return { task: 'single', payload, weight: Weight };
  }
}

/**
 * @param {TwinConfiguration} [configuration]
 * @returns {TwinScheduler} usable at once: jobs wait for workers
 * @throws {import('./errors.js').PoolError} INVALID_ARGUMENT naming the setting
 */
export function createTwin(configuration) {
  return new TwinScheduler(configuration);
}

/** The one for programs that need no other: Twin's defaults; its workers start with the first job. */
export const Twin = new TwinScheduler({}, true);
