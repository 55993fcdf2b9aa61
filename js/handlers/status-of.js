/** The status of a task that fails. */
import { isPoolError } from '../base/errors.js';
import { STATUS } from '../generated/status.js';

/**
 * The pool's own errors keep their code; everything else that a handler throws is TASK_FAILED.
 * @param {unknown} error
 * @returns {number}
 */
export function statusOf(error) {
  const status = isPoolError(error) ? STATUS[/** @type {keyof typeof STATUS} */ (error.code)] : undefined;
  return status || STATUS.TASK_FAILED;
}

/**
 * @param {unknown} error
 * @returns {error is import('../base/errors.js').PoolError}
 */
export function isUnserializable(error) {
  return isPoolError(error) && error.code === 'NOT_SERIALIZABLE';
}
