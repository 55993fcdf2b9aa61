/** The line of workers that wait for a pooled box. */
import { RESULT } from '../core/core.js';
import * as L from '../generated/layout.js';
import { STATUS } from '../generated/status.js';

/** The longest single wait. A grant wakes the worker; the bound is the core's for all waits (WP_PARK_MS in src/thread.h). */
const LOOK_MS = 100;

/**
 * Waits in line until a pooled box is granted. Blocks the worker: when all boxes are taken, producers are slowed down.
 * @param {import('../core/core.js').Core} core the worker's
 * @param {import('./sleep.js').Sleep} sleep
 */
export function waitForBox(core, sleep) {
  const { exports, pool, self } = core;
  const status = exports._wp_box_request(pool, self);
  if (status === STATUS.OK) return;
  if (status !== STATUS.NOT_GRANTED) core.check(status);
  const at = core.thread(self);
  for (;;) {
    const seen = sleep.word;
    if (exports._wp_box_granted(pool, self)) return;
    exports._wp_worker_wait(pool, self, seen, LOOK_MS);
    if (core.load(at + L.THREAD_DOOMED)) exports._wp_gate_enter(at); // parks
  }
}

/**
 * Whether the task's caller wants its result as a leased box.
 * @param {import('../core/core.js').Core} core the worker's
 * @param {number} slot address
 */
export function wantsLease({ memory }, slot) {
  return (memory.u32[(slot + L.SLOT_FLAGS) >>> 2] & L.SLOT_LEASE) !== 0;
}

/**
 * Turns the box of a result, made by alloc() or by a C task, into a pooled one if the result is leased.
 * @param {import('../core/core.js').Core} core the worker's
 * @param {import('./sleep.js').Sleep} sleep
 * @param {number} slot address
 */
export function countLease(core, sleep, slot) {
  const box = wantsLease(core, slot) ? core.boxOf(slot, RESULT) : 0;
  if (!box) return;
  waitForBox(core, sleep);
  core.check(core.exports._wp_box_use_grant(core.pool, core.self, box - 1));
}
