/**
 * All actors of one supervisor. What happens to them is decided by supervision (src/supervision.h): this reports events to it, performs its
 * actions, and keeps what only JavaScript has: threads, mailboxes, names, subscribers. Supervisor shows it to users.
 */
import { describeReason, poolError, statusRow } from '../../base/errors.js';
import * as S from '../../generated/supervision.js';
import { host } from '../../host/index.js';
import { DOWN, SYSTEM } from '../protocol.js';
import { ok } from '../result.js';
import { screen } from '../source.js';
import { NOBODY, ROOT, Supervision } from '../supervision.js';
import { Actor } from './actor.js';
import { collectorOf } from '../config/diagnostics.js';
import { ActorIds } from './ids.js';
import { actorOptions, supervisorOptions } from '../config/options.js';
import { copied, PostOffice } from './post-office.js';
import { Requests } from './requests.js';
import { releaseResources } from '../config/resources.js';
import { Subscribers } from './subscribers.js';
import { ActorThreads, reasonOfLoss } from './threads.js';
import { Watch } from './watch.js';

/** @typedef {import('../supervision.js').SupervisionAction} Action */
/** Deaths that an actor does not come back from. */
const FINAL = new Set([S.ACTOR_TERMINATED, S.ACTOR_PARENT_DIED, S.ACTOR_CASCADE, S.ACTOR_SHUTDOWN]);
/** Deaths whose reason is the actor's own error. */
const OWN_REASON = new Set([S.ACTOR_ERROR, S.ACTOR_EXITED, S.ACTOR_NOT_STARTED]);

/** The actors of one supervisor. */
export class ActorSystem {
  ids = new ActorIds();
  options;
  collector;
  subscribers = new Subscribers();
  /** Live actors, by id. @type {Map<string, Actor>} */
  actors = new Map();
  /** The same by their numbers in the supervision, until they have ended. @type {Map<number, Actor>} */
  #byNumber = new Map();
  #supervision;
  office;
  #requests = new Requests(this);
  #watch;
  #threads;
  /** Dead letters that the core does not know of. */
  deadLetters = 0;
  /** What subscribers hear when all actions are performed. @type {(() => void)[]} */
  #news = [];
  #depth = 0;
  /** The actor of the spawn that is in progress. @type {Actor | undefined} */
  #spawning;
  /** @type {unknown} */
  #timer;
  /** @type {Promise<void> | undefined} */
  #ending;
  #closed = () => {};

  /** @param {import('../config/options.js').SupervisorOptions} [given] */
  constructor(given) {
    const options = (this.options = supervisorOptions(given));
    const { maxActors, strategy, retry, timeouts } = options;
    this.#supervision = new Supervision({ maxActors, strategy, retry, leaseMs: timeouts.leaseMs });
    this.collector = collectorOf(options.diagnostics);
    this.#threads = new ActorThreads(options, this.#requests.functions);
    this.office = new PostOffice(this.#threads.pool, (...mail) => this.#requests.letter(...mail));
    this.#watch = new Watch(this, this.office);
    this.office.ready.then(
      () => this.#opened(),
      (error) => this.#cannotStart(error),
    );
  }

  get nowMs() {
    return host.time.now();
  }

  // ---- The pool ----

  #opened() {
    this.#threads.fit();
    for (const actor of this.actors.values()) if (actor.waits) this.#begin(actor);
    this.office.linkEarly();
  }

  /** @param {any} error */
  #cannotStart(error) {
    if (this.#ending) return;
    for (const actor of this.actors.values()) this.failed(actor, actor.incarnation, error, S.ACTOR_NOT_STARTED);
    void this.shutdown();
  }

  // ---- Supervision ----

  /**
   * Reports an event, or only that time has passed, and performs what supervision decides.
   * @param {import('../supervision.js').SupervisionEvent} [event]
   * @returns {readonly Action[]}
   */
  step(event) {
    this.#depth++;
    const actions = this.#supervision.step(this.nowMs, event);
    for (const action of actions) this.#perform(action); // never throws
    this.#depth--;
    if (this.#depth > 0) return actions;
    for (let tell; (tell = this.#news.shift());) tell();
    this.#stepLater();
    return actions;
  }

  #stepLater() {
    host.time.clearTimeout(this.#timer);
    const { nextMs } = this.#supervision;
    if (nextMs > 0) this.#timer = host.time.setTimeout(() => this.step(), Math.max(0, nextMs - this.nowMs));
  }

  /** @param {Action} action */
  #perform(action) {
    const actor = /** @type {Actor} */ (this.#byNumber.get(action.actor) ?? this.#spawning);
    switch (action.kind) {
      case S.SUPERVISION_SPAWNED:
        Object.assign(actor, { number: action.actor, id: this.ids.of(action.actor) });
        this.#byNumber.set(action.actor, actor);
        this.actors.set(actor.id, actor);
        return;
      case S.SUPERVISION_START:
        actor.incarnation = action.incarnation;
        actor.leaseMs = action.ms;
        actor.failure = undefined; // one that came too late for the thread before
        this.#start(actor);
        return;
      case S.SUPERVISION_DEAD:
        this.#died(actor, action.reason);
        return;
      case S.SUPERVISION_STOP:
        void this.#stop(actor);
        return;
      case S.SUPERVISION_DROP_MAILBOX:
        this.office.clear(actor);
        return;
      case S.SUPERVISION_DOWN:
        this.#down(action);
        return;
      case S.SUPERVISION_ENDED:
        this.#ended(actor, action.reason);
        return;
      case S.SUPERVISION_CLOSED:
        this.#closed();
    }
  }

  /** @param {Actor} actor */
  #start(actor) {
    actor.isMuted = false;
    this.#threads.reserve(actor);
    if (!this.office.isOpen) return;
    this.#threads.fit();
    this.#begin(actor);
  }

  /** @param {Actor} actor */
  #begin(actor) {
    const { incarnation } = actor;
    const lost = (/** @type {any} */ error) => this.failed(actor, incarnation, error, reasonOfLoss(error));
    try {
      this.#threads.begin(actor, this.office.addressesOf(actor), this.nowMs, lost);
    } catch (error) {
      this.failed(actor, incarnation, error, S.ACTOR_NOT_STARTED);
      return;
    }
    for (const { message, from } of actor.early.splice(0)) this.#trySend(actor, message, from);
    this.#watch.begin();
  }

  /**
   * Sends a message that nobody can be told about if it does not arrive.
   * @param {Actor} actor
   * @param {unknown} message
   * @param {string} from
   */
  #trySend(actor, message, from) {
    try {
      this.send(actor, message, from);
    } catch (error) {
      this.deadLetters++;
      host.warn(`a message to ${actor.id} cannot be sent: ${describeReason(error)}`, undefined);
    }
  }

  /**
   * @param {Actor} actor
   * @param {number} reason
   */
  #died(actor, reason) {
    actor.reason = OWN_REASON.has(reason)
      ? (actor.failure ?? this.#supervision.reasonText(reason))
      : this.#supervision.reasonText(reason);
    actor.failure = undefined;
    actor.isDead = FINAL.has(reason);
    actor.isMuted = !(this.options.graceMs > 0 && actor.isDead); // only one that is not to come back has a time of grace
  }

  /** @param {Actor} actor */
  async #stop(actor) {
    const { number, incarnation } = actor;
    await this.#threads.end(actor);
    this.step({ kind: S.SUPERVISION_GONE, actor: number, incarnation });
    if (!this.#ending) this.#threads.fit();
  }

  /**
   * @param {Actor} actor
   * @param {number} reason
   */
  #ended(actor, reason) {
    actor.isDead = true;
    if (!OWN_REASON.has(reason)) actor.reason = this.#supervision.reasonText(reason);
    this.deadLetters += actor.early.splice(0).length;
    this.actors.delete(actor.id);
    this.#byNumber.delete(actor.number);
    this.office.drop(actor);
    this.#news.push(() => actor.subscribers.clear());
  }

  /** @param {Action} action */
  #down({ actor, other, reason }) {
    const dead = this.#byNumber.get(actor);
    const text = reason === S.ACTOR_NOPROC ? undefined : dead?.reason;
    const data = Object.freeze({ id: this.ids.of(actor), reason: text ?? this.#supervision.reasonText(reason) });
    const message = Object.freeze({ msg: DOWN, data, from: SYSTEM });
    const watcher = this.#byNumber.get(other);
    if (dead && other === NOBODY) this.publish(dead, message);
    else if (watcher) {
      this.#trySend(watcher, { msg: DOWN, data }, SYSTEM);
      this.#news.push(() => watcher.subscribers.tell(message));
    }
  }

  // ---- What actors do ----

  /**
   * @param {Actor} actor
   * @param {number} incarnation
   * @param {unknown} error
   * @param {number} reason S.ACTOR_…
   */
  failed(actor, incarnation, error, reason) {
    if (actor.incarnation !== incarnation) return;
    actor.failure = describeReason(error);
    this.step({ kind: S.SUPERVISION_FAILED, actor: actor.number, incarnation, reason });
  }

  /**
   * @param {Actor} actor
   * @param {object} message frozen
   */
  publish(actor, message) {
    this.#news.push(
      () => actor.subscribers.tell(message),
      () => this.subscribers.tell(message),
    );
    if (this.#depth === 0) for (let tell; (tell = this.#news.shift());) tell();
  }

  /**
   * Sends an actor a message.
   * @param {Actor} actor
   * @param {unknown} message
   * @param {string} from
   * @throws {import('../../base/errors.js').PoolError} NOT_SERIALIZABLE, QUEUE_FULL
   */
  send(actor, message, from) {
    if (actor.isDead) this.deadLetters++;
    else if (actor.mailbox) this.office.send(actor, message, from);
    else actor.early.push({ message: copied(message), from });
  }

  // ---- What users ask for ----

  /**
   * @param {import('../protocol.js').Code} code
   * @param {import('../config/options.js').ActorOptions} [options]
   * @param {number} [group]
   * @param {number} [parent]
   * @returns {Actor}
   * @throws {import('../../base/errors.js').PoolError} INVALID_ARGUMENT, MAX_ACTORS, SHUTTING_DOWN
   */
  spawn(code, options = {}, group = ROOT, parent = NOBODY) {
    const { name, leaseMs, nameLeaseMs } = actorOptions(options, this.options);
    if (this.options.screening) screen(code);
    if (this.#ending) throw poolError('SHUTTING_DOWN', 'spawn: the supervisor was shut down');
    const resolved = 'module' in code ? { ...code, module: host.resolve(code.module) } : code;
    const actor = new Actor(this, resolved, name, group);
    const outer = this.#spawning;
    this.#spawning = actor;
    try {
      this.#accepted(this.step({ kind: S.SUPERVISION_SPAWN, group, other: parent, leaseMs, nameLeaseMs }), 'spawn');
    } finally {
      this.#spawning = outer;
    }
    this.step({ kind: S.SUPERVISION_MONITOR, other: actor.number }); // main hears of each of its deaths
    return actor;
  }

  /**
   * @param {readonly Action[]} actions
   * @param {string} what was asked for
   * @throws {import('../../base/errors.js').PoolError} if it was refused
   */
  #accepted(actions, what) {
    const refused = actions.find(({ kind }) => kind === S.SUPERVISION_REFUSED);
    if (!refused) return;
    const { code, text } = statusRow(refused.status);
    const { maxActors } = this.options;
    const why = code === 'MAX_ACTORS' ? `${maxActors} actors are alive, which is the limit, maxActors` : text;
    throw poolError(code, `${what}: ${why}`);
  }

  /**
   * @param {import('../config/options.js').ResolvedGroup} options
   * @returns {number}
   */
  createGroup({ strategy, retry }) {
    const actions = this.step({ kind: S.SUPERVISION_GROUP, strategy, retry });
    this.#accepted(actions, 'createGroup');
    return actions[0].group;
  }

  /** @param {number} group */
  terminateGroup(group) {
    this.step({ kind: S.SUPERVISION_TERMINATE_GROUP, group });
  }

  /** Nobody but its members will spawn there any more. @param {number} group */
  forgetGroup(group) {
    this.step({ kind: S.SUPERVISION_FORGET_GROUP, group });
  }

  /** @param {Actor} actor */
  terminate(actor) {
    if (!actor.isDead) this.step({ kind: S.SUPERVISION_TERMINATE, actor: actor.number });
  }

  /**
   * @param {number} actor
   * @param {number} other
   * @param {number} [incarnation] of the actor, if it asks for this itself
   * @throws {import('../../base/errors.js').PoolError} STALE_HANDLE, QUEUE_FULL
   */
  link(actor, other, incarnation = 0) {
    const event = { kind: S.SUPERVISION_LINK, actor, other, incarnation, byActor: incarnation > 0 };
    this.#accepted(this.step(event), 'link');
    const [a, b] = [this.#byNumber.get(actor), this.#byNumber.get(other)];
    if (a && b && a !== b && !a.isDead && !b.isDead) this.office.link(a, b);
  }

  /**
   * @param {number} actor
   * @param {number} other
   * @throws {import('../../base/errors.js').PoolError} STALE_HANDLE, QUEUE_FULL
   */
  monitor(actor, other) {
    this.#accepted(this.step({ kind: S.SUPERVISION_MONITOR, actor, other }), 'monitor');
  }

  /** @returns {Promise<void>} */
  shutdown() {
    return (this.#ending ??= this.#shutDown());
  }

  async #shutDown() {
    const closed = new Promise((resolve) => (this.#closed = () => resolve(undefined)));
    await undefined; // #ending is set
    this.step({ kind: S.SUPERVISION_SHUTDOWN });
    await closed;
    this.#watch.end();
    this.office.close();
    this.#threads.close();
    await this.#threads.pool.destroy();
    await releaseResources(this.options, (name, error) =>
      host.warn(`resource '${name}' failed to release: ${describeReason(error)}`, undefined),
    );
    this.subscribers.clear();
  }

  getDiagnostics() {
    const { poolSize } = this.options.memory;
    const { active, spawned, ended } = this.#supervision.counts;
    const { dead, denied, stale } = this.office.counts;
    const boxesInUse = this.#threads.boxesInUse;
    return ok({
      activeActors: active,
      totalActorsSpawned: spawned,
      totalActorsTerminated: ended,
      deadLetters: this.deadLetters + dead,
      memoryPool: { poolSize, boxesInUse, utilization: boxesInUse / poolSize },
      ...(this.collector?.tracks('authorizationEvents') ? { authorization: { denied, stale } } : {}),
      actors: [...this.actors.values()].map((actor) => actor.diagnostics),
      ...this.collector?.report(),
    });
  }
}
