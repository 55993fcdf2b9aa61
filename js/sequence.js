/** A chain of tasks, one after the other. */
import { callBack, Handle } from './callback.js';
import { poolError } from './errors.js';
import { guarded, Task } from './task.js';

/**
 * @typedef {object} StepExtras
 * @property {string | Function} task
 * @property {unknown} [payload] a value; or a function of the result before it, called just before the step is sent
 * @typedef {import('./task.js').TaskOptions & StepExtras} Step
 *
 * @typedef {object} StepPort
 * @property {(record: Task, step: Step, payload: unknown) => void} send
 * @property {(record: Task) => void} giveUp
 * @typedef {import('./callback.js').CallbackPort & StepPort} SequencePort
 */

/**
 * A running sequence: disconnect it, or await its results.
 * @implements {PromiseLike<any[]>}
 */
export class Sequence extends Handle {
  #steps;
  #callback;
  #port;
  /** @type {unknown[]} */
  #results = [];
  /** @type {Task | undefined} the step that is under way */
  #record;
  #over = false;
  /** A step is being submitted; as CallbackSink.entering. */
  #entering = false;
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
    super(() => this.#giveUp());
    this.#steps = [...steps];
    this.#callback = callback;
    this.#port = port;
    this.#promise = guarded((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#advance();
  }

  #giveUp() {
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

  #advance() {
    if (this.#over) return;
    if (this.#results.length === this.#steps.length) this.#finish();
    else this.#send(this.#results.length);
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
    this.#entering = true;
    this.#port.send(this.#record, step, payload);
    this.#entering = false;
  }

  /**
   * @param {number} _index
   * @param {unknown} value
   */
  fulfil(_index, value) {
    this.#record = undefined;
    this.#results.push(value);
    this.#advance();
  }

  /**
   * A step that failed gives undefined, and the chain goes on (TW-36); not if there is no pool any more.
   * @param {number} _index
   * @param {import('./errors.js').PoolError} error
   */
  fail(_index, error) {
    const wasOver = this.#over;
    const goOn = () => (error.code === 'POOL_DESTROYED' ? this.#abandon(error) : this.fulfil(0, undefined));
    if (this.#entering) this.#port.later(goOn);
    else goOn();
    return wasOver ? /** @type {const} */ (false) : undefined;
  }

  #finish() {
    this.#over = true;
    if (this.#callback) callBack(this.#callback, this.#results, this.#port);
    this.#resolve(this.#results);
  }

  /** @param {Error} error what has no result yet will never have one */
  #abandon(error) {
    if (this.#over) return;
    this.#results = this.#steps.map((_, index) => this.#results[index]);
    this.#reject(error);
    this.#finish();
  }

  /** @param {Error} error */
  #stop(error) {
    this.#over = true;
    this.#reject(error);
  }
}
