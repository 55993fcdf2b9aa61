/** How much of a map may be in flight: batches, and the bytes of their inputs and results. */

/**
 * What a map may use of its pool.
 * @typedef {object} Room
 * @property {number} workers tasks that run at once
 * @property {number} batches in flight or waiting to be read, at most
 * @property {number} bytes of inputs that wait or run, and of results that are not read yet
 */

/** A new size of results counts for so much when it is smaller than what was expected. */
const SHARE = 1 / 8;

/**
 * The account of one map. How large a result will be shows only when it is there, so each batch is charged with what results have
 * needed so far; and a map begins with two batches for each worker, and may have one more for each that has ended.
 */
export class MapWindow {
  #room;
  #batches = 0;
  #bytes = 0;
  #ended = 0;
  #expected = 0;

  /** @param {Room} room */
  constructor(room) {
    this.#room = room;
  }

  /** Whether one more batch may go. Each worker may have one, however large they are. */
  get isOpen() {
    const { workers, batches, bytes } = this.#room;
    if (this.#batches < workers) return true;
    return this.#batches < Math.min(batches, 2 * workers + this.#ended) && this.#bytes + this.#expected < bytes;
  }

  /** Inputs that travel together are parted when they are larger than this. */
  get batchBytes() {
    return this.#room.bytes / (4 * this.#room.workers);
  }

  /** Bytes that the results of a batch are likely to need. */
  get expected() {
    return this.#expected;
  }

  /** A batch is in flight, or waits for memory. */
  enter() {
    this.#batches++;
  }

  /** It was read. */
  leave() {
    this.#batches--;
  }

  /**
   * Its inputs are with the pool.
   * @param {number} bytes
   * @returns {number} what it is charged with, for refund()
   */
  charge(bytes) {
    const charge = bytes + this.#expected;
    this.#bytes += charge;
    return charge;
  }

  /** @param {number} charge */
  refund(charge) {
    this.#bytes -= charge;
  }

  /**
   * It has ended: its inputs are gone, its results are there.
   * @param {number} bytes of the results
   * @returns {number} what it is charged with from now on
   */
  settle(bytes) {
    this.#ended++;
    this.#expected = bytes >= this.#expected ? bytes : this.#expected + (bytes - this.#expected) * SHARE;
    this.#bytes += bytes;
    return bytes;
  }
}
