/** Calls from a worker to main by message, and main's answers. */

import { fromMessage } from '../codec/errors.js';
import { notSerializable } from '../codec/explain.js';

/** One worker's open calls. */
export class Calls {
  /** @type {Map<number, (answer: any) => void>} by number of the call */
  #open = new Map();
  #next = 1;
  #post;

  /** @param {(message: import('../protocol/messages.js').Call, transfer?: readonly import('../base/host-types.js').Transferable[]) => void} post to main */
  constructor(post) {
    this.#post = post;
  }

  /**
   * Asks main for something.
   * @param {import('../protocol/messages.js').Question} request
   * @param {readonly import('../base/host-types.js').Transferable[]} [transfer]
   * @returns {Promise<any>} main's answer
   */
  ask(request, transfer) {
    const call = this.#next++;
    return new Promise((resolve, reject) => {
      try {
        this.#post({ ...request, call }, transfer);
      } catch (cause) {
        throw notSerializable(request.kind === 'main' ? request.argument : undefined, cause);
      }
      this.#open.set(call, (answer) =>
        Object.hasOwn(answer, 'error') ? reject(fromMessage(answer.error)) : resolve(answer.value),
      );
    });
  }

  /**
   * @param {import('../protocol/messages.js').Answer} message main's answer
   */
  receive(message) {
    this.#open.get(message.call)?.(message);
    this.#open.delete(message.call);
  }
}
