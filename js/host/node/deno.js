/**
 * What is different on Deno: its exit event comes while a thread in a loop or in a wait runs on, for ever, unless the thread holds a Web
 * Lock (docs/decisions/0027-runtimes.md). Nothing documents that, so a program tries it out before it is told that loops can be stopped.
 */
import { Worker } from 'node:worker_threads';
import { time } from './time.js';

/** How long a thread may run on after its lock was granted to another. Measured: at most 13 ms (0027). */
const QUARANTINE_MS = 100;
/** How long the trial looks whether its loop goes on. */
const LOOK_MS = 50;
/** The trial's loop is part of its module, where Deno prints nothing when it ends a thread. It ends by itself, in case nothing else can end it. */
const TRIAL_MS = 1000;

const TRIAL = `
  import process from "node:process";
  import { parentPort, workerData } from 'node:worker_threads';
  const { lock, word, ms } = workerData;
  await new Promise((held) => navigator.locks.request(lock, () => (held(), new Promise(() => {}))));
  parentPort.postMessage('runs');
  for (const end = Date.now() + ms; Date.now() < end; ) Atomics.add(word, 0, 1);
  process.exit();`;

/** How long a thread that is to end may go on importing modules. A choice: longer than any import that ends. */
const IMPORT_MS = 5000;

/** Older versions of Deno have no locks. */
const locks = globalThis.navigator?.locks;

/** Whether the trial has shown that a loop can be stopped; undefined: not yet. @type {boolean | undefined} */
export let stopsLoops;
/** @type {Promise<void> | undefined} */
let trial;

/** Tries, once, whether a thread in a loop can be ended. */
export function tryStop() {
  return (trial ??= run().then(
    (isStopped) => void (stopsLoops = isStopped),
    () => void (stopsLoops = false), // a program that may not have threads learns that from its pool
  ));
}

async function run() {
  if (!locks) return false;
  const word = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { lock: newLock('trial'), word, ms: TRIAL_MS };
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(TRIAL)}`), { workerData });
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  void worker.terminate();
  await ended(workerData.lock);
  const count = Atomics.load(word, 0);
  await pause(LOOK_MS);
  return Atomics.load(word, 0) === count;
}

/** @param {string} name of a thread */
export const newLock = (name) => `wasmpool-${name}-${crypto.randomUUID()}`;

/**
 * Settles when a thread that was terminated runs no more; never, if nobody can tell.
 * @param {string} lock that it held
 */
export async function ended(lock) {
  if (stopsLoops === false) await new Promise(() => undefined);
  await locks.request(lock, () => undefined);
  await pause(QUARANTINE_MS);
}

/** Knows when a thread imports modules. If it is ended meanwhile, Deno panics, and the whole program is over. */
export class Imports {
  #isImporting = true;
  /** @type {() => void} */
  #done = () => undefined;

  /** @param {{ kind?: string } | undefined} message from main to the thread */
  sent(message) {
    if (message?.kind === 'init') this.#isImporting = true;
  }

  /** @param {{ kind?: string } | 0 | undefined} message from the thread */
  received(message) {
    if (message && ['ready', 'started', 'failed'].includes(message.kind ?? '')) this.ended();
  }

  /** It imports nothing now; or it is gone. */
  ended() {
    this.#isImporting = false;
    this.#done();
  }

  /** Settles when the thread may be ended. */
  async over() {
    if (this.#isImporting)
      await Promise.race([new Promise((resolve) => (this.#done = () => resolve(undefined))), pause(IMPORT_MS)]);
  }
}

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => void time.setTimeout(() => resolve(undefined), ms));
