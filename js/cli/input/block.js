/** Items that travel together: lines of an input, or names of files. */

/**
 * How messages name items: FILE:LINE, or a path.
 * @typedef {{ name: string, lines: Uint32Array, paths?: undefined } | { paths: string[] }} Labels
 */

/** Some items in a row. */
export class Block {
  /** How often its first item has failed already. */
  attempts = 0;
  /** Its first item is a file that main must read: standard input, a pipe, a device. */
  isReadByMain = false;
  /** @type {unknown} why there is no item to read: it has failed already */
  error = undefined;

  /**
   * @param {number} first  index of the first item in the whole run, from 0
   * @param {Uint8Array} data
   * @param {Uint32Array} bounds  where each item's bytes begin and end in it
   * @param {Labels} labels
   */
  constructor(first, data, bounds, labels) {
    this.first = first;
    this.data = data;
    this.bounds = bounds;
    this.labels = labels;
  }

  /** Items. */
  get count() {
    return this.bounds.length >> 1;
  }

  /** Where its items' bytes begin and end. */
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
   * Some of its items; what is known of the first one stays with it.
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
