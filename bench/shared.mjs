/**
 * Shared state: increments, and sets and gets of a map, from 1, 2 and 4 threads at once, beside what the platform itself does and beside
 * sharedmap, a map in a SharedArrayBuffer. All in one run, in turns; figures are millions of operations a second of all threads together, the median
 * of the rounds.
 *
 * usage: node bench/shared.mjs [ROUNDS]
 */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import SharedMap from 'sharedmap';
import { counter, shared, sharedMap } from '../js/dist/workers.mjs';
import { median } from './stats.mjs';

const THREADS = [1, 2, 4];
const KEYS = Array.from({ length: 1000 }, (_, i) => `user:${i}`);
const WORDS = { START: 0, READY: 1, WORK: 2 };

/**
 * Each makes a function that does so many operations. `peer` is sharedmap's map.
 * @type {Record<string, { ops: number, make: (given: { words: Int32Array, whole: BigInt64Array, peer: any }) => (n: number) => void }>}
 */
const SUBJECTS = {
  'Atomics.add, Int32Array': { ops: 2e6, make: ({ words }) => repeated(() => Atomics.add(words, WORDS.WORK, 1)) },
  'Atomics.add, BigInt64Array': { ops: 2e6, make: ({ whole }) => repeated(() => Atomics.add(whole, 0, 1n)) },
  'wasmpool counter.increment': { ops: 2e6, make: () => overHandle(shared('bench', counter())) },
  'wasmpool map.set, numbers': { ops: 4e5, make: () => sets(theMap(), (i) => i) },
  'wasmpool map.get, numbers': { ops: 4e5, make: () => gets(theMap()) },
  'sharedmap map.set, numbers': { ops: 4e4, make: ({ peer }) => sets(peer, (i) => i) },
  'sharedmap map.get, numbers': { ops: 4e4, make: ({ peer }) => gets(peer) },
  'wasmpool map.set, text': { ops: 2e5, make: () => sets(theMap(), (i) => `some text ${i % 7}`) },
  'wasmpool map.get, text': { ops: 2e5, make: () => gets(theMap()) },
  'sharedmap map.set, text': { ops: 4e4, make: ({ peer }) => sets(peer, (i) => `some text ${i % 7}`) },
  'sharedmap map.get, text': { ops: 4e4, make: ({ peer }) => gets(peer) },
};

const theMap = () => shared('bench map', sharedMap());

/** @param {() => void} one @returns {(n: number) => void} */
const repeated = (one) => (n) => {
  for (let i = 0; i < n; i++) one();
};
/** @param {{ increment: () => number }} hits @returns {(n: number) => void} */
const overHandle = (hits) => repeated(() => hits.increment());
/** @param {any} map @param {(i: number) => unknown} value @returns {(n: number) => void} */
const sets = (map, value) => (n) => {
  for (let i = 0; i < n; i++) map.set(KEYS[i % KEYS.length], value(i));
};
/** @param {any} map @returns {(n: number) => void} */
const gets = (map) => (n) => {
  for (let i = 0; i < n; i++) if (map.get(KEYS[i % KEYS.length]) === undefined) throw new Error('a key is missing');
};

if (isMainThread) await main();
else work();

async function main() {
  const rounds = Number(process.argv[2] ?? 5);
  const memory = new SharedArrayBuffer(16);
  const words = new Int32Array(memory);
  const peer = new SharedMap(4096, 16, 16);
  shared('bench', counter()); // the registry is there before the threads are
  const workers = Array.from(
    { length: Math.max(...THREADS) },
    () => new Worker(fileURLToPath(import.meta.url), { workerData: { memory, whole: new SharedArrayBuffer(8), peer } }),
  );
  console.log(`Node ${process.version}, ${availableParallelism()} processors; millions a second`);
  console.log(`${'threads'.padEnd(30)}${THREADS.map((n) => String(n).padStart(8)).join('')}`);
  /** @type {Map<string, number[][]>} */
  const rates = new Map(Object.keys(SUBJECTS).map((name) => [name, THREADS.map(() => [])]));
  for (let round = -1; round < rounds; round++)
    // the first one only warms up
    for (const [name, { ops }] of Object.entries(SUBJECTS))
      for (const [i, n] of THREADS.entries()) {
        const rate = await measure(workers.slice(0, n), words, name, ops);
        if (round >= 0) rates.get(name)?.[i].push(rate);
      }
  for (const [name, all] of rates)
    console.log(name.padEnd(30) + all.map((list) => median(list).toFixed(2).padStart(8)).join(''));
  for (const worker of workers) void worker.terminate();
}

/**
 * @param {Worker[]} workers
 * @param {Int32Array} words
 * @param {string} name
 * @param {number} ops of each
 */
async function measure(workers, words, name, ops) {
  Atomics.store(words, WORDS.READY, 0);
  const start = Atomics.load(words, WORDS.START);
  const ends = workers.map((worker) => once(worker, 'message').then(([span]) => span));
  for (const worker of workers) worker.postMessage({ name, ops, start });
  while (Atomics.load(words, WORDS.READY) < workers.length) await new Promise(setImmediate);
  Atomics.store(words, WORDS.START, start + 1);
  Atomics.notify(words, WORDS.START);
  const spans = /** @type {{ from: number, to: number }[]} */ (await Promise.all(ends));
  const ms = Math.max(...spans.map(({ to }) => to)) - Math.min(...spans.map(({ from }) => from));
  return (ops * workers.length) / ms / 1000;
}

function work() {
  const { memory, whole, peer } = workerData;
  const words = new Int32Array(memory);
  Object.setPrototypeOf(peer, SharedMap.prototype);
  const now = () => performance.timeOrigin + performance.now();
  /** @type {Map<string, (n: number) => void>} */
  const made = new Map();
  parentPort?.on('message', ({ name, ops, start }) => {
    const run = made.get(name) ?? SUBJECTS[name].make({ words, whole: new BigInt64Array(whole), peer });
    made.set(name, run);
    Atomics.add(words, WORDS.READY, 1);
    while (Atomics.load(words, WORDS.START) === start) Atomics.wait(words, WORDS.START, start, 100);
    const from = now();
    run(ops);
    parentPort?.postMessage({ from, to: now() });
  });
}
