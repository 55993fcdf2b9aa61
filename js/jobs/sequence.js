/** A chain of tasks, one after the other. */
import { callBack, Handle, LABEL, labelError, labelled } from './callback.js';
import { poolError } from '../base/errors.js';
import { host } from '../host/index.js';
import { guarded, Task } from '../task/task.js';

/**
 * @typedef {import('../options/task-options.js').Step} Step
 *
 * @typedef {object} StepPort
 * @property {(record: Task, step: Step, late: import('../submit/intake.js').Late | undefined) => void} send late: makes the payload when
 *   the step goes to the core
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
  /** @type {Task | undefined} the current step */
  #record;
  #over = false;
  /** Whether a step is being submitted just now; see CallbackSink.entering. */
  #entering = false;
  /** @type {(results: any[]) => void} */
  #resolve = () => {};
  /** @type {(error: Error) => void} */
  #reject = () => {};
  #promise;
  /** Calls a function in the async context of the call that began the sequence. */
  #inContext = host.bind((/** @type {() => any} */ run) => run());

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
    if (!step?.task) {
      this.#halt(index, poolError('INVALID_ARGUMENT', `step ${index + 1}: expected a task`));
      return;
    }
    const sink = {
      label: this.#labelOf(index),
      fulfil: (/** @type {unknown} */ _item, /** @type {unknown} */ value) => this.#fulfil(value),
      fail: (/** @type {unknown} */ _item, /** @type {import('../base/errors.js').PoolError} */ error) =>
        this.#fail(index, error),
    };
    this.#record = new Task(sink, index);
    this.#entering = true;
    this.#port.send(
      this.#record,
      step,
      typeof step.payload === 'function' ? () => this.#inContext(() => this.#makePayload(index)) : undefined,
    );
    this.#entering = false;
  }

  /**
   * @param {number} index of the step that is being sent
   * @returns {{ payload: unknown } | undefined} undefined: the sequence has ended meanwhile
   */
  #makePayload(index) {
    if (this.#over) return undefined;
    try {
      const payload = /** @type {Function} */ (this.#steps[index].payload)(this.#results[index - 1]);
      return this.#over ? undefined : { payload };
    } catch (error) {
      this.#halt(index, error);
      return undefined;
    }
  }

  /**
   * Ends the sequence at a step, for good (TW-35).
   * @param {number} index
   * @param {any} error
   */
  #halt(index, error) {
    const text = `a sequence ended at step ${index + 1}: ${error?.message ?? error}`;
    this.#record = undefined;
    this.#port.emit(labelled(this.#labelOf(index), text));
    this.#stop(error);
  }

  /** @param {number} index */
  #labelOf(index) {
    return /** @type {any} */ (this.#steps[index])?.[LABEL];
  }

  /** @param {unknown} value result of the current step */
  #fulfil(value) {
    this.#record = undefined;
    this.#results.push(value);
    this.#inContext(() => this.#advance());
  }

  /**
   * The result of a failed step is undefined, and the sequence goes on (TW-36), unless the pool has gone.
   * @param {number} index
   * @param {import('../base/errors.js').PoolError} error
   */
  #fail(index, error) {
    const wasOver = this.#over;
    labelError(this.#labelOf(index), error);
    const goOn = () => (isOver(error) ? this.#inContext(() => this.#abandon(error)) : this.#fulfil(undefined));
    if (this.#entering) this.#port.later(goOn);
    else goOn();
    return wasOver ? /** @type {const} */ (false) : undefined;
  }

  #finish() {
    this.#over = true;
    if (this.#callback)
      callBack(this.#callback, this.#results, this.#port, { label: this.#labelOf(this.#steps.length - 1) });
    this.#resolve(this.#results);
  }

  /** @param {Error} error why no further step can run */
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

/**
 * Whether the pool has gone, so that no further step can run.
 * @param {import('../base/errors.js').PoolError} error of a step
 */
function isOver({ code }) {
  return code === 'POOL_DESTROYED' || code === 'SHUTTING_DOWN';
}
