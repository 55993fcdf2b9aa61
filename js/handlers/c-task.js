/** Runs C tasks, and cleans up after a trap. */
import { RESULT } from '../core/core.js';
import { TYPE } from '../codec/types.js';
import { poolError, statusRow } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { STATUS } from '../generated/status.js';

/**
 * Runs the C task of a slot.
 * @param {import('./runner.js').Runner} loop
 * @param {number} index of a slot that is RUNNING here
 * @param {number} slot its address
 * @returns {number | undefined} its status; undefined: it was stopped, and its end was reported already
 * @throws an error that interrupted the core inside the gate: this thread cannot be trusted any more
 */
export function runCTask(loop, index, slot) {
  const { core } = loop;
  const { exports, pool, self } = core;
  try {
    const status = exports._wp_worker_run(pool, self, index);
    exports.endLines?.();
    return status;
  } catch (error) {
    const stopped = cleanUp(loop, index, error);
    if (stopped && (core.load(slot) & 0xff) === L.SLOT_RUNNING) {
      // It was not given up, so it was stopped because it was silent.
      if (exports._wp_task_recover(pool, self, index)) loop.ring();
      return undefined;
    }
    core.writeError(index, slot, error);
    return STATUS.TASK_FAILED;
  }
}

/**
 * Cleans up after a trap.
 * @param {import('./runner.js').Runner} loop
 * @param {number} index
 * @param {unknown} error the trap
 * @returns {boolean} whether main had asked for it
 * @throws the error, if it interrupted the core inside the gate
 */
function cleanUp(loop, index, error) {
  const { exports, pool, self } = loop.core;
  const stopped = takeStop(loop);
  exports.stackRestore(loop.stack); // a trap leaves the stack pointer where it was
  if (loop.insideGate()) throw error; // the core itself broke
  if (exports._wp_worker_clean_up(pool, self, index)) loop.host.post({ kind: 'locks' });
  exports.endLines?.();
  return stopped;
}

/**
 * A call of a C task.
 * @typedef {object} CCall
 * @property {string} task
 * @property {'BINARY' | 'STRING' | 'JSON' | 'NUMBER'} type of the argument
 * @property {number} bytes size of the memory for it
 * @property {(memory: Uint8Array) => number} fill writes the argument and returns its length
 */

/**
 * Runs a C task inside the task of a slot, on memory that is filled in place.
 * @param {import('./runner.js').Runner} loop
 * @param {number} index of a slot that is RUNNING here, and cannot be requeued
 * @param {number} slot its address
 * @param {CCall} call
 * @returns {unknown} the result; where tasks have instances of their own, a promise of it while one is made
 * @throws {import('../base/errors.js').PoolError} as the task's promise would reject
 */
export function callCTask(loop, index, slot, { task, type, bytes, fill }) {
  if (loop.isolated) return loop.isolated.call(index, slot, { task, type, bytes, fill });
  const { core } = loop;
  const { exports, pool, self, memory } = core;
  const box = core.createBox(bytes);
  let length;
  try {
    length = fill(memory.view(memory.address(core.boxes.record(box) + L.BOX_ADDRESS), bytes));
  } catch (error) {
    exports._wp_box_drop(pool, self, box);
    throw error;
  }
  const status = callIn(loop, index, slot, () =>
    exports._wp_worker_call(pool, self, index, numberOf(core, task), box, TYPE[type], length),
  );
  try {
    const result = core.read(slot, RESULT);
    if (status === STATUS.OK) return result;
    const { code, text } = statusRow(status);
    throw poolError(code, result === undefined ? text : String(result));
  } finally {
    exports._wp_task_drop_result(pool, self, index);
  }
}

/**
 * @param {import('./runner.js').Runner} loop
 * @param {number} index
 * @param {number} slot
 * @param {() => number} call
 * @returns {number} its status
 * @throws TASK_FAILED after a trap, when everything has been cleaned up
 */
function callIn(loop, index, slot, call) {
  try {
    const status = call();
    loop.core.exports.endLines?.();
    return status;
  } catch (error) {
    cleanUp(loop, index, error);
    loop.core.memory.u32[(slot + L.SLOT_C_TASK) >>> 2] = 0;
    throw poolError('TASK_FAILED', error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** @type {Map<string, number>} index + 1 of C tasks, a cache: a worker has one core */
const numbers = new Map();

/**
 * @param {import('../core/core.js').Core} core
 * @param {string} task
 * @returns {number} its index + 1; 0: there is none
 */
function numberOf(core, task) {
  const { exports, pool, memory } = core;
  for (let i = 0; !numbers.has(task); i++) {
    const at = exports._wp_js_task_name(pool, i) >>> 0;
    if (!at) return 0;
    numbers.set(memory.cString(at), i + 1);
  }
  return /** @type {number} */ (numbers.get(task));
}

/**
 * Takes note of a trap that main asked for, if it did. Until then loop checks inside the core's own functions would trap as well.
 * @param {import('./runner.js').Runner} loop
 * @returns {boolean} whether main had asked for it
 */
export function takeStop(loop) {
  const { u32 } = loop.core.memory;
  const at = loop.at >>> 2;
  const asked = Atomics.load(u32, at + (L.THREAD_STOP >>> 2));
  // Where the task held locks, the word says that as well.
  if (((Atomics.load(u32, at + (L.THREAD_TAG >>> 2)) ^ L.STOP_MARK ^ asked) & ~L.MARK_BITS) !== 0) return false;
  Atomics.store(u32, at + (L.THREAD_STOP >>> 2), 0);
  Atomics.add(u32, at + (L.THREAD_STOPPED >>> 2), 1);
  return true;
}
