/** A chain of tasks, one after the other. */
import { callBack } from './callback.js';
import { poolError } from './errors.js';
import { guarded, Task } from './task.js';

/**
 * @typedef {object} StepExtras
 * @property {string | Function} task
 * @property {unknown} [payload] a value; or a function of the result before it, called just before the step is sent
 * @typedef {import('./task.js').TaskOptions & StepExtras} Step
 *
 * @typedef {object} SequencePort
 * @property {(record: Task, step: Step, payload: unknown) => void} send
 * @property {(record: Task) => void} giveUp
 * @property {(message: string) => void} emit tells of misuse
 */

/**
 * A running sequence: disconnect it, or await its results.
 * @implements {PromiseLike<any[]>}
 */
export class Sequence {
  #steps;
  #callback;
  #port;
  /** @type {unknown[]} */
  #results = [];
  /** @type {Task | undefined} the step that is under way */
  #record;
  #over = false;
  #advancing = false;
  /** @type {(results: any[]) => void} */
  #resolve = () => {};
  /** @type {(error: Error) => void} */
  #reject = () => {};
  #promise;

  /**
   * @param {readonly Step[]} steps
   * @param {((results: any[]) => void) | undefined} callback
   * @param {SequencePort} port
   */
  constructor(steps, callback, port) {
    this.#steps = [...steps];
    this.#callback = callback;
    this.#port = port;
    this.#promise = guarded((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#advance();
  }

  /**
   * The step under way is given up, no further one is sent, the callback never runs; the promise rejects with CANCELLED.
   */
  disconnect() {
    if (this.#over) return;
    this.#stop(poolError('CANCELLED', 'the sequence was disconnected'));
    if (this.#record) this.#port.giveUp(this.#record);
  }

  /**
   * @template [A=any[]]
   * @template [B=never]
   * @param {((results: any[]) => A | PromiseLike<A>) | null} [onFulfilled]
   * @param {((error: any) => B | PromiseLike<B>) | null} [onRejected]
   */
  then(onFulfilled, onRejected) {
    return this.#promise.then(onFulfilled, onRejected);
  }

  /** Sends steps until one is under way. A loop: a step that fails at once must not call the next from inside. */
  #advance() {
    if (this.#advancing) return;
    this.#advancing = true;
    while (!this.#over && !this.#record) {
      if (this.#results.length === this.#steps.length) this.#finish();
      else this.#send(this.#results.length);
    }
    this.#advancing = false;
  }

  /** @param {number} index */
  #send(index) {
    const step = this.#steps[index];
    let payload;
    try {
      if (!step?.task) throw poolError('INVALID_ARGUMENT', `step ${index + 1}: expected a task`);
      payload = typeof step.payload === 'function' ? step.payload(this.#results[index - 1]) : step.payload;
    } catch (error) {
      this.#port.emit(`a sequence ended at step ${index + 1}: ${/** @type {any} */ (error)?.message ?? error}`);
      this.#stop(/** @type {any} */ (error)); // TW-35
      return;
    }
    if (this.#over) return; // disconnected by its own payload function
    this.#record = new Task(this, index);
    this.#port.send(this.#record, step, payload);
  }

  /**
   * @param {number} _index
   * @param {unknown} value
   */
  fulfil(_index, value) {
    this.#record = undefined;
    if (this.#over) return;
    this.#results.push(value);
    this.#advance();
  }

  /** A step that failed gives undefined, and the chain goes on (TW-36). */
  fail() {
    const wasOver = this.#over;
    this.fulfil(0, undefined);
    return wasOver ? /** @type {const} */ (false) : undefined;
  }

  #finish() {
    this.#over = true;
    if (this.#callback) callBack(this.#callback, this.#results, this.#port.emit);
    this.#resolve(this.#results);
  }

  /** @param {Error} error */
  #stop(error) {
    this.#over = true;
    this.#reject(error);
  }
}
