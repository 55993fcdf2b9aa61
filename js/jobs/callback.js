/** Callbacks of users: called in the turn in which main learns of a result, and never trusted. */

/** A task's option that only entry points use: its name in messages, where that of its handler says nothing to the user. */
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
 * Calls it. What it throws is logged and stops nothing (TW-04); it must not be asynchronous (TW-03).
 * @template T
 * @param {(value: T) => unknown} callback
 * @param {T} value
 * @param {CallbackPort} port
 * @param {{ task?: import('../task/task.js').Task, label?: string }} [whose] end it tells
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
 * @property {(message: string, taskId?: string) => void} emit tells of misuse
 * @property {(run: () => void) => void} later runs it when the code that submits has returned
 */

/** Where a single task's end is told: to a callback, unless it was disconnected before. */
export class CallbackSink {
  #callback;
  #port;
  connected = true;
  /** It is being submitted. Who fails at once is told later: a callback that submits again must not nest, and may want its handle. */
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

/** What `split` and `bulkSplit` return, and what a sequence is. */
export class Handle {
  /** @type {(() => void) | undefined} */
  #disconnect;

  /** @param {(() => void)} [disconnect] nothing: an inert handle */
  constructor(disconnect) {
    this.#disconnect = disconnect;
  }

  /**
   * From the moment that it returns the callback cannot run any more. What has not started never will; what runs is finished by its
   * worker, and its result dropped. Idempotent; without effect when the job is over.
   */
  disconnect() {
    this.#disconnect?.();
    this.#disconnect = undefined;
  }
}
