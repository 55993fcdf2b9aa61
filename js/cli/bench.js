/**
 * `wasmpool bench`: the cost of a pool on this machine, compared with messages between bare threads. A short form of the
 * project's bench/, which has other pools and more rows.
 */

import { availableParallelism } from 'node:os';
import process from 'node:process';
import { host } from '../host/index.js';
import { describe } from './fault.js';
import { packageVersion } from './info.js';

/**
 * @typedef {object} Figure
 * @property {string} name
 * @property {string} unit
 * @property {'lower' | 'higher'} better
 * @property {number} wasmpool median of the rounds
 * @property {number} limit the same with bare threads
 * @property {number} speedup how many times as fast the pool is; below 1 the bare threads are faster
 * @property {{ wasmpool: [number, number], limit: [number, number] }} range lowest and highest round
 *
 * @typedef {object} BenchPool the methods of a Pool that are used
 * @property {(task: string, payload?: unknown, options?: object) => Promise<unknown>} dispatch
 * @property {(task: string, payload?: unknown) => Promise<unknown>} broadcast
 * @property {() => Promise<void>} destroy
 *
 * @typedef {(n: number) => Promise<unknown>} Next gives n + 1 from another thread
 */

const TASKS = new URL('./bench-tasks.js', import.meta.url);
const ECHO = new URL('./bench-echo.js', import.meta.url);

/** The message after which a bare thread hangs. */
const HANG = -1;

/**
 * Measurements of the pool and of bare threads alternate, so that other load on the machine affects both. The first round only warms
 * up. In total, 3 rows × 6 rounds × 2 windows take 6.5 s, and the kills 1.2 s for each of two rows.
 */
const ROUNDS = 5;
const WINDOW_MS = 180;
/** Duration of the kills, and their least and largest number. */
const KILLS_MS = 1200;
const KILLS = { least: 3, most: 8 };
/** Pause between kills, so that a spare that was used is replaced. */
const PAUSE_MS = 60;
const DEPTHS = [64, 1024];

/**
 * @param {{ workers?: number, json?: boolean }} flags
 * @param {Pick<import('./map.js').Io, 'stdout' | 'stderr'> & { createPool: (options: object) => Promise<BenchPool> }} io
 * @param {number} [scale] factor for the time that it takes, for tests
 * @returns {Promise<number>} the exit status: 1 if there are no figures
 */
export async function runBench({ workers = Math.min(availableParallelism(), 8), json }, io, scale = 1) {
  if (!json) io.stderr.write('wasmpool: measuring for about ten seconds\n');
  const windowMs = WINDOW_MS * scale;
  const least = Math.max(1, Math.round(KILLS.least * scale));
  const kills = { least, most: Math.max(least, Math.round(KILLS.most * scale)), ms: KILLS_MS * scale };
  /** @type {Figure[]} */
  let figures;
  try {
    figures = [
      ...(await measureTasks(io, workers, windowMs)),
      await measureKills(io, 'a hung task is killed, all workers serve', { workers, spares: 0 }, kills),
      await measureKills(io, 'the same, with a warm spare', { workers, spares: 1 }, kills),
    ];
  } catch (error) {
    io.stderr.write(`wasmpool: no figures: ${describe(error)}\n`);
    return 1;
  }
  const machine = {
    wasmpool: packageVersion(),
    runtime: `${host.name} ${host.version}`,
    platform: `${process.platform} ${process.arch}`,
    parallelism: availableParallelism(),
    workers,
  };
  io.stdout.write(json ? `${JSON.stringify({ ...machine, figures })}\n` : table(machine, figures));
  return 0;
}

/**
 * @param {Parameters<typeof runBench>[1]} io
 * @param {number} workers
 * @param {number} windowMs
 * @returns {Promise<Figure[]>}
 */
async function measureTasks(io, workers, windowMs) {
  const pool = await io.createPool({ module: TASKS, workers });
  const bare = new BareThreads(workers);
  try {
    /** @type {Next} */
    const byPool = (n) => pool.dispatch('next', n);
    /** @type {Next} */
    const byMessage = (n) => bare.next(n);
    const trips = await takeTurns(byPool, byMessage, (next) => roundTrip(next, windowMs));
    const figures = [figure('round trip of one task', 'µs', 'lower', trips)];
    for (const depth of DEPTHS) {
      const rates = await takeTurns(byPool, byMessage, (next) => throughput(next, depth, windowMs));
      figures.push(figure(`tasks a second, ${depth.toLocaleString('en')} in flight`, '/s', 'higher', rates));
    }
    return figures;
  } finally {
    await bare.stop();
    await pool.destroy();
  }
}

/**
 * Milliseconds from the abort of a task that hangs until every worker has run another one. The limit: the same for a bare thread in a
 * loop, until a new one has answered.
 * @param {Parameters<typeof runBench>[1]} io
 * @param {string} name
 * @param {{ workers: number, spares: number }} config
 * @param {{ least: number, most: number, ms: number }} kills their number and duration
 */
async function measureKills(io, name, config, kills) {
  const pool = await io.createPool({ module: TASKS, ...config });
  /** @type {{ wasmpool: number[], limit: number[] }} */
  const times = { wasmpool: [], limit: [] };
  try {
    const end = performance.now() + kills.ms;
    for (let i = 0; i < kills.most && (i < kills.least || performance.now() < end); i++) {
      times.wasmpool.push(await killAndServe(pool));
      times.limit.push(await replaceThread());
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  } finally {
    await pool.destroy();
  }
  return figure(name, 'ms', 'lower', times);
}

/** @param {BenchPool} pool */
async function killAndServe(pool) {
  const controller = new AbortController();
  /** @type {Promise<unknown> | undefined} */
  let ended;
  await new Promise((resolve, reject) => {
    const hung = pool.dispatch('hang', undefined, { signal: controller.signal, onProgress: resolve });
    ended = hung.catch(reject);
  });
  const start = performance.now();
  controller.abort();
  await ended;
  await pool.broadcast('next', 0);
  return performance.now() - start;
}

async function replaceThread() {
  const old = new BareThreads(1);
  await old.next(HANG);
  const start = performance.now();
  await old.stop();
  const fresh = new BareThreads(1);
  await fresh.next(0);
  const ms = performance.now() - start;
  await fresh.stop();
  return ms;
}

/**
 * Takes a measurement of both several times, alternating; the first of each only warms up.
 * @param {Next} byPool
 * @param {Next} byMessage
 * @param {(next: Next) => Promise<number>} measure
 */
async function takeTurns(byPool, byMessage, measure) {
  /** @type {{ wasmpool: number[], limit: number[] }} */
  const found = { wasmpool: [], limit: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    const [pool, limit] = [await measure(byPool), await measure(byMessage)];
    if (round === 0) continue;
    found.wasmpool.push(pool);
    found.limit.push(limit);
  }
  return found;
}

/**
 * Median microseconds per task, one at a time.
 * @param {Next} next
 * @param {number} ms duration of the measurement
 */
async function roundTrip(next, ms) {
  const times = [];
  const end = performance.now() + ms;
  for (let now = 0; now < end;) {
    const start = performance.now();
    checkNext(times.length, await next(times.length));
    now = performance.now();
    times.push((now - start) * 1000);
  }
  return median(times);
}

/**
 * Tasks per second.
 * @param {Next} next
 * @param {number} depth tasks in flight
 * @param {number} ms duration of the measurement
 */
async function throughput(next, depth, ms) {
  let done = 0;
  let over = false;
  const start = performance.now();
  const lane = async () => {
    while (!over) {
      const n = done;
      checkNext(n, await next(n));
      if ((++done & 63) === 0) over ||= performance.now() - start >= ms;
    }
  };
  await Promise.all(Array.from({ length: depth }, lane));
  return (done / (performance.now() - start)) * 1000;
}

/**
 * @param {number} n
 * @param {unknown} result
 */
function checkNext(n, result) {
  if (result !== n + 1) throw new Error(`a task gave ${result} instead of ${n + 1}`);
}

/** Bare threads that take messages in turn, without a queue, error handling or a way to end a task. */
class BareThreads {
  #threads;
  /** @type {Map<number, { resolve: (result: unknown) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();
  #calls = 0;

  /** @param {number} count */
  constructor(count) {
    const events = {
      onMessage: () => undefined,
      onUserMessage: (/** @type {[number, unknown]} */ [call, result]) => {
        this.#waiting.get(call)?.resolve(result);
        this.#waiting.delete(call);
      },
      onError: (/** @type {Error} */ error) => {
        for (const { reject } of this.#waiting.values()) reject(error);
      },
      onExit: () => undefined,
    };
    this.#threads = Array.from({ length: count }, (_, i) => host.createThread(ECHO, `Bare_${i + 1}`, events, {}));
  }

  /** @type {Next} */
  next(n) {
    return new Promise((resolve, reject) => {
      const call = this.#calls++;
      this.#waiting.set(call, { resolve, reject });
      this.#threads[call % this.#threads.length].postToUser([call, n]);
    });
  }

  async stop() {
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }
}

/** @param {number[]} values */
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

/** @param {number[]} values @returns {[number, number]} */
const range = (values) => [Math.min(...values), Math.max(...values)];

/**
 * @param {string} name
 * @param {string} unit
 * @param {'lower' | 'higher'} better
 * @param {{ wasmpool: number[], limit: number[] }} found
 * @returns {Figure}
 */
function figure(name, unit, better, found) {
  const [wasmpool, limit] = [median(found.wasmpool), median(found.limit)];
  const speedup = better === 'higher' ? wasmpool / limit : limit / wasmpool;
  return {
    ...{ name, unit, better, wasmpool, limit, speedup },
    range: { wasmpool: range(found.wasmpool), limit: range(found.limit) },
  };
}

/** @param {number} value  shown with three significant digits */
const show = (value) => Number(value.toPrecision(3)).toLocaleString('en');

/**
 * The figures as text.
 * @param {Record<string, string | number>} machine
 * @param {Figure[]} figures
 */
export function table({ wasmpool, runtime, platform, parallelism, workers }, figures) {
  const rows = figures.map(({ name, unit, better, wasmpool: own, limit, speedup, range }) => {
    const cell = (/** @type {number} */ value, /** @type {[number, number]} */ [low, high]) =>
      `${show(value)} ${unit} (${show(low)} – ${show(high)})`;
    const goal = `${better} is better`;
    return [name, goal, cell(own, range.wasmpool), cell(limit, range.limit), `${show(speedup)} × as fast`];
  });
  const head = ['', '', 'wasmpool', 'bare threads', 'wasmpool is'];
  const width = (/** @type {number} */ i) => Math.max(...[head, ...rows].map((row) => row[i].length));
  const line = (/** @type {string[]} */ row) =>
    row
      .map((text, i) =>
        i === 0 ? text.padEnd(width(0)) : i === 1 ? `  ${text.padEnd(width(1))}` : text.padStart(width(i) + 2),
      )
      .join('');
  const machine = `wasmpool ${wasmpool}, ${runtime}, ${platform}, ${workers} workers on ${parallelism} processors`;
  return `${[machine, '', ...[head, ...rows].map(line), '', NOTE].join('\n')}\n`;
}

const NOTE = `Median of several rounds (lowest – highest). Bare threads: a message there and one back for each task, in turn; a thread
that hangs is stopped and replaced. "2 × as fast" is half the time, or twice the rate, of bare threads; below 1 ×, bare
threads are faster.
Other pools on the same machine: make bench, in a checkout of the sources.`;
