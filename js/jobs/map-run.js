/** One pass of a map over its inputs. */
import { onAbort } from '../task/abort.js';
import { poolError } from '../base/errors.js';
import { host } from '../host/index.js';
import { Batch } from './map-batch.js';
import { MapWindow } from './map-window.js';
import { addCallers } from '../task/stacks.js';
import { callOut, ignore } from '../task/task.js';

/**
 * A window of batches is in flight; the oldest is delivered first.
 * @template R
 */
export class MapRun {
  /** Whether failures are results too. */
  settles;
  /** @type {Iterator<unknown> | AsyncIterator<unknown>} */
  #source;
  #asynchronous;
  #port;
  #options;
  #total;
  #batchSize;
  #window;
  /** Whether the source has no further input. */
  #exhausted = false;
  /** Whether no further input is wanted. */
  #stopped = false;
  #reading = false;
  /** @type {{ error: unknown } | undefined} error of the map as a whole: of its source, or by its signal */
  #broken;
  /** @type {unknown[]} inputs collected for the next batch */
  #items = [];
  #itemBytes = 0;
  #taken = 0;
  #done = 0;
  /** @type {Batch<R>[]} oldest first */
  #batches = [];
  #first = 0;
  /** Number of batches that the pool has. */
  #inFlight = 0;
  /** Batches that wait for memory; while there are any, no new one is made. @type {Batch<R>[]} */
  #held = [];
  /** Whether memory may have become free since the last refusal. */
  #freed = false;
  #awaitsMemory = false;
  #wake = () => {};
  #unlisten = () => {};

  /**
   * @param {import('./map-batch.js').MapPort} port
   * @param {Iterable<unknown> | AsyncIterable<unknown>} items
   * @param {import('../options/task-options.js').MapOptions} options
   */
  constructor(port, items, options) {
    const asynchronous = /** @type {any} */ (items)?.[Symbol.asyncIterator];
    const open = asynchronous ?? /** @type {any} */ (items)?.[Symbol.iterator];
    if (typeof open !== 'function')
      throw poolError('INVALID_ARGUMENT', 'items: expected an iterable or an async iterable');
    this.#source = open.call(items);
    this.#asynchronous = Boolean(asynchronous);
    this.#port = port;
    this.#window = new MapWindow(port.room);
    this.#options = options;
    this.#batchSize = options.batchSize ?? 1;
    this.settles = options.settle === true;
    this.#total = Array.isArray(items) ? items.length : undefined;
  }

  /** Collects all results in an array. */
  async collect() {
    /** @type {R[]} */
    const results = [];
    for await (const batch of this.#deliver()) {
      for (const result of batch) results.push(result);
    }
    return results;
  }

  /** @returns {AsyncGenerator<R, void, void>} */
  async *iterate() {
    try {
      for await (const batch of this.#deliver()) yield* batch;
    } catch (error) {
      addCallers(error);
      throw error;
    }
  }

  /** @returns {AsyncGenerator<R[], void, void>} results of batches, in order */
  async *#deliver() {
    this.#listen();
    try {
      for (;;) {
        if (!this.#broken) this.#fill();
        if (this.#broken) throw this.#broken.error;
        const oldest = this.#batches[this.#first];
        if (!oldest && this.#exhausted) return;
        if (!oldest?.isReady) {
          await this.#change();
          continue;
        }
        this.#shift(oldest);
        if (oldest.results.length > 0) yield oldest.read();
        if (oldest.error) throw oldest.error;
      }
    } finally {
      await this.#abandon().finally(this.#port.over);
    }
  }

  #listen() {
    const { signal } = this.#options;
    if (!signal) return;
    const abort = () => {
      this.#broken ??= { error: poolError('CANCELLED', 'the map was aborted', { cause: signal.reason }) };
      this.#leave(this.#first, true); // at once: the reader may take long to ask again
      this.#wake();
    };
    if (signal.aborted) abort();
    else this.#unlisten = onAbort(signal, abort);
  }

  /** @param {Batch<R>} batch the oldest, which is being delivered */
  #shift(batch) {
    this.#window.refund(batch.charge);
    this.#window.leave();
    this.#batches[this.#first++] = /** @type {any} */ (undefined);
    if (this.#first < 1024) return;
    this.#batches = this.#batches.slice(this.#first);
    this.#first = 0;
  }

  // ---- Inputs ----

  #fill() {
    this.#retryHeld();
    if (this.#asynchronous) void this.#read();
    else while (this.#hasRoom) this.#take(/** @type {IteratorResult<unknown>} */ (this.#source.next()));
  }

  get #hasRoom() {
    return !this.#exhausted && !this.#stopped && this.#held.length === 0 && this.#window.isOpen;
  }

  /** Reads an async source until the window is full or the source ends. Runs beside the delivery, so that a slow source does not delay it. */
  async #read() {
    if (this.#reading || !this.#hasRoom) return;
    this.#reading = true;
    try {
      while (this.#hasRoom) this.#take(await this.#source.next());
    } catch (error) {
      this.#broken ??= { error };
    }
    this.#reading = false;
    this.#wake();
  }

  /** @param {IteratorResult<unknown>} step of the source */
  #take({ done, value }) {
    if (this.#stopped) return;
    if (done) this.#exhausted = true;
    else {
      this.#items.push(value);
      this.#itemBytes += sizeOf(value);
    }
    const isFull = this.#items.length === this.#batchSize || this.#itemBytes >= this.#window.batchBytes;
    if (!isFull && !(done && this.#items.length > 0)) return;
    const batch = new Batch(this, this.#items, this.#taken);
    this.#taken += this.#items.length;
    this.#items = [];
    this.#itemBytes = 0;
    this.#batches.push(batch);
    this.#window.enter();
    this.#send(batch);
  }

  /** @param {Batch<R>} batch */
  #send(batch) {
    batch.isEntering = true;
    do {
      this.#inFlight++;
      batch.submit(this.#port, this.#window.expected);
    } while (!batch.task && !batch.refusal && !batch.isReady); // an item was refused for good: try the next one
    batch.isEntering = false;
    if (batch.task) batch.charge += this.#window.charge(this.#port.bytes(batch.task));
    if (batch.refusal) this.#hold(batch);
  }

  /** @param {Batch<R>} batch for which the pool has no memory */
  #hold(batch) {
    this.#inFlight--;
    this.#freed = false;
    if (this.#inFlight > 0) this.#held.push(batch);
    else this.#retry(batch); // at once: no end of another batch would lead to a retry
  }

  #retryHeld() {
    if (this.#held.length === 0) return;
    const held = this.#held.splice(0).sort((a, b) => a.start - b.start);
    for (const batch of held) if (!batch.isLeft) this.#retry(batch);
  }

  /**
   * Tries a batch again, each time that memory may have become free. A batch that does not fit even when nothing else runs is split; only
   * a single item that does not fit fails.
   * @param {Batch<R>} batch
   */
  #retry(batch) {
    const mayFit = batch.refusal?.code === 'NO_MEMORY';
    if (!this.#freed) {
      if (mayFit && (this.#inFlight > 0 || this.#awaitsOthers())) {
        this.#held.push(batch);
        return;
      }
      if (batch.step > 1) batch.step = Math.ceil(batch.step / 2);
      else batch.isLast = true;
    }
    this.#send(batch);
  }

  /** @returns {boolean} false: no other task of the pool could give memory back */
  #awaitsOthers() {
    if (this.#awaitsMemory) return true;
    const freed = this.#port.freed();
    if (!freed) return false;
    this.#awaitsMemory = true;
    void freed.then(() => {
      this.#awaitsMemory = false;
      this.#freed = true;
      this.#wake();
    });
    return true;
  }

  // ---- Results ----

  /** @param {Batch<R>} batch whose task has ended */
  ended(batch) {
    this.#inFlight--;
    this.#freed = true;
    this.#window.refund(batch.charge);
    batch.charge = batch.isReady ? this.#window.settle(batch.bytes) : 0;
    if (batch.error) this.#fail(batch);
    else this.#tell(batch);
    if (!batch.isReady && !batch.isEntering) this.#goOn(batch);
    this.#wake();
  }

  /**
   * Sends the rest of its items, when the slots that are being delivered have been freed.
   * @param {Batch<R>} batch
   */
  #goOn(batch) {
    this.#held.push(batch);
    void Promise.resolve().then(() => this.#retryHeld());
  }

  /** @param {Batch<R>} batch */
  #tell(batch) {
    const { onItems } = this.#options;
    this.#done += batch.results.length - batch.told;
    batch.told = batch.results.length;
    if (onItems) callOut(onItems, this.#done, this.#total);
  }

  /** @param {Batch<R>} batch with which the map will fail, unless an older one fails: gives up all younger ones */
  #fail(batch) {
    this.#stopped = true;
    this.#leave(this.#batches.indexOf(batch, this.#first) + 1, false);
  }

  /** @returns {Promise<void>} settles at the next change: a batch has ended, or inputs have come */
  #change() {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  // ---- The end ----

  /**
   * Gives batches up: waiting ones never run, and none counts as a failure.
   * @param {number} from place of the oldest of them
   * @param {boolean} kill whether to stop running ones
   */
  #leave(from, kill) {
    for (const batch of this.#batches.slice(from)) if (batch.leave(this.#port, kill)) this.#inFlight--;
  }

  /** The reader stopped, or something failed: gives everything up and closes the source. */
  async #abandon() {
    this.#unlisten();
    this.#stopped = true;
    this.#held = [];
    this.#leave(this.#first, false);
    this.#batches = [];
    this.#first = 0;
    if (this.#exhausted) return;
    this.#exhausted = true;
    const closing = this.#source.return?.();
    if (!this.#reading) await closing;
    // A source that is waiting for its next input may take long to close.
    else await Promise.race([Promise.resolve(closing).catch(ignore), nextTurn()]);
  }
}

/**
 * An estimate of an input's size in bytes, without looking inside.
 * @param {any} value
 */
function sizeOf(value) {
  if (typeof value === 'string') return value.length;
  const bytes = value?.byteLength ?? value?.bytes?.byteLength;
  return typeof bytes === 'number' ? bytes : 0;
}

/** @returns {Promise<void>} the next turn of the event loop */
function nextTurn() {
  return new Promise((resolve) => host.defer(resolve));
}
