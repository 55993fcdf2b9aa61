/** Limits how much of a map is in flight: batches, and bytes of their inputs and results. */

/**
 * The limits of a map.
 * @typedef {object} Room
 * @property {number} workers tasks that can run at once
 * @property {number} batches most batches in flight or waiting to be read
 * @property {number} bytes most bytes of inputs that wait or run and of results that are not read yet
 */

/** Weight of a new result size that is smaller than expected, in the moving average. */
const SHARE = 1 / 8;

/**
 * The account of one map. The size of a result is not known in advance, so each batch is charged with the size of results so far. A map
 * begins with two batches for each worker, and may have one more for each batch that has ended.
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

  /** Whether one more batch may be sent. Each worker may have one, however large they are. */
  get isOpen() {
    const { workers, batches, bytes } = this.#room;
    if (this.#batches < workers) return true;
    return this.#batches < Math.min(batches, 2 * workers + this.#ended) && this.#bytes + this.#expected < bytes;
  }

  /** A batch is sent when its inputs reach this size, even if it has fewer items than batchSize. */
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

  /** A batch was read. */
  leave() {
    this.#batches--;
  }

  /**
   * Charges a batch whose inputs were submitted.
   * @param {number} bytes of the inputs
   * @returns {number} the charge, for refund()
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
   * Charges a batch that has ended for its results, instead of its inputs.
   * @param {number} bytes of the results
   * @returns {number} the charge, for refund()
   */
  settle(bytes) {
    this.#ended++;
    this.#expected = bytes >= this.#expected ? bytes : this.#expected + (bytes - this.#expected) * SHARE;
    this.#bytes += bytes;
    return bytes;
  }
}
