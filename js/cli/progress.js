/** What a `wasmpool map` run tells its user on stderr: failures, a progress bar, figures at the end. */

import { clearLine, cursorTo } from 'node:readline';
import { SingleBar } from 'cli-progress';
import { describe, oneLine } from './fault.js';

/** Figures of a run. `kills` are runs of a task that were killed at the time limit, retried ones included. */
export class Meter {
  items = 0;
  failed = 0;
  notRun = 0;
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
  /** @type {SingleBar | undefined} */
  #bar;

  /** @param {NodeJS.WriteStream | import('node:stream').Writable} stream  stderr */
  constructor(stream) {
    this.#stream = stream;
  }

  /**
   * Shows a bar until stop().
   * @param {{ total?: number }} amount  items or bytes; without it the bar is a count
   */
  showBar({ total }) {
    const bar = total === undefined ? '' : '{bar} {percentage}% | ETA {eta_formatted} | ';
    this.#bar = new SingleBar({
      stream: /** @type {NodeJS.WritableStream} */ (this.#stream),
      format: `${bar}{items} items | {failed} failed | {duration_formatted}`,
      barCompleteChar: '#',
      barIncompleteChar: '-',
      barsize: 30,
      hideCursor: true,
      clearOnComplete: false,
      noTTYOutput: true,
      gracefulExit: false, // Ctrl-C is ours
      forceRedraw: true, // failure lines are printed in its place
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
   * @param {unknown} error
   */
  failure(label, error) {
    this.line(`${oneLine(label)}: ${describe(error)}`);
  }

  /** @param {string} text  a line of its own, above the bar */
  line(text) {
    if (this.#bar && 'isTTY' in this.#stream && this.#stream.isTTY) {
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
