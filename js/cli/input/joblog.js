/**
 * The log of `--resume LOG`, in the format of GNU parallel's --joblog: one line for each item that was run. A later run with
 * the same log skips items that are done.
 */

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { oneLine } from '../fault.js';

const HEAD = 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n';

/** Columns, counted from 0. */
const EXITVAL = 6;
const COMMAND = 8;

const SIGKILL = 9;

/** The items that earlier runs have done, and the log lines of this run. */
export class JobLog {
  /** @type {Set<string>} commands of items that are done */
  #done = new Set();
  #handler;
  /** Written first: the head of a new log; a line end if an earlier run was cut off in a line; or nothing. */
  prefix = '';

  /**
   * @param {string} path  read if it exists
   * @param {string} handler  the handler's name in each command
   * @throws if it is not such a log
   */
  constructor(path, handler) {
    this.#handler = handler;
    const text = readIfThere(path);
    const isCutHead = HEAD.startsWith(text);
    if (!isCutHead && !text.startsWith(HEAD))
      throw new Error(
        'this is not a job log, and it was not changed: its first line is not that of GNU parallel’s --joblog',
      );
    if (isCutHead) this.prefix = HEAD.slice(text.length);
    else if (!text.endsWith('\n')) this.prefix = '\n'; // the earlier run ended in the middle of a line
    for (const line of text.split('\n').slice(1, -1)) {
      const columns = line.split('\t');
      if (columns[EXITVAL] === '0' && columns.length > COMMAND) this.#done.add(columns.slice(COMMAND).join('\t'));
    }
  }

  /**
   * @param {string} label
   * @returns {boolean} whether an earlier run has done the item
   */
  has(label) {
    return this.#done.has(this.#command(label));
  }

  /**
   * @param {{ seq: number, label: string, ms: number, received: number, failure?: import('../fault.js').Failure }} item
   * @returns {string}
   */
  line({ seq, label, ms, received, failure }) {
    const seconds = (/** @type {number} */ time) => (time / 1000).toFixed(3);
    const isKilled = failure?.code === 'TIMEOUT';
    const columns = [seq, hostname(), seconds(Date.now() - ms), seconds(ms).padStart(10), 0, received];
    return `${[...columns, failure ? 1 : 0, isKilled ? SIGKILL : 0, this.#command(label)].join('\t')}\n`;
  }

  /** @param {string} label */
  #command(label) {
    return `${this.#handler} ${oneLine(label)}`;
  }
}

/** @param {string} path */
function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return '';
    throw error;
  }
}
