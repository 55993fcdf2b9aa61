/** Mailboxes of a supervisor's actors, and main's own (js/actor/mailbox.js). They exist once the pool's core is loaded. */
import { notSerializable } from '../../codec/explain.js';
import { describeReason } from '../../base/errors.js';
import { host } from '../../host/index.js';
import { RUNNER } from '../../handlers/runner.js';
import { Post } from '../mailbox.js';

/** @typedef {import('./actor.js').Actor} Actor */

/** The mail of one supervisor. */
export class PostOffice {
  /** Settles when there are mailboxes; rejects if the pool cannot start. @type {Promise<void>} */
  ready;
  #pool;
  /** @type {Post | undefined} */
  #post;
  /** @type {import('../mailbox.js').Mailbox | undefined} */
  #own;
  #receive;
  /** @type {Map<number, Actor>} */
  #actors = new Map();
  #dead = 0;

  /**
   * @param {import('../../api/pool.js').Pool} pool
   * @param {(letter: any, actor: Actor) => void} receive gets what actors send to main
   */
  constructor(pool, receive) {
    this.#pool = pool;
    this.#receive = receive;
    this.ready = this.#open();
  }

  async #open() {
    await this.#pool.ready;
    const { core } = /** @type {import('../../engine/engine.js').Engine} */ (this.#pool[RUNNER]);
    this.#post = new Post(core);
    this.#own = this.#post.attach(this.#post.open(), { now: host.time.now, defer: host.defer, blocks: false });
    void this.#serve(this.#own);
  }

  /** @param {import('../mailbox.js').Mailbox} own */
  async #serve(own) {
    for (let isOver = false; !isOver;) {
      try {
        await own.serve(({ value, from }) => {
          const actor = this.#actors.get(from);
          if (actor) this.#receive(value, actor);
        });
        isOver = true;
      } catch (error) {
        host.warn(`a message of an actor cannot be read: ${describeReason(error)}`, undefined);
      }
    }
  }

  /** Whether there are mailboxes. */
  get isOpen() {
    return this.#own !== undefined;
  }

  /**
   * Where the actor and main get their letters. The actor's stays the same over its restarts.
   * @param {Actor} actor
   * @returns {{ mailbox: number, main: number }}
   */
  addressesOf(actor) {
    const post = /** @type {Post} */ (this.#post);
    if (!actor.mailbox) {
      actor.mailbox = post.open();
      this.#actors.set(actor.mailbox, actor);
    }
    return { mailbox: actor.mailbox, main: /** @type {import('../mailbox.js').Mailbox} */ (this.#own).id };
  }

  /**
   * @param {Actor} actor that has a mailbox
   * @param {unknown} message
   * @param {string} from
   * @throws {import('../../base/errors.js').PoolError} NOT_SERIALIZABLE, QUEUE_FULL
   */
  send(actor, message, from) {
    try {
      this.#post?.send(actor.mailbox, { message, from });
    } catch (error) {
      if (/** @type {any} */ (error).code !== 'STALE_HANDLE') throw error; // the core has counted a dead letter
    }
  }

  /** Drops what the actor has not taken, after its thread's death. @param {Actor} actor */
  clear(actor) {
    if (actor.mailbox) this.#post?.clear(actor.mailbox);
  }

  /** The actor has ended. @param {Actor} actor */
  drop(actor) {
    if (!actor.mailbox) return;
    this.#post?.close(actor.mailbox);
    this.#post?.drop(actor.mailbox);
    this.#actors.delete(actor.mailbox);
  }

  /** Letters that nobody got. */
  get deadLetters() {
    return this.#post ? this.#post.deadLetters : this.#dead;
  }

  close() {
    this.#dead = this.deadLetters;
    this.#own?.detach();
    this.#post = undefined;
  }
}

/**
 * A copy of a message, so that its sender may change it.
 * @param {unknown} message
 */
export function copied(message) {
  try {
    return structuredClone(message);
  } catch (cause) {
    throw notSerializable(message, cause, false);
  }
}
