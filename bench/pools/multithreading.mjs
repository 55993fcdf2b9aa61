/** multithreading: tasks are functions, sent as text; what can be moved always is. */

import { sharedByHand } from './index.mjs';

// It is written for later versions of Node, so this adds what Node 20 does not have.
globalThis.navigator ??= /** @type {any} */ ({ hardwareConcurrency: 2 });
Promise.withResolvers ??= function () {
  let settlers;
  const promise = new Promise((resolve, reject) => (settlers = { resolve, reject }));
  return { promise, ...settlers };
};
const { initRuntime, move, shutdown, spawn } = await import('multithreading');

export const cannot = {
  abort: 'no way to end a task',
  copy: 'what can be moved always is',
  spares: 'no spares',
  map: 'no map',
};

/** In the worker: the module is imported once, then the task is called at once. */
const call = (name, value) => {
  const { tasks } = globalThis;
  if (tasks) return tasks[name](value);
  return import('./workers/multithreading.mjs').then((module) => {
    globalThis.tasks = module;
    return module[name](value);
  });
};

/** @param {{ ok: boolean, value?: any, error?: any }} result */
function unwrap(result) {
  if (result.ok) return result.value;
  throw result.error;
}

/**
 * @param {import('./index.mjs').Config} config
 * @returns {import('./index.mjs').Pool}
 */
export function open({ workers }) {
  initRuntime({ maxWorkers: workers });
  const run = (name, value) => spawn(move(name, value), call).join().then(unwrap);
  return {
    run,
    shared: sharedByHand(run),
    close: () => shutdown(),
  };
}
