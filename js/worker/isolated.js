/** Loads js/handlers/isolated.js and js/foreign/ in workers of pools that need them, and hands them what the worker has loaded already. */
import { ARGUMENT, RESULT } from '../core/core.js';
import { TAG } from '../core/check-words.js';
import { Memory } from '../core/memory.js';
import { poolError } from '../base/errors.js';
import { takeStop } from '../handlers/c-task.js';
import { slotOf } from '../handlers/context.js';
import { statusOf } from '../handlers/status-of.js';

/** Thrown by a task whose end the core knows already. */
export const OVER = Symbol('over');

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

/**
 * @param {import('./loop.js').Loop} loop
 * @param {import('../protocol/messages.js').Foreign} foreign
 * @param {string[]} names of the other handlers
 * @returns {Promise<import('../handlers/handlers.js').Handlers>}
 */
export async function openForeign(loop, { code, tasks }, names) {
  return (await loop.host.importModule(code)).open(loop, tasks, names, { poolError, takeStop, slotOf, OVER });
}
