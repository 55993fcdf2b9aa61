/** Shared by the entry points for users of other systems: times in seconds, and errors that use their names. */
import { describeReason, PoolError, poolError } from '../base/errors.js';

/**
 * @param {string} name
 * @param {unknown} seconds
 * @throws {PoolError} INVALID_ARGUMENT
 */
export function milliseconds(name, seconds) {
  if (typeof seconds === 'number' && seconds >= 0) return seconds * 1000;
  throw poolError('INVALID_ARGUMENT', `${name}: expected seconds from 0, got ${typeof seconds} ${String(seconds)}`);
}

/**
 * Calls a function. In errors of the pool that begin with the name of an option, that name is replaced by the one that users know.
 * @template R
 * @param {Record<string, string>} names users' names, by the pool's
 * @param {() => R} call
 * @returns {R}
 */
export function renamed(names, call) {
  try {
    return call();
  } catch (cause) {
    if (!(cause instanceof PoolError)) throw cause;
    throw poolError(
      cause.code,
      cause.message.replace(/^[\w.]+/, (name) => names[name] ?? name),
      { cause },
    );
  }
}

/**
 * Reports workers that crash between tasks or cannot start. If a worker crashes while it runs something, its tasks report that.
 * @param {import('../api/pool.js').Pool} pool
 * @param {(message: string) => void} tell gets a message with the worker's name
 */
export function hearCrashes(pool, tell) {
  pool.on('workerDown', ({ worker, error, tasks }) => {
    const reason = describeReason(error);
    if (tasks === 0) tell(reason.startsWith(worker) ? reason : `${worker}: ${reason}`);
  });
  pool.ready.catch((/** @type {any} */ error) => {
    if (error.code !== 'POOL_DESTROYED') tell(error.message);
  });
}
