/** Classes of errors that every runtime has, and that structured clone keeps. */

export const STANDARD = Object.freeze({
  Error,
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  EvalError,
  URIError,
});

/**
 * An error of the class that structured clone makes of this name.
 * @param {unknown} name
 */
export function standardError(name) {
  const type = Object.hasOwn(STANDARD, /** @type {any} */ (name)) ? STANDARD[/** @type {'Error'} */ (name)] : Error;
  return new type();
}
