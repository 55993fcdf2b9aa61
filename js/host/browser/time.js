/** The functions of time in browsers, taken when this module is loaded, because test frameworks replace them. */
import { microtask } from '../microtask.js';

const { performance, setTimeout, clearTimeout, setInterval } = globalThis;

/** @type {import('../index.js').HostTime} */
export const time = {
  now: performance.now.bind(performance),
  setTimeout: setTimeout.bind(globalThis),
  clearTimeout: clearTimeout.bind(globalThis),
  setInterval: (/** @type {() => void} */ run, /** @type {number} */ ms) => void setInterval.call(globalThis, run, ms),
  microtask,
};
