/** Events and their listeners. */
import { callback, nearestName } from '../base/check.js';
import { poolError } from '../base/errors.js';
import { host } from '../host/index.js';
import { callOut } from '../task/task.js';

/**
 * Listeners by event.
 * @template {{ [E in keyof M]: unknown[] }} M the arguments of the listeners, by event
 */
export class Emitter {
  /** @type {Map<keyof M, Set<(...details: any[]) => void>>} */
  #listeners = new Map();

  /** @param {readonly (keyof M & string)[]} names of all events */
  constructor(names) {
    for (const name of names) this.#listeners.set(name, new Set());
  }

  /**
   * @template {keyof M & string} E
   * @param {E} event
   * @param {(...details: M[E]) => void} listener
   * @returns {() => void} removes the listener
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT for an unknown event, or a listener that is no function
   */
  on(event, listener) {
    const listeners = this.#listeners.get(event);
    if (!listeners) throw unknownEvent(event, /** @type {string[]} */ ([...this.#listeners.keys()]));
    if (listener === undefined) throw poolError('INVALID_ARGUMENT', 'listener: expected a function');
    listeners.add(/** @type {typeof listener} */ (callback('listener', listener)));
    return () => void listeners.delete(listener);
  }

  /**
   * Calls the present listeners. An error of one does not affect the others.
   * @template {keyof M & string} E
   * @param {E} event
   * @param {M[E]} details
   */
  emit(event, ...details) {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) this.tell(listener, ...details);
  }

  /** Calls a user's function, in the async context in which this emitter was created and not in that of some task. */
  tell = host.bind(callOut);

  /** @param {keyof M & string} event @returns {boolean} whether it has a listener */
  has(event) {
    return (this.#listeners.get(event)?.size ?? 0) > 0;
  }

  clear() {
    for (const listeners of this.#listeners.values()) listeners.clear();
  }
}

/**
 * @param {unknown} event
 * @param {string[]} known
 */
function unknownEvent(event, known) {
  const nearest = nearestName(String(event), known);
  const hint = nearest ? `did you mean '${nearest}'?` : `known: ${known.join(', ')}`;
  return poolError('INVALID_ARGUMENT', `event: unknown event '${String(event)}'; ${hint}`);
}
