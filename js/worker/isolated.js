/** Loads js/handlers/isolated.js in workers of pools that need it, and hands it what the worker has loaded already. */
import { ARGUMENT, RESULT } from '../core/core.js';
import { TAG } from '../core/check-words.js';
import { Memory } from '../core/memory.js';
import { poolError } from '../base/errors.js';
import { takeStop } from '../handlers/c-task.js';
import { statusOf } from '../handlers/status-of.js';

/**
 * @param {import('./loop.js').Loop} loop
 * @param {import('../protocol/messages.js').Isolated} isolated
 * @param {import('./boot.js').WorkerHost} host
 */
export async function openIsolated(loop, isolated, host) {
  const { IsolatedTasks } = await host.loadIsolated();
  const tasks = new IsolatedTasks(loop, isolated, host, {
    Memory,
    poolError,
    takeStop,
    statusOf,
    ARGUMENT,
    RESULT,
    TAG,
  });
  await tasks.open();
  return tasks;
}
