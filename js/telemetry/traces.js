/** The traces of a pool: those that its user starts, and the one that the variable WASMPOOL_TRACE asks for. */
import { poolError } from '../base/errors.js';
import { host } from '../host/index.js';
import { Recorder, Trace } from './trace.js';

/** Number of traces written by this process, for the names of their files. */
let files = 0;

/** @typedef {Pick<import('../engine/engine.js').Engine, 'core' | 'options' | 'ledger'>} Traced */

/** The traces of one pool. */
export class Traces {
  /** @type {Set<Recorder>} */
  #running = new Set();
  /** @type {Traced | undefined} */
  #engine;
  /** @type {Trace | undefined} */
  #toFile;

  /** @param {Traced} engine without tasks yet */
  open(engine) {
    this.#engine = engine;
    if (host.write && host.environment('WASMPOOL_TRACE')) this.#toFile = this.start(engine);
  }

  /**
   * @param {Traced | undefined} engine
   * @returns {Trace}
   */
  start(engine) {
    if (!engine) throw poolError('UNSUPPORTED', 'a trace starts when the pool is ready, and not after its end');
    const recorder = new Recorder(engine.core, engine.options);
    this.#running.add(recorder);
    this.#observe();
    return new Trace(recorder, () => {
      this.#running.delete(recorder);
      this.#observe();
    });
  }

  /** Sets the ledger's observer: one for all running traces, or none. */
  #observe() {
    if (!this.#engine) return;
    const [first, ...others] = this.#running;
    this.#engine.ledger.observer = others.length ? fanOut([first, ...others]) : first;
  }

  /** The pool has gone: writes the trace that the environment asked for. */
  close() {
    this.#engine = undefined;
    for (const recorder of this.#running) recorder.release();
    if (!this.#toFile || !host.write) return;
    const path = /** @type {string} */ (host.environment('WASMPOOL_TRACE'));
    const file = files++ ? `${path}.${files}` : path;
    try {
      host.write(file, JSON.stringify(this.#toFile.stop()));
    } catch (error) {
      console.error(`wasmpool: no trace in ${file}:`, error); // only logged: the pool itself has ended properly
    }
  }
}

/**
 * @param {readonly Recorder[]} recorders
 * @returns {import('../engine/ledger.js').Observer}
 */
function fanOut(recorders) {
  return {
    held: (task, name) => recorders.forEach((recorder) => recorder.held(task, name)),
    queued: (task, name, index) => recorders.forEach((recorder) => recorder.queued(task, name, index)),
    ran: (task, slot, outcome) => recorders.forEach((recorder) => recorder.ran(task, slot, outcome)),
    interrupted: (thread) => recorders.forEach((recorder) => recorder.interrupted(thread)),
    settled: (task, error) => recorders.forEach((recorder) => recorder.settled(task, error)),
    down: (member, error) => recorders.forEach((recorder) => recorder.down(member, error)),
  };
}
