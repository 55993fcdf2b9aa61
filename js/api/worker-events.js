/** Events about workers, and messages to and from the modules of workers. */
import { integer, ownOptions, transferList } from '../base/check.js';
import { isError } from '../codec/errors.js';
import { notSerializable } from '../codec/explain.js';
import { hasCrashed } from '../threads/deaths.js';
import { describeReason, poolError } from '../base/errors.js';
import { host } from '../host/index.js';
import { POOL_NAMES } from '../options/options.js';
import { OPTIONS_OF } from '../options/spec.js';

/**
 * @typedef {import('../threads/member.js').Member} Member
 */

/**
 * The engine's events, turned into those of the pool.
 * @param {import('./pool-events.js').PoolEmitter} events of the pool
 * @returns {Omit<import('../engine/engine.js').EngineEvents, 'rest' | 'damaged' | 'seating' | 'givenUp'>}
 */
export function engineEvents(events) {
  return {
    error: (error) => events.failed(error),
    tell: (message) => events.failure(message, ''),
    drained: () => events.emit('drained'),
    up: (member) => events.emit('workerUp', identify(member)),
    down: (member, error, tasks) => {
      if (tasks === 0 && hasCrashed(member) && !events.has('workerDown')) warnOf(member, error);
      events.emit('workerDown', { ...ended(member, error), tasks });
    },
    left: (member) => events.emit('workerLeft', identify(member)),
    broken: (member, count) => events.emit('lockBroken', { ...identify(member), count }),
    retired: (member, error) => events.emit('workerRetired', ended(member, error)),
    message: (member, message) => events.emit('message', { ...identify(member), message }),
  };
}

/** @param {Member} member its thread may never have started */
function identify({ name, seat, thread }) {
  return { worker: name, name, index: seat, threadId: thread?.threadId };
}

/**
 * @param {Member} member
 * @param {Error} error
 */
function ended(member, error) {
  return { ...identify(member), exitCode: member.exitCode, error };
}

/**
 * Warns of a worker that ended between tasks, so that no task fails with it, while the event has no listener.
 * @param {Member} member
 * @param {any} error
 */
function warnOf({ name }, error) {
  host.warn(`${name} ended between tasks: ${describeReason(error)}`, isError(error) ? error.stack : undefined);
}

/**
 * Sends a message to the modules of workers. See Pool.postMessage.
 * @param {import('../threads/fleet.js').Fleet | undefined} fleet
 * @param {readonly number[]} places that have a worker, by index
 * @param {unknown} message
 * @param {{ worker?: number, transfer?: readonly import('../base/host-types.js').Transferable[] }} options
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT, NOT_SERIALIZABLE
 */
export function postToModules(fleet, places, message, options) {
  const { worker, transfer } = ownOptions('', options, OPTIONS_OF.message, undefined, POOL_NAMES);
  if (worker !== undefined && !places.includes(integer('worker', worker, 0)))
    throw poolError('INVALID_ARGUMENT', `worker: there is no worker ${worker}, only ${places.join(', ')}`);
  if (transfer !== undefined) transferList('transfer', transfer);
  if (transfer?.length && worker === undefined && places.length > 1)
    throw poolError('INVALID_ARGUMENT', 'transfer: it goes to one worker only; name it by the option worker');
  try {
    fleet?.postToUser(message, worker, transfer);
  } catch (cause) {
    throw notSerializable(message, cause);
  }
}
