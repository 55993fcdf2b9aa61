/**
 * The one error class of the pool. Codes and texts come from the status table that C uses too, so
 * that a code can never mean two things.
 */

import { STATUS_ROWS } from '../generated/status.js';
import { own } from './own.js';

/** By the row that has the code's own name: others may share the code. @type {ReadonlyMap<string, string>} */
const TEXT_BY_CODE = new Map(STATUS_ROWS.filter((row) => row.name === row.code).map((row) => [row.code, row.text]));

/**
 * @typedef {object} PoolErrorExtra
 * @property {string} [taskId] the task that the error belongs to
 * @property {string} [worker] name of the worker that ran it
 * @property {unknown} [cause] what led to this error
 * @property {number} [exitCode] of a worker that ended
 */

/** An error of the pool; `code` is stable and what callers compare, the message is for people. */
export class PoolError extends Error {
  /**
   * @param {string} code a code of the status table
   * @param {string} [message] default: the table's text for the code
   * @param {PoolErrorExtra} [extra]
   */
  constructor(code, message, extra) {
    const { cause, taskId, worker, exitCode } = own(extra ?? {});
    const options = cause === undefined ? undefined : { cause };
    super(message ?? TEXT_BY_CODE.get(code) ?? code, options);
    /** @type {string} */
    this.code = code;
    /** @type {string | undefined} */
    this.taskId = taskId;
    /** @type {string | undefined} */
    this.worker = worker;
    /** Of a batch, map or broadcast: which member failed. @type {number | undefined} */
    this.index = undefined;
    /** With which the worker ended by itself, of WORKER_LOST. @type {number | undefined} */
    if (exitCode !== undefined) this.exitCode = exitCode;
  }
}

// On the prototype, as the built-in error classes have it, so that it is no own property of each.
Object.defineProperty(PoolError.prototype, 'name', own({ value: 'PoolError', configurable: true, writable: true }));

/**
 * Makes a PoolError.
 * @param {string} code a code of the status table
 * @param {string} [message] default: the table's text for the code
 * @param {PoolErrorExtra} [extra]
 * @returns {PoolError}
 */
export function poolError(code, message, extra) {
  return new PoolError(code, message, extra);
}

/**
 * Makes a PoolError in a turn of the pool's own, where none of its caller's functions is on the stack. It has no frames: V8 keeps what they
 * refer to until somebody reads `stack`, so that an error that is kept would keep a destroyed pool's memory.
 * @param {string} code a code of the status table
 * @param {string} [message] default: the table's text for the code
 * @param {PoolErrorExtra} [extra]
 * @returns {PoolError}
 */
export const innerError = (code, message, extra) => withoutFrames(() => new PoolError(code, message, extra));

/**
 * @template T
 * @param {() => T} make makes errors
 * @returns {T}
 */
export function withoutFrames(make) {
  const { stackTraceLimit } = Error;
  if (!Reflect.set(Error, 'stackTraceLimit', 0)) return make(); // it is frozen
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/**
 * @param {unknown} value anything that was thrown; a Proxy may throw when it is looked at
 * @returns {value is PoolError}
 */
export function isPoolError(value) {
  try {
    return value instanceof PoolError;
  } catch {
    return false;
  }
}

/**
 * One line about why, for the message of another error.
 * @param {unknown} reason
 * @returns {string} never throws
 */
export function describeReason(reason) {
  try {
    return describe(reason);
  } catch {
    return NO_TEXT; // a Proxy that throws
  }
}

/** @param {unknown} reason */
function describe(reason) {
  const { name, message } = /** @type {Partial<Error>} */ (Object(reason));
  if (typeof reason === 'string') return reason;
  if (typeof reason !== 'object' || typeof message !== 'string') return display(reason).slice(0, MOST_SHOWN);
  return name && name !== 'Error' && name !== 'PoolError' ? `${name}: ${message}` : message;
}

const NO_TEXT = 'a value that has no text';

/**
 * @param {unknown} value
 * @returns {string} never throws
 */
export function safeText(value) {
  try {
    return String(value);
  } catch {
    return NO_TEXT;
  }
}

/**
 * Where a module could not be read: Node writes it before the stack, Firefox into properties.
 * @param {any} error
 * @returns {string | undefined} file and line
 */
export function placeOf({ stack, fileName, lineNumber }) {
  return fileName ? `${fileName}:${lineNumber}` : /^(\S+:\d+)\r?\n/.exec(stack)?.[1];
}

/** Characters of a value in a message. */
const MOST_SHOWN = 200;

/**
 * @param {unknown} value that is no error
 * @returns {string} never throws
 */
function display(value) {
  try {
    const text = String(value);
    const isSilent = text.startsWith('[object ') || Array.isArray(value);
    return (isSilent && JSON.stringify(value)) || text;
  } catch {
    return NO_TEXT;
  }
}
