/** What a pool offers for monitoring: its health and load, while telemetry is on, and traces of its tasks. */
import { Telemetry } from './telemetry.js';
import { Traces } from './traces.js';

/** The monitoring of one pool. */
export class Monitor {
  #traces = new Traces();
  /** @type {Telemetry | undefined} */
  #telemetry;

  /**
   * @param {import('../engine/engine.js').Engine} engine without tasks yet
   * @param {import('../jobs/bulk.js').ResultBuffers} buffers
   * @param {import('../submit/dispatcher.js').Dispatcher} dispatcher at whose ticks samples are taken
   */
  open(engine, buffers, dispatcher) {
    this.#traces.open(engine);
    const { core, fleet, options } = engine;
    if (!options.telemetry) return;
    this.#telemetry = new Telemetry(core, fleet, buffers, options, options.telemetry);
    dispatcher.sample(this.#telemetry);
  }

  /** See Pool.report. */
  report() {
    return this.#telemetry?.report();
  }

  /** See Pool.taskLoad. */
  get load() {
    return this.#telemetry?.load;
  }

  /**
   * See Pool.trace.
   * @param {import('../engine/engine.js').Engine | undefined} engine
   */
  trace(engine) {
    return this.#traces.start(engine);
  }

  /** Reports nothing from now on. */
  silence() {
    this.#telemetry = undefined;
  }

  /** The pool is gone. */
  close() {
    this.#traces.close();
  }
}
