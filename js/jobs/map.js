/** pool.map: one handler over many inputs, results in input order, with bounded memory. */
import { poolError } from '../base/errors.js';
import { host } from '../host/index.js';
import { guarded } from '../task/task.js';

/**
 * The results of a map. Await it to get an array, or iterate over it: results come in input order as they become ready, and
 * inputs are read no faster than results are taken.
 * @template R
 * @implements {PromiseLike<R[]>}
 * @implements {AsyncIterable<R>}
 */
export class MapPromise {
  /** @type {() => import('./map-run.js').MapRun<R>} */
  #start;
  /** @type {<T>(run: () => T) => T} calls a function in the async context in which map was called */
  #inContext;
  /** @type {Promise<R[]> | undefined} */
  #all;
  #iterated = false;

  /** @param {() => import('./map-run.js').MapRun<R>} start */
  constructor(start) {
    this.#inContext = host.bind((run) => run());
    this.#start = start;
    // Starts by itself in the next turn, as a dispatch does, unless it is iterated before.
    host.time.microtask(() => {
      if (!this.#iterated) void this.#promise();
    });
  }

  #promise() {
    if (this.#iterated)
      return (this.#all ??= Promise.reject(poolError('INVALID_ARGUMENT', 'the map is being iterated')));
    return (this.#all ??= guarded((resolve, reject) => {
      this.#inContext(() => this.#start().collect()).then(resolve, reject);
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
    if (this.#iterated) throw poolError('INVALID_ARGUMENT', 'the map is being iterated already');
    this.#iterated = true;
    return this.#inContext(this.#start).iterate();
  }
}
