/** Abort signals: one listener on each, however many tasks listen, so that no runtime warns of a leak; none when the last has ended. */
import { poolError } from './errors.js';

/**
 * @typedef {import('./task.js').Task} Task
 * @typedef {(error: import('./errors.js').PoolError) => void} GiveUp
 */

/** Tasks by their signal, of all pools; without an entry nobody listens. @type {WeakMap<AbortSignal, Map<Task, GiveUp>>} */
const listening = new WeakMap();

/**
 * Gives a task up when its signal is aborted, at once if it is already.
 * @param {Task} task its `unlisten` is to be called when it has ended
 * @param {AbortSignal} signal
 * @param {GiveUp} giveUp
 */
export function listen(task, signal, giveUp) {
  if (signal.aborted) {
    giveUp(aborted(signal));
    return;
  }
  const tasks = listening.get(signal) ?? open(signal);
  tasks.set(task, giveUp);
  task.more.unlisten = () => {
    if (!tasks.delete(task) || tasks.size > 0 || listening.get(signal) !== tasks) return;
    listening.delete(signal);
    signal.removeEventListener('abort', abortAll);
  };
}

/** @param {AbortSignal} signal that nobody listens to */
function open(signal) {
  const tasks = new Map();
  listening.set(signal, tasks);
  signal.addEventListener('abort', abortAll, { once: true });
  return tasks;
}

/**
 * The one listener of all signals.
 * @this {AbortSignal}
 */
function abortAll() {
  const tasks = [...(listening.get(this)?.values() ?? [])];
  listening.delete(this);
  for (const giveUp of tasks) giveUp(aborted(this));
}

/** @param {AbortSignal} signal */
function aborted(signal) {
  return poolError('CANCELLED', 'the task was aborted', { cause: signal.reason });
}
