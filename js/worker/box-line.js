/** The line of workers that wait for a pooled box. */
import * as L from '../generated/layout.js';
import { STATUS } from '../generated/status.js';

/** How long it waits for a wake-up before it looks again. */
const LOOK_MS = 100;

/**
 * Stands in line until a pooled box is granted. Blocks: a full pool slows its producers down.
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
