/** Events and who listens to them. */
import { callOut } from './task.js';

/** Listeners by event. */
export class Emitter {
  /** @type {Map<string, Set<(...details: any[]) => void>>} */
  #listeners = new Map();

  /**
   * @param {string} event
   * @param {(...details: any[]) => void} listener
   * @returns {() => void} removes the listener
   */
  on(event, listener) {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /**
   * Tells those who listen now; what one of them throws does not reach the others.
   * @param {string} event
   * @param {...unknown} details
   */
  emit(event, ...details) {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) callOut(listener, ...details);
  }

  clear() {
    this.#listeners.clear();
  }
}
