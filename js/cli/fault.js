/** Failures as the command line reports them: one line each, `wasmpool: <input>: CODE message`. */

/** The command was used wrongly: one line on stderr, exit status 2. */
export class UsageError extends Error {}

/** An item that cannot become a task, or a result that cannot be written. `code` is errno's name or a row of the table. */
export class ItemError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Codes of failures for which another attempt is useless. */
export const LASTING = new Set(['UNKNOWN_TASK', 'NOT_SERIALIZABLE', 'TOO_LARGE', 'INVALID_ARGUMENT']);

/**
 * A failure of an item, as plain data.
 * @typedef {object} Failure
 * @property {string} code  of the pool, or errno's name
 * @property {string} message
 * @property {string} [name]  of the error that the handler threw
 * @property {string} [stack]
 */

/**
 * An error as plain data.
 * @param {unknown} error
 * @param {string} [otherwise]  the code for errors that are neither the pool's nor the command line's own
 * @returns {Failure}
 */
export function failureOf(error, otherwise) {
  const { name, code, stack, cause } = /** @type {Partial<NodeJS.ErrnoException> & { cause?: unknown }} */ (
    error ?? {}
  );
  const isOurs = error instanceof ItemError || name === 'PoolError';
  const failure = { code: String((isOurs || !otherwise ? code : otherwise) ?? ''), message: messageOf(error) };
  const origin = isOurs ? /** @type {Partial<Error>} */ (cause ?? {}) : { name, stack };
  if (typeof origin.name === 'string') Object.assign(failure, { name: origin.name });
  if (typeof origin.stack === 'string') Object.assign(failure, { stack: origin.stack });
  return failure;
}

/**
 * Describes an error on one line, without control characters (a handler's message may contain anything).
 * @param {unknown} error  an error or a Failure
 * @returns {string} `CODE message`, or the message alone if there is no code
 */
export function describe(error) {
  const { code } = /** @type {Partial<NodeJS.ErrnoException>} */ (error ?? {});
  const text = oneLine(messageOf(error));
  return code && !text.startsWith(code) ? `${code} ${text}` : text;
}

/**
 * The message; for an error of a system call, without the code and the call that Node repeats in it.
 * @param {unknown} error
 */
function messageOf(error) {
  const { code, message, syscall } = /** @type {Partial<NodeJS.ErrnoException>} */ (error ?? {});
  const text = typeof message === 'string' ? message : String(error);
  return syscall && code ? text.replace(`${code}: `, '').replace(/, \w+( '.*')?$/s, '') : text;
}

/**
 * @param {string} text
 * @returns {string} the text with line breaks as spaces and other control characters escaped
 */
export function oneLine(text) {
  const flat = text.trim().replace(/\s*[\r\n]\s*/g, ' ');
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return flat.replace(/[\x00-\x1f\x7f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** @param {unknown} error */
export function codeOf(error) {
  return String(/** @type {{ code?: unknown }} */ (error ?? {}).code ?? '');
}
