/** Messages of a `wasmpool map` run on stderr: failures, a progress bar, figures at the end. */

import { clearLine, cursorTo } from 'node:readline';
import { SingleBar } from '../dist/command-line.cjs';
import { describe, oneLine } from './fault.js';

/** Figures of a run. `kills`: runs that were killed at the time limit, including those that were retried. */
export class Meter {
  /** Items that were run, successfully or not. */
  items = 0;
  /** Items among these that failed. */
  itemsFailed = 0;
  /** All failures: of items, a list of names, an output. */
  failed = 0;
  /** Items that an earlier run had done. */
  skipped = 0;
  kills = 0;
  bytes = 0;
  #start = performance.now();

  /** @returns {string} one line for --stats */
  summary() {
    const seconds = Math.max(performance.now() - this.#start, 0.001) / 1000;
    const megabytes = this.bytes / 1e6;
    return [
      `${this.items} items`,
      `${this.failed} failed`,
      `${this.kills} kills`,
      `${megabytes.toFixed(3)} MB`,
      `${seconds.toFixed(3)} s`,
      `${(this.items / seconds).toFixed(1)} items/s`,
      `${(megabytes / seconds).toFixed(3)} MB/s`,
    ].join(', ');
  }
}

/** Writes to stderr, with or without a bar at the bottom. */
export class Reporter {
  #stream;
  #canMove;
  /** @type {SingleBar | undefined} */
  #bar;

  /**
   * @param {NodeJS.WriteStream | import('node:stream').Writable} stream  stderr
   * @param {string} [terminal]  the variable TERM
   */
  constructor(stream, terminal) {
    this.#stream = stream;
    this.#canMove = Boolean(/** @type {NodeJS.WriteStream} */ (stream).isTTY) && terminal !== 'dumb';
  }

  /**
   * Shows a bar until stop().
   * @param {{ total?: number }} amount  items or bytes; without a total only the count is shown
   */
  showBar({ total }) {
    const bar = total === undefined ? '' : '{bar} {percentage}% | ETA {eta_formatted} | ';
    this.#bar = new SingleBar({
      stream: /** @type {NodeJS.WritableStream} */ (this.#canMove ? this.#stream : plainLines(this.#stream)),
      format: `${bar}{items} items | {failed} failed | {duration_formatted}`,
      barCompleteChar: '#',
      barIncompleteChar: '-',
      barsize: 30,
      hideCursor: true,
      clearOnComplete: false,
      noTTYOutput: true,
      gracefulExit: false, // Ctrl-C is ours
      forceRedraw: true, // because failure lines overwrite it
    });
    this.#bar.start(total ?? 0, 0, { items: 0, failed: 0 });
  }

  /**
   * @param {number} amount  done so far, in the unit of the total
   * @param {Meter} meter
   */
  update(amount, { items, failed }) {
    this.#bar?.update(amount, { items, failed });
  }

  /**
   * @param {string} label  the input
   * @param {unknown} error  or a Failure
   * @param {boolean} [verbose]  also the name and the stack of the handler's error
   */
  failure(label, error, verbose = false) {
    this.line(`${oneLine(label)}: ${describe(error)}`);
    const { name, stack } = /** @type {import('./fault.js').Failure} */ (error ?? {});
    if (!verbose || !(stack ?? name)) return;
    const lines = (stack ?? String(name)).split('\n').map(oneLine);
    this.#stream.write(lines.map((text) => `    ${text}\n`).join(''));
  }

  /** @param {string} text  a line of its own, above the bar */
  line(text) {
    if (this.#bar && this.#canMove) {
      cursorTo(this.#stream, 0);
      clearLine(this.#stream, 0);
    }
    this.#stream.write(`wasmpool: ${text}\n`);
  }

  stop() {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

/**
 * The stream as one that is not a terminal, for which the bar writes a line from time to time.
 * @param {import('node:stream').Writable} stream
 */
function plainLines(stream) {
  return { isTTY: false, write: (/** @type {string} */ text) => stream.write(text) };
}
