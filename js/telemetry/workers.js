/** What each of the pool's threads is doing at this moment, read from shared memory. */
import { shownName } from '../base/task-name.js';
import * as L from '../generated/layout.js';

/**
 * @typedef {'starting' | 'spare' | 'idle' | 'busy' | 'stopping' | 'ending'} WorkerState `stopping`: it runs a task that is to end, and has
 *   not ended yet; `ending`: its thread is being stopped, and another one may have its place already
 *
 * @typedef {object} WorkerView a thread of the pool
 * @property {string} name
 * @property {number | undefined} index undefined: a spare
 * @property {WorkerState} state
 * @property {{ task: string, ms: number }[]} running the names of the tasks that it runs, and for how long it has run them
 * @property {number} finished tasks that this thread has finished
 * @property {number} stopped C tasks that it was stopped in, and lived on
 */

/**
 * @param {import('../engine/engine.js').Engine} engine
 * @returns {WorkerView[]} threads that are ending come last
 */
export function workerViews({ core, fleet, options }) {
  const now = options.scheduler.poolNow();
  const views = Array.from(fleet.members.values(), (member) => {
    const at = core.thread(member.number);
    const running = member.state === 'live' ? runningOn(core, at, options.concurrency, now) : [];
    return {
      name: member.name,
      index: member.seat,
      state: stateOf(member, running.length > 0, core.load(at + L.THREAD_POISONED) > 0),
      running,
      finished: core.load(at + L.THREAD_FINISHED),
      stopped: core.load(at + L.THREAD_STOPPED),
    };
  });
  return views.sort((a, b) => order(a) - order(b));
}

/** @param {WorkerView} view */
const order = ({ state, index = L.SEATS_MAX }) => (state === 'ending' ? L.SEATS_MAX + 1 : 0) + index;

/**
 * @param {import('../threads/member.js').Member} member
 * @param {boolean} isBusy
 * @param {boolean} isPoisoned a task has reached its time limit there
 * @returns {WorkerState}
 */
function stateOf({ state, suspected }, isBusy, isPoisoned) {
  if (state === 'starting') return 'starting';
  if (state === 'warm') return 'spare';
  if (state === 'dying') return 'ending';
  if (!isBusy) return 'idle';
  return isPoisoned || suspected.size > 0 ? 'stopping' : 'busy';
}

/**
 * The worker goes on meanwhile: a slot that it has given back by now is left out.
 * @param {import('../core/core.js').Core} core
 * @param {number} thread address of its record
 * @param {number} most tasks at once
 * @param {number} now
 */
function runningOn(core, thread, most, now) {
  const found = [];
  for (let i = 0; i < most; i++) {
    const index = core.load(thread + L.THREAD_SLOTS + 4 * i) - 1;
    if (index < 0) continue;
    const slot = core.slots.record(index);
    const { u32, f64 } = core.memory;
    const startedMs = f64[(slot + L.SLOT_STARTED_MS) >>> 3];
    const task = shownName(core.name(u32[(slot + L.SLOT_NAME) >>> 2]));
    found.push({ task, ms: startedMs > 0 ? Math.max(0, now - startedMs) : 0 });
  }
  return found;
}
