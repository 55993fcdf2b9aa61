/** Mailboxes and boxes of a supervisor's actors, and main's own mailbox (js/actor/mailbox.js, js/actor/boxes.js). They exist once the pool's core is loaded. */
import { notSerializable } from '../../codec/explain.js';
import { describeReason } from '../../base/errors.js';
import { host } from '../../host/index.js';
import { RUNNER } from '../../handlers/runner.js';
import { ActorBoxes, Leases } from '../boxes.js';
import { indexOf, Post } from '../mailbox.js';

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
  /** By the ids of their mailboxes. @type {Map<number, Actor>} */
  #actors = new Map();
  /** By the indexes of their mailboxes. @type {Map<number, Actor>} */
  #places = new Map();
  /** @type {ActorBoxes | undefined} */
  #boxes;
  /** @type {Leases | undefined} */
  #leases;
  /** Links of before there were mailboxes. @type {(readonly [Actor, Actor])[]} */
  #links = [];
  /** Counts, kept for after the end. */
  #counts = { dead: 0, denied: 0, stale: 0 };

  /**
   * @param {import('../../api/pool.js').Pool} pool
   * @param {(letter: any, actor: Actor, box?: import('../mailbox.js').BoxHandle) => void} receive gets what actors send to main
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
    this.#boxes = new ActorBoxes(core);
    this.#leases = new Leases(core);
    this.#own = this.#post.attach(this.#post.open(), { now: host.time.now, defer: host.defer, blocks: false });
    void this.#serve(this.#own);
  }

  /** @param {import('../mailbox.js').Mailbox} own */
  async #serve(own) {
    for (let isOver = false; !isOver;) {
      try {
        await own.serve(({ value, from, box }) => {
          const actor = this.#actors.get(from);
          if (actor) this.#receive(value, actor, box);
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
      post.setGroup(actor.mailbox, actor.group >>> 0 || 1);
      this.#actors.set(actor.mailbox, actor);
      this.#places.set(indexOf(actor.mailbox), actor);
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
      this.#post?.send(actor.mailbox, { message, from }, { box: this.#boxes?.handedOn(message) });
    } catch (error) {
      if (/** @type {any} */ (error).code !== 'STALE_HANDLE') throw error; // the core has counted a dead letter
    }
  }

  /**
   * Publishes a link, for boxes that are shared with linked actors.
   * @param {Actor} a
   * @param {Actor} b
   */
  link(a, b) {
    if (a.mailbox && b.mailbox) this.#post?.link(a.mailbox, b.mailbox);
    else this.#links.push([a, b]);
  }

  /** Publishes the links of before there were mailboxes. */
  linkEarly() {
    for (const [a, b] of this.#links.splice(0)) if (a.mailbox && b.mailbox) this.link(a, b);
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
    this.#places.delete(indexOf(actor.mailbox));
  }

  // ---- Boxes ----

  /** @param {{ readonly handle?: import('../mailbox.js').BoxHandle } | undefined} message */
  read(message) {
    return this.#boxes?.read(message?.handle) ?? null;
  }

  /** @param {import('../mailbox.js').BoxHandle | undefined} handle */
  release(handle) {
    this.#boxes?.release(handle);
  }

  /**
   * Ends leases that are over.
   * @returns {Actor[]} writers that are late, and must be ended
   */
  late() {
    const engine = /** @type {import('../../engine/engine.js').Engine | undefined} */ (this.#pool[RUNNER]);
    if (!this.#leases || !engine) return [];
    const writers = this.#leases.look(engine.options.scheduler.poolNow());
    return writers.flatMap(({ mailbox }) => this.#places.get(mailbox) ?? []);
  }

  /** What did not reach anybody, and reads that were refused. */
  get counts() {
    const post = this.#post;
    return post ? { dead: post.deadLetters, denied: post.denied, stale: post.stale } : this.#counts;
  }

  close() {
    this.#counts = this.counts;
    this.#own?.detach();
    this.#post = this.#boxes = this.#leases = undefined;
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
