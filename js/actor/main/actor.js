/** Main's record of an actor, from its first start to its end. */
import { err, ok } from '../result.js';
import { MAIN } from '../protocol.js';
import { ActorRef } from './actor-ref.js';
import { Incarnation } from './incarnation.js';
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

/** Number of actors so far, of all supervisors of this program. */
let count = 0;

/**
 * A message with its sender. Values that are no plain objects have no place for one.
 * @param {unknown} given
 * @param {string} from
 */
export function envelope(given, from) {
  const isPlain = given !== null && typeof given === 'object' && isPlainPrototype(Object.getPrototypeOf(given));
  return isPlain ? { .../** @type {object} */ (given), from } : given;
}

/** @param {unknown} prototype */
const isPlainPrototype = (prototype) => prototype === Object.prototype || prototype === null;

/** One actor. */
export class Actor {
  id = `actor-${++count}`;
  incarnation = 0;
  /** Whether it has ended for good. */
  isDead = false;
  /** Why it ended. @type {string | undefined} */
  reason = undefined;
  /** @type {Incarnation | undefined} undefined: it waits for its next one */
  #life;
  /** Messages while there is no incarnation. @type {unknown[]} */
  #early = [];
  #subscribers = new Subscribers();
  #system;
  #bornMs;
  /** Of earlier incarnations. */
  #handled = 0;
  #heartbeats = 0;
  /** Messages that were sent to the present incarnation. */
  #posted = 0;

  /**
   * @param {import('./actor-system.js').ActorSystem} system
   * @param {{ code: import('../protocol.js').Code, name: string | undefined, leaseMs: number, group: import('./actor-system.js').Group,
   *   parent: Actor | undefined }} what
   */
  constructor(system, { code, name, leaseMs, group, parent }) {
    this.#system = system;
    this.code = code;
    this.name = name;
    this.leaseMs = leaseMs;
    this.group = group;
    this.parent = parent;
    this.#bornMs = system.nowMs;
    this.ref = new ActorRef(this);
  }

  // ---- Its incarnations, for the supervisor ----

  /** @param {import('./incarnation.js').LifeEvents} events */
  start(events) {
    const { pool, nowMs, graceMs, resourceNames } = this.#system;
    this.incarnation++;
    const { id, name, incarnation, code, leaseMs } = this;
    const start = { id, name, incarnation, code, callMs: leaseMs, resources: resourceNames };
    this.#life = new Incarnation(pool, start, { leaseMs, graceMs, nowMs }, events);
    this.#posted = 0;
    for (const message of this.#early.splice(0)) this.#post(message);
  }

  /**
   * Ends the incarnation.
   * @returns {Promise<number>} settles with its confirmed death: how many messages it had not begun to handle
   */
  async stop() {
    const life = this.#life;
    if (!life) return 0;
    this.#life = undefined;
    await life.stop();
    this.#handled += life.handled;
    this.#heartbeats += life.heartbeats;
    return this.#posted - life.handled - (life.isBusy ? 1 : 0);
  }

  /** @param {import('../protocol.js').Answer} answer */
  answer(answer) {
    this.#life?.post(answer);
  }

  /** @param {number} nowMs */
  isSilent(nowMs) {
    return (this.#life?.silenceMs(nowMs) ?? 0) >= this.leaseMs;
  }

  /**
   * For good.
   * @param {string} reason
   */
  end(reason) {
    this.isDead = true;
    this.reason = reason;
    return this.#early.splice(0).length;
  }

  /** @param {object} message to its subscribers */
  publish(message) {
    this.#subscribers.tell(message);
  }

  /** It will publish nothing any more. */
  clear() {
    this.#subscribers.clear();
  }

  // ---- For its users ----

  /**
   * @param {unknown} message
   * @param {string} [from]
   */
  receive(message, from = MAIN) {
    if (this.isDead) this.#system.deadLetter();
    else if (this.#life) this.#post(envelope(message, from));
    else this.#early.push(structuredClone(envelope(message, from)));
  }

  /** @param {unknown} message */
  #post(message) {
    this.#life?.post({ kind: 'message', message });
    this.#posted++;
  }

  /** @param {import('./subscribers.js').Listener} listener */
  subscribe(listener) {
    return this.isDead ? () => undefined : this.#subscribers.add(listener);
  }

  terminate() {
    this.#system.terminate(this);
  }

  /** @returns {import('../result.js').Result<ActorDiagnostics>} */
  getDiagnostics() {
    return this.isDead ? err(`${this.id} has ended: ${this.reason}`) : ok(this.diagnostics);
  }

  /** @returns {ActorDiagnostics} */
  get diagnostics() {
    const { id, name, incarnation, reason } = this;
    return {
      id,
      name,
      incarnation,
      lifetimeMs: this.#system.nowMs - this.#bornMs,
      heartbeatCount: this.#heartbeats + (this.#life?.heartbeats ?? 0),
      lastHeartbeatAt: this.#life?.lastBeatMs ?? this.#bornMs,
      messageCount: this.#handled + (this.#life?.handled ?? 0),
      ...(reason === undefined ? {} : { terminationReason: reason }),
    };
  }
}
