/** pool.map: one handler over many inputs, results in input order, with bounded memory. */
import { poolError } from './errors.js';
import { host } from './host/index.js';
import { turn } from './member.js';
import { callOut, guarded, ignore } from './task.js';

/**
 * @typedef {object} MapExtras
 * @property {number} [batchSize] items that travel together and run one after another on one worker; 1
 * @property {unknown} [sharedArgs] the same value for every item: context.sharedArgs
 * @property {number} [maxWaitMs] how long a batch may wait before it goes ahead of single tasks of its level; none
 * @property {(done: number, total: number | undefined) => void} [onItems] progress: items done, and all of them if known
 * @typedef {import('./task.js').TaskOptions & MapExtras} MapOptions
 */

/**
 * How a map's tasks get into the pool.
 * @typedef {object} MapPort
 * @property {(payload: unknown, flags: { batch: boolean }, sink: import('./task.js').Sink, item: number) => import('./task.js').Task} submit
 * @property {(task: import('./task.js').Task) => void} cancel
 * @property {() => number} window tasks in flight that keep every worker busy
 */

/** Batches in flight or waiting to be read, for each worker. */
export const WINDOW_PER_WORKER = 64;

/**
 * The results of a map. Await it for an array; or iterate over it: results come in input order as they become ready, and
 * inputs are taken no faster than results are.
 * @template R
 * @implements {PromiseLike<R[]>}
 * @implements {AsyncIterable<R>}
 */
export class MapPromise {
  /** @type {() => MapRun<R>} */
  #start;
  /** @type {Promise<R[]> | undefined} */
  #all;
  #iterated = false;

  /** @param {() => MapRun<R>} start */
  constructor(start) {
    this.#start = start;
    // Starts by itself in the next turn, as a dispatch does, unless somebody iterates first.
    host.time.microtask(() => {
      if (!this.#iterated) void this.#promise();
    });
  }

  #promise() {
    if (this.#iterated)
      return (this.#all ??= Promise.reject(poolError('INVALID_ARGUMENT', 'the map is being iterated')));
    return (this.#all ??= guarded((resolve, reject) => {
      this.#start().collect().then(resolve, reject);
    }));
  }

  /**
   * @template [A=R[]]
   * @template [B=never]
   * @param {((results: R[]) => A | PromiseLike<A>) | null} [onFulfilled]
   * @param {((error: any) => B | PromiseLike<B>) | null} [onRejected]
   */
  then(onFulfilled, onRejected) {
    return this.#promise().then(onFulfilled, onRejected);
  }

  /**
   * @template B
   * @param {(error: any) => B | PromiseLike<B>} onRejected
   */
  catch(onRejected) {
    return this.#promise().catch(onRejected);
  }

  /** @param {() => void} onFinally */
  finally(onFinally) {
    return this.#promise().finally(onFinally);
  }

  /** @returns {AsyncGenerator<R, void, void>} */
  [Symbol.asyncIterator]() {
    if (this.#all) throw poolError('INVALID_ARGUMENT', 'the map is being awaited already');
    this.#iterated = true;
    return this.#start().iterate();
  }
}

/**
 * One pass over the inputs. A window of batches is in flight; the oldest is delivered first.
 * @template R
 */
export class MapRun {
  /** @type {Iterator<unknown> | AsyncIterator<unknown>} */
  #source;
  #asynchronous;
  #port;
  #options;
  #total;
  #batchSize;
  /** No further input is wanted: there are none, or the map is over. */
  #exhausted = false;
  #reading = false;
  /** @type {{ error: unknown } | undefined} what an asynchronous source threw */
  #broken;
  /** @type {unknown[]} inputs of the next batch */
  #items = [];
  #done = 0;
  /** Items given to the pool. */
  #sent = 0;
  /** @type {{ task: import('./task.js').Task, value: any, error: any, settled: boolean }[]} oldest first */
  #window = [];
  #first = 0;
  #wake = () => {};

  /**
   * @param {MapPort} port
   * @param {Iterable<unknown> | AsyncIterable<unknown>} items
   * @param {MapOptions} options
   */
  constructor(port, items, options) {
    const asynchronous = /** @type {any} */ (items)?.[Symbol.asyncIterator];
    const open = asynchronous ?? /** @type {any} */ (items)?.[Symbol.iterator];
    if (typeof open !== 'function')
      throw poolError('INVALID_ARGUMENT', 'items: expected an iterable or an async iterable');
    this.#source = open.call(items);
    this.#asynchronous = Boolean(asynchronous);
    this.#port = port;
    this.#options = options;
    this.#batchSize = options.batchSize ?? 1;
    this.#total = Array.isArray(items) ? items.length : undefined;
  }

  /** All results, in an array. */
  async collect() {
    /** @type {R[]} */
    const results = [];
    for await (const batch of this.#batches()) {
      for (const result of batch) results.push(result);
    }
    return results;
  }

  /** @returns {AsyncGenerator<R, void, void>} */
  async *iterate() {
    for await (const batch of this.#batches()) yield* batch;
  }

  /** @returns {AsyncGenerator<R[], void, void>} results of batches, in order */
  async *#batches() {
    try {
      for (;;) {
        if (this.#asynchronous) void this.#read();
        else while (this.#hasRoom) this.#take(/** @type {IteratorResult<unknown>} */ (this.#source.next()));
        if (this.#broken) throw this.#broken.error;
        const oldest = this.#window[this.#first];
        if (!oldest && this.#exhausted) return;
        if (!oldest?.settled) {
          await this.#change();
          continue;
        }
        if (oldest.error) throw oldest.error;
        this.#shift();
        yield this.#batchSize === 1 ? [oldest.value] : oldest.value;
      }
    } finally {
      await this.#abandon();
    }
  }

  #shift() {
    this.#window[this.#first++] = /** @type {any} */ (undefined);
    if (this.#first < 1024) return;
    this.#window = this.#window.slice(this.#first);
    this.#first = 0;
  }

  get #hasRoom() {
    return !this.#exhausted && this.#window.length - this.#first < this.#port.window();
  }

  /** Takes inputs until the window is full or there are none. Beside the results: a slow source does not hold them up. */
  async #read() {
    if (this.#reading || !this.#hasRoom) return;
    this.#reading = true;
    try {
      while (this.#hasRoom) this.#take(await this.#source.next());
    } catch (error) {
      this.#broken = { error };
    }
    this.#reading = false;
    this.#wake();
  }

  /** @param {IteratorResult<unknown>} step of the source */
  #take({ done, value }) {
    if (this.#exhausted) return; // the map is over
    if (done) this.#exhausted = true;
    else this.#items.push(value);
    if (this.#items.length === this.#batchSize || (done && this.#items.length > 0)) this.#send(this.#items.splice(0));
  }

  /** @param {unknown[]} items */
  #send(items) {
    const { onItems, sharedArgs } = this.#options;
    const batch = this.#batchSize > 1 || sharedArgs !== undefined;
    const entry = {
      task: /** @type {any} */ (undefined),
      value: /** @type {any} */ (undefined),
      error: /** @type {any} */ (undefined),
      settled: false,
    };
    this.#window.push(entry);
    const finish = () => {
      entry.settled = true;
      this.#wake();
    };
    /** @type {import('./task.js').Sink} */
    const sink = {
      fulfil: (_item, value) => {
        entry.value = batch && this.#batchSize === 1 ? value[0] : value;
        this.#done += items.length;
        if (onItems) callOut(onItems, this.#done, this.#total);
        finish();
      },
      fail: (item, error) => {
        error.index = item;
        entry.error = error;
        finish();
      },
    };
    const payload = batch ? { items, shared: sharedArgs } : items[0];
    entry.task = this.#port.submit(payload, { batch }, sink, this.#sent);
    this.#sent += items.length;
  }

  /** @returns {Promise<void>} the next time that something settles */
  #change() {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** The reader stopped, or something failed: what waits never runs, and the source is closed. */
  async #abandon() {
    for (const entry of this.#window.slice(this.#first)) if (!entry.settled) this.#port.cancel(entry.task);
    this.#window = [];
    this.#first = 0;
    if (this.#exhausted) return;
    this.#exhausted = true;
    const closing = this.#source.return?.();
    if (!this.#reading) await closing;
    // A source that is waiting for its next input may be long in closing.
    else await Promise.race([Promise.resolve(closing).catch(ignore), turn()]);
  }
}
