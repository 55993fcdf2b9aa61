/** The end of a pool: at once, or in order, when all work is done. */
import { milliseconds, ownOptions } from '../base/check.js';
import { poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { POOL_NAMES } from '../options/options.js';
import { OPTIONS_OF } from '../options/spec.js';
import { sayFarewell } from '../threads/farewell.js';
import { ignore } from '../task/task.js';

/**
 * The pool, for its end.
 * @typedef {object} EndingPort
 * @property {() => Promise<import('../engine/engine.js').Engine> | undefined} starting
 * @property {() => void} resume
 * @property {() => void} silence stops all callbacks and events
 * @property {() => void} ended called when the threads are gone
 * @property {(message: string) => void} tell
 */

/**
 * Whether any thread runs a task, even one that was given up.
 * @param {import('../engine/engine.js').Engine | undefined} engine
 */
function runsTasks(engine) {
  for (const { number } of engine?.fleet.members.values() ?? [])
    if (engine?.core.load(engine.core.thread(number) + L.THREAD_RUNNING)) return true;
  return false;
}

/** The end of one pool. */
export class Ending {
  /** The core's counts when it was closed. */
  final = { processed: 0, errors: 0 };
  #intake;
  #drain;
  #scheduler;
  #port;
  /** Number of running maps. */
  #maps = 0;
  /** @type {Promise<void> | undefined} */
  #closing;
  /** @type {Promise<void> | undefined} */
  #gone;

  /**
   * @param {import('../submit/intake.js').Intake} intake
   * @param {import('../submit/drain.js').Drain} drain
   * @param {import('../time/scheduler.js').Time} scheduler
   * @param {EndingPort} port
   */
  constructor(intake, drain, scheduler, port) {
    this.#intake = intake;
    this.#drain = drain;
    this.#scheduler = scheduler;
    this.#port = port;
  }

  /**
   * A map reads its inputs step by step, so it counts as work until it has ended.
   * @returns {() => void} to be called when it has ended
   */
  mapBegins() {
    this.#maps++;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#maps--;
      this.#drain.wake();
    };
  }

  /** Settles when no task is waiting or running, not even one that was given up; or when the pool was closed. */
  drained() {
    return this.#drain.wait(() => !this.#intake.closed && (this.#hasTasks || runsTasks(this.#intake.engine)));
  }

  get #hasTasks() {
    const { engine, waiting } = this.#intake;
    return waiting > 0 || (engine?.ledger.inFlight ?? 0) > 0;
  }

  // ---- In order ----

  /**
   * Refuses new work, finishes the rest, lets workers run their `onStop`, and ends. Each call has its own time limit; the one that is over
   * first ends the pool.
   * @param {{ timeoutMs?: number }} options
   * @returns {Promise<void>}
   */
  async inOrder(options) {
    const { timeoutMs = Infinity } = ownOptions('', options, OPTIONS_OF.close, undefined, POOL_NAMES);
    const limit = this.#timer(milliseconds('timeoutMs', timeoutMs));
    this.#closing ??= this.#finish();
    const inTime = await Promise.race([this.#closing, limit.over]);
    limit.clear();
    if (inTime === false) await this.now(poolError('POOL_DESTROYED'));
    return this.#closing;
  }

  async #finish() {
    this.#intake.ending = true;
    this.#port.resume(); // waiting tasks must be finished
    await this.#drain.wait(() => !this.#intake.closed && (this.#maps > 0 || this.#hasTasks));
    if (!this.#intake.closed) {
      const members = [...(this.#intake.engine?.fleet.members.values() ?? [])];
      const running = members.filter(({ state }) => state === 'live' || state === 'warm');
      await sayFarewell(running, this.#scheduler, this.#port.tell);
    }
    await this.now(poolError('POOL_DESTROYED'));
  }

  /** @param {number | undefined} ms  undefined: no limit */
  #timer(ms) {
    /** @type {(inTime: false) => void} */
    let end = ignore;
    const over = /** @type {Promise<false>} */ (
      new Promise((resolve) => {
        end = resolve;
      })
    );
    const timer = ms === undefined ? undefined : this.#scheduler.setTimeout(() => end(false), ms);
    return { over, clear: () => timer && this.#scheduler.clearTimeout(timer) };
  }

  // ---- At once ----

  /**
   * Fails all waiting and running tasks, ends all workers, and releases the memory.
   * @param {import('../base/errors.js').PoolError} reason
   * @returns {Promise<void>} settles when the threads are gone
   */
  now(reason) {
    if (this.#gone) return this.#gone;
    /** @type {(end: Promise<void>) => void} */
    let end = ignore;
    this.#gone = new Promise((resolve) => {
      end = resolve;
    });
    end(this.#shut(reason)); // after #gone is set: its callbacks may call now() again
    return this.#gone;
  }

  /** @param {import('../base/errors.js').PoolError} reason */
  async #shut(reason) {
    const { engine } = this.#intake;
    this.#intake.close(reason); // first, so that tasks submitted by callbacks are refused
    this.#intake.abandon(reason);
    this.#port.silence();
    this.#note(engine);
    const ending = this.#port.starting()?.then((engine) => {
      const gone = engine.close(reason);
      this.#note(engine); // its last tasks have failed by now (AM-28)
      return gone;
    }, ignore);
    this.#drain.wake();
    await ending;
    this.#port.ended();
  }

  /** @param {import('../engine/engine.js').Engine | undefined} engine */
  #note(engine) {
    if (!engine) return;
    const { processed, errors } = engine.ledger.stats();
    this.final = { processed, errors };
  }
}
