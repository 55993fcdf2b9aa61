/** Other actors, as an actor sees them. */
import { poolError } from '../../base/errors.js';
import { ask } from './calls.js';

/** What only refs on main can do. */
const OF_MAIN = ['subscribe', 'read', 'release', 'getDiagnostics'];

/**
 * @param {any} actor a ref, or an id
 * @returns {string}
 * @throws {import('../../base/errors.js').PoolError} INVALID_ARGUMENT
 */
export function idOf(actor) {
  const id = typeof actor === 'string' ? actor : actor?.id;
  if (typeof id !== 'string') throw poolError('INVALID_ARGUMENT', 'actor: expected a ref, or the id of an actor');
  return id;
}

/** A reference to another actor. Its messages go there directly. */
export class RemoteRef {
  #life;
  /** A promise until main has told where the actor is. @type {number | undefined | Promise<number | undefined>} */
  #mailbox;

  /**
   * @param {import('./context.js').Life} life of the actor that has this ref
   * @param {string} id
   * @param {string} [name]
   * @param {number} [mailbox] undefined: main is asked when it is needed
   */
  constructor(life, id, name, mailbox) {
    this.#life = life;
    this.#mailbox = mailbox;
    this.id = id;
    this.name = name;
  }

  /**
   * Sends the actor a message, and with it the box whose handle it carries, if any. One for an actor that has ended is counted as a dead letter.
   * @param {unknown} message plain data
   * @throws {import('../../base/errors.js').PoolError} NOT_SERIALIZABLE, QUEUE_FULL
   */
  receive(message) {
    const { deliver, sendLater } = this.#life;
    this.#mailbox ??= ask(this.#life, 'mailbox', [this.id]).then((mailbox) => (this.#mailbox = mailbox));
    if (typeof this.#mailbox === 'number') deliver(this.#mailbox, message);
    else sendLater(this.#mailbox.then((mailbox) => mailbox && deliver(mailbox, message)));
  }

  /** Ends the actor; it is not restarted. */
  terminate() {
    this.#life.tell('terminate', [this.id]);
  }

  /**
   * Links the two: when one dies, the other dies too.
   * @param {{ id: string } | string} other
   */
  link(other) {
    this.#life.tell('link', [this.id, idOf(other)]);
  }

  /**
   * This actor, the one that the ref is of, is told of the other's death.
   * @param {{ id: string } | string} other
   */
  monitor(other) {
    this.#life.tell('monitor', [this.id, idOf(other)]);
  }
}

for (const name of OF_MAIN)
  Object.defineProperty(RemoteRef.prototype, name, {
    value: () => {
      throw poolError('UNSUPPORTED', `${name}: not available in worker; refs on the main thread have it`);
    },
  });
