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
  /** Whether failures are results, too. */
  settles;
  /** @type {Iterator<unknown> | AsyncIterator<unknown>} */
  #source;
  #asynchronous;
  #port;
  #options;
  #total;
  #batchSize;
  #window;
  /** The source has no further input. */
  #exhausted = false;
  /** No further input is wanted. */
  #stopped = false;
  #reading = false;
  /** @type {{ error: unknown } | undefined} what the map as a whole fails with: its source, or its signal */
  #broken;
  /** @type {unknown[]} inputs of the next batch */
  #items = [];
  #itemBytes = 0;
  #taken = 0;
  #done = 0;
  /** @type {Batch<R>[]} oldest first */
  #batches = [];
  #first = 0;
  /** Batches that the pool has. */
  #inFlight = 0;
  /** Batches for which there is no memory yet; while there are any, no new one is made. @type {Batch<R>[]} */
  #held = [];
  /** Memory may have become free since it was refused. */
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

  /** All results, in an array. */
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
      this.#leave(this.#first, true); // at once: the reader may be slow in coming back
      this.#wake();
    };
    if (signal.aborted) abort();
    else this.#unlisten = onAbort(signal, abort);
  }

  /** @param {Batch<R>} batch the oldest: it is read */
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

  /** Takes inputs until the window is full or there are none. Beside the results: a slow source does not hold them up. */
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
    } while (!batch.task && !batch.refusal && !batch.isReady); // refused for good: the next of its items
    batch.isEntering = false;
    if (batch.task) batch.charge += this.#window.charge(this.#port.bytes(batch.task));
    if (batch.refusal) this.#hold(batch);
  }

  /** @param {Batch<R>} batch the pool has no memory for it */
  #hold(batch) {
    this.#inFlight--;
    this.#freed = false;
    if (this.#inFlight > 0) this.#held.push(batch);
    else this.#retry(batch); // nobody else would come back to it
  }

  #retryHeld() {
    if (this.#held.length === 0) return;
    const held = this.#held.splice(0).sort((a, b) => a.start - b.start);
    for (const batch of held) if (!batch.isLeft) this.#retry(batch);
  }

  /**
   * It is tried again each time that memory may have become free. What does not fit beside nothing else is parted; only a single item
   * that does not fit at all fails.
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

  /** @returns {boolean} false: the pool runs nothing else that could give memory back */
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

  /** @param {Batch<R>} batch its task has ended */
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
   * The rest of its items go when what is being delivered has been freed.
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

  /** @param {Batch<R>} batch the map will fail with it, or with an older one: younger ones are not wanted any more */
  #fail(batch) {
    this.#stopped = true;
    this.#leave(this.#batches.indexOf(batch, this.#first) + 1, false);
  }

  /** @returns {Promise<void>} the next time that something has ended */
  #change() {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  // ---- The end ----

  /**
   * Batches that nobody wants any more: what waits never runs, and none of it is a failure.
   * @param {number} from place of the oldest of them
   * @param {boolean} kill what runs is stopped as well
   */
  #leave(from, kill) {
    for (const batch of this.#batches.slice(from)) if (batch.leave(this.#port, kill)) this.#inFlight--;
  }

  /** The reader stopped, or something failed: the source is closed. */
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
    // A source that is waiting for its next input may be long in closing.
    else await Promise.race([Promise.resolve(closing).catch(ignore), nextTurn()]);
  }
}

/**
 * What an input needs, as far as that shows at a look.
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
