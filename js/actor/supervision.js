/**
 * Supervision (src/supervision.h) for JavaScript: events and times in, actions out. A wasm module of its own, with a memory of its own, so a
 * supervisor has it at once. Actors and groups are numbers here.
 */
import { code } from '../dist/supervision.js'; // scripts/bundle-supervision.mjs
import * as S from '../generated/supervision.js';

/** Main, or nobody: as a watcher, as a parent. No actor and no group has this number. */
export const NOBODY = 0;
/** What a number holds: an index below, and a generation above. */
const INDEXES = 2 ** 18;
/** The group that is always there. */
export const ROOT = INDEXES;

const PAGE_BYTES = 65536;
const ALIGN = 16;
/** Budgets up to this size can be asked for later than at the creation. */
const RETRIES_LEAST = 256;

const STRATEGIES = { 'one-for-one': S.ONE_FOR_ONE, 'one-for-all': S.ONE_FOR_ALL, 'rest-for-one': S.REST_FOR_ONE };
const GROWTHS = { exponential: S.RESTART_DOUBLES, linear: S.RESTART_ADDS, fixed: S.RESTART_KEEPS };
const WINDOW_MS = 60_000;
const DELAY_MS = 100;

/**
 * @typedef {keyof typeof STRATEGIES} Strategy
 *
 * @typedef {object} Retry how often, and how soon, members of a group are restarted
 * @property {number} [max] restarts within the window; default: no limit
 * @property {keyof typeof GROWTHS} [backoff] how the delay grows; default: exponential
 * @property {number} [delayMs] before the first restart; 100
 * @property {number} [windowMs] 60,000
 *
 * @typedef {object} SupervisionConfig
 * @property {number} maxActors that may live at once, 1 to 65,536
 * @property {number} [maxGroups] at once, the root group included; 64
 * @property {number} [maxRelations] links and monitors at once; 8 for each actor
 * @property {Strategy} [strategy] of the root group; one-for-one
 * @property {Retry} [retry] of the root group; default: restarted at once, without a limit
 * @property {number} leaseMs of actors that have none of their own
 *
 * @typedef {object} SupervisionEvent see wp_supervision_event
 * @property {number} kind S.SUPERVISION_…
 * @property {number} [actor]
 * @property {number} [other]
 * @property {number} [group] of SPAWN: default root
 * @property {number} [incarnation]
 * @property {number} [reason] S.ACTOR_…
 * @property {boolean} [byActor]
 * @property {Strategy} [strategy]
 * @property {Retry} [retry]
 * @property {number} [leaseMs]
 * @property {number} [nameLeaseMs]
 *
 * @typedef {object} SupervisionAction see wp_supervision_action
 * @property {number} kind S.SUPERVISION_…
 * @property {number} reason S.ACTOR_…
 * @property {number} actor
 * @property {number} other
 * @property {number} group
 * @property {number} incarnation
 * @property {number} status of ../generated/status.js
 * @property {number} ms
 *
 * @typedef {Record<'active' | 'dying' | 'groups' | 'relations' | 'spawned' | 'ended' | 'failures' | 'starts' | 'downs' | 'cascades' | 'refused' | 'stale', number>} SupervisionCounts
 *   see wp_supervision_counts
 *
 * @typedef {object} ActorInfo see wp_actor_info
 * @property {number} phase S.ACTOR_…
 * @property {number} incarnation
 * @property {number} reason of its last death
 * @property {number} children
 * @property {number} group
 * @property {number} parent
 * @property {number} spawnedMs
 * @property {number} startedMs
 * @property {number} leaseMs
 * @property {boolean} final it does not come back
 */

/** @type {WebAssembly.Module | undefined} compiled once */
let compiled;

/** @returns {Record<string, any>} the exports of a new instance */
function instantiate() {
  compiled ??= new WebAssembly.Module(Uint8Array.from(atob(code), (letter) => letter.charCodeAt(0)));
  const { exports } = new WebAssembly.Instance(compiled);
  return exports;
}

/** The index of an actor's record: small, and reused when the actor has ended. @param {number} actor */
export const indexOf = (actor) => actor % INDEXES;

/** The generation of an actor's number. @param {number} actor */
export const generationOf = (actor) => Math.floor(actor / INDEXES);

/** The number of both. @param {number} index @param {number} generation */
export const numberOf = (index, generation) => generation * INDEXES + index;

/** One supervisor's actors and groups. */
export class Supervision {
  #exports;
  #supervision;
  /** Addresses of the event, of what a step returns, and of an actor's info. */
  #event;
  #result;
  #info;
  #u32 = new Uint32Array();
  #f64 = new Float64Array();
  #bytes = new Uint8Array();

  /** @param {SupervisionConfig} config */
  constructor(config) {
    const exports = instantiate();
    const { memory } = exports;
    let end = exports.__heap_base.value;
    const reserve = (/** @type {number} */ bytes) => {
      const at = Math.ceil(end / ALIGN) * ALIGN;
      end = at + bytes;
      const pages = Math.ceil((end - memory.buffer.byteLength) / PAGE_BYTES);
      if (pages > 0) memory.grow(pages);
      return at;
    };
    this.#event = reserve(S.SUPERVISION_EVENT_SIZE);
    this.#result = reserve(ALIGN);
    this.#info = reserve(S.ACTOR_INFO_SIZE);
    const configAt = reserve(S.SUPERVISION_CONFIG_SIZE);
    this.#exports = exports;
    this.#view(memory.buffer);
    this.#writeConfig(configAt, config);
    const bytes = exports.wp_supervision_bytes(configAt) >>> 0;
    if (!bytes) throw new RangeError('a field of the configuration is out of its bounds');
    const at = reserve(bytes);
    this.#view(memory.buffer);
    this.#supervision = exports.wp_supervision_create(at, configAt);
  }

  /**
   * Takes an event, or none, and does everything that is due.
   * @param {number} nowMs never less than before
   * @param {SupervisionEvent} [event]
   * @returns {SupervisionAction[]} to be performed in this order
   */
  step(nowMs, event) {
    if (event) this.#writeEvent(event);
    const at = this.#result;
    const event_ = event ? this.#event : 0;
    const count = this.#exports.wp_supervision_step(this.#supervision, nowMs, event_, at + 8, at);
    const first = this.#u32[(at + 8) >>> 2];
    return Array.from({ length: count }, (_, i) => this.#action(first + i * S.SUPERVISION_ACTION_SIZE));
  }

  /** After a step: when the next one is due; 0: only with an event. */
  get nextMs() {
    return this.#f64[this.#result >>> 3];
  }

  /** @returns {SupervisionCounts} */
  get counts() {
    const at = this.#exports.wp_supervision_counts_of(this.#supervision);
    const count = (/** @type {number} */ field) => this.#u32[(at + field) >>> 2];
    return {
      active: count(S.SUPERVISION_COUNTS_ACTIVE),
      dying: count(S.SUPERVISION_COUNTS_DYING),
      groups: count(S.SUPERVISION_COUNTS_GROUPS),
      relations: count(S.SUPERVISION_COUNTS_RELATIONS),
      spawned: count(S.SUPERVISION_COUNTS_SPAWNED),
      ended: count(S.SUPERVISION_COUNTS_ENDED),
      failures: count(S.SUPERVISION_COUNTS_FAILURES),
      starts: count(S.SUPERVISION_COUNTS_STARTS),
      downs: count(S.SUPERVISION_COUNTS_DOWNS),
      cascades: count(S.SUPERVISION_COUNTS_CASCADES),
      refused: count(S.SUPERVISION_COUNTS_REFUSED),
      stale: count(S.SUPERVISION_COUNTS_STALE),
    };
  }

  /**
   * @param {number} actor
   * @returns {ActorInfo | undefined} undefined: it has ended
   */
  info(actor) {
    this.#writeNumber(this.#event, actor);
    const at = this.#info;
    if (this.#exports.wp_supervision_info(this.#supervision, this.#event, at)) return undefined;
    return {
      phase: this.#u32[(at + S.ACTOR_INFO_PHASE) >>> 2],
      incarnation: this.#u32[(at + S.ACTOR_INFO_INCARNATION) >>> 2],
      reason: this.#u32[(at + S.ACTOR_INFO_REASON) >>> 2],
      children: this.#u32[(at + S.ACTOR_INFO_CHILDREN) >>> 2],
      group: this.#number(at + S.ACTOR_INFO_GROUP),
      parent: this.#number(at + S.ACTOR_INFO_PARENT),
      spawnedMs: this.#f64[(at + S.ACTOR_INFO_SPAWNED_MS) >>> 3],
      startedMs: this.#f64[(at + S.ACTOR_INFO_STARTED_MS) >>> 3],
      leaseMs: this.#f64[(at + S.ACTOR_INFO_LEASE_MS) >>> 3],
      final: this.#u32[(at + S.ACTOR_INFO_FINAL) >>> 2] !== 0,
    };
  }

  /**
   * A reason as text.
   * @param {number} reason S.ACTOR_…
   */
  reasonText(reason) {
    const at = this.#exports.wp_actor_reason_text(reason);
    return String.fromCharCode(...this.#bytes.subarray(at, this.#bytes.indexOf(0, at)));
  }

  /** @param {ArrayBuffer} buffer */
  #view(buffer) {
    this.#bytes = new Uint8Array(buffer);
    this.#u32 = new Uint32Array(buffer);
    this.#f64 = new Float64Array(buffer);
  }

  /** Reads a handle. @param {number} at */
  #number(at) {
    return this.#u32[(at + S.HANDLE_GENERATION) >>> 2] * INDEXES + this.#u32[(at + S.HANDLE_INDEX) >>> 2];
  }

  /** Writes a handle. @param {number} at @param {number} number */
  #writeNumber(at, number) {
    this.#u32[(at + S.HANDLE_INDEX) >>> 2] = number % INDEXES;
    this.#u32[(at + S.HANDLE_GENERATION) >>> 2] = generationOf(number);
  }

  /** @param {number} at @returns {SupervisionAction} */
  #action(at) {
    return {
      kind: this.#u32[(at + S.SUPERVISION_ACTION_KIND) >>> 2],
      reason: this.#u32[(at + S.SUPERVISION_ACTION_REASON) >>> 2],
      actor: this.#number(at + S.SUPERVISION_ACTION_ACTOR),
      other: this.#number(at + S.SUPERVISION_ACTION_OTHER),
      group: this.#number(at + S.SUPERVISION_ACTION_GROUP),
      incarnation: this.#u32[(at + S.SUPERVISION_ACTION_INCARNATION) >>> 2],
      status: this.#u32[(at + S.SUPERVISION_ACTION_STATUS) >>> 2] | 0,
      ms: this.#f64[(at + S.SUPERVISION_ACTION_MS) >>> 3],
    };
  }

  /** @param {SupervisionEvent} event */
  #writeEvent(event) {
    const at = this.#event;
    const { actor = NOBODY, other = NOBODY, group = ROOT, strategy = 'one-for-one' } = event;
    this.#u32[(at + S.SUPERVISION_EVENT_KIND) >>> 2] = event.kind;
    this.#u32[(at + S.SUPERVISION_EVENT_REASON) >>> 2] = event.reason ?? 0;
    this.#writeNumber(at + S.SUPERVISION_EVENT_ACTOR, actor);
    this.#writeNumber(at + S.SUPERVISION_EVENT_OTHER, other);
    this.#writeNumber(at + S.SUPERVISION_EVENT_GROUP, group);
    this.#u32[(at + S.SUPERVISION_EVENT_INCARNATION) >>> 2] = event.incarnation ?? 0;
    this.#u32[(at + S.SUPERVISION_EVENT_BY_ACTOR) >>> 2] = event.byActor ? 1 : 0;
    this.#u32[(at + S.SUPERVISION_EVENT_STRATEGY) >>> 2] = STRATEGIES[strategy];
    this.#f64[(at + S.SUPERVISION_EVENT_LEASE_MS) >>> 3] = event.leaseMs ?? 0;
    this.#f64[(at + S.SUPERVISION_EVENT_NAME_LEASE_MS) >>> 3] = event.nameLeaseMs ?? 0;
    this.#writeRetry(at + S.SUPERVISION_EVENT_RETRY, event.retry);
  }

  /** @param {number} at @param {SupervisionConfig} config */
  #writeConfig(at, { maxActors, maxGroups = 64, maxRelations = 8 * maxActors, strategy, retry, leaseMs }) {
    const retries = Math.max(retry?.max ?? 0, RETRIES_LEAST);
    this.#u32[(at + S.SUPERVISION_CONFIG_ACTORS_MAX) >>> 2] = maxActors;
    this.#u32[(at + S.SUPERVISION_CONFIG_GROUPS_MAX) >>> 2] = maxGroups;
    this.#u32[(at + S.SUPERVISION_CONFIG_RELATIONS_MAX) >>> 2] = Math.min(maxRelations, S.ACTORS_MAX);
    this.#u32[(at + S.SUPERVISION_CONFIG_RETRIES_MAX) >>> 2] = Math.min(retries, S.RESTARTS_MAX);
    this.#u32[(at + S.SUPERVISION_CONFIG_STRATEGY) >>> 2] = STRATEGIES[strategy ?? 'one-for-one'];
    this.#f64[(at + S.SUPERVISION_CONFIG_LEASE_MS) >>> 3] = leaseMs;
    this.#writeRetry(at + S.SUPERVISION_CONFIG_RETRY, retry);
  }

  /** @param {number} at @param {Retry | undefined} retry */
  #writeRetry(at, retry) {
    const { max = S.NONE, backoff = 'exponential', delayMs = DELAY_MS, windowMs = WINDOW_MS } = retry ?? { delayMs: 0 };
    this.#u32.fill(0, at >>> 2, (at + S.RESTART_POLICY_SIZE) >>> 2);
    this.#u32[(at + S.RESTART_POLICY_MAX) >>> 2] = Math.min(max, S.NONE);
    this.#f64[(at + S.RESTART_POLICY_WINDOW_MS) >>> 3] = windowMs;
    this.#f64[(at + S.RESTART_POLICY_MIN_MS) >>> 3] = delayMs;
    this.#f64[(at + S.RESTART_POLICY_MAX_MS) >>> 3] = Infinity;
    this.#u32[(at + S.RESTART_POLICY_GROWTH) >>> 2] = GROWTHS[backoff];
  }
}
