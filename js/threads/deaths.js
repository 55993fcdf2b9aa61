/** Errors that say why workers ended or did not start: for their tasks, and for events. */
import { fromMessage, isCloneable } from '../codec/errors.js';
import { carryError } from '../codec/explain.js';
import { describeReason, innerError, loadAdvice, placeOf } from '../base/errors.js';
import { host } from '../host/index.js';

/** @typedef {import('./member.js').Member} Member */

/**
 * The error for a thread that the host could not create.
 * @param {any} error what the host threw
 * @param {unknown} workerData
 * @returns {Error}
 */
export function startError(error, workerData) {
  if (error?.code === 'ERR_WORKER_INIT_FAILED') {
    const text =
      'the system has no room for one more thread: fewer workers, or a smaller memory.maximum, need less address space';
    return innerError('NO_MEMORY', text, { cause: error });
  }
  return isCloneable(workerData) ? error : carryError('workerData', workerData, error);
}

/**
 * An error was thrown inside the gate.
 * @param {Member} member
 */
export function failedInside({ name }) {
  return innerError('WORKER_LOST', `${name} failed inside the pool's own code and is replaced`);
}

/**
 * Why a thread ended that was not asked to.
 * @param {Member} member
 * @returns {any} the uncaught error, whatever it is; without one, an error with the exit code
 */
export function causeOfDeath({ name, uncaught, exitCode }) {
  if (uncaught?.error !== undefined) return uncaught.error;
  const what = uncaught ? 'threw undefined' : `exited with code ${exitCode}`;
  return innerError('WORKER_LOST', `${name} ${what}`, { worker: name, exitCode });
}

/**
 * The error of a task that was lost with its worker, or for which no worker is left.
 * @param {string} what
 * @param {Member} member
 * @param {{ taskId: string, worker?: string }} where
 * @param {string} [code]
 */
export function lostError(what, { error, exitCode }, where, code = 'WORKER_LOST') {
  return innerError(code, `${what}: ${describeReason(error)}`, { ...where, cause: error, exitCode });
}

/**
 * Whether a thread ended by itself with an error.
 * @param {Member} member
 */
export function hasCrashed({ uncaught, exitCode, error }) {
  return uncaught !== undefined || (exitCode ?? 0) !== 0 || error?.code === 'START_FAILED';
}

/**
 * @param {string} name of a worker
 * @param {import('../codec/errors.js').Wrapped} thrown the error of its start
 * @param {string | undefined} module that it was importing
 */
export async function startFailure(name, thrown, module) {
  const cause = fromMessage(thrown);
  const place =
    cause instanceof SyntaxError
      ? (placeOf(cause) ?? (await host.findSyntaxError?.(module, cause.message)))
      : undefined;
  const text = `${name}: ${describeReason(cause)}${place ? ` (${place})` : ''}`;
  return innerError('START_FAILED', `${text}${loadAdvice(cause)}`, { cause });
}
