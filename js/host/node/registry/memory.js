/**
 * The memory of the shared registry (src/registry.h): one per process, made on the main thread and handed to every thread that is started
 * from then on. And what main does for it: reports deaths, and hears the process's signals when somebody asks for the shutdown signal.
 */
import process from 'node:process';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { own } from '../../../base/own.js';

/** @typedef {{ memory: WebAssembly.Memory, maxBytes: number }} Offered */

const KEY = 'wasmpool:registry';
const PAGE = 65536;
/** Pages that are there from the start: the store's own records, which take no memory until they are used. */
const FIRST_PAGES = 48;
/** A choice; address space only. */
const DEFAULT_MAX_BYTES = 2 ** 30;

/** Where the store begins, and where some of its words are: src/shared/shared.h. */
export const STORE_AT = PAGE;
/** 1: the shutdown signal has fired. */
export const FIRED = STORE_AT >>> 2;
const WANTED = FIRED + 1;
const ARMED = FIRED + 2;
/** The first of the visitors' owners. */
export const OWNERS = FIRED + 4;
/** As many threads may use it at once. */
export const VISITORS = 256;
/** The owner of a visitor whose thread has died. */
export const DEAD = -1;

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM']);

/** @type {Int32Array | undefined} the first pages, which never move */
let words;

/**
 * The registry's memory.
 * @returns {Offered | undefined} undefined: there is none yet, and only main can make it
 */
export const offered = () => /** @type {any} */ (getEnvironmentData(KEY));

/**
 * Makes the registry's memory unless it is there. On main.
 * @param {number} [maxBytes]
 * @returns {Offered}
 * @throws {RangeError} the system has no address space left
 */
export function offer(maxBytes = DEFAULT_MAX_BYTES) {
  const known = offered();
  if (known) return known;
  const maximum = Math.max(Math.floor(maxBytes / PAGE), FIRST_PAGES + 1);
  const memory = new WebAssembly.Memory(own({ initial: FIRST_PAGES, maximum, shared: true }));
  const made = { memory, maxBytes: maximum * PAGE };
  setEnvironmentData(KEY, /** @type {any} */ (made));
  watchThreads();
  const { async, value } = Atomics.waitAsync(storeWords(), WANTED, 0);
  if (async) void value.then(arm);
  return made;
}

/** The first words of the store. */
export function storeWords() {
  if (words) return words;
  const { buffer } = /** @type {Offered} */ (offered()).memory;
  return (words = new Int32Array(buffer, 0, OWNERS + VISITORS));
}

/** The number of a thread in the registry. @param {number} threadId */
export const tagOf = (threadId) => threadId + 1;

/** Before a pool's thread is started. Without address space the pool works, and the registry says what is missing when it is asked for. */
export function beforeThread() {
  if (offered() || !isMainThread) return;
  try {
    offer();
  } catch {
    // see above
  }
}

/** After a thread's death is confirmed. @param {number} threadId */
export function afterThread(threadId) {
  if (!offered()) return;
  const list = storeWords();
  const tag = tagOf(threadId);
  for (let i = OWNERS; i < list.length; i++) Atomics.compareExchange(list, i, tag, DEAD);
}

let isWatching = false;

/** Reports the deaths of threads that this one starts from now on, also of those that belong to no pool. Node tells of them. */
export function watchThreads() {
  if (isWatching) return;
  isWatching = true;
  process.on('worker', (worker) => {
    const id = worker.threadId; // it is forgotten when the thread has ended
    worker.once('exit', () => afterThread(id));
  });
}

/** Asks main to hear the signals. Any thread. */
export function want() {
  if (isMainThread) arm();
  else if (Atomics.exchange(storeWords(), WANTED, 1) === 0) Atomics.notify(storeWords(), WANTED);
}

/** The process ends by the second signal, as it does by the first one of a program that does not listen. On main. */
function arm() {
  if (Atomics.exchange(storeWords(), ARMED, 1) || Atomics.load(storeWords(), FIRED)) return;
  const onSignal = () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    fire();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
}

/** Any thread. */
export function fire() {
  const list = storeWords();
  Atomics.store(list, FIRED, 1);
  Atomics.notify(list, FIRED);
}
