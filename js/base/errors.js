/**
 * The pool's error class. Codes and texts come from the status table that C uses as well, so that
 * a code has one meaning.
 */

import { STATUS, STATUS_ROWS } from '../generated/status.js';
import { own } from './own.js';

/** Several rows may share a code; the one with the code's own name has its text. @type {ReadonlyMap<string, string>} */
const TEXT_BY_CODE = new Map(STATUS_ROWS.filter((row) => row.name === row.code).map((row) => [row.code, row.text]));

/**
 * @typedef {object} PoolErrorExtra
 * @property {string} [taskId] the task that the error belongs to
 * @property {string} [worker] name of the worker that ran it
 * @property {unknown} [cause] the cause of this error
 * @property {number} [exitCode] of a worker that ended
 */

/** An error of the pool. `code` is stable, for programs to compare; the message is for people. */
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
    /** Of a batch, map or broadcast: index of the member that failed. @type {number | undefined} */
    this.index = undefined;
    /** Of WORKER_LOST: exit code of a worker that ended by itself. @type {number | undefined} */
    if (exitCode !== undefined) this.exitCode = exitCode;
  }
}

// On the prototype, as in the built-in error classes, so that errors have no own property `name`.
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
 * Makes a PoolError in a turn of the pool's own, where no function of the user is on the stack. It has no stack frames: V8 keeps everything
 * that frames refer to until `stack` is read, so an error that a program keeps would keep a destroyed pool's memory alive.
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
  if (!Reflect.set(Error, 'stackTraceLimit', 0)) return make(); // Error is frozen
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/**
 * `value instanceof type`.
 * @template T
 * @param {unknown} value anything that was thrown; it may be a Proxy that throws
 * @param {new (...args: any[]) => T} type
 * @returns {value is T}
 */
export function isInstance(value, type) {
  try {
    return value instanceof type;
  } catch {
    return false;
  }
}

/**
 * @param {unknown} value anything that was thrown
 * @returns {value is PoolError}
 */
export function isPoolError(value) {
  return isInstance(value, PoolError);
}

/**
 * Code and text of a status; an unknown one counts as a broken invariant.
 * @param {number} status
 */
export function statusRow(status) {
  return STATUS_ROWS[-status] ?? STATUS_ROWS[-STATUS.BROKEN_INVARIANT];
}

/**
 * One line about a reason, for the message of another error.
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
 * The place of a syntax error in a module: Node writes it before the stack, Firefox into properties.
 * @param {any} error
 * @returns {string | undefined} file and line
 */
export function placeOf({ stack, fileName, lineNumber }) {
  return fileName ? `${fileName}:${lineNumber}` : /^(\S+:\d+)\r?\n/.exec(stack)?.[1];
}

/** Most characters of a value that a message shows. */
const MOST_SHOWN = 200;

/**
 * @param {unknown} value not an error
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

/**
 * What to do about a module in TypeScript that the runtime did not load, as the end of a message. Node before 22.18 says only that it does not
 * know the file's extension.
 * @param {any} cause
 */
export function loadAdvice(cause) {
  if (cause?.code !== 'ERR_UNKNOWN_FILE_EXTENSION') return '';
  const extension = /"\.([cm]?tsx?)"/.exec(cause.message)?.[1];
  if (!extension) return '';
  const others = extension.endsWith('x') ? 'Deno or Bun' : 'Node 22.18 or later, Deno or Bun';
  return `. This runtime does not load .${extension} files: compile it, and name the compiled file; or use ${others}`;
}
