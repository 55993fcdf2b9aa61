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
 * Runs it; errors of the pool that begin with the name of an option get the name that the option has here.
 * @template R
 * @param {Record<string, string>} names by those of the pool
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
 * Tells of workers that crash between tasks, or cannot start. The error of a worker that ran something is told by its tasks.
 * @param {import('../api/pool.js').Pool} pool
 * @param {(message: string) => void} tell with the worker's name
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
