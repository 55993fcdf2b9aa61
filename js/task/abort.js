/** Abort signals: one listener on each, however many tasks and maps wait for it, so that no runtime warns of a leak. */
import { poolError } from '../base/errors.js';
import { own } from '../base/own.js';

/** Callbacks of all pools, by signal. @type {WeakMap<AbortSignal, Set<() => void>>} */
const waiting = new WeakMap();

/**
 * Calls back when a signal is aborted.
 * @param {AbortSignal} signal not aborted yet
 * @param {() => void} callback a different function at each call
 * @returns {() => void} takes the callback back
 */
export function onAbort(signal, callback) {
  const callbacks = waiting.get(signal) ?? open(signal);
  callbacks.add(callback);
  return () => {
    if (!callbacks.delete(callback) || callbacks.size > 0 || waiting.get(signal) !== callbacks) return;
    waiting.delete(signal);
    signal.removeEventListener('abort', abortAll);
  };
}

/** @param {AbortSignal} signal without callbacks */
function open(signal) {
  const callbacks = new Set();
  waiting.set(signal, callbacks);
  signal.addEventListener('abort', abortAll, own({ once: true }));
  return callbacks;
}

/**
 * The one listener of all signals.
 * @this {AbortSignal}
 */
function abortAll() {
  const callbacks = [...(waiting.get(this) ?? [])];
  waiting.delete(this);
  for (const callback of callbacks) callback();
}

/**
 * Gives a task up when its signal is aborted, at once if it is already.
 * @param {import('./task.js').Task} task gets `unlisten`, to be called when it has ended
 * @param {AbortSignal} signal
 * @param {(error: import('../base/errors.js').PoolError) => void} giveUp
 */
export function listen(task, signal, giveUp) {
  const abort = () => giveUp(poolError('CANCELLED', 'the task was aborted', { cause: signal.reason }));
  if (signal.aborted) abort();
  else task.more.unlisten = onAbort(signal, abort);
}
