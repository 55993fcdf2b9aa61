/**
 * What wasmpool's way through shared memory can do without what makes it a pool for people: no promise, no options, no record of
 * a task on main; the same slots, encoding, scheduling in the core, and completions. It takes the place of the engine's upper half.
 */
import { Completions } from '../../js/engine/completions.js';
import { RESULT } from '../../js/core/core.js';
import * as L from '../../js/generated/layout.js';
import { resolveOptions } from '../../js/options/options.js';
import { SlotWriter } from '../../js/engine/slot.js';
import { createEngine } from '../../js/submit/start.js';
import { KINDS, NoFigure, WrongResult } from '../measure.mjs';
import { quantile } from '../stats.mjs';

const MODULE = new URL('./workers/wasmpool.mjs', import.meta.url);
const SPEC = { lane: L.PRIORITY_NORMAL };
const ignore = () => undefined;
const EVENTS = {
  ...{ error: ignore, rest: ignore, drained: ignore, message: ignore },
  ...{ up: ignore, down: ignore, retired: ignore, seating: ignore },
};

/** Never called: `measure` opens what it needs. */
export const open = () => ({ meet: async () => undefined, run: async () => undefined, close: ignore });

/** @param {import('../rows/index.mjs').Bench & { row: import('../rows/index.mjs').Row }} bench */
export async function measure({ row, workers, quick }) {
  const { depth, kind, count } = row.parameters ?? {};
  if (depth === undefined && count === undefined) throw new NoFigure('measured for small tasks only');
  if (row.needs || row.id === 'map-batched') throw new NoFigure('the rings know single tasks only');
  const rings = await Rings.open(workers, KINDS[kind ?? 'number']);
  const scale = quick ? 0.3 : 1;
  if (depth === 1) {
    await rings.roundTrips(500 * scale);
    return rings.roundTrips(1000 * scale);
  }
  await rings.stream(1024, 500 * scale);
  if (depth) return { rate: await rings.stream(depth, 1000 * scale) };
  const ms = await rings.flood(count);
  const peakGb = process.resourceUsage().maxRSS / (1 << 20);
  return row.id === 'queued' ? { seconds: ms / 1000, peakGb } : { ms };
}

class Rings {
  #engine;
  #slots;
  #kind;
  #completions;
  /** Called by a SlotWriter for a task. */
  #record = /** @type {any} */ ({ item: 0, index: -1 });
  #inFlight = 0;
  /** @type {number[]} */
  #soon = [];
  /** Inputs, by slot. @type {any[]} */
  #sent = [];
  /** Called with each task's end. */
  #ended = ignore;
  /** @type {(error: Error) => void} */
  #wrong = ignore;

  /**
   * @param {import('../../js/engine/engine.js').Engine} engine
   * @param {import('../measure.mjs').Kind} kind
   */
  constructor(engine, kind) {
    this.#engine = engine;
    this.#slots = new SlotWriter(engine.core, engine.names, engine.self);
    this.#kind = kind;
    engine.completions.stop();
    this.#completions = engine.completions = new Completions(
      engine.core,
      (index) => this.#deliver(index),
      () => this.#inFlight > 0,
    );
  }

  /**
   * @param {number} workers
   * @param {import('../measure.mjs').Kind} kind
   */
  static async open(workers, kind) {
    const engine = await createEngine(resolveOptions({ module: MODULE, workers }), EVENTS);
    await engine.fleet.open();
    return new Rings(engine, kind);
  }

  /** @param {number} i */
  #submit(i) {
    const { core } = this.#engine;
    const value = this.#kind.value(i);
    this.#slots.write(this.#record, this.#kind.task, value, SPEC);
    const { index } = this.#record;
    this.#sent[index] = value;
    this.#inFlight++;
    core.exports._wp_task_submit(core.pool, index);
  }

  /**
   * Once what was delivered has given its slots back: where the continuation of a promise would run, too.
   * @param {number} i
   */
  #submitSoon(i) {
    if (this.#soon.push(i) > 1) return;
    queueMicrotask(() => {
      for (const next of this.#soon.splice(0)) this.#submit(next);
    });
  }

  /** @param {number} index */
  #deliver(index) {
    const { core } = this.#engine;
    const result = core.read(core.slots.record(index), RESULT);
    this.#inFlight--;
    if (this.#kind.fits(this.#sent[index], result)) this.#ended();
    else this.#wrong(new WrongResult(`${this.#kind.task} gave ${JSON.stringify(result)}`));
  }

  /**
   * @param {number} first so many tasks to begin with
   * @param {(done: number, finish: () => void) => void} next called after each task, with how many have ended
   */
  #run(first, next) {
    return new Promise((resolve, reject) => {
      let done = 0;
      this.#wrong = reject;
      this.#ended = () => next(++done, () => resolve(undefined));
      for (let i = 0; i < first; i++) this.#submit(i);
      this.#completions.drain();
    });
  }

  /**
   * Tasks a second.
   * @param {number} depth
   * @param {number} ms
   */
  async stream(depth, ms) {
    const start = performance.now();
    let over = false;
    let total = 0;
    await this.#run(depth, (done, finish) => {
      total = done;
      if ((done & 63) === 0) over ||= performance.now() - start >= ms;
      if (!over) this.#submitSoon(done);
      else if (this.#inFlight === 0) finish();
    });
    return (total / (performance.now() - start)) * 1000;
  }

  /**
   * Microseconds from a submission to its result in hand.
   * @param {number} ms
   */
  async roundTrips(ms) {
    const samples = new Float64Array(1_000_000);
    let begun = performance.now();
    const end = begun + ms;
    let count = 0;
    await this.#run(1, (done, finish) => {
      const now = performance.now();
      samples[count++] = (now - begun) * 1000;
      if (now >= end || count === samples.length) return finish();
      queueMicrotask(() => {
        begun = performance.now();
        this.#submit(done);
      });
    });
    const taken = samples.subarray(0, count);
    return { median: quantile(taken, 0.5), p99: quantile(taken, 0.99) };
  }

  /**
   * Milliseconds for so many, submitted at once.
   * @param {number} count
   */
  async flood(count) {
    const start = performance.now();
    await this.#run(count, (done, finish) => done === count && finish());
    return performance.now() - start;
  }
}
