/**
 * A bounded window between a source of items and an asynchronous function: results come out in the order of the items
 * (or as they are ready), at most `limit` items are in work, at most `held` are in memory, and a failing item is an
 * outcome like any other. Pool.map() rejects as a whole on the first failure; a command line must go on.
 */

/**
 * @template T, R
 * @typedef {{ item: T, index: number, ok: true, value: R }
 *   | { item: T, index: number, ok: false, error: unknown }} Outcome
 */

/**
 * @template T
 * @typedef {object} WindowOptions
 * @property {number} limit  items in work at once
 * @property {number} [held]  items in work, or done and not yet given out; default: limit. A larger value lets the rest
 *   go on while the item whose turn it is takes long
 * @property {boolean} [ordered]  outcomes in the order of the items; default true
 * @property {(item: T) => number} [weigh]  an item's weight, for instance its bytes; default 0
 * @property {number} [maxWeight]  weight in memory at once; one item alone may be heavier. Default: no limit
 * @property {AbortSignal} [stop]  once aborted no further item is started; those in work still come out
 */

/** A condition to wait for: notify() before wait() is not lost, several are one. */
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
 * The window itself: what has been started and not yet been given out.
 * @template T, R
 */
class Window {
  /** @type {Map<number, { weight: number, outcome?: Outcome<T, R> }>} by index; no outcome while in work */
  #entries = new Map();
  /** @type {number[]} indexes that are done, in the order in which they became so; only if unordered */
  #done = [];
  #next = 0;
  #weight = 0;
  #inWork = 0;
  #started = 0;
  #options;
  /** Room was made, or stop was asked for. */
  room = new Change();
  /** An outcome is there, or no more will come. */
  ready = new Change();

  /** @param {Required<Omit<WindowOptions<T>, 'stop'>>} options */
  constructor(options) {
    this.#options = options;
  }

  get inWork() {
    return this.#inWork;
  }

  /** @param {T} item */
  hasRoom(item) {
    const { limit, held, weigh, maxWeight } = this.#options;
    if (this.#inWork >= limit || this.#entries.size >= held) return false;
    return this.#entries.size === 0 || this.#weight + weigh(item) <= maxWeight;
  }

  /**
   * @param {T} item
   * @param {(item: T) => Promise<R> | R} run
   */
  async start(item, run) {
    const index = this.#started++;
    /** @type {{ weight: number, outcome?: Outcome<T, R> }} */
    const entry = { weight: this.#options.weigh(item) };
    this.#entries.set(index, entry);
    this.#inWork++;
    this.#weight += entry.weight;
    try {
      entry.outcome = { item, index, ok: true, value: await run(item) };
    } catch (error) {
      entry.outcome = { item, index, ok: false, error };
    }
    this.#inWork--;
    if (!this.#options.ordered) this.#done.push(index);
    this.ready.notify();
    this.room.notify();
  }

  /** @returns {Outcome<T, R> | undefined} the next one to give out, if it is done */
  take() {
    const index = this.#options.ordered ? this.#next : this.#done.shift();
    const entry = index === undefined ? undefined : this.#entries.get(index);
    if (!entry?.outcome) return undefined;
    this.#next++;
    this.#entries.delete(entry.outcome.index);
    this.#weight -= entry.weight;
    this.room.notify();
    return entry.outcome;
  }
}

/**
 * Runs `run` over the items of `source`, and gives out one outcome per started item. The source is read no further than
 * the window has room (plus one item). An error of the source itself is thrown after the outcomes of what it gave
 * before. Leaving the loop early starts nothing more and does not wait for what is in work.
 * @template T, R
 * @param {Iterable<T> | AsyncIterable<T>} source
 * @param {(item: T) => Promise<R> | R} run
 * @param {WindowOptions<T>} options
 * @returns {AsyncGenerator<Outcome<T, R>, void, void>}
 */
export async function* mapWindow(source, run, options) {
  const { limit, held = limit, ordered = true, weigh = () => 0, maxWeight = Infinity } = options;
  /** @type {Window<T, R>} */
  const window = new Window({ limit, held, ordered, weigh, maxWeight });
  const state = {
    ended: false,
    stopped: false,
    failed: false,
    error: /** @type {unknown} */ (undefined),
  };
  const iterator = iteratorOf(source);

  const stop = () => {
    state.stopped = true;
    window.room.notify();
    window.ready.notify();
  };
  const pump = async () => {
    while (!state.stopped) {
      const { done, value } = await iterator.next();
      if (done) return;
      while (!state.stopped && !window.hasRoom(value)) await window.room.wait();
      if (!state.stopped) void window.start(value, run);
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
      else if ((state.ended || state.stopped) && window.inWork === 0) break;
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
