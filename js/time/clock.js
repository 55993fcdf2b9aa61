/** The pool's one timer: wakes main for the next time limit, recycle time or end of a lease that the core knows of. All times are the pool's. */
import * as L from '../generated/layout.js';

const ACTION_LIMIT = 64;
/** Where the actions begin: behind the time of the next look, which the core writes first. */
const ACTIONS_AT = 16;

/**
 * What a look at the clocks asks main to do.
 * @typedef {object} Action
 * @property {number} kind L.ACTION_…
 * @property {number} thread
 * @property {number} slot of ACTION_EXPIRED
 * @property {number} generation of the slot; of ACTION_SILENT: the thread's count of beats
 * @property {number} box of ACTION_EXPIRED: the results of items that are over, index + 1, to be dropped; or 0
 * @property {number} done how many there are
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
  /** When the clocks were looked at last: now is not before it. */
  #lookedAt = -Infinity;
  /** Tasks in flight that have a time limit, and the shortest such limit among them. */
  #watched = 0;
  #shortest = Infinity;
  /** The timer is for what no task in flight waits for: a worker that still runs something, a lease. */
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
   * A task with a time limit was queued. Workers note when they start a task, and main is not told: so it looks again after
   * the shortest limit at the latest, and exactly at the end of each task that it has found running.
   * @param {number} timeoutMs
   */
  watch(timeoutMs) {
    this.#watched++;
    this.#shortest = Math.min(this.#shortest, timeoutMs);
    // Read the clock only if that can matter: it is a third of what a time limit costs. A foreign clock has to be seen to move.
    if (this.#timerAt <= this.#lookedAt + timeoutMs && !this.#scheduler.isForeign) return;
    this.lookBy(this.#scheduler.poolNow() + timeoutMs);
  }

  /** Such a task has settled. */
  unwatch() {
    if (--this.#watched > 0) return;
    this.#shortest = Infinity;
    this.look();
  }

  /**
   * Makes sure that the clocks are looked at by then.
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

  /** The pool is busy from now on, or idle: its timer keeps the process alive, or does not. */
  update() {
    if (this.#isIdle()) this.#timer?.unref();
    else this.#timer?.ref();
  }

  /** Looks at all clocks, has done what is due, and sets the timer for what comes next. */
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

  /** Some worker has ended something: the timer may not be needed any more (AM-58). */
  rest() {
    if (this.#isLoose) this.look();
  }

  /**
   * @param {number} now
   * @returns {number} when the core wants the next look
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
      // A time limit that was enforced may have made a worker due to be killed; kills that are under way are told again.
      if (this.#stopped || !actions.some(({ kind }) => kind === L.ACTION_EXPIRED)) return next;
    }
  }

  #clear() {
    if (this.#timer !== undefined) this.#scheduler.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Infinity;
  }

  /** No timer remains. */
  stop() {
    this.#stopped = true;
    this.#clear();
  }
}
