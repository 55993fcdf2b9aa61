/** Objects with own properties only: additions of a program to Object.prototype do not reach them. */

/**
 * A copy without a prototype.
 * @template {object} T
 * @param {T} properties own enumerable ones are taken
 * @returns {T}
 */
export function own(properties) {
  return Object.assign(Object.create(null), properties);
}
