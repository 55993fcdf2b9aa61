/** An actor as its users on main see it. */

/**
 * The message that an actor's subscribers get.
 * @template {Record<string, any>} [Messages=any] data by key
 * @typedef {{ [K in keyof Messages]: { readonly msg: K, readonly data: Messages[K], readonly from: string,
 *   readonly type?: import('../protocol.js').BoxType, readonly handle?: import('../protocol.js').BoxHandle } }[keyof Messages]} Message
 */

/**
 * The message that tells of the end of an actor, or of one that it monitors.
 * @typedef {{ readonly msg: 'DOWN', readonly data: { readonly id: string, readonly reason: string }, readonly from: string,
 *   readonly type?: undefined, readonly handle?: undefined }} Down
 */

/**
 * The supervisor's side of a ref: users cannot reach it.
 * @type {(ref: ActorRef) => import('./actor.js').Actor}
 */
export let actorOf;

/**
 * A reference to an actor. It stays valid when the actor is restarted, and does nothing once the actor has ended.
 * @template {Record<string, any>} [Messages=any]
 */
export class ActorRef {
  #actor;

  /** @param {import('./actor.js').Actor} actor */
  constructor(actor) {
    this.#actor = actor;
  }

  static {
    actorOf = (ref) => ref.#actor;
  }

  /** Unique in the program. */
  get id() {
    return this.#actor.id;
  }

  get name() {
    return this.#actor.name;
  }

  /** How often the actor was started, from 1. */
  get incarnation() {
    return this.#actor.incarnation;
  }

  /**
   * Sends the actor a message. It is kept until the actor's thread runs. If it carries the handle of a box, as `handle` or in `data`, the
   * actor may read that, too. If the actor has ended, the message is counted as a dead letter.
   * @param {unknown} message
   * @throws {import('../../base/errors.js').PoolError} NOT_SERIALIZABLE
   */
  receive(message) {
    this.#actor.receive(message);
  }

  /**
   * Hears what the actor sends, and of its end.
   * @param {(message: Message<Messages> | Down) => unknown} listener
   * @returns {() => void} ends the subscription; idempotent
   */
  subscribe(listener) {
    return this.#actor.subscribe(/** @type {any} */ (listener));
  }

  /** Ends the actor, whatever it does; it is not restarted. Idempotent. */
  terminate() {
    this.#actor.terminate();
  }

  /**
   * Links the two actors: when one dies, for whatever reason, the other is killed.
   * @param {ActorRef<any>} other
   * @throws {import('../../base/errors.js').PoolError} INVALID_ARGUMENT, STALE_HANDLE: one of them has ended
   */
  link(other) {
    this.#actor.link(other);
  }

  /**
   * This actor is told when the other dies, by a message `DOWN`; so are its subscribers.
   * @param {ActorRef<any>} other
   */
  monitor(other) {
    this.#actor.monitor(other);
  }

  /**
   * Reads a box in place.
   * @param {{ readonly handle?: import('../protocol.js').BoxHandle }} message
   * @returns {import('../reader.js').BoxReader | null} null: the message has no handle, or the box is gone; or the actor has ended
   */
  read(message) {
    return this.#actor.read(message);
  }

  /** Gives a box back. @param {import('../protocol.js').BoxHandle | undefined} handle */
  release(handle) {
    this.#actor.release(handle);
  }

  /** @returns {import('../result.js').Result<import('./actor.js').ActorDiagnostics>} an error once the actor has ended */
  getDiagnostics() {
    return this.#actor.getDiagnostics();
  }
}
