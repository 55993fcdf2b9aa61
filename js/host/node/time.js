/**
 * The functions of time on Node, Bun and Deno, as they are when this module is loaded. From the runtime's own modules: test
 * frameworks replace the globals, some of them before anything is imported.
 */
import { performance } from 'node:perf_hooks';
import * as timers from 'node:timers';
import { runInThisContext } from 'node:vm';
import { microtask } from '../microtask.js';

// Copies: what a module of the runtime exports changes when its functions are replaced.
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
 * A later turn of the event loop.
 * @type {(run: () => void) => void}
 */
export const defer = setImmediate;
