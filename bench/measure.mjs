/** Shared by the rows: ways to measure. */
import { setImmediate as turn } from 'node:timers/promises';
import { median, quantile } from './stats.mjs';

/** A pool gave something else than its task returned, so there is no figure. */
export class WrongResult extends Error {}

/** There is no figure, and the message says why. */
export class NoFigure extends Error {}

/**
 * @param {boolean} right
 * @param {() => string} what said only if it is not: making a text for each task would cost as much as the task
 */
export function check(right, what) {
  if (!right) throw new WrongResult(what());
}

/**
 * @typedef {object} Kind of a small task: what goes in, and whether what came out belongs to it
 * @property {string} task
 * @property {(i: number) => unknown} value
 * @property {(value: any, result: any) => boolean} fits
 */

const TEXTS = Array.from({ length: 16 }, (_, i) => String(i).padEnd(1024, 'lorem ipsum '));

/** @type {Record<string, Kind>} */
export const KINDS = {
  number: { task: 'inc', value: (i) => i, fits: (value, result) => result === value + 1 },
  object: { task: 'echo', value: (i) => ({ a: i, b: 2 }), fits: (value, { a, b }) => a === value.a && b === 2 },
  string: { task: 'echo', value: (i) => TEXTS[i & 15], fits: (value, result) => result === value },
};

/**
 * Tasks a second with so many in flight, each submitted when the one before it is done.
 * @param {import('./pools/index.mjs').Pool} pool
 * @param {number} depth
 * @param {Kind} kind
 * @param {number} ms for so long
 */
export async function stream(pool, depth, { task, value, fits }, ms) {
  let done = 0;
  let over = false;
  const start = performance.now();
  const lane = async () => {
    for (let i = done; !over; i = done) {
      const sent = value(i);
      const result = await pool.run(task, sent);
      check(fits(sent, result), () => `${task}(${JSON.stringify(sent)}) gave ${JSON.stringify(result)}`);
      // The clock is read only now and then: at a million tasks a second, reading it has a cost of its own.
      if ((++done & 63) === 0 || depth < 64) over ||= performance.now() - start >= ms;
    }
  };
  await Promise.all(Array.from({ length: depth }, lane));
  return (done / (performance.now() - start)) * 1000;
}

/**
 * Microseconds from a task's submission to its result, one task at a time.
 * @param {import('./pools/index.mjs').Pool} pool
 * @param {number} ms for so long
 */
export async function roundTrips(pool, ms) {
  const samples = new Float64Array(1_000_000);
  const end = performance.now() + ms;
  let count = 0;
  for (let now = 0; now < end && count < samples.length;) {
    const start = performance.now();
    const result = await pool.run('inc', count);
    now = performance.now();
    check(result === count + 1, () => `inc(${count}) gave ${result}`);
    samples[count++] = (now - start) * 1000;
  }
  const taken = samples.subarray(0, count);
  return { median: quantile(taken, 0.5), p99: quantile(taken, 0.99) };
}

/**
 * Submits so many tasks at once and waits for all of them.
 * @param {import('./pools/index.mjs').Pool} pool
 * @param {number} count
 * @returns {Promise<void>}
 */
export function flood(pool, count) {
  return new Promise((resolve, reject) => {
    let left = count;
    for (let i = 0; i < count; i++) {
      pool.run('inc', i).then((/** @type {number} */ result) => {
        if (result !== i + 1) reject(new WrongResult(`inc(${i}) gave ${result}`));
        else if (--left === 0) resolve();
      }, reject);
    }
  });
}

/** As many tasks as there are workers, each waiting for all others: all serve. */
export function meet(pool, count) {
  if (pool.meet) return pool.meet(count);
  const word = new Int32Array(new SharedArrayBuffer(4));
  return Promise.all(Array.from({ length: count }, () => pool.run('meet', { word, count })));
}

/**
 * Starts a task that hangs, and gives the means to end it once it runs.
 * @param {import('./pools/index.mjs').Pool} pool
 * @returns {Promise<{ abort: () => void, rejected: Promise<void> }>}
 */
export async function startHung(pool) {
  const started = new Int32Array(new SharedArrayBuffer(4));
  const controller = new AbortController();
  const task = pool.run('hang', started, { signal: controller.signal });
  const rejected = new Promise((resolve, reject) => {
    task.then(
      () => reject(new WrongResult('a task that never returns gave a result')),
      () => resolve(undefined),
    );
  });
  while (Atomics.load(started, 0) === 0) await turn();
  return { abort: () => controller.abort(), rejected: /** @type {Promise<void>} */ (rejected) };
}

/**
 * Milliseconds that one run takes: the median of some runs, fewer if they are long.
 * @param {number} runs at most
 * @param {(() => unknown) | { prepare: () => any, run: (prepared: any) => any, after?: (result: any) => void }} timed
 *   only `run` is timed
 * @param {number} [budgetMs] no run is begun after that
 */
export async function timed(runs, timed, budgetMs = 2000) {
  const { prepare, run, after } = typeof timed === 'function' ? { run: timed } : timed;
  const times = [];
  const end = performance.now() + budgetMs;
  do {
    const prepared = await prepare?.();
    const start = performance.now();
    const result = await run(prepared);
    times.push(performance.now() - start);
    after?.(result);
  } while (times.length < runs && performance.now() < end);
  const warm = times.length > 4 ? times.slice(times.length >> 2) : times;
  return median(warm);
}

/**
 * What a promise came to, or `otherwise` if it takes too long.
 * @template T
 * @param {PromiseLike<T>} promise
 * @param {number} ms
 * @param {T} otherwise
 * @returns {Promise<T>}
 */
export async function within(promise, ms, otherwise) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms, otherwise)));
  try {
    return await Promise.race([promise, /** @type {Promise<T>} */ (late)]);
  } finally {
    clearTimeout(timer);
  }
}
