/** Functions that want to hear of something. */
import { callback } from '../../base/check.js';
import { poolError } from '../../base/errors.js';
import { host } from '../../host/index.js';
import { callOut, logThrown } from '../../task/task.js';

/** @typedef {(message: any) => unknown} Listener */

/** The subscribers of one actor, or of a supervisor. A change during a delivery counts from the next one on. */
export class Subscribers {
  /** Replaced, never changed: a delivery goes on with the one that it began with. @type {readonly { call: Listener }[]} */
  #all = [];

  get count() {
    return this.#all.length;
  }

  /**
   * @param {Listener} listener
   * @returns {() => void} ends the subscription; idempotent
   * @throws {import('../../base/errors.js').PoolError} INVALID_ARGUMENT
   */
  add(listener) {
    if (!callback('subscribe', listener))
      throw poolError('INVALID_ARGUMENT', 'subscribe: expected a function, got undefined');
    const one = { call: host.bind(listener) };
    this.#all = [...this.#all, one];
    return () => {
      this.#all = this.#all.filter((other) => other !== one);
    };
  }

  /**
   * Tells all of them, in the order in which they subscribed. What one throws is logged, and so is what the promise of an async one
   * rejects with.
   * @param {object} message
   */
  tell(message) {
    for (const { call } of this.#all) callOut(tellOne, call, message);
  }

  clear() {
    this.#all = [];
  }
}

/**
 * @param {Listener} call
 * @param {object} message
 */
function tellOne(call, message) {
  const result = /** @type {any} */ (call(message));
  if (typeof result?.then === 'function') result.then(undefined, logThrown);
}
