/**
 * Names of tasks. A task is a handler of the pool's own module, a handler of another module, or a function sent by its source. Inside the
 * pool each is one string, which the core interns; the strings of the last two kinds begin with NUL, which a plain name may not contain.
 */
/**
 * A handler of a module other than the pool's; each worker imports the module when it first needs it.
 * @typedef {object} ModuleTask
 * @property {string | URL} module a URL, or a path from the working directory
 * @property {string} [name] of the handler; 'default'
 *
 * @typedef {string | Function | ModuleTask} TaskRef
 *
 * @typedef {object} Reference
 * @property {'module' | 'source'} kind
 * @property {string} name of the handler, or of the function
 * @property {string} text URL of the module, or the function's source
 */

/** Not allowed in plain names. */
export const NUL = '\0';
const KINDS = /** @type {const} */ ({ m: 'module', s: 'source' });

/**
 * @param {keyof typeof KINDS} kind
 * @param {string} name
 * @param {string} text
 */
export const encodeReference = (kind, name, text) => `${NUL}${kind}${name}${NUL}${text}`;

/**
 * @param {string} text
 * @returns {Reference | undefined} undefined: a plain name
 */
export function parseReference(text) {
  if (!text.startsWith(NUL)) return undefined;
  const end = text.indexOf(NUL, 1);
  const kind = KINDS[/** @type {keyof typeof KINDS} */ (text[1])];
  return { kind, name: text.slice(2, end), text: text.slice(end + 1) };
}

/**
 * A task's name for messages.
 * @param {string} text
 */
export function shownName(text) {
  const reference = parseReference(text);
  if (!reference) return text;
  if (reference.kind === 'module') return `${reference.name} of ${reference.text}`;
  return reference.name || 'a function';
}
