/**
 * The functions of time on Node, Bun and Deno, taken when this module is loaded. They come from the runtime's own modules, because test
 * frameworks replace the globals, some even before anything is imported.
 */
import { performance } from 'node:perf_hooks';
import * as timers from 'node:timers';
import { runInThisContext } from 'node:vm';
import { microtask } from '../microtask.js';

// Copies, because the exports of the runtime's modules change when their functions are replaced.
const { setTimeout, clearTimeout, setInterval, setImmediate } = timers;

/** The runtime's own `process`: Jest runs programs in a context of its own, with a copy whose clock it replaces. */
const { hrtime: readClock } = /** @type {NodeJS.Process} */ (runInThisContext('process'));

/** CLOCK_MONOTONIC as seconds and nanoseconds, the same in all threads of the process. */
export const hrtime = () => readClock();

/** @type {import('../index.js').HostTime} */
export const time = {
  now: performance.now.bind(performance),
  setTimeout,
  clearTimeout,
  setInterval: (/** @type {() => void} */ run, /** @type {number} */ ms) => void setInterval(run, ms),
  microtask,
};

/** How busy this thread's event loop is; not on every runtime. */
export const eventLoopUtilization = performance.eventLoopUtilization?.bind(performance);

/**
 * Runs a function in a later turn of the event loop.
 * @type {(run: () => void) => void}
 */
export const defer = setImmediate;
