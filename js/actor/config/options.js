/** The options of supervisors, groups and actors: checked once, with their defaults. */
import {
  flag,
  integer,
  LONGEST_MS,
  milliseconds,
  nameSet,
  object,
  ownOptions,
  parseSize,
  wrong,
} from '../../base/check.js';
import { diagnosticsOptions } from './diagnostics.js';
import { resourceOptions } from './resources.js';

/**
 * @typedef {'one-for-one' | 'one-for-all' | 'rest-for-one'} Strategy who is restarted when an actor fails: it alone; its whole group; it and
 *   those of its group that were started after it
 *
 * @typedef {object} RetryOptions
 * @property {number} [max] restarts within 60 seconds; one more, and the whole group is stopped; no limit
 * @property {'exponential' | 'linear' | 'fixed'} [backoff] 'exponential': delayMs · 2ⁿ before restart n, from 0; linear: delayMs · (n + 1)
 * @property {number} [delayMs] 100; at least 1
 *
 * @typedef {object} GroupOptions
 * @property {Strategy} [strategy] 'one-for-one'
 * @property {RetryOptions} [retry] default: restarts without limit and without delay
 *
 * @typedef {object} SupervisorExtras
 * @property {number} [maxActors] actors that may live at once, children included; 256
 * @property {{ poolSize?: number, boxSize?: number | string, maximum?: number | string }} [memory] boxes, 16, of so many bytes each, '1mb';
 *   the ceiling of all memory, as of pools
 * @property {{ defaultLeaseMs?: number, actorTimeouts?: Readonly<Record<string, number>> }} [timeouts] how long an actor may be silent, hold a
 *   box, or wait for a resource: 5,000, and otherwise by its name
 * @property {import('./resources.js').Resources} [resources] functions that actors may call
 * @property {import('./diagnostics.js').DiagnosticsOptions} [diagnostics]
 * @property {number} [warm] threads that wait for the next actor; 0
 * @property {number} [graceMs] how long an actor that is to end may take to do so by itself (ctx.isCancelled, ctx.signal); 0
 * @property {boolean} [screening] whether functions whose source reaches out of the actor are refused; true
 * @property {string | URL} [wasmUrl] as of pools
 * @property {string | URL} [workerUrl] as of pools
 *
 * @typedef {GroupOptions & SupervisorExtras} SupervisorOptions
 *
 * @typedef {object} ActorOptions
 * @property {string} [name]
 * @property {number} [timeoutMs] instead of `timeouts` of the supervisor
 */

const MOST_ACTORS = 1000;

/** The defaults. */
export const ACTOR_DEFAULTS = Object.freeze({
  maxActors: 256,
  memory: Object.freeze({ poolSize: 16, boxSize: '1mb', maximum: undefined }),
  leaseMs: 5000,
  strategy: /** @type {Strategy} */ ('one-for-one'),
  retryDelayMs: 100,
  warm: 0,
  graceMs: 0,
  screening: true,
});

/** @type {Record<keyof GroupOptions, 1>} */
const GROUP = { strategy: 1, retry: 1 };
/** @type {Record<keyof SupervisorExtras, 1>} */
const EXTRAS = {
  maxActors: 1,
  memory: 1,
  timeouts: 1,
  resources: 1,
  diagnostics: 1,
  warm: 1,
  graceMs: 1,
  screening: 1,
  wasmUrl: 1,
  workerUrl: 1,
};
/** @type {Record<keyof RetryOptions, 1>} */
const RETRY = { max: 1, backoff: 1, delayMs: 1 };
/** @type {Record<keyof ActorOptions, 1>} */
const ACTOR = { name: 1, timeoutMs: 1 };

const NAMES = Object.freeze({
  supervisor: nameSet({ ...GROUP, ...EXTRAS }),
  group: nameSet(GROUP),
  retry: nameSet(RETRY),
  memory: new Set(['poolSize', 'boxSize', 'maximum']),
  timeouts: new Set(['defaultLeaseMs', 'actorTimeouts']),
  actor: nameSet(ACTOR),
});

const STRATEGIES = ['one-for-one', 'one-for-all', 'rest-for-one'];
const BACKOFFS = ['exponential', 'linear', 'fixed'];

/**
 * @template T
 * @param {string} name
 * @param {T} value
 * @param {readonly string[]} known
 */
function oneOf(name, value, known) {
  if (!known.includes(/** @type {any} */ (value))) throw wrong(name, value, known.join(', '));
  return value;
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {number} Infinity: no limit
 */
const limit = (name, value) => Math.max(1, milliseconds(name, value) ?? Infinity);

/** @param {RetryOptions | undefined} retry */
function retryOptions(retry) {
  if (retry === undefined) return undefined;
  const {
    max = Infinity,
    backoff = 'exponential',
    delayMs = ACTOR_DEFAULTS.retryDelayMs,
  } = ownOptions('retry', retry, NAMES.retry);
  return Object.freeze({
    max: max === Infinity ? Infinity : integer('retry.max', max, 0),
    backoff: oneOf('retry.backoff', backoff, BACKOFFS),
    delayMs: Math.max(1, milliseconds('retry.delayMs', delayMs) ?? Infinity),
  });
}

/**
 * @param {GroupOptions} given
 * @returns what the supervision needs to know of a group; `retry` undefined: restarts without limit
 */
const groupPart = ({ strategy = ACTOR_DEFAULTS.strategy, retry }) => ({
  strategy: oneOf('strategy', strategy, STRATEGIES),
  retry: retryOptions(retry),
});

/** @param {GroupOptions} [options] */
export const groupOptions = (options = {}) => Object.freeze(groupPart(ownOptions('', options, NAMES.group)));

/** @typedef {ReturnType<typeof groupOptions>} ResolvedGroup */

/** @param {SupervisorExtras['timeouts']} timeouts */
function timeoutOptions(timeouts = {}) {
  const given = ownOptions('timeouts', timeouts, NAMES.timeouts);
  /** @type {Map<string, number>} */
  const byName = new Map();
  const all = object('timeouts.actorTimeouts', given.actorTimeouts ?? {});
  for (const [name, ms] of Object.entries(all)) byName.set(name, limit(`timeouts.actorTimeouts.${name}`, ms));
  return { leaseMs: limit('timeouts.defaultLeaseMs', given.defaultLeaseMs ?? ACTOR_DEFAULTS.leaseMs), byName };
}

/** @param {SupervisorExtras['memory']} memory */
function memoryOptions(memory = {}) {
  const given = { ...ACTOR_DEFAULTS.memory, ...ownOptions('memory', memory, NAMES.memory) };
  return Object.freeze({
    poolSize: integer('memory.poolSize', given.poolSize, 1, 1 << 16),
    boxBytes: parseSize('memory.boxSize', given.boxSize),
    maximum: given.maximum === undefined ? undefined : parseSize('memory.maximum', given.maximum),
  });
}

/**
 * @param {SupervisorOptions} [options]
 * @throws {import('../../base/errors.js').PoolError} INVALID_ARGUMENT
 */
export function supervisorOptions(options = {}) {
  const given = ownOptions('', options, NAMES.supervisor);
  const maxActors = integer('maxActors', given.maxActors ?? ACTOR_DEFAULTS.maxActors, 1, MOST_ACTORS);
  return Object.freeze({
    ...groupPart(given),
    maxActors,
    memory: memoryOptions(given.memory),
    timeouts: Object.freeze(timeoutOptions(given.timeouts)),
    resources: resourceOptions(given.resources),
    diagnostics: diagnosticsOptions(given.diagnostics),
    warm: integer('warm', given.warm ?? ACTOR_DEFAULTS.warm, 0, maxActors),
    graceMs: milliseconds('graceMs', given.graceMs ?? ACTOR_DEFAULTS.graceMs) ?? LONGEST_MS,
    screening: flag('screening', given.screening, ACTOR_DEFAULTS.screening),
    urls: { wasmUrl: given.wasmUrl, workerUrl: given.workerUrl },
  });
}

/** @typedef {ReturnType<typeof supervisorOptions>} ResolvedSupervisor */

/**
 * @param {ActorOptions} options
 * @param {ResolvedSupervisor} supervisor
 * @returns {{ name: string | undefined, leaseMs: number, nameLeaseMs: number }} 0: it has none
 * @throws {import('../../base/errors.js').PoolError} INVALID_ARGUMENT
 */
export function actorOptions(options, { timeouts }) {
  const { name, timeoutMs } = ownOptions('', options, NAMES.actor);
  if (name !== undefined && (typeof name !== 'string' || name === '')) throw wrong('name', name, 'a text');
  const leaseMs = timeoutMs === undefined ? 0 : limit('timeoutMs', timeoutMs);
  return { name, leaseMs, nameLeaseMs: timeouts.byName.get(name ?? '') ?? 0 };
}
