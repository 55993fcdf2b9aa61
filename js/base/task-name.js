/**
 * What is called a task: the name of a handler of the pool's own module, or of another one, or a function by its source. Inside the pool
 * all three are names, which the core interns: those of the other kinds begin with a NUL, that no plain name may.
 */
/**
 * A handler of a module that is not the pool's: each worker imports it when it first needs it.
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

/** Part of no plain name. */
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
 * A task's name for people.
 * @param {string} text
 */
export function shownName(text) {
  const reference = parseReference(text);
  if (!reference) return text;
  if (reference.kind === 'module') return `${reference.name} of ${reference.text}`;
  return reference.name || 'a function';
}
