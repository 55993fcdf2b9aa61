/** The pool's one timer: wakes main for the core's next time limit, recycle time or end of a lease. All times are the pool's. */
import * as L from '../generated/layout.js';

const ACTION_LIMIT = 64;
/** Offset of the actions, behind the time of the next look, which the core writes first. */
const ACTIONS_AT = 16;

/**
 * An action for main: see wp_action in src/tick.h.
 * @typedef {object} Action
 * @property {number} kind L.ACTION_…
 * @property {number} thread
 * @property {number} slot of ACTION_EXPIRED
 * @property {number} generation of the slot; of ACTION_SILENT: the thread's count of beats
 * @property {number} box of ACTION_EXPIRED: index + 1 of the box with the results of finished items, to be dropped; or 0
 * @property {number} done number of these results
 */

export class Clock {
  /** Bytes of core memory that it needs. */
  static BYTES = ACTIONS_AT + ACTION_LIMIT * L.ACTION_SIZE;

  #core;
  #scheduler;
  #buffer;
  #act;
  #isIdle;
  /** @type {import('./scheduler.js').Timer | undefined} */
  #timer;
  #timerAt = Infinity;
  /** When the clocks were last checked. */
  #lookedAt = -Infinity;
  /** Number of tasks in flight with a time limit, and the shortest of these limits. */
  #watched = 0;
  #shortest = Infinity;
  /** Whether the timer is for something that no task in flight waits for: a worker that still runs a given-up task, a lease. */
  #isLoose = false;
  #stopped = false;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {import('./scheduler.js').Time} scheduler
   * @param {number} buffer address of BYTES bytes
   * @param {(action: Action) => void} act
   * @param {() => boolean} isIdle whether its timer may let the process end
   */
  constructor(core, scheduler, buffer, act, isIdle) {
    this.#core = core;
    this.#scheduler = scheduler;
    this.#buffer = buffer;
    this.#act = act;
    this.#isIdle = isIdle;
  }

  /**
   * A task with a time limit was queued. Workers record when they start a task without telling main. So main checks again after the
   * shortest limit at the latest, and exactly at the end of the limit of each task that it has found running.
   * @param {number} timeoutMs
   */
  watch(timeoutMs) {
    this.#watched++;
    this.#shortest = Math.min(this.#shortest, timeoutMs);
    // Read the clock only if it matters: that is a third of the cost of a time limit. A foreign clock must be read, to notice its jumps.
    if (this.#timerAt <= this.#lookedAt + timeoutMs && !this.#scheduler.isForeign) return;
    this.lookBy(this.#scheduler.poolNow() + timeoutMs);
  }

  /** A task with a time limit has settled. */
  unwatch() {
    if (--this.#watched > 0) return;
    this.#shortest = Infinity;
    this.look();
  }

  /**
   * Makes sure that the clocks are checked by this time.
   * @param {number} at in the pool's time
   */
  lookBy(at) {
    if (at >= this.#timerAt || this.#stopped) return;
    if (this.#timer !== undefined) this.#scheduler.clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = this.#scheduler.setTimeout(
      () => {
        this.#timer = undefined;
        this.#timerAt = Infinity;
        this.look();
      },
      Math.max(0, Math.ceil(at - this.#scheduler.poolNow())),
    );
    if (this.#isIdle()) this.#timer.unref();
  }

  /** The pool became busy or idle: sets whether its timer keeps the process alive. */
  update() {
    if (this.#isIdle()) this.#timer?.unref();
    else this.#timer?.ref();
  }

  /** Checks all clocks, performs the actions that are due, and sets the timer for the next one. */
  look() {
    if (this.#stopped) return;
    const now = this.#scheduler.poolNow();
    this.#lookedAt = now;
    let next = this.#readActions(now);
    if (this.#watched > 0) next = Math.min(next, now + this.#shortest);
    this.#clear();
    this.#isLoose = next !== Infinity && this.#watched === 0;
    if (next !== Infinity) this.lookBy(next);
  }

  /** A worker has finished something: the timer may not be needed any more (AM-58). */
  rest() {
    if (this.#isLoose) this.look();
  }

  /**
   * @param {number} now
   * @returns {number} when the next check is due
   */
  #readActions(now) {
    const { exports, pool, memory } = this.#core;
    const first = this.#buffer + ACTIONS_AT;
    for (;;) {
      const count = exports._wp_task_tick(pool, now, first, ACTION_LIMIT, this.#buffer);
      /** @type {Action[]} */
      const actions = [];
      for (let at = first; at < first + count * L.ACTION_SIZE; at += L.ACTION_SIZE) {
        const field = (/** @type {number} */ offset) => memory.u32[(at + offset) >>> 2];
        actions.push({
          kind: field(L.ACTION_KIND),
          thread: field(L.ACTION_THREAD),
          slot: field(L.ACTION_SLOT),
          generation: field(L.ACTION_GENERATION),
          box: field(L.ACTION_BOX),
          done: field(L.ACTION_DONE),
        });
      }
      const next = memory.f64[this.#buffer >>> 3] || Infinity;
      for (const action of actions) this.#act(action);
      // Enforcing a time limit may make a worker due to be killed, so check again. Kills in progress are reported at every check.
      if (this.#stopped || !actions.some(({ kind }) => kind === L.ACTION_EXPIRED)) return next;
    }
  }

  #clear() {
    if (this.#timer !== undefined) this.#scheduler.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Infinity;
  }

  /** Cancels the timer for good. */
  stop() {
    this.#stopped = true;
    this.#clear();
  }
}
