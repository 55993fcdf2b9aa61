/** Runs C tasks, and puts the thread in order after a trap. */
import * as L from '../generated/layout.js';
import { STATUS } from '../generated/status.js';

/**
 * Runs the C task of a slot.
 * @param {import('./loop.js').Loop} loop
 * @param {number} index of a slot that is RUNNING here
 * @param {number} slot its address
 * @returns {number | undefined} how it ended; undefined: it was stopped, and its end is told already
 * @throws whatever cuts the core off inside the gate: this thread cannot be trusted any more
 */
export function runCTask(loop, index, slot) {
  const { core } = loop;
  const { exports, pool, self } = core;
  try {
    const status = exports._wp_worker_run(pool, self, index);
    exports.endLines?.();
    return status;
  } catch (error) {
    const stopped = takeStop(loop);
    exports.stackRestore(loop.stack); // a trap leaves the stack pointer where it was
    if (loop.insideGate()) throw error; // the core itself broke
    exports._wp_worker_clean_up(pool, self, index);
    exports.endLines?.();
    if (stopped && (core.load(slot) & 0xff) === L.SLOT_RUNNING) {
      // Nobody has given it up: it was silent.
      if (exports._wp_task_recover(pool, self, index)) loop.ring();
      return undefined;
    }
    core.writeError(index, slot, error);
    return STATUS.TASK_FAILED;
  }
}

/**
 * Answers a trap that main asked for: until then the checks inside the core's own functions trap as well.
 * @param {import('./loop.js').Loop} loop
 * @returns {boolean} whether main had asked for it
 */
function takeStop(loop) {
  const { u32 } = loop.core.memory;
  const at = loop.at >>> 2;
  const asked = (Atomics.load(u32, at + (L.THREAD_TAG >>> 2)) | L.STOP_MARK) >>> 0;
  if (Atomics.compareExchange(u32, at + (L.THREAD_STOP >>> 2), asked, 0) !== asked) return false;
  Atomics.add(u32, at + (L.THREAD_STOPPED >>> 2), 1);
  return true;
}
