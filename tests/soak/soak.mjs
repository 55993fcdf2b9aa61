/**
 * Random kills under mixed load. Every decision comes from a seed; how threads meet does not. So a seed repeats the load, and a
 * failure of the core's own logic repeats with it; one that needs a certain interleaving may need several runs. Natively the
 * same kind of schedule, with simulated time and every interleaving decided by the input, is tests/unit/pool_fuzz.h.
 *
 * usage: node tests/soak/soak.mjs        KILLS=10000 SEED=…
 */
import assert from 'node:assert/strict';
import { createPool } from '../../js/index.js';
import { randomFrom } from '../js/helpers.js';
import { operations } from './operations.mjs';

const MODULE = new URL('./handlers.mjs', import.meta.url);
const C_MODULE = new URL('../../build/smoke/tasks.mjs', import.meta.url);
/** Tasks of one pool; each has a word that counts its runs. */
const TASKS_MAX = 1 << 20;
const IN_FLIGHT = 24;
/** Operations between two looks at what the pool holds. */
const CHECK_EVERY = 400;
const quick = { minMs: 1, maxMs: 5, max: -1 };

/** Pools of different kinds, which share the kills. `wild`: a worker may die while it runs other tasks. */
export const CONFIGURATIONS = [
  { name: 'spares', options: { workers: 2, spares: 1, recycleTimeoutMs: 0 } },
  { name: 'recycle time, no spares', options: { workers: 3, recycleTimeoutMs: 3 } },
  { name: 'no loop checks', options: { workers: 2, spares: 2, recycleTimeoutMs: 0, loopChecks: false } },
  {
    name: 'several tasks a worker',
    options: { workers: 2, spares: 1, recycleTimeoutMs: 0, concurrentTasksPerWorker: 4 },
    wild: true,
  },
  { name: 'crashes at any time', options: { workers: 2, recycleTimeoutMs: 0 }, wild: true, bombs: true },
];

/** One pool's run. */
class Run {
  counts = new Uint32Array(new SharedArrayBuffer(TASKS_MAX * 4));
  next = 0;
  /** @type {Map<number, number>} how often a task may have run, where that is not once */
  mayRun = new Map();
  settled = 0;
  /** @type {Record<string, number>} outcomes by code */
  outcomes = {};
  down = 0;
  /** @type {Set<{ release(): boolean }>} */
  boxes = new Set();

  constructor(pool, configuration, random) {
    this.pool = pool;
    this.wild = configuration.wild === true;
    this.bombs = configuration.bombs === true;
    this.random = random;
  }

  /** A number for one more task. @param {number} [runs] at most */
  number(runs = 1) {
    if (runs !== 1) this.mayRun.set(this.next, runs);
    assert.ok(this.next < TASKS_MAX, 'more tasks than places');
    return this.next++;
  }

  /** @param {number} below */
  below(below) {
    return Math.floor(this.random() * below);
  }

  /**
   * One outcome of one promise: a right value, or one of the codes that what was done to it allows.
   * @param {PromiseLike<unknown>} promise
   * @param {(value: any) => boolean} isRight
   * @param {string[]} [codes]
   */
  async expect(promise, isRight, codes = []) {
    const allowed = this.wild ? [...codes, 'WORKER_LOST', 'POISON_JOB'] : codes;
    let settled = 0;
    let outcome;
    await promise.then(
      (value) => {
        settled++;
        outcome = isRight(value) ? 'right' : 'wrong';
      },
      (error) => {
        settled++;
        outcome = error.code ?? String(error.stack);
      },
    );
    assert.equal(settled, 1);
    assert.ok(outcome === 'right' || allowed.includes(outcome), `${outcome}, expected right or ${allowed}`);
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
    this.settled++;
    return outcome;
  }

  /** Tasks that were stopped with force, and workers that crashed. */
  get kills() {
    const { check, terminate } = this.pool.diagnostics().stops;
    return check.count + terminate.count + this.crashes;
  }

  crashes = 0;

  /** Checks at rest that nothing is held, the threads are there, and no task has run more often than it may. */
  async atRest(threads) {
    await this.pool.drain();
    for (const box of this.boxes) box.release();
    this.boxes.clear();
    for (let turn = 0; ; turn++) {
      const held = this.pool.diagnostics();
      const { freeWorkers, totalWorkers, queued } = this.pool.stats();
      const rest =
        held.boxesInUse === 0 && held.tasksInUse === 0 && held.threads === threads && freeWorkers === totalWorkers;
      if (rest) break;
      // A leak never goes away: then this ends by the run's time limit, saying what is held.
      if (turn % 500 === 499) console.error('waiting:', JSON.stringify({ ...held, freeWorkers, queued }));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    for (let number = 0; number < this.next; number++) {
      const ran = Atomics.load(this.counts, number);
      assert.ok(ran <= (this.mayRun.get(number) ?? 1), `task ${number} ran ${ran} times`);
    }
    return this.pool.diagnostics().heapBytes;
  }
}

/** Keeps IN_FLIGHT operations going until `kills` are done; looks at rest now and then. */
async function drive(run, kills, threads, samples) {
  let baseline;
  while (run.kills < kills) {
    let started = 0;
    const lane = async () => {
      while (started++ < CHECK_EVERY && run.kills < kills) {
        const [operation] = pick(run);
        await operation(run);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
    const heapBytes = await run.atRest(threads);
    samples.push(process.memoryUsage().rss);
    baseline ??= heapBytes;
    // Tables of records keep their size, and so do the stacks of thread records that were used for the first time.
    const limit = baseline + (4 << 20);
    assert.ok(heapBytes <= limit, `${heapBytes} bytes in use, ${baseline} at the first look`);
  }
}

/** A weighted choice. */
function pick(run) {
  const fitting = operations.filter(([, , when]) => !when || when(run));
  let at = run.random() * fitting.reduce((sum, [, weight]) => sum + weight, 0);
  return fitting.find(([, weight]) => (at -= weight) < 0) ?? fitting[0];
}

/**
 * @param {{ kills: number, seed: number, log?: (text: string) => void }} options
 * @returns {Promise<{ kills: number, settled: number, outcomes: Record<string, number> }>}
 */
export async function soak({ kills, seed, log = () => {} }) {
  const total = { kills: 0, settled: 0, outcomes: {} };
  for (const [i, configuration] of CONFIGURATIONS.entries()) {
    const share = Math.ceil(kills / CONFIGURATIONS.length);
    const run = new Run(undefined, configuration, randomFrom(seed + i));
    const { workers, spares = 0 } = { spares: 0, ...configuration.options };
    const options = { module: MODULE, wasm: C_MODULE, initData: run.counts, restart: quick, ...configuration.options };
    run.pool = await createPool(options);
    run.pool.on('workerDown', () => run.down++);
    const samples = [];
    const start = performance.now();
    try {
      await drive(run, share, workers + spares, samples);
    } catch (error) {
      await run.pool.destroy();
      throw error;
    }
    const seconds = (performance.now() - start) / 1000;
    const { stops } = run.pool.diagnostics();
    const found = run.kills;
    await run.pool.destroy();
    total.kills += found;
    total.settled += run.settled;
    for (const [code, count] of Object.entries(run.outcomes))
      total.outcomes[code] = (total.outcomes[code] ?? 0) + count;
    const rss = quarters(samples);
    const rungs = Object.entries(stops).map(
      ([rung, { count, totalMs, maxMs }]) =>
        `${rung} ${count} (${(totalMs / (count || 1)).toFixed(2)} ms, longest ${maxMs.toFixed(1)})`,
    );
    log(
      `${configuration.name}: ${found} kills in ${seconds.toFixed(1)} s, ${run.settled} promises; ${rungs.join(', ')}, crashes ${run.crashes}; RSS ${rss.map((bytes) => (bytes / 2 ** 20).toFixed(0)).join(' > ')} MB`,
    );
    if (samples.length >= 8)
      assert.ok(rss[1] < rss[0] * 1.25 + (32 << 20), `RSS grew from ${rss[0]} to ${rss[1]} bytes`);
  }
  return total;
}

/** Medians of the second quarter and of the last. */
function quarters(samples) {
  const quarter = Math.ceil(samples.length / 4);
  const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
  return [median(samples.slice(quarter, 2 * quarter)), median(samples.slice(-quarter))];
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const seed = Number(process.env.SEED || Math.floor(Math.random() * 2 ** 31));
  const kills = Number(process.env.KILLS || 10_000);
  console.log(`soak: ${kills} kills, SEED=${seed}`);
  const { settled, outcomes, kills: done } = await soak({ kills, seed, log: console.log });
  console.log(`soak: ${done} kills, ${settled} promises settled once each: ${JSON.stringify(outcomes)}`);
}
