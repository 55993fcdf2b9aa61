/** Helpers for the code that receives messages, on main and in actors. */
import { object } from '../base/check.js';

/**
 * The message that a key of a message map stands for.
 * @template {{ readonly msg: PropertyKey }} M
 * @template {PropertyKey} K
 * @typedef {Extract<M, { readonly msg: K }>} Case
 */
/**
 * One function for each key, or fewer and `_` for the rest.
 * @template {{ readonly msg: any }} M
 * @template R
 * @typedef {{ readonly [K in M['msg'] & PropertyKey]: (message: Case<M, K>) => R }
 *   | ({ readonly [K in M['msg'] & PropertyKey]?: (message: Case<M, K>) => R } & { readonly _: (message: M) => R })} Cases
 */

/**
 * Calls the function of `cases` that has the message's key, `msg`, or `_` if there is none. Without either nothing happens.
 * @template {{ readonly msg: any }} M
 * @template [R=unknown]
 * @param {M} message
 * @param {Cases<M, R>} cases
 * @returns {R | undefined} what the function returns
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT: `cases` is no object, or the case is no function
 */
export function matchAll(message, cases) {
  object('cases', cases);
  const key = message?.msg;
  const own = (/** @type {any} */ name) => (Object.hasOwn(cases, name) ? /** @type {any} */ (cases)[name] : undefined);
  const run = (key !== undefined && key !== null ? own(key) : undefined) ?? own('_');
  return run?.(message);
}

/**
 * Prints values on a line, as console.log does.
 * @param {...unknown} values
 */
export function println(...values) {
  console.log(...values);
}
