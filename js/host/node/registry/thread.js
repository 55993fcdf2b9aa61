/** What a thread needs to use the shared registry, on Node, Bun and Deno. */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { isMainThread, threadId } from 'node:worker_threads';
import { FIRED, storeWords, tagOf } from './memory.js';
import { registryBytes } from './bytes.js';

export {
  DEAD,
  fire,
  FIRED,
  offer,
  offered,
  OWNERS,
  STORE_AT,
  storeWords,
  VISITORS,
  want,
  watchThreads,
} from './memory.js';
export { createSerializer } from '../serialize.js';

/** Whether this is the process's main thread. */
export const onMain = isMainThread;
/** Of this thread. */
export const tag = tagOf(threadId);

/** The registry's code. */
export const compile = () => new WebAssembly.Module(registryBytes(readFileSync));

/**
 * On Node the thread that has started this one reports its end (watchThreads). Elsewhere it does that itself: then nothing of the registry
 * may be used in later listeners of `exit`.
 * @param {() => void} leave what is to be done when this thread ends by itself
 */
export function atEnd(leave) {
  if (process.versions.bun || /** @type {any} */ (process.versions).deno) process.once('exit', leave);
}

/** At most so long at a time, since some engines cannot end a thread that waits for ever. */
const SLICE_MS = 100;

/**
 * Waits for the shutdown signal. Not on main.
 * @param {number} ms
 * @returns {boolean} whether it has fired
 */
export function waitForSignal(ms) {
  const words = storeWords();
  const end = performance.now() + ms;
  while (!Atomics.load(words, FIRED)) {
    const left = end - performance.now();
    if (!(left > 0)) return false;
    Atomics.wait(words, FIRED, 0, Math.min(left, SLICE_MS));
  }
  return true;
}

/** Keeps the process alive until it is called back. @returns {() => void} */
export function hold() {
  const timer = setInterval(() => {}, 2 ** 31 - 1);
  return () => clearInterval(timer);
}
