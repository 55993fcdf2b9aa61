/** Results as values: what may fail says so without throwing. */

/**
 * @template T
 * @typedef {{ readonly isOk: true, readonly isErr: false, readonly value: T, readonly error: undefined }} Ok
 */
/**
 * @template E
 * @typedef {{ readonly isOk: false, readonly isErr: true, readonly value: undefined, readonly error: E }} Err
 */
/**
 * @template T, [E=string]
 * @typedef {Ok<T> | Err<E>} Result `isOk` tells which one; TypeScript then knows `value` or `error`
 */

/**
 * @template T
 * @param {T} value
 * @returns {Ok<T>}
 */
export const ok = (value) => Object.freeze({ isOk: true, isErr: false, value, error: undefined });

/**
 * @template E
 * @param {E} error
 * @returns {Err<E>}
 */
export const err = (error) => Object.freeze({ isOk: false, isErr: true, value: undefined, error });
