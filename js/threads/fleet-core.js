/** The core's fleet (src/fleet.h) for JavaScript: passes it events and times, and reads its actions, in memory of main's own. */
import { allocate } from '../core/memory.js';
import * as L from '../generated/layout.js';
import { host } from '../host/index.js';

/**
 * How long each rung of a kill is tried, in milliseconds. Tests make the times longer, so that a busy machine does not change the outcome.
 *
 * `flag`: a task that checks its flag does so often; waiting longer would only delay the end of the others. `check`: loop checks answer
 * within a millisecond if the thread has a processor; where the host can tell that it waits for one, that wait does not count. `locks`: a task that hangs while it holds
 * locks, see wp_ladder_config. `inside`: a doomed thread that stays inside the
 * gate for longer counts as broken.
 */
export const LIMITS_MS = { flag: 1, check: 20, locks: 40, inside: 1000 };
/** A new spare is started when the one that took a seat has had time to begin its work: a start costs main some milliseconds. */
const SPARE_DELAY_MS = 5;

const POLICIES = { always: L.RESTART_ALWAYS, 'on-failure': L.RESTART_ON_FAILURE, never: L.RESTART_NEVER };

/**
 * @typedef {object} FleetEvent see wp_fleet_event
 * @property {number} kind L.FLEET_…
 * @property {number} [thread]
 * @property {number} [incarnation] of the thread's record
 * @property {number} [reason]
 * @property {number} [suspect]
 * @property {number} [index] of the task's slot
 * @property {number} [generation]
 * @property {boolean} [clean]
 * @property {number} [graceMs]
 * @property {number} [seatsMin]
 * @property {number} [seatsMax]
 * @property {number} [ranMs]
 *
 * @typedef {object} FleetAction see wp_fleet_action
 * @property {number} kind L.FLEET_…
 * @property {number} thread
 * @property {number} incarnation
 * @property {number | undefined} seat undefined: a spare
 * @property {number} reason
 * @property {number} suspect
 * @property {number} index of the task's slot
 * @property {number} generation
 * @property {number} rung
 * @property {number} ms
 */

/** Offsets in the memory of a FleetCore. */
const NEXT = L.FLEET_EVENT_SIZE;
const ACTIONS = NEXT + L.FLEET_NEXT_SIZE;
const BYTES = ACTIONS + 8;

/** The state machine of one pool's threads: events in, actions out. */
export class FleetCore {
  #core;
  #at;
  #fleet;
  #seats;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {import('../options/options.js').ResolvedOptions} options
   * @param {boolean} checked whether the program's loops have checks
   * @throws {import('../base/errors.js').PoolError} NO_MEMORY
   */
  constructor(core, options, checked) {
    const { exports, memory, pool } = core;
    this.#core = core;
    this.#seats = Array.from({ length: options.seats }, (_, seat) => seat);
    this.#at = allocate(core, BYTES);
    const config = allocate(core, L.FLEET_CONFIG_SIZE);
    writeConfig(memory, config, options, checked);
    const status = exports._wp_fleet_create(pool, config, this.#at + ACTIONS);
    exports._wp_free(config);
    core.check(status, 'the pool could not be created');
    this.#fleet = memory.u32[(this.#at + ACTIONS) >>> 2];
  }

  /**
   * @param {number} realMs
   * @param {number} poolMs
   * @param {FleetEvent | undefined} event
   * @returns {number} how many actions there are
   */
  step(realMs, poolMs, event) {
    if (event) this.#write(event);
    const { exports, memory } = this.#core;
    const at = this.#at;
    const count = exports._wp_fleet_step(this.#fleet, realMs, poolMs, event ? at : 0, at + ACTIONS, at + NEXT);
    memory.reach(memory.u32[(at + ACTIONS) >>> 2] + count * L.FLEET_ACTION_SIZE);
    return count;
  }

  /** Whether a step is worth it: something has changed that concerns the fleet's size or a leaving worker. */
  get isDue() {
    return this.#core.exports._wp_fleet_due(this.#fleet) !== 0;
  }

  /**
   * Whether a task will ever find a worker.
   * @param {number} seat that it is bound to; L.NONE: any
   */
  serves(seat) {
    return this.#core.exports._wp_fleet_serves(this.#fleet, seat) !== 0;
  }

  /** Seats that are open: they have a worker, will get one, or were given up. */
  get openSeats() {
    return this.#seats.filter((seat) => this.#core.exports._wp_fleet_opens(this.#fleet, seat));
  }

  /** Seats that have a worker, or will get one. */
  get servedSeats() {
    return this.#seats.filter((seat) => this.serves(seat));
  }

  /** After a step: when the next one is due on the real clock; 0: only with an event. */
  get nextRealMs() {
    return this.#core.memory.f64[(this.#at + NEXT + L.FLEET_NEXT_REAL_MS) >>> 3];
  }

  /** The same on the pool's clock. */
  get nextPoolMs() {
    return this.#core.memory.f64[(this.#at + NEXT + L.FLEET_NEXT_POOL_MS) >>> 3];
  }

  /**
   * @param {number} i
   * @returns {FleetAction} of the last step
   */
  action(i) {
    const { u32, f64 } = this.#core.memory;
    const at = u32[(this.#at + ACTIONS) >>> 2] + i * L.FLEET_ACTION_SIZE;
    const word = (/** @type {number} */ field) => u32[(at + field) >>> 2];
    const seat = word(L.FLEET_ACTION_SEAT);
    return {
      kind: word(L.FLEET_ACTION_KIND),
      thread: word(L.FLEET_ACTION_THREAD),
      incarnation: word(L.FLEET_ACTION_INCARNATION),
      seat: seat === L.NONE ? undefined : seat,
      reason: word(L.FLEET_ACTION_REASON),
      suspect: word(L.FLEET_ACTION_SUSPECT),
      index: word(L.FLEET_ACTION_TASK + L.HANDLE_INDEX),
      generation: word(L.FLEET_ACTION_TASK + L.HANDLE_GENERATION),
      rung: word(L.FLEET_ACTION_RUNG),
      ms: f64[(at + L.FLEET_ACTION_MS) >>> 3],
    };
  }

  /** @param {FleetEvent} event */
  #write(event) {
    const { kind, thread = 0, incarnation = 0, reason = 0, suspect = 0, index = 0, generation = 0 } = event;
    const { clean, graceMs, seatsMin = 0, seatsMax = 0, ranMs = -1 } = event;
    const { u32, f64 } = this.#core.memory;
    const set = (/** @type {number} */ field, /** @type {number} */ value) => {
      u32[(this.#at + field) >>> 2] = value;
    };
    set(L.FLEET_EVENT_KIND, kind);
    set(L.FLEET_EVENT_THREAD, thread);
    set(L.FLEET_EVENT_INCARNATION, incarnation);
    set(L.FLEET_EVENT_REASON, reason);
    set(L.FLEET_EVENT_SUSPECT, suspect);
    set(L.FLEET_EVENT_TASK + L.HANDLE_INDEX, index);
    set(L.FLEET_EVENT_TASK + L.HANDLE_GENERATION, generation);
    set(L.FLEET_EVENT_CLEAN, clean ? 1 : 0);
    f64[(this.#at + L.FLEET_EVENT_GRACE_MS) >>> 3] = graceMs ?? -1;
    set(L.FLEET_EVENT_SEATS_MIN, seatsMin);
    set(L.FLEET_EVENT_SEATS_MAX, seatsMax);
    f64[(this.#at + L.FLEET_EVENT_RAN_MS) >>> 3] = ranMs;
  }
}

/**
 * @param {import('../core/memory.js').Memory} memory
 * @param {number} at
 * @param {import('../options/options.js').ResolvedOptions} options
 * @param {boolean} checked
 */
function writeConfig({ u32, f64 }, at, { restart, readyTimeoutMs, workersMin, workers, idleMs }, checked) {
  u32.fill(0, at >>> 2, (at + L.FLEET_CONFIG_SIZE) >>> 2); // `ticks` stays 0: js/time/clock.js checks the tasks' time limits
  const word = (/** @type {number} */ field, /** @type {number} */ value) => {
    u32[(at + field) >>> 2] = value;
  };
  const number = (/** @type {number} */ field, /** @type {number} */ value) => {
    f64[(at + field) >>> 3] = value;
  };
  const policy = L.FLEET_CONFIG_RESTART;
  word(policy + L.RESTART_POLICY_KIND, POLICIES[restart.policy]);
  word(policy + L.RESTART_POLICY_MAX, restart.max < 0 ? L.NONE : Math.min(restart.max, L.NONE));
  number(policy + L.RESTART_POLICY_WINDOW_MS, restart.windowMs);
  number(policy + L.RESTART_POLICY_MIN_MS, restart.minMs);
  number(policy + L.RESTART_POLICY_MAX_MS, restart.maxMs);
  number(policy + L.RESTART_POLICY_JITTER, restart.jitter);
  const ladder = L.FLEET_CONFIG_LADDER;
  number(ladder + L.LADDER_CONFIG_FLAG_MS, LIMITS_MS.flag);
  number(ladder + L.LADDER_CONFIG_CHECK_MS, LIMITS_MS.check);
  number(ladder + L.LADDER_CONFIG_LOCKS_MS, LIMITS_MS.locks);
  number(ladder + L.LADDER_CONFIG_INSIDE_MS, LIMITS_MS.inside);
  word(ladder + L.LADDER_CONFIG_CHECKS, checked ? 1 : 0);
  word(ladder + L.LADDER_CONFIG_STOPS, 1);
  word(ladder + L.LADDER_CONFIG_MEASURES, host.processorMs ? 1 : 0);
  number(L.FLEET_CONFIG_READY_MS, readyTimeoutMs ?? 0);
  number(L.FLEET_CONFIG_SPARE_DELAY_MS, SPARE_DELAY_MS);
  word(L.FLEET_CONFIG_SEATS_MIN, workersMin);
  word(L.FLEET_CONFIG_SEATS_MAX, workers);
  word(L.FLEET_CONFIG_FAREWELLS, 1); // for `onStop`, and to receive everything that the worker has posted
  number(L.FLEET_CONFIG_IDLE_MS, idleMs ?? -1);
  word(L.FLEET_CONFIG_SEED, Math.random() * 2 ** 32);
  word(L.FLEET_CONFIG_SEED + 4, (Math.random() * 2 ** 32) | 1); // never 0 as a whole
}
