/** How many items travel together: many while they take microseconds, one while they take long. */

import { BLOCK_ITEMS } from './record.js';

/** What a block should take: long beside a block's own cost, short beside what a user notices. */
const TARGET_MS = 4;

/** A block that is over so much is handed back by its worker, so that others help with what is left. */
const PATIENCE_MS = 25;

/** By so much the size grows at most, from one block to the next: the first items may be easy ones. */
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
   * @param {boolean} [isHandedBack]  its worker gave it up: some item was slow, and those behind it may be as slow
   */
  learn(items, ms, isHandedBack = false) {
    if (isHandedBack) this.#size = 1;
    if (isHandedBack || !items) return;
    const fitting = Math.floor((TARGET_MS * items) / Math.max(ms, 0.001));
    this.#size = Math.max(1, Math.min(fitting, this.#size * GROWTH, BLOCK_ITEMS));
  }
}
