/** The number of items per block: many if items take microseconds, one if they take long. */

import { BLOCK_ITEMS } from './record.js';

/** Target time of a block: long compared with its own cost, short compared with what a user notices. */
const TARGET_MS = 4;

/** A block that takes longer than this is handed back by its worker, so that others help with the rest. */
const PATIENCE_MS = 25;

/** Most growth of the size from one block to the next: the first items may be easy ones. */
const GROWTH = 4;

/** The size of blocks, learned from how long they take. */
export class Pace {
  #fixed;
  #size = 1;

  /** @param {number} [batch]  items of each block, as the user wants it */
  constructor(batch) {
    this.#fixed = batch === undefined ? undefined : Math.min(batch, BLOCK_ITEMS);
  }

  /** How many items to put into the next block. */
  get size() {
    return this.#fixed ?? this.#size;
  }

  get patienceMs() {
    return this.#fixed === undefined ? PATIENCE_MS : Infinity;
  }

  /**
   * Learns from a block.
   * @param {number} items  that are done
   * @param {number} ms  together
   * @param {boolean} [isHandedBack]  whether its worker handed it back: an item was slow, and later ones may be as slow
   */
  learn(items, ms, isHandedBack = false) {
    if (isHandedBack) this.#size = 1;
    if (isHandedBack || !items) return;
    const fitting = Math.floor((TARGET_MS * items) / Math.max(ms, 0.001));
    this.#size = Math.max(1, Math.min(fitting, this.#size * GROWTH, BLOCK_ITEMS));
  }
}
