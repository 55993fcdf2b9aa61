/** Who watches a pool's tasks: traces that its user asks for, and the one that WASMPOOL_TRACE asks for. */
import { poolError } from '../base/errors.js';
import { host } from '../host/index.js';
import { Trace } from './trace.js';

/** Traces written by this process, for their files' names. */
let files = 0;

/** The traces of one pool. */
export class Traces {
  /** @type {Set<Trace>} */
  #running = new Set();
  /** @type {import('../engine/engine.js').Engine | undefined} */
  #engine;
  /** @type {Trace | undefined} */
  #toFile;

  /** @param {import('../engine/engine.js').Engine} engine no task has been given to it yet */
  open(engine) {
    this.#engine = engine;
    if (host.write && host.environment('WASMPOOL_TRACE')) this.#toFile = this.start(engine);
  }

  /**
   * @param {import('../engine/engine.js').Engine | undefined} engine
   * @returns {Trace}
   */
  start(engine) {
    if (!engine) throw poolError('UNSUPPORTED', 'a trace starts when the pool is ready, and not after its end');
    const trace = new Trace(engine, () => {
      this.#running.delete(trace);
      this.#observe();
    });
    this.#running.add(trace);
    this.#observe();
    return trace;
  }

  /** One observer for all of them, none for none. */
  #observe() {
    if (!this.#engine) return;
    const [first, ...others] = this.#running;
    this.#engine.ledger.observer = others.length ? fanOut([first, ...others]) : first;
  }

  /** The pool is gone: the trace that the environment asked for is written. */
  close() {
    this.#engine = undefined;
    for (const trace of this.#running) trace.release();
    if (!this.#toFile || !host.write) return;
    const path = /** @type {string} */ (host.environment('WASMPOOL_TRACE'));
    const file = files++ ? `${path}.${files}` : path;
    try {
      host.write(file, JSON.stringify(this.#toFile.stop()));
    } catch (error) {
      console.error(`wasmpool: no trace in ${file}:`, error); // the pool has ended well all the same
    }
  }
}

/**
 * @param {readonly Trace[]} traces
 * @returns {import('../engine/ledger.js').Observer}
 */
function fanOut(traces) {
  return {
    held: (task, name) => traces.forEach((trace) => trace.held(task, name)),
    queued: (task, name, index) => traces.forEach((trace) => trace.queued(task, name, index)),
    ran: (task, slot, outcome) => traces.forEach((trace) => trace.ran(task, slot, outcome)),
    interrupted: (thread) => traces.forEach((trace) => trace.interrupted(thread)),
    settled: (task, error) => traces.forEach((trace) => trace.settled(task, error)),
    down: (member, error) => traces.forEach((trace) => trace.down(member, error)),
  };
}
