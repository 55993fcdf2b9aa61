/** Main's record of an actor, from its first start to its end. */
import { poolError } from '../../base/errors.js';
import { MAIN } from '../protocol.js';
import { err, ok } from '../result.js';
import { ActorRef, actorOf } from './actor-ref.js';
import { Subscribers } from './subscribers.js';

/**
 * @typedef {object} ActorDiagnostics
 * @property {string} id
 * @property {string | undefined} name
 * @property {number} incarnation
 * @property {number} lifetimeMs since its first start
 * @property {number} heartbeatCount calls of ctx.heartbeat()
 * @property {number} lastHeartbeatAt when main last saw a sign of life, by performance.now()
 * @property {number} messageCount messages that it has handled
 * @property {string} [terminationReason]
 */

/** One actor. */
export class Actor {
  /** Set when it is spawned. */
  id = '';
  /** Its number in the supervision; 0 until it is spawned. */
  number = 0;
  incarnation = 0;
  leaseMs = 0;
  /** Its mailbox, once the pool's core is loaded. */
  mailbox = 0;
  /** Whether it has ended for good. */
  isDead = false;
  /** Why it ended, or died last. @type {string | undefined} */
  reason = undefined;
  /** The error that it dies of. @type {string | undefined} */
  failure = undefined;
  /** Whether it is to get a thread. */
  waits = false;
  /** Whether nothing that it sends counts any more, because its incarnation is dead. */
  isMuted = false;
  /** @type {import('./incarnation.js').Incarnation | undefined} undefined: it has no thread */
  life;
  /** Messages from before it has a mailbox. @type {{ message: unknown, from: string }[]} */
  early = [];
  subscribers = new Subscribers();
  #system;
  #bornMs;
  /** Of earlier incarnations. */
  #handled = 0;
  #heartbeats = 0;

  /**
   * @param {import('./actor-system.js').ActorSystem} system
   * @param {import('../protocol.js').Code} code
   * @param {string | undefined} name
   * @param {number} group
   */
  constructor(system, code, name, group) {
    this.#system = system;
    this.code = code;
    this.name = name;
    this.group = group;
    this.#bornMs = system.nowMs;
    this.ref = new ActorRef(this);
  }

  /** Its incarnation is over. */
  bury() {
    const { life } = this;
    this.life = undefined;
    if (!life) return;
    this.#handled += life.handled;
    this.#heartbeats += life.heartbeats;
  }

  // ---- For its users ----

  /** @param {unknown} message */
  receive(message) {
    this.#system.send(this, message, MAIN);
  }

  /** @param {import('./subscribers.js').Listener} listener */
  subscribe(listener) {
    return this.isDead ? () => undefined : this.subscribers.add(listener);
  }

  terminate() {
    this.#system.terminate(this);
  }

  /** @param {ActorRef} other */
  link(other) {
    this.#system.link(this.number, this.#numberOf(other));
  }

  /** @param {ActorRef} other */
  monitor(other) {
    this.#system.monitor(this.number, this.#numberOf(other));
  }

  /**
   * @param {unknown} ref
   * @returns {number}
   * @throws {import('../../base/errors.js').PoolError} INVALID_ARGUMENT: it is no ref, or one of another supervisor, whose numbers are others
   */
  #numberOf(ref) {
    if (!(ref instanceof ActorRef)) throw poolError('INVALID_ARGUMENT', 'actor: expected a ref, as spawn returns it');
    const other = actorOf(ref);
    if (other.#system === this.#system) return other.number;
    throw poolError('INVALID_ARGUMENT', `actor: ${other.id} belongs to another supervisor`);
  }

  /** @param {{ readonly handle?: import('../protocol.js').BoxHandle }} message */
  read(message) {
    return this.isDead ? null : this.#system.office.read(message);
  }

  /** @param {import('../protocol.js').BoxHandle | undefined} handle */
  release(handle) {
    this.#system.office.release(handle);
  }

  /** @returns {import('../result.js').Result<ActorDiagnostics>} */
  getDiagnostics() {
    return this.isDead ? err(`${this.id} has ended: ${this.reason}`) : ok(this.diagnostics);
  }

  /** @returns {ActorDiagnostics} */
  get diagnostics() {
    const { id, name, incarnation, reason, life } = this;
    return {
      id,
      name,
      incarnation,
      lifetimeMs: this.#system.nowMs - this.#bornMs,
      heartbeatCount: this.#heartbeats + (life?.heartbeats ?? 0),
      lastHeartbeatAt: life?.lastBeatMs ?? this.#bornMs,
      messageCount: this.#handled + (life?.handled ?? 0),
      ...(reason === undefined ? {} : { terminationReason: reason }),
    };
  }
}
