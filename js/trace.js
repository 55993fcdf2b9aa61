/** Every task's life as a trace that chrome://tracing and ui.perfetto.dev show. */
import * as L from './generated/layout.js';
import { STATUS_ROWS } from './generated/status.js';
import { workerName } from './member.js';

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

/** @typedef {import('./ledger.js').Observer} Observer */

/**
 * Watches a pool from its making until stop().
 * @implements {Observer}
 */
export class Trace {
  #core;
  #now;
  #seats;
  #onStop;
  /** @type {TraceEvent[]} */
  #events = [];
  /** @type {WeakMap<import('./task.js').Task, string>} */
  #names = new WeakMap();

  /**
   * @param {import('./engine.js').Engine} engine
   * @param {() => void} onStop
   */
  constructor(engine, onStop) {
    this.#core = engine.core;
    this.#now = engine.options.scheduler.poolNow;
    this.#onStop = onStop;
    this.#seats = engine.options.workers;
  }

  /**
   * @param {import('./task.js').Task} task
   * @param {string} name
   * @param {number} index
   */
  queued(task, name, index) {
    const flags = (this.#core.slots.record(index) + L.SLOT_FLAGS) >>> 2;
    this.#core.memory.u32[flags] |= L.SLOT_TRACED;
    this.#names.set(task, name);
    this.#add('b', name, task.id, this.#now());
  }

  /**
   * Its worker is done with it, or it ended without having run.
   * @param {import('./task.js').Task} task
   * @param {number} slot
   */
  ran(task, slot) {
    const name = this.#names.get(task);
    const { u32, i32, f64 } = this.#core.memory;
    const startedMs = f64[(slot + L.SLOT_STARTED_MS) >>> 3];
    if (name === undefined || !startedMs) return;
    const durationUs = u32[(slot + L.SLOT_RAN_US) >>> 2];
    const tid = u32[(this.#core.thread(u32[(slot + L.SLOT_OWNER) >>> 2]) + L.THREAD_SEAT) >>> 2];
    const redeliveries = u32[(slot + L.SLOT_REDELIVERIES) >>> 2];
    const status = STATUS_ROWS[-i32[(slot + L.SLOT_STATUS) >>> 2]]?.code;
    this.#add('n', 'taken', task.id, startedMs);
    if (!durationUs) return; // its worker was lost
    const args = { task: task.id, status, redeliveries };
    this.#events.push({ name, ph: 'X', pid: PID, tid, ts: startedMs * 1000, dur: durationUs, cat: 'task', args });
    this.#add('n', 'committed', task.id, startedMs + durationUs / 1000);
  }

  /**
   * @param {import('./task.js').Task} task
   * @param {import('./errors.js').PoolError | undefined} error
   */
  settled(task, error) {
    const name = this.#names.get(task);
    if (name !== undefined) this.#add('e', name, task.id, this.#now(), { outcome: error?.code ?? 'OK' });
  }

  /**
   * @param {import('./fleet.js').Member} member
   * @param {Error} error
   */
  down(member, error) {
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

  /** What there is so far. @returns {TraceFile} */
  toJSON() {
    const named = (/** @type {number} */ tid, /** @type {string} */ name) =>
      /** @type {TraceEvent} */ ({ name: 'thread_name', ph: 'M', pid: PID, tid, args: { name } });
    const workers = Array.from({ length: this.#seats }, (_, seat) => named(seat + 1, workerName(seat)));
    return { traceEvents: [named(MAIN, 'main'), ...workers, ...this.#events], displayTimeUnit: 'ms' };
  }

  /** Ends it. @returns {TraceFile} everything that was seen */
  stop() {
    this.#onStop();
    return this.toJSON();
  }
}
