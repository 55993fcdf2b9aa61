/** Traces of tasks' lives, for chrome://tracing and ui.perfetto.dev. */
import * as L from '../generated/layout.js';
import { STATUS_ROWS } from '../generated/status.js';
import { workerName } from '../threads/member.js';

/**
 * @typedef {object} TraceEvent of the Trace Event Format
 * @property {string} name
 * @property {string} ph
 * @property {number} pid
 * @property {number} tid 0: main; seat + 1: a worker
 * @property {number} [ts] microseconds
 * @property {number} [dur] microseconds
 * @property {string} [id]
 * @property {string} [cat]
 * @property {string} [s]
 * @property {Record<string, unknown>} [args]
 *
 * @typedef {{ traceEvents: TraceEvent[], displayTimeUnit: 'ms' }} TraceFile
 */

const PID = 1;
const MAIN = 0;

/** @typedef {import('../engine/ledger.js').Observer} Observer */
/** @typedef {import('../task/task.js').Task} Task */

/**
 * The recorded life of a task.
 * @typedef {object} Life
 * @property {string} name
 * @property {number} queuedMs
 * @property {number} startedMs start of the last recorded run, by its worker's clock; 0: none
 * @property {TraceEvent | undefined} run
 */

/**
 * Records a pool's tasks.
 * @implements {Observer}
 */
export class Recorder {
  #core;
  #now;
  #seats;
  #names;
  /** @type {TraceEvent[]} */
  #events = [];
  /** @type {WeakMap<Task, Life>} */
  #lives = new WeakMap();
  /** Tasks that have not settled. @type {Set<Task>} */
  #inFlight = new Set();

  /**
   * @param {import('../core/core.js').Core} core
   * @param {Pick<import('../options/options.js').ResolvedOptions, 'scheduler' | 'workers' | 'names'>} options
   */
  constructor(core, { scheduler, workers, names }) {
    this.#core = core;
    this.#now = scheduler.poolNow;
    this.#seats = workers;
    this.#names = names;
  }

  /**
   * @param {Task} task
   * @param {string} name
   */
  held(task, name) {
    const queuedMs = this.#now();
    this.#lives.set(task, { name, queuedMs, startedMs: 0, run: undefined });
    this.#inFlight.add(task);
    this.#add('b', name, task.id, queuedMs);
  }

  /**
   * @param {Task} task
   * @param {string} name
   * @param {number} index
   */
  queued(task, name, index) {
    const flags = (this.#core.slots.record(index) + L.SLOT_FLAGS) >>> 2;
    this.#core.memory.u32[flags] |= L.SLOT_TRACED;
    const life = this.#lives.get(task);
    if (!life) {
      this.held(task, name);
      return;
    }
    life.queuedMs = this.#now();
    this.#add('n', 'queued', task.id, life.queuedMs);
  }

  /**
   * Records a run of a task: its worker is done with it; or, with an outcome, the task is given up or interrupted while it runs. No effect
   * for a task that has not run.
   * @param {Task} task
   * @param {number} slot
   * @param {string} [outcome] code of the reason
   */
  ran(task, slot, outcome) {
    const life = this.#lives.get(task);
    const { u32, i32, f64 } = this.#core.memory;
    const startedMs = f64[(slot + L.SLOT_STARTED_MS) >>> 3];
    if (!life || !startedMs) return;
    const ranMs = u32[(slot + L.SLOT_RAN_US) >>> 2] / 1000; // 0: its worker is not done with it
    const isKnown = life.startedMs === startedMs;
    if (!ranMs && !outcome && isKnown) return; // lost with its worker; recorded by down() already
    const now = this.#now();
    // The clocks of threads agree only nearly, so keep the order of events.
    const start = isKnown ? Number(life.run?.ts) / 1000 : Math.min(Math.max(startedMs, life.queuedMs), now);
    const end = ranMs ? Math.max(start, Math.min(startedMs + ranMs, now)) : now;
    if (!isKnown) this.#begin(task, life, slot, startedMs, start);
    const run = /** @type {TraceEvent} */ (life.run);
    run.dur = Math.max(1, (end - start) * 1000);
    const status = outcome ?? STATUS_ROWS[-i32[(slot + L.SLOT_STATUS) >>> 2]]?.code;
    run.args = { task: task.id, status, redeliveries: u32[(slot + L.SLOT_REDELIVERIES) >>> 2] };
    if (ranMs) this.#add('n', 'committed', task.id, end);
  }

  /**
   * @param {Task} task
   * @param {Life} life
   * @param {number} slot
   * @param {number} startedMs
   * @param {number} start
   */
  #begin(task, life, slot, startedMs, start) {
    const { u32 } = this.#core.memory;
    const tid = u32[(this.#core.thread(u32[(slot + L.SLOT_OWNER) >>> 2]) + L.THREAD_SEAT) >>> 2];
    life.startedMs = startedMs;
    life.run = { name: life.name, ph: 'X', pid: PID, tid, ts: start * 1000, cat: 'task' };
    this.#add('n', 'taken', task.id, start);
    this.#events.push(life.run);
  }

  /**
   * Records the runs on a thread that is being stopped. If a task runs again, that is another run; if a task goes on after all, its run is
   * recorded once more at its end.
   * @param {number} thread
   */
  interrupted(thread) {
    const core = this.#core;
    for (const task of this.#inFlight) {
      if (task.index < 0) continue; // held back
      const slot = core.slots.record(task.index);
      const isRunning = core.generation(slot) === task.generation && (core.load(slot) & 0xff) === L.SLOT_RUNNING;
      if (isRunning && core.load(slot + L.SLOT_OWNER) === thread) this.ran(task, slot, 'WORKER_LOST');
    }
  }

  /**
   * @param {Task} task
   * @param {import('../base/errors.js').PoolError | undefined} error
   */
  settled(task, error) {
    const life = this.#lives.get(task);
    if (life) this.#add('e', life.name, task.id, this.#now(), { outcome: error?.code ?? 'OK' });
    this.#inFlight.delete(task);
  }

  /**
   * @param {import('../threads/fleet.js').Member} member
   * @param {Error} error
   */
  down(member, error) {
    this.interrupted(member.number);
    const tid = (member.seat ?? -1) + 1;
    const args = { worker: member.name, error: error.message };
    this.#events.push({
      name: 'worker down',
      ph: 'i',
      pid: PID,
      tid,
      ts: this.#now() * 1000,
      s: 't',
      cat: 'kill',
      args,
    });
  }

  /**
   * @param {string} ph
   * @param {string} name
   * @param {string} id
   * @param {number} ms
   * @param {Record<string, unknown>} [args]
   */
  #add(ph, name, id, ms, args) {
    this.#events.push({ name, ph, pid: PID, tid: MAIN, ts: ms * 1000, id, cat: 'task', ...(args && { args }) });
  }

  /** The pool has gone: drops its memory, because the user may keep the trace. */
  release() {
    this.#core = /** @type {any} */ (undefined);
  }

  /** The events so far. @returns {TraceFile} */
  toJSON() {
    const named = (/** @type {number} */ tid, /** @type {string} */ name) =>
      /** @type {TraceEvent} */ ({ name: 'thread_name', ph: 'M', pid: PID, tid, args: { name } });
    const events = this.#events.map((event) => ({ ...event })); // copies: events of running tasks still change
    const seats = events.reduce((most, { tid }) => Math.max(most, tid), this.#seats); // resize() may have added some
    const workers = Array.from({ length: seats }, (_, seat) => named(seat + 1, workerName(this.#names, seat)));
    return { traceEvents: [named(MAIN, 'main'), ...workers, ...events], displayTimeUnit: 'ms' };
  }
}

/** @type {(trace: Trace) => Recorder} for tests */
export let recorderOf;

/** Returned by `pool.trace()`: a recording from that call until stop(). */
export class Trace {
  #recorder;
  #onStop;

  /**
   * @param {Recorder} recorder
   * @param {() => void} onStop
   */
  constructor(recorder, onStop) {
    this.#recorder = recorder;
    this.#onStop = onStop;
  }

  static {
    recorderOf = (trace) => trace.#recorder;
  }

  /** The events so far. @returns {TraceFile} */
  toJSON() {
    return this.#recorder.toJSON();
  }

  /** Ends the recording. @returns {TraceFile} all events */
  stop() {
    this.#onStop();
    return this.toJSON();
  }
}
