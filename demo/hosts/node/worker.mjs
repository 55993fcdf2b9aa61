/** A worker thread: an instance of the module that serves tasks until it is told to end, or is ended. */
import { workerData } from 'node:worker_threads';
import { TRAP } from './abi.mjs';

const { module, memory, start, originMs } = workerData;

const { exports } = new WebAssembly.Instance(module, {
  env: { memory },
  wasmpool: {
    now: () => performance.timeOrigin + performance.now() - originMs,
    ring: () => undefined, // main waits on the bell's word
    start: () => 0, // main's
    stop: () => undefined, // main's
  },
});

/** @param {unknown} error what left wasm */
function kindOf(error) {
  if (error instanceof RangeError) return TRAP.stack;
  return error instanceof WebAssembly.RuntimeError && /memory access/.test(error.message) ? TRAP.memory : TRAP.other;
}

exports.wp_host_attach(start);
for (let goesOn = true; goesOn;) {
  try {
    exports.wp_host_run(start);
  } catch (error) {
    const stopped = exports.wp_host_unstop(start); // before any other call: checked code traps until then
    goesOn = exports.wp_host_trapped(start, kindOf(error), stopped) === 1;
  }
}
