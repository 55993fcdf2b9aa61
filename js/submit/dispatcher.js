/**
 * Tasks with a weight on their way to the core. Main hands them over as long as its budget for the tick lasts; the others wait for the next
 * tick, each in its slot.
 */
import { LEVEL_COUNT, SLOT_LIGHT } from '../generated/layout.js';
import { shownName } from '../base/task-name.js';
import { Ticker, TICK_MS } from '../time/ticker.js';

/**
 * @typedef {import('../engine/engine.js').Engine} Engine
 * @typedef {import('../task/task.js').Task} Task
 *
 * @typedef {{ sample(light: number, heavy: number): void }} Sampler telemetry; gets the number of held tasks by weight
 *
 * @typedef {object} Entry a task for the core
 * @property {Task} task
 * @property {string} name
 * @property {unknown} payload
 * @property {import('../options/spec.js').Spec} spec
 * @property {boolean} [isCopy] whether the payload is a copy already
 * @property {(engine: Engine) => void} [submit] makes the payload and submits the task, if the payload does not exist yet
 */

/** The pool's ticks, and the tasks that wait for them. */
export class Dispatcher {
  #scheduler;
  #ticker;
  /** @type {Engine | undefined} */
  #engine;
  /** @type {Sampler | undefined} */
  #telemetry;
  /** Held tasks, by level, in order. @type {Map<Task, Entry>[]} */
  #levels = Array.from({ length: LEVEL_COUNT }, () => new Map());
  /** Number of held tasks. */
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

  /** @param {Sampler} telemetry sampled at each tick */
  sample(telemetry) {
    this.#telemetry = telemetry;
    this.#ticker.need();
  }

  /**
   * Submits a task, with its payload as it is now (TW-62), at once or at a later tick. Failures go to its sink.
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

  /** @param {number} start when main began to hand a task over */
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
      entry.payload = undefined; // it is in the slot
    }
    this.#levels[spec.lane]?.set(task, entry);
    this.held++;
    this.#open.ledger.enter();
    this.#open.ledger.observer?.held(task, shownName(name));
    this.#ticker.need(true);
  }

  /**
   * Takes a held task back.
   * @param {Task} task
   * @returns {boolean} whether it was held
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
    engine.ledger.checkDrained(); // the last task may have failed while it was submitted
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
   * Stops the ticks.
   * @returns {Task[]} the held tasks
   */
  close() {
    this.#ticker.stop();
    this.held = 0;
    const tasks = this.#levels.flatMap((level) => [...level.keys()]);
    for (const level of this.#levels) level.clear();
    this.#telemetry = undefined;
    this.#engine = undefined; // promises and handles outlive the pool and refer to this object, but must not keep the pool's memory
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
