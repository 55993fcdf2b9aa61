/** Objects without a prototype, so that additions of a program to Object.prototype do not reach them. */

/**
 * A copy without a prototype.
 * @template {object} T
 * @param {T} properties its own enumerable properties are copied
 * @returns {T}
 */
export function own(properties) {
  return Object.assign(Object.create(null), properties);
}
