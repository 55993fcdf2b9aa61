const settled = Promise.resolve();

/**
 * queueMicrotask, by a promise: fake timers replace the global, and leave promises alone.
 * @param {() => void} run must not throw
 */
export function microtask(run) {
  void settled.then(run);
}
