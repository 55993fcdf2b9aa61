/**
 * A bounded window between a source of items and an asynchronous function. Results come in the order of the items (or as they
 * become ready); at most `limit` items are in work and at most `held` in memory; a failed item is an outcome like any other. An
 * item can be divided, before it starts (`split`) or when its run leaves a part undone (`restOf`); the parts keep the item's place.
 */

/**
 * @template T, R
 * @typedef {{ item: T, ok: true, value: R } | { item: T, ok: false, error: unknown }} Outcome
 */

/**
 * @template T, R
 * @typedef {object} WindowOptions
 * @property {number} limit  items in work at once
 * @property {number} [held]  items in work, or done and not yet delivered; default: limit. With a larger value others
 *   go on while the oldest item takes long
 * @property {boolean} [ordered]  outcomes in the order of the items; default true
 * @property {(item: T) => number} [weigh]  an item's weight until it is done, for instance its bytes; default 0
 * @property {(value: R) => number} [weighValue]  the weight of a result until it is delivered; default 0
 * @property {number} [maxWeight]  weight in memory at once; one item alone may be heavier. Default: no limit
 * @property {(item: T) => readonly [T, T?]} [split]  called just before an item starts: returns the part to start now, and the rest
 * @property {(value: R) => T | undefined} [restOf]  the part of its item that a run has left undone
 * @property {AbortSignal} [stop]  once aborted, no further item is started; those in work are still delivered
 */

/**
 * @template T, R
 * @typedef {object} Entry  an item's place in the order
 * @property {T} item
 * @property {boolean} started
 * @property {number} weight  of the item while it is in work, then of its result
 * @property {Outcome<T, R>} [outcome]  undefined until it is done
 * @property {Entry<T, R>} [next]
 */

/** A condition variable: a notify() before wait() is not lost, and several count as one. */
class Change {
  #pending = false;
  #wake = () => {};

  notify() {
    this.#pending = true;
    this.#wake();
  }

  async wait() {
    if (!this.#pending) await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    this.#pending = false;
    this.#wake = () => {};
  }
}

/**
 * The window itself: the items that were taken from the source and not yet delivered.
 * @template T, R
 */
class Window {
  /** @type {Entry<T, R> | undefined} if ordered, the oldest entry; the others follow by `next` */
  #head;
  /** @type {Entry<T, R> | undefined} */
  #tail;
  /** @type {Entry<T, R>[]} entries not started: a new item, parts of divided ones; the last one is next */
  #waiting = [];
  /** @type {Entry<T, R>[]} if not ordered: entries that are done, in the order of their ends */
  #done = [];
  /** Number and weight of the entries that were started and not yet delivered. */
  #held = 0;
  #weight = 0;
  #inWork = 0;
  #stopped = false;
  #run;
  #options;
  /** Notified when there is room, or when the run is to stop. */
  room = new Change();
  /** Notified when there is an outcome, or no more will come. */
  ready = new Change();

  /**
   * @param {(item: T) => Promise<R> | R} run
   * @param {Required<Omit<WindowOptions<T, R>, 'stop'>>} options
   */
  constructor(run, options) {
    this.#run = run;
    this.#options = options;
  }

  /** Whether nothing is in work, and nothing waits or may start any more. */
  get idle() {
    return this.#inWork === 0 && (this.#stopped || this.#waiting.length === 0);
  }

  /** Whether the next item of the source could start at once, if it is not too heavy. */
  get hasRoom() {
    const { limit, held } = this.#options;
    return this.#inWork < limit && this.#held < held && this.#waiting.length === 0;
  }

  /** @param {T} item */
  add(item) {
    const entry = newEntry(item);
    if (this.#options.ordered) {
      if (this.#tail) this.#tail.next = entry;
      else this.#head = entry;
      this.#tail = entry;
    }
    this.#waiting.push(entry);
    this.#startWaiting();
  }

  stop() {
    this.#stopped = true;
    this.room.notify();
    this.ready.notify();
  }

  /** @returns {Outcome<T, R> | undefined} the next one to deliver, if it is done */
  take() {
    const entry = this.#options.ordered ? this.#head : this.#done.shift();
    if (!entry?.outcome) return undefined;
    if (this.#options.ordered) {
      this.#head = entry.next;
      if (!this.#head) this.#tail = undefined;
    }
    this.#held--;
    this.#weight -= entry.weight;
    this.#startWaiting();
    this.room.notify();
    return entry.outcome;
  }

  /**
   * Puts `item` behind `entry` in the order.
   * @param {Entry<T, R>} entry
   * @param {T} item
   */
  #insert(entry, item) {
    const part = newEntry(item);
    if (this.#options.ordered) {
      part.next = entry.next;
      entry.next = part;
      if (this.#tail === entry) this.#tail = part;
    }
    this.#waiting.push(part);
  }

  #startWaiting() {
    const { limit, held, weigh, maxWeight, split } = this.#options;
    while (!this.#stopped && this.#waiting.length && this.#inWork < limit) {
      // The oldest entry starts in any case: until it is done nothing can be delivered, and no room be made.
      const isFirst = this.#head !== undefined && !this.#head.started;
      const entry = isFirst ? /** @type {Entry<T, R>} */ (this.#head) : this.#waiting[this.#waiting.length - 1];
      const [item, rest] = split(entry.item);
      const weight = weigh(item);
      const fits = this.#held < held && this.#weight + weight <= maxWeight;
      if (!isFirst && this.#held > 0 && !fits) return;
      this.#waiting.splice(this.#waiting.lastIndexOf(entry), 1);
      Object.assign(entry, { item, weight, started: true });
      this.#held++;
      this.#weight += weight;
      if (rest !== undefined) this.#insert(entry, rest);
      void this.#start(entry);
    }
  }

  /** @param {Entry<T, R>} entry */
  async #start(entry) {
    const { item } = entry;
    this.#inWork++;
    try {
      const value = await this.#run(item);
      entry.outcome = { item, ok: true, value };
      const weight = this.#options.weighValue(value);
      this.#weight += weight - entry.weight;
      entry.weight = weight;
      const rest = this.#options.restOf(value);
      if (rest !== undefined) this.#insert(entry, rest);
    } catch (error) {
      entry.outcome = { item, ok: false, error };
    }
    this.#inWork--;
    if (!this.#options.ordered) this.#done.push(entry);
    this.#startWaiting();
    this.ready.notify();
    this.room.notify();
  }
}

/**
 * @template T
 * @param {T} item
 * @returns {Entry<T, any>}
 */
const newEntry = (item) => ({ item, started: false, weight: 0 });

const zero = () => 0;
const ignore = () => undefined;
const whole = (/** @type {any} */ item) => /** @type {const} */ ([item]);

/**
 * Runs `run` over the items of `source`, and yields one outcome per started item. The source is read no further than the window has
 * room (plus one item). An error of the source is thrown after the outcomes of the items before it. Leaving the loop early starts
 * nothing more, and does not wait for items in work.
 * @template T, R
 * @param {Iterable<T> | AsyncIterable<T>} source
 * @param {(item: T) => Promise<R> | R} run
 * @param {WindowOptions<T, R>} options
 * @returns {AsyncGenerator<Outcome<T, R>, void, void>}
 */
export async function* mapWindow(source, run, options) {
  const { limit, held = limit, ordered = true, weigh = zero, weighValue = zero, maxWeight = Infinity } = options;
  const { split = whole, restOf = ignore } = options;
  /** @type {Window<T, R>} */
  const window = new Window(run, { limit, held, ordered, weigh, weighValue, maxWeight, split, restOf });
  const state = {
    ended: false,
    stopped: false,
    failed: false,
    error: /** @type {unknown} */ (undefined),
  };
  const iterator = iteratorOf(source);

  const stop = () => {
    state.stopped = true;
    window.stop();
  };
  const pump = async () => {
    while (!state.stopped) {
      const { done, value } = await iterator.next();
      if (done) return;
      while (!state.stopped && !window.hasRoom) await window.room.wait();
      if (!state.stopped) window.add(value);
    }
  };
  const finish = () => {
    state.ended = true;
    window.ready.notify();
  };

  if (options.stop?.aborted) return;
  options.stop?.addEventListener('abort', stop);
  pump().then(finish, (error) => {
    Object.assign(state, { failed: true, error });
    finish();
  });
  try {
    for (;;) {
      const outcome = window.take();
      if (outcome) yield outcome;
      else if ((state.ended || state.stopped) && window.idle) break;
      else await window.ready.wait();
    }
    if (state.failed) throw state.error;
  } finally {
    options.stop?.removeEventListener('abort', stop);
    stop();
    // Not awaited: a source that waits for input (a terminal, a pipe) may never answer.
    Promise.resolve(iterator.return?.()).catch(() => {});
  }
}

/**
 * @template T
 * @param {Iterable<T> | AsyncIterable<T>} source
 * @returns {Iterator<T> | AsyncIterator<T>}
 */
function iteratorOf(source) {
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
  return source[Symbol.iterator]();
}
