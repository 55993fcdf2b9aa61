/** What handles of shared state have in common: where their state is. */
import { poolError } from '../base/errors.js';
import { theCore } from './core.js';

/** States that were made but never published go when their handles do. @type {FinalizationRegistry<() => void>} */
const unpublished = new FinalizationRegistry((drop) => drop());

/** A handle, of the thread that made it. Its state comes into being at its first use, or when it is shared. */
export class State {
  #ref;
  /** @protected @type {import('./core.js').Core} */
  _core;

  /** @param {number} [ref] of a state that is shared */
  constructor(ref = 0) {
    this.#ref = ref;
    this._core = theCore();
  }

  /** The reference of its state. @protected */
  get _ref() {
    return this.#ref || this.#begin();
  }

  /**
   * Makes the state.
   * @protected @abstract
   * @returns {number} its reference; 0: the registry is full
   */
  _make() {
    return 0;
  }

  /**
   * Gives back a state that was never published.
   * @protected @abstract
   * @param {number} _ref
   */
  _drop(_ref) {}

  #begin() {
    this._core.enter();
    const ref = this._make() >>> 0;
    this._core.leave();
    if (!ref) throw poolError('REGISTRY_FULL', 'the registry has no room for another state');
    this.#ref = ref;
    State.notPublished(this);
    return ref;
  }

  /** For shared(): the reference of the state. @param {State} state */
  static refOf(state) {
    return state._ref;
  }

  /** @param {State} state that is being published: it stays for ever */
  static published(state) {
    unpublished.unregister(state);
  }

  /** @param {State} state that was not: it goes with its handle */
  static notPublished(state) {
    const { _drop: drop } = Object.getPrototypeOf(state);
    const ref = state.#ref;
    unpublished.register(state, () => drop(ref), state);
  }
}
