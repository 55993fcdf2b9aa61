/** Main's side of handler.js: sends blocks to workers, enforces time limits, and reads the records that workers leave behind. */

import { readFile } from 'node:fs/promises';
import { clockOffsetMs } from '../../host/node/clock.js';
import { time } from '../../host/node/time.js';
import { sharedClock } from '../../worker/clock.js';
import { Done, readAll } from './done.js';
import { LASTING, codeOf, failureOf } from '../fault.js';
import { pack } from './record.js';

/**
 * @typedef {import('../input/block.js').Block} Block
 * @typedef {import('./record.js').BlockRecord} BlockRecord
 */

/** How often the time limit of a block that waits for a worker is checked, at least. */
const LOOK_MS = 50;

const nowMs = sharedClock({ time, clockOffsetMs });

/** Runs blocks in workers whose module is handler.js. */
export class HandlerRunner {
  #pool;
  #records;
  #free;
  #stop;
  #options;
  /** Tasks of the pool that have not settled. */
  inFlight = 0;

  /**
   * @param {import('../map.js').CliPool} pool  with js/cli/work/handler.js as its module
   * @param {{ records: BlockRecord[], stop: Int32Array, failFast: boolean, timeout?: number, retries: number,
   *   stdin: import('node:stream').Readable, pace: import('./pace.js').Pace }} options
   */
  constructor(pool, options) {
    this.#pool = pool;
    this.#records = options.records;
    this.#free = options.records.map((_, index) => index);
    this.#stop = options.stop;
    this.#options = options;
  }

  /**
   * Bytes that a block keeps in memory while it is in work. Files do not count: a worker reads them one at a time, into its own memory.
   * @param {Block} block
   */
  weigh(block) {
    const { start, end } = block.span;
    return end - start;
  }

  /**
   * Runs a block, as far as one worker gets.
   * @param {Block} block
   * @returns {Promise<Done>}
   */
  async run(block) {
    const index = /** @type {number} */ (this.#free.pop()); // there is a record for each block in work
    const record = this.#records[index];
    try {
      return await this.#runWith(record, index, block);
    } catch (error) {
      return Done.failed(block, failureOf(error));
    } finally {
      this.#free.push(index);
    }
  }

  /**
   * @param {BlockRecord} record
   * @param {number} index
   * @param {Block} block
   */
  async #runWith(record, index, block) {
    const { start, end } = block.span;
    record.reset(block.bounds, start, block.attempts);
    const content = block.isReadByMain ? await this.#read(String(block.path(0))) : undefined;
    const data = new Uint8Array(block.data.buffer, block.data.byteOffset + start, end - start);
    const task = this.#pool.dispatch('wasmpool:block', pack(index, data, content));
    const watch = new Watch(record, task, this.#options.timeout, () => {
      // Before the worker is stopped, so that no other worker starts an item meanwhile.
      if (this.#options.failFast && !this.#mayRetry(record.attempts, 'TIMEOUT')) Atomics.store(this.#stop, 0, 1);
    });
    let result;
    let error;
    this.inFlight++;
    try {
      result = await task;
    } catch (caught) {
      error = caught;
    } finally {
      this.inFlight--;
      await watch.end();
    }
    return this.#collect(block, record, { result, error, timedOut: watch.timedOut });
  }

  /** @param {string} path */
  async #read(path) {
    return path === '-' ? readAll(this.#options.stdin) : readFile(path);
  }

  /**
   * @param {Block} block
   * @param {BlockRecord} record
   * @param {{ result: any, error: unknown, timedOut: boolean }} end
   */
  #collect(block, record, { result, error, timedOut }) {
    const { turn, isRunning } = record;
    const done = Done.fromRecord(block, record, turn);
    const attempts = isRunning ? record.attempts : 0;
    if (result === 'readByMain') /** @type {Block} */ (done.rest).isReadByMain = true;
    else if (result) done.add(result);
    else if (timedOut) this.#blame(done, attempts, this.#timeout());
    else if (error && codeOf(error) !== 'POOL_DESTROYED') this.#blame(done, attempts, failureOf(error));
    done.kills = timedOut ? 1 : 0;
    this.#options.pace.learn(done.count, done.totalMs, Boolean(done.rest));
    return done;
  }

  #timeout() {
    return { code: 'TIMEOUT', message: `ran longer than its time limit of ${this.#options.timeout} ms` };
  }

  /**
   * The item at which a worker was lost or stopped: it has failed, or is run again.
   * @param {Done} done
   * @param {number} attempts
   * @param {import('../fault.js').Failure} failure
   */
  #blame(done, attempts, failure) {
    if (!done.rest) return; // the worker was lost after the last item
    if (!this.#mayRetry(attempts, failure.code)) done.addFailure(failure);
    else done.rest.attempts = attempts + 1;
  }

  /**
   * @param {number} attempts  number of attempts before the one that failed
   * @param {string} code  of the failure
   */
  #mayRetry(attempts, code) {
    return attempts < this.#options.retries && !LASTING.has(code) && Atomics.load(this.#stop, 0) === 0;
  }
}

/** The time limit of a block's items, for each one from its own start. */
class Watch {
  timedOut = false;
  #record;
  #task;
  #limitMs;
  #onTimeout;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  /** @type {Promise<void> | undefined} */
  #stopped;

  /**
   * @param {BlockRecord} record
   * @param {{ terminate?: () => Promise<void> }} task
   * @param {number | undefined} limitMs
   * @param {() => void} onTimeout  called when an item is over its time limit
   */
  constructor(record, task, limitMs, onTimeout) {
    this.#record = record;
    this.#task = task;
    this.#limitMs = limitMs ?? Infinity;
    this.#onTimeout = onTimeout;
    if (limitMs !== undefined) this.#lookIn(limitMs);
  }

  /** @param {number} ms */
  #lookIn(ms) {
    this.#timer = setTimeout(() => this.#look(), ms);
  }

  #look() {
    const { turn, isRunning, beganMs } = this.#record;
    const left = isRunning ? beganMs + this.#limitMs - nowMs() : this.#limitMs;
    if (left > 0) this.#lookIn(Math.max(1, Math.min(left, isRunning ? left : LOOK_MS)));
    else if (!this.#record.condemn(turn)) this.#lookIn(1);
    else {
      this.timedOut = true;
      this.#onTimeout();
      this.#stopped = this.#task.terminate?.();
    }
  }

  /** Settles when the worker has stopped working on this block. */
  async end() {
    clearTimeout(this.#timer);
    await this.#stopped;
  }
}
