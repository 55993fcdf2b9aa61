/** Items that travel together: lines of an input, or names of files. */

/**
 * Names of items in messages: FILE:LINE, or a path.
 * @typedef {{ name: string, lines: Uint32Array, paths?: undefined } | { paths: string[] }} Labels
 */

/** Consecutive items. */
export class Block {
  /** How often its first item has failed already. */
  attempts = 0;
  /** Whether its first item is a file that main must read: standard input, a pipe, a device. */
  isReadByMain = false;
  /** @type {unknown} why its item cannot be read: it has failed already */
  error = undefined;

  /**
   * @param {number} first  index of the first item in the whole run, from 0
   * @param {Uint8Array} data
   * @param {Uint32Array} bounds  start and end of each item's bytes
   * @param {Labels} labels
   */
  constructor(first, data, bounds, labels) {
    this.first = first;
    this.data = data;
    this.bounds = bounds;
    this.labels = labels;
  }

  /** Number of items. */
  get count() {
    return this.bounds.length >> 1;
  }

  /** Start of its first item's bytes, and end of its last one's. */
  get span() {
    const { bounds } = this;
    return bounds.length ? { start: bounds[0], end: bounds[bounds.length - 1] } : { start: 0, end: 0 };
  }

  /** @param {number} i */
  label(i) {
    const { labels } = this;
    return labels.paths ? labels.paths[i] : `${labels.name}:${labels.lines[i]}`;
  }

  /** @param {number} i */
  path(i) {
    return this.labels.paths?.[i];
  }

  /**
   * A part of it; the state of the first item stays with the part that has it.
   * @param {number} from
   * @param {number} [to]
   */
  slice(from, to = this.count) {
    const { labels } = this;
    const part = new Block(
      this.first + from,
      this.data,
      this.bounds.subarray(2 * from, 2 * to),
      labels.paths
        ? { paths: labels.paths.slice(from, to) }
        : { name: labels.name, lines: labels.lines.subarray(from, to) },
    );
    if (from === 0)
      Object.assign(part, { attempts: this.attempts, isReadByMain: this.isReadByMain, error: this.error });
    return part;
  }
}
