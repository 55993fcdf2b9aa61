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

/**
 * What went wrong, on one line and without control characters (a handler's message may hold anything).
 * @param {unknown} error
 * @returns {string} `CODE message`, or the message alone where there is no code
 */
export function describe(error) {
  const { code, message, syscall } = /** @type {Partial<NodeJS.ErrnoException>} */ (error ?? {});
  let text = typeof message === 'string' ? message : String(error);
  if (syscall && code) text = text.replace(`${code}: `, '').replace(/, \w+( '.*')?$/s, '');
  text = oneLine(text);
  return code && !text.startsWith(code) ? `${code} ${text}` : text;
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
