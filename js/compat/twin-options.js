/** Translates Twin's configuration, option keys and task libraries into the pool's options. */
import { nearestName } from '../base/check.js';
import { milliseconds, renamed } from './compat.js';
import { poolError } from '../base/errors.js';
import { host } from '../host/index.js';
import { twinWorkerUrl } from './twin-worker-url.js';

/**
 * @typedef {{ [K in keyof typeof DEFAULTS]: typeof DEFAULTS[K] extends boolean ? boolean : number }} Settings
 * @typedef {Partial<Settings>} TwinConfiguration
 *
 * @typedef {object} TaskLibrary functions of time; other names are ignored
 * @property {(seconds: number, run: () => void) => unknown} [delay] also as Delay
 * @property {(handle: any) => void} [cancel] also as Cancel
 */

/** Settings of Twin's configuration, with their defaults; times in seconds. Pairs of thresholds: where Warm and Overloaded begin. */
export const DEFAULTS = Object.freeze({
  /** Development: arguments are checked before they are queued, and results that may not be kept are spoiled. */
  ENABLE_STRICT_API_PARAMETER_CHECKER_POLICE: false,
  SERVER_WORKER_COUNT: 3,
  CLIENT_WORKER_COUNT: 5,
  DEFAULT_MAX_WAIT: 0.05,
  STARVATION_THRESHOLD: 10,
  BG_STARVATION_THRESHOLD: 50,
  SPECULATIVE_THRESHOLD: 0.016,
  FRAME_BUDGET_SEC: 0.008,
  MAX_BATCH_SIZE: 256,
  TELEMETRY_ENABLED: false,
  TELEMETRY_RING_SIZE: 600,
  POOL_WARN_RATIO: 0.5,
  POOL_CRIT_RATIO: 0.2,
  QUEUE_WARN_DEPTH: 10,
  QUEUE_CRIT_DEPTH: 25,
  WORKER_WARN_EXEC: 0.016,
  WORKER_CRIT_EXEC: 0.03,
  OVER_BUDGET_RATE_WARN: 0.05,
  OVER_BUDGET_RATE_CRIT: 0.2,
  ACTIVE_BULK_WARN: 1,
  ACTIVE_BULK_CRIT: 3,
  BG_SKIP_WARN: 20,
  BG_SKIP_CRITICAL: 45,
  HEAVY_SKIP_WARN: 5,
  HEAVY_SKIP_CRITICAL: 8,
  WATCHDOG_ENABLED: true,
  WATCHDOG_TIMEOUT: 5,
  WATCHDOG_INTERVAL: 1,
  WATCHDOG_INTERVENTIONS_WARN: 1,
  WATCHDOG_INTERVENTIONS_CRITICAL: 3,
});

/** Node, Bun and Deno are servers. */
const isServer = host.name !== 'browser';

/** Names of options here, by the pool's names. @type {Record<string, string>} */
const NAMES = {
  workers: isServer ? 'SERVER_WORKER_COUNT' : 'CLIENT_WORKER_COUNT',
  'aging.heavySkips': 'STARVATION_THRESHOLD',
  'aging.lowSkips': 'BG_STARVATION_THRESHOLD',
  maxSliceItems: 'MAX_BATCH_SIZE',
  'telemetry.ring': 'TELEMETRY_RING_SIZE',
  callback: 'Callback',
  items: 'Items',
  steps: 'Steps',
  weight: 'Weight',
  priority: 'Priority',
  batchSize: 'BatchSize',
  maxWaitMs: 'MaxWaitTime',
  name: 'ModuleName',
};

/** @param {string} message */
export const wrong = (message) => poolError('INVALID_ARGUMENT', message);

/**
 * @template R
 * @param {() => R} call its errors get the names of options here
 */
export const translated = (call) => renamed(NAMES, call);

/**
 * @param {string} name
 * @param {readonly string[]} known
 */
function hint(name, known) {
  const nearest = nearestName(name, known);
  return nearest ? `did you mean ${nearest}?` : `there are ${known.join(', ')}`;
}

/**
 * @param {TwinConfiguration} configuration
 * @returns {Settings} with Twin's defaults
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT naming the setting
 */
export function settingsOf(configuration) {
  if (configuration === null || typeof configuration !== 'object') throw wrong('configuration: expected an object');
  const settings = /** @type {Settings} */ ({ ...DEFAULTS });
  for (const [name, value] of Object.entries(configuration)) {
    if (!Object.hasOwn(DEFAULTS, name))
      throw wrong(`${name}: there is no such setting; ${hint(name, Object.keys(DEFAULTS))}`);
    if (value === undefined) continue;
    const expected = typeof DEFAULTS[/** @type {keyof Settings} */ (name)];
    if (typeof value !== expected || (expected === 'number' && !(Number(value) >= 0)))
      throw wrong(
        `${name}: expected a ${expected}${expected === 'number' ? ' from 0' : ''}, got ${typeof value} ${value}`,
      );
    /** @type {any} */ (settings)[name] = value;
  }
  return settings;
}

/**
 * @param {Settings} given
 * @returns {import('../options/options.js').PoolOptions}
 */
export function poolOptions(given) {
  const ms = (/** @type {keyof typeof DEFAULTS} */ name) => milliseconds(name, given[name]);
  /** @type {import('../options/options.js').TelemetryOptions['thresholds']} */
  const thresholds = {
    freePart: [given.POOL_WARN_RATIO, given.POOL_CRIT_RATIO],
    depth: [given.QUEUE_WARN_DEPTH, given.QUEUE_CRIT_DEPTH],
    execSeconds: [given.WORKER_WARN_EXEC, given.WORKER_CRIT_EXEC],
    overBudget: [given.OVER_BUDGET_RATE_WARN, given.OVER_BUDGET_RATE_CRIT],
    activeBulks: [given.ACTIVE_BULK_WARN, given.ACTIVE_BULK_CRIT],
    lowSkips: [given.BG_SKIP_WARN, given.BG_SKIP_CRITICAL],
    heavySkips: [given.HEAVY_SKIP_WARN, given.HEAVY_SKIP_CRITICAL],
    interventions: [given.WATCHDOG_INTERVENTIONS_WARN, given.WATCHDOG_INTERVENTIONS_CRITICAL],
  };
  return {
    module: twinWorkerUrl(),
    workers: isServer ? given.SERVER_WORKER_COUNT : given.CLIENT_WORKER_COUNT,
    aging: { heavySkips: given.STARVATION_THRESHOLD, lowSkips: given.BG_STARVATION_THRESHOLD },
    slowMs: ms('SPECULATIVE_THRESHOLD'),
    dispatchBudgetMs: ms('FRAME_BUDGET_SEC'),
    maxSliceItems: given.MAX_BATCH_SIZE,
    telemetry: given.TELEMETRY_ENABLED && { ring: given.TELEMETRY_RING_SIZE, thresholds },
    liveness: given.WATCHDOG_ENABLED && { timeoutMs: ms('WATCHDOG_TIMEOUT'), scanMs: ms('WATCHDOG_INTERVAL') },
    dev: given.ENABLE_STRICT_API_PARAMETER_CHECKER_POLICE,
    unref: true, // Twin has no call that ends it, so an idle one must not keep the program alive
  };
}

/**
 * The pool's scheduler for a task library. delay and cancel are taken together, because one library cannot cancel another one's timers.
 * @param {any} library
 * @returns {Partial<import('../options/options.js').Scheduler>}
 */
export function schedulerOf(library) {
  const [delay, cancel] = [library?.delay ?? library?.Delay, library?.cancel ?? library?.Cancel];
  if (typeof delay !== 'function') return {};
  return {
    setTimeout: (run, ms) => {
      const timer = { isDue: true, handle: /** @type {unknown} */ (undefined) };
      timer.handle = delay.call(library, ms / 1000, () => timer.isDue && run());
      return timer;
    },
    clearTimeout: (timer) => {
      timer.isDue = false;
      if (typeof cancel === 'function') cancel.call(library, timer.handle);
    },
  };
}

/**
 * Reads a table whose keys may begin with four underscores, as Twin's editors complete them. Another number of underscores is a mistake
 * (TW-61), and so is an unknown key.
 * @param {string} what for messages
 * @param {any} table
 * @param {readonly string[]} known
 * @returns {Record<string, any>} the same without the prefix
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
export function keysOf(what, table, known) {
  if (table !== undefined && (table === null || typeof table !== 'object')) throw wrong(`${what}: expected an object`);
  /** @type {Record<string, any>} */
  const plain = Object.create(null);
  for (const [key, value] of Object.entries(table ?? {})) {
    const name = key.replace(/^____/, '');
    if (!known.includes(name)) throw wrong(`${what}: there is no key '${key}'; ${hint(name, known)}`);
    plain[name] = value;
  }
  return plain;
}

/**
 * @param {string} what for messages
 * @param {unknown} value undefined is fine
 * @param {readonly string[]} known
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
export function oneOf(what, value, known) {
  if (value === undefined || known.includes(/** @type {string} */ (value))) return;
  throw wrong(`${what}: expected ${known.join(', ')}, got ${typeof value === 'string' ? `'${value}'` : typeof value}`);
}
