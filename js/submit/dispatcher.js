/**
 * Tasks with a weight on their way to the core. Main gives them away as long as its budget for this tick lasts; the others wait, each in
 * its slot, for the next one.
 */
import { PRIORITY_COUNT, SLOT_LIGHT } from '../generated/layout.js';
import { shownName } from '../base/task-name.js';
import { Ticker, TICK_MS } from '../time/ticker.js';

/**
 * @typedef {import('../engine/engine.js').Engine} Engine
 * @typedef {import('../task/task.js').Task} Task
 *
 * @typedef {{ sample(light: number, heavy: number): void }} Sampler of telemetry: of tasks that are held back, by weight
 *
 * @typedef {object} Entry a task that is to go to the core
 * @property {Task} task
 * @property {string} name
 * @property {unknown} payload
 * @property {import('../options/spec.js').Spec} spec
 * @property {boolean} [isCopy] the payload is its own already
 * @property {(engine: Engine) => void} [submit] how it goes there, if its payload is still to be made
 */

/** The pool's ticks, and what waits for them. */
export class Dispatcher {
  #scheduler;
  #ticker;
  /** @type {Engine | undefined} */
  #engine;
  /** @type {Sampler | undefined} */
  #telemetry;
  /** What is held back, by level, in order. @type {Map<Task, Entry>[]} */
  #levels = Array.from({ length: PRIORITY_COUNT }, () => new Map());
  /** Tasks that are held back. */
  held = 0;

  /** @param {import('../options/options.js').ResolvedOptions} options */
  constructor({ scheduler, telemetry }) {
    this.#scheduler = scheduler;
    this.#ticker = new Ticker(scheduler, telemetry?.tickMs ?? TICK_MS, () => this.#tick());
  }

  /** @param {Engine} engine */
  open(engine) {
    this.#engine = engine;
  }

  /** @param {Sampler} telemetry is to be sampled at each tick */
  sample(telemetry) {
    this.#telemetry = telemetry;
    this.#ticker.need();
  }

  /**
   * To the core at once, or at a tick to come, as it is now (TW-62). What fails is told to its sink.
   * @param {Entry} entry
   */
  give(entry) {
    const engine = this.#open;
    const isFirst = this.held === 0 || !this.#levels.some((level, lane) => lane <= entry.spec.lane && level.size > 0);
    if (!isFirst || !engine.governor.admits()) this.#hold(entry);
    else {
      const start = this.#scheduler.now();
      submit(engine, entry);
      this.#spend(start);
    }
  }

  get #open() {
    return /** @type {Engine} */ (this.#engine);
  }

  /** @param {number} start when main began to give something away */
  #spend(start) {
    if (!this.#engine) return; // the pool was destroyed by a callback
    this.#engine.governor.spend(this.#scheduler.now() - start);
    this.#ticker.need();
  }

  /** @param {Entry} entry */
  #hold(entry) {
    const { task, name, payload, spec } = entry;
    if (!entry.isCopy) {
      const start = this.#scheduler.now();
      const isFilled = this.#open.prepare(task, name, payload, spec);
      this.#spend(start);
      if (!isFilled) return;
      entry.payload = undefined; // its slot has it
    }
    this.#levels[spec.lane]?.set(task, entry);
    this.held++;
    this.#open.ledger.enter();
    this.#open.ledger.observer?.held(task, shownName(name));
    this.#ticker.need(true);
  }

  /**
   * It does not wait any more.
   * @param {Task} task
   * @returns {boolean} whether it did
   */
  withdraw(task) {
    const entry = this.#take(task);
    if (!entry) return false;
    if (!entry.isCopy) this.#open.discard(task);
    return true;
  }

  /** @param {Task} task */
  #take(task) {
    for (const level of this.#levels) {
      const entry = level.get(task);
      if (!entry) continue;
      level.delete(task);
      this.held--;
      this.#open.ledger.withdraw();
      return entry;
    }
    return undefined;
  }

  #first() {
    for (const level of this.#levels) for (const entry of level.values()) return entry;
    return undefined;
  }

  #tick() {
    const engine = this.#engine;
    if (!engine) return 'over';
    const wasUsed = engine.governor.tick();
    this.#sample();
    for (let entry = this.#first(); entry && engine.governor.admits(); entry = this.#first()) {
      const { task, name, spec, isCopy } = entry;
      this.#take(task);
      const start = this.#scheduler.now();
      if (isCopy) submit(engine, entry);
      else engine.release(task, name, spec);
      this.#spend(start);
    }
    engine.ledger.checkDrained(); // what failed on its way may have been the last
    if (this.held > 0) return 'busy';
    return this.#telemetry || wasUsed ? 'idle' : 'over';
  }

  #sample() {
    if (!this.#telemetry) return;
    let light = 0;
    for (const level of this.#levels)
      for (const { spec } of level.values()) if ((spec.flags ?? 0) & SLOT_LIGHT) light++;
    this.#telemetry.sample(light, this.held - light);
  }

  /**
   * No tick comes any more.
   * @returns {Task[]} what was held back
   */
  close() {
    this.#ticker.stop();
    this.held = 0;
    const tasks = this.#levels.flatMap((level) => [...level.keys()]);
    for (const level of this.#levels) level.clear();
    this.#telemetry = undefined;
    this.#engine = undefined; // promises and handles outlive the pool and lead here; its memory must not
    return tasks;
  }
}

/**
 * @param {Engine} engine
 * @param {Entry} entry
 */
function submit(engine, entry) {
  if (entry.submit) entry.submit(engine);
  else engine.submit(entry.task, entry.name, entry.payload, entry.spec);
}
