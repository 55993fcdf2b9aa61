const settled = Promise.resolve();

/**
 * Like queueMicrotask, but made from a promise: fake timers replace the global function, but not promises.
 * @param {() => void} run must not throw
 */
export function microtask(run) {
  void settled.then(run);
}
