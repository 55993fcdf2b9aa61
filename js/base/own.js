/** Objects whose properties are their own: what a program has put into Object.prototype is no part of them. */

/**
 * A copy without a prototype.
 * @template {object} T
 * @param {T} properties own enumerable ones are taken
 * @returns {T}
 */
export function own(properties) {
  return Object.assign(Object.create(null), properties);
}
