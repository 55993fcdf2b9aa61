/** What happens to workers, as events of the pool, and messages to and from their modules. */
import { integer, ownOptions } from './check.js';
import { OPTIONS_OF } from './spec.js';

/**
 * @typedef {import('./member.js').Member} Member
 */

/**
 * What the engine is to tell of workers.
 * @param {import('./events.js').Emitter} events of the pool
 * @returns {Pick<import('./engine.js').EngineEvents, 'down' | 'retired' | 'message'>}
 */
export function workerEvents(events) {
  return {
    down: (member, error, tasks) => events.emit('workerDown', { worker: member.name, error, tasks }),
    retired: (member, error) => events.emit('workerRetired', { worker: member.name, error }),
    message: ({ name, seat, thread }, message) =>
      events.emit('message', { worker: name, index: seat, threadId: thread.threadId, message }),
  };
}

/**
 * Sends a message to the modules of workers. See Pool.postMessage.
 * @param {import('./fleet.js').Fleet | undefined} fleet
 * @param {number} size of the pool
 * @param {unknown} message
 * @param {{ worker?: number, transfer?: readonly Transferable[] }} options
 */
export function postToModules(fleet, size, message, options) {
  const { worker, transfer } = ownOptions('', options, OPTIONS_OF.message);
  if (worker !== undefined) integer('worker', worker, 0, size - 1);
  fleet?.postToUser(message, worker, transfer);
}
