/** Calls from an actor to main, and main's answers. */
import { fromMessage } from '../../codec/errors.js';
import { notSerializable } from '../../codec/explain.js';
import { poolError } from '../../base/errors.js';

/** One actor's open calls. */
export class ActorCalls {
  /** @type {Map<number, (answer: import('../protocol.js').Answer) => void>} by number */
  #open = new Map();
  #next = 1;
  #post;
  #limitMs;

  /**
   * @param {(message: import('../protocol.js').FromActor) => void} post to main
   * @param {number} limitMs how long main may take; Infinity: no limit
   */
  constructor(post, limitMs) {
    this.#post = post;
    this.#limitMs = limitMs;
  }

  /**
   * @param {string} what
   * @param {readonly unknown[]} values
   * @param {string} [shown] the call, for messages
   * @returns {Promise<any>} main's answer; rejects with TIMEOUT if there is none in time, and with NOT_SERIALIZABLE
   */
  ask(what, values, shown = what) {
    const call = this.#next++;
    return new Promise((resolve, reject) => {
      try {
        this.#post({ kind: 'call', call, what, values });
      } catch (cause) {
        throw notSerializable(values, cause);
      }
      const late = () => {
        this.#open.delete(call);
        reject(poolError('TIMEOUT', `${shown}: no answer within ${this.#limitMs} ms`));
      };
      const timer = this.#limitMs === Infinity ? undefined : setTimeout(late, this.#limitMs);
      this.#open.set(call, (answer) => {
        clearTimeout(timer);
        if (answer.error) reject(fromMessage(answer.error));
        else resolve(answer.value);
      });
    });
  }

  /**
   * @param {string} what main does, without an answer
   * @param {readonly unknown[]} values
   */
  tell(what, values) {
    try {
      this.#post({ kind: 'call', call: 0, what, values });
    } catch (cause) {
      throw notSerializable(values, cause);
    }
  }

  /** @param {import('../protocol.js').Answer} answer of main; one that is late is dropped */
  receive(answer) {
    this.#open.get(answer.call)?.(answer);
    this.#open.delete(answer.call);
  }
}
