/** A number of 64 bits that all threads share: src/counter.h. */
import { poolError } from '../base/errors.js';
import { theCore } from './core.js';
import { State } from './state.js';

/** Beyond these, numbers of JavaScript do not name each integer. @type {(n: unknown) => n is number} */
const isSafe = /** @type {any} */ (Number.isSafeInteger);

/**
 * Of increments and sums of all threads none is lost. Sums wrap around at 2^63. Results are numbers, exact up to 2^53; getBigInt is exact
 * always.
 */
export class Counter extends State {
  #initial;

  /** @param {bigint} initial @param {number} [ref] of one that is shared already */
  constructor(initial, ref) {
    super(ref);
    this.#initial = initial;
  }

  /** @protected @override */
  _make() {
    return theCore().exports.wp_shared_counter_new(theCore().v, this.#initial);
  }

  /** @protected @override @param {number} ref */
  _drop(ref) {
    theCore().exports.wp_shared_counter_drop(theCore().v, ref);
  }

  /** Adds 1. @returns {number} the value afterwards */
  increment() {
    return this._core.exports.wp_shared_counter_add(this._ref, 1);
  }

  /** Subtracts 1. @returns {number} the value afterwards */
  decrement() {
    return this._core.exports.wp_shared_counter_add(this._ref, -1);
  }

  /** @param {number | bigint} n a whole number @returns {number} the value afterwards */
  add(n) {
    if (isSafe(n)) return this._core.exports.wp_shared_counter_add(this._ref, n);
    return Number(this._core.exports.wp_shared_counter_add_whole(this._ref, whole(n)));
  }

  /** @returns {number} */
  get() {
    return this._core.exports.wp_shared_counter_get(this._ref);
  }

  /** @returns {bigint} */
  getBigInt() {
    return this._core.exports.wp_shared_counter_get_whole(this._ref);
  }

  /** @param {number | bigint} n a whole number */
  set(n) {
    this._core.exports.wp_shared_counter_set(this._ref, whole(n));
  }
}

/** @param {unknown} n @returns {bigint} */
function whole(n) {
  if (typeof n === 'bigint') return n;
  if (isSafe(n)) return BigInt(n);
  throw poolError('INVALID_ARGUMENT', 'a counter counts in whole numbers: a safe integer or a bigint');
}

/**
 * @param {number | bigint} [initial] 0
 * @returns {Counter} to be given to shared(); until then nobody else knows it
 */
export const counter = (initial = 0) => new Counter(whole(initial));
