/** Errors of tasks, from the status and the result in their slots. */
import { TYPE } from '../codec/codec.js';
import { RESULT } from '../core/core.js';
import { describeReason, innerError, loadAdvice, statusRow } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { STATUS } from '../generated/status.js';
import { lostError } from '../threads/deaths.js';

/**
 * The error with which a task ended.
 * @param {import('../core/core.js').Core} core
 * @param {number} slot address
 * @param {number} status
 * @param {{ taskId: string, worker: string | undefined }} where
 * @param {import('../threads/member.js').Member | undefined} lost the worker, if it has ended
 */
export function readFailure(core, slot, status, where, lost) {
  const { code, text } = statusRow(status);
  const isOwn = status === STATUS.WORKER_LOST || status === STATUS.POISON_JOB;
  // A handler may throw such an error of another pool while its own worker lives; then there is a result.
  if (isOwn && (lost || core.typeOf(slot, RESULT) === TYPE.UNDEFINED)) {
    const worker = where.worker ?? 'the worker';
    if (lost) return lostError(`${worker} ended while it ran the task`, lost, where, code);
    return innerError(code, `${worker} gave no sign of life while it ran the task, which was stopped`, where);
  }
  if (core.typeOf(slot, RESULT) === TYPE.UNDEFINED) {
    const isHandler = status === STATUS.TASK_FAILED && !core.load(slot + L.SLOT_C_TASK);
    return innerError(
      code,
      isHandler ? 'the handler threw undefined, or there was no memory for what it threw' : text,
      where,
    );
  }
  return thrownError(status, core.read(slot, RESULT), where);
}

/**
 * The error of a task whose handler threw something.
 * @param {number} status
 * @param {any} cause
 * @param {{ taskId: string, worker: string | undefined }} where
 */
export function thrownError(status, cause, where) {
  const { code } = statusRow(status);
  // The inner cause is why the worker could not load the module that the task names.
  const text = cause instanceof Error ? `${cause.message}${loadAdvice(cause.cause)}` : describeReason(cause);
  return innerError(code, text, { ...where, cause });
}
