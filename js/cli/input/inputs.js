/** Chooses the items of a `wasmpool map` run by its flags. */

import { UsageError } from '../fault.js';
import { lineBlocks, listedBlocks, nameBlocks, statOf } from './input.js';

/** @typedef {import('./block.js').Block} Block */

/** How long a stopped run waits for the end of its input. */
const LOOK_MS = 100;

/** The items of one run. */
export class Inputs {
  /** Items read so far. */
  read = 0;
  /** Whether all items have been read. */
  isComplete = false;
  #names;
  #flags;
  #stdin;

  /**
   * @param {string[]} files
   * @param {import('../map.js').MapFlags} flags
   * @param {import('node:stream').Readable} stdin
   * @throws {UsageError}
   */
  constructor(files, flags, stdin) {
    if (flags.null && flags.filesFrom === undefined && !flags.paths) throw new UsageError('-0 needs --files-from');
    if (files.length && flags.filesFrom !== undefined) {
      throw new UsageError('FILE arguments and --files-from exclude each other');
    }
    this.#names = files.length ? files : ['-'];
    this.#flags = flags;
    this.#stdin = stdin;
    /** @type {import('../work/handler.js').Settings['mode']} */
    this.mode = modeOf(flags);
    /** The list with the names of the items, if they are not given as arguments. */
    this.list = flags.filesFrom ?? (flags.paths && !files.length ? '-' : undefined);
  }

  /** Whether each item is a file. */
  get isByFile() {
    return this.mode === 'files' || this.mode === 'paths';
  }

  /** @returns {AsyncGenerator<Block, void, void>} */
  async *blocks() {
    const source = this.#open();
    let isLeft = false;
    try {
      for (let { done, value } = await source.next(); !done; { done, value } = await source.next()) {
        const block = /** @type {Block} */ (value);
        this.read += block.count;
        isLeft = true;
        yield block;
        isLeft = false;
      }
      this.isComplete = true;
    } finally {
      if (isLeft) {
        this.isComplete = Boolean((await source.next()).done); // only the next read shows the end; a terminal may never answer
        void source.return();
      }
    }
  }

  /** Waits a moment for the end of an input that is not read any more. */
  async look() {
    const end = performance.now() + LOOK_MS;
    while (!this.isComplete && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  #open() {
    if (this.list !== undefined) return listedBlocks(this.list, this.#stdin, Boolean(this.#flags.null));
    if (this.isByFile) return nameBlocks(this.#names, { readsStdin: this.mode === 'files' });
    return lineBlocks(this.#names, this.#stdin, { skipBlank: this.mode === 'json' });
  }

  /** @returns {number | undefined} the number of all items, if it is known */
  get count() {
    if (this.isComplete) return this.read;
    return this.isByFile && this.list === undefined ? this.#names.length : undefined;
  }

  /** @returns {number | undefined} the progress bar's total, in items or bytes; undefined: not known before the end */
  get total() {
    if (this.isByFile) return this.count;
    let bytes = 0;
    for (const file of this.#names) {
      const stat = file === '-' ? undefined : statOf(file);
      if (!stat?.isFile()) return undefined;
      bytes += stat.size;
    }
    return bytes;
  }
}

/**
 * @param {import('../map.js').MapFlags} flags
 * @returns {import('../work/handler.js').Settings['mode']}
 */
function modeOf({ paths, files, filesFrom, lines }) {
  if (paths) return 'paths';
  if (files || filesFrom !== undefined) return 'files';
  return lines ? 'lines' : 'json';
}
