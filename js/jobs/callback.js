/** Calls users' callbacks, in the turn in which main learns of a result, and keeps their errors from doing harm. */

/** An internal option: the task's name in messages, for entry points whose users do not know the handler's name. */
export const LABEL = Symbol('label');

/**
 * @param {string | undefined} label
 * @param {string} message
 */
export const labelled = (label, message) => (label ? `${label}: ${message}` : message);

/**
 * Puts the label before an error's message, unless it is there already.
 * @param {string | undefined} label
 * @param {Error} error
 */
export function labelError(label, error) {
  if (label && !error.message.startsWith(`${label}: `)) error.message = labelled(label, error.message);
}

/**
 * Calls a callback. An error that it throws is logged and stops nothing (TW-04); it must not be asynchronous (TW-03).
 * @template T
 * @param {(value: T) => unknown} callback
 * @param {T} value
 * @param {CallbackPort} port
 * @param {{ task?: import('../task/task.js').Task, label?: string }} [whose] the task that has ended
 */
export function callBack(callback, value, port, { task, label } = {}) {
  try {
    const result = /** @type {any} */ (callback(value));
    if (typeof result?.then !== 'function') return;
    const misuse = 'USAGE_ASYNC_CALLBACK: a callback must not be asynchronous: it has only its turn';
    port.emit(labelled(label, misuse), task?.id);
    result.then(undefined, (/** @type {unknown} */ error) =>
      console.error(`wasmpool: ${labelled(label, 'a callback rejected')}`, error),
    );
  } catch (error) {
    console.error(`wasmpool: ${labelled(label, 'a callback threw')}`, error);
  }
}

/**
 * @typedef {object} CallbackPort
 * @property {(message: string, taskId?: string) => void} emit reports misuse
 * @property {(run: () => void) => void} later runs a function after the submitting code has returned
 */

/** The sink of a single task: calls a callback, unless it was disconnected before. */
export class CallbackSink {
  #callback;
  #port;
  connected = true;
  /** While the task is being submitted, a failure is reported later: a callback that submits again must not nest, and may need its handle. */
  entering = true;
  /** @type {import('../task/task.js').Task | undefined} its task, once there is one */
  task = undefined;

  /**
   * @param {(value: any) => void} callback gets the result, or undefined if there is none
   * @param {CallbackPort} port
   * @param {string} [label]
   */
  constructor(callback, port, label) {
    this.#callback = callback;
    this.#port = port;
    this.label = label;
  }

  /**
   * @param {number} _item
   * @param {unknown} value
   */
  fulfil(_item, value) {
    if (!this.connected) return;
    this.connected = false;
    callBack(this.#callback, value, this.#port, this);
  }

  /**
   * @param {number} _item
   * @param {Error} error
   */
  fail(_item, error) {
    if (!this.connected) return /** @type {const} */ (false);
    labelError(this.label, error);
    if (this.entering) this.#port.later(() => this.fulfil(0, undefined));
    else this.fulfil(0, undefined);
    return undefined;
  }
}

/** Returned by `split` and `bulkSplit`; sequences extend it. */
export class Handle {
  /** @type {(() => void) | undefined} */
  #disconnect;

  /** @param {(() => void)} [disconnect] undefined: disconnect() has no effect */
  constructor(disconnect) {
    this.#disconnect = disconnect;
  }

  /**
   * Disconnects the callback: it does not run after this call has returned. Tasks that have not started never will; running ones are
   * finished by their workers, and their results dropped. Idempotent; no effect when the job is over.
   */
  disconnect() {
    this.#disconnect?.();
    this.#disconnect = undefined;
  }
}
