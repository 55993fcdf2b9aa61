/** What a supervisor does: it starts actors, watches over them, and starts them anew when they fail. */
import { toMessage } from '../../codec/errors.js';
import { describeReason, poolError } from '../../base/errors.js';
import { host } from '../../host/index.js';
import { Pool } from '../../api/pool.js';
import { DOWN, SYSTEM } from '../protocol.js';
import { ok } from '../result.js';
import { screen } from '../source.js';
import { Actor } from './actor.js';
import { collectorOf } from './diagnostics.js';
import { actorOptions, supervisorOptions } from './options.js';
import { callResource, releaseResources, resourceNames } from './resources.js';
import { Subscribers } from './subscribers.js';
import { actorWorkerUrl } from './worker-url.js';

/**
 * @typedef {import('./options.js').SupervisorOptions} SupervisorOptions
 * @typedef {import('./options.js').ActorOptions} ActorOptions
 */

/** After this time a thread that no actor needs ends. */
const IDLE_MS = 100;
/** How often actors are checked for silence. */
const LOOK_MS = /** @type {const} */ ({ least: 5, most: 500 });

/** @typedef {{ id: string, options: import('./options.js').ResolvedGroup, members: Set<Actor> }} Group */

/** Number of supervisors and groups so far. */
let count = 0;

/** All actors of one supervisor, and their threads. js/actor/main/supervisor.js shows it to users. */
export class ActorSystem {
  id = `supervisor-${++count}`;
  #options;
  pool;
  graceMs;
  resourceNames;
  collector;
  subscribers = new Subscribers();
  /** Live actors. @type {Map<string, Actor>} */
  actors = new Map();
  /** Actors that have a thread, or are waiting for one; and those whose end is not confirmed. */
  #threads = 0;
  #spawned = 0;
  #terminated = 0;
  #deadLetters = 0;
  /** @type {Promise<void> | undefined} */
  #ending;
  /** @type {Set<Promise<unknown>>} ends of incarnations that are not confirmed */
  #dying = new Set();
  /** @type {unknown} */
  #timer;
  #root;

  /** @param {SupervisorOptions} [given] */
  constructor(given) {
    const options = (this.#options = supervisorOptions(given));
    this.graceMs = options.graceMs;
    this.resourceNames = resourceNames(options.resources);
    this.collector = collectorOf(options.diagnostics);
    this.#root = this.createGroup({ strategy: options.strategy, retry: options.retry });
    const most = options.maxActors + options.warm;
    const { maximum } = options.memory;
    this.pool = new Pool({
      module: actorWorkerUrl(),
      workers: { min: Math.max(1, options.warm), max: most, idleMs: IDLE_MS },
      ...options.urls,
      ...(maximum === undefined ? {} : { memory: { maximum } }),
      liveness: false, // each actor has its own limit: see #look
      restart: { minMs: 10, maxMs: 100, max: -1 },
      unref: true,
      name: 'Actor',
    });
  }

  get nowMs() {
    return host.time.now();
  }

  // ---- Groups and actors ----

  /**
   * @param {import('./options.js').ResolvedGroup} options
   * @returns {Group}
   */
  createGroup(options) {
    return { id: `group-${++count}`, options, members: new Set() };
  }

  /**
   * @param {import('../protocol.js').Code} code
   * @param {ActorOptions} [options]
   * @param {Group} [group]
   * @param {Actor} [parent]
   * @returns {Actor}
   */
  spawn(code, options = {}, group = this.#root, parent = undefined) {
    const { name, leaseMs } = actorOptions(options, this.#options);
    if (this.#options.screening) screen(code);
    if (this.#ending) throw poolError('SHUTTING_DOWN', 'spawn: the supervisor was shut down');
    const { maxActors } = this.#options;
    if (this.actors.size >= maxActors)
      throw poolError('MAX_ACTORS', `spawn: ${maxActors} actors are alive, which is the limit, maxActors`);
    const resolved = 'module' in code ? { ...code, module: host.resolve(code.module) } : code;
    const actor = new Actor(this, { code: resolved, name, leaseMs, group, parent });
    this.actors.set(actor.id, actor);
    group.members.add(actor);
    this.#spawned++;
    this.#start(actor);
    return actor;
  }

  /** @param {Actor} actor */
  #start(actor) {
    this.#threads++;
    this.#fit();
    const incarnation = actor.incarnation + 1;
    const current = () => !actor.isDead && actor.incarnation === incarnation;
    actor.start({
      send: (msg, data) => this.#publish(actor, { msg, data, from: actor.id }),
      call: (call) => void this.#call(actor, call),
      failed: (error) => {
        if (current()) this.#failed(actor, error);
      },
      left: () => this.#end(actor, 'left'),
    });
    this.#lookLater();
  }

  /** Has the pool serve as many threads as there are actors, and those that wait for the next ones. */
  #fit() {
    const { warm, maxActors } = this.#options;
    const max = maxActors + warm;
    void this.pool.resize({ min: Math.min(max, Math.max(1, this.#threads + warm)), max });
  }

  /**
   * Ends the actor's incarnation.
   * @param {Actor} actor
   * @returns {Promise<void>} settles with its confirmed death
   */
  #stop(actor) {
    const stopped = actor.stop().then((lost) => {
      this.#deadLetters += lost;
      this.#threads--;
      this.#dying.delete(stopped);
      this.#fit();
    });
    this.#dying.add(stopped);
    return stopped;
  }

  /**
   * @param {Actor} actor
   * @param {unknown} error
   */
  #failed(actor, error) {
    const reason = describeReason(error);
    const stopped = this.#stop(actor);
    void stopped.then(() => {
      this.#tellDown(actor, reason);
      if (!actor.isDead && !this.#ending) this.#start(actor);
    });
  }

  /**
   * Ends an actor for good.
   * @param {Actor} actor
   * @param {string} reason
   */
  #end(actor, reason) {
    if (actor.isDead) return;
    this.#deadLetters += actor.end(reason);
    this.#terminated++;
    actor.group.members.delete(actor);
    this.actors.delete(actor.id);
    void this.#stop(actor).then(() => {
      this.#tellDown(actor, reason);
      actor.clear();
    });
  }

  /**
   * @param {Actor} actor
   * @param {string} reason
   */
  #tellDown(actor, reason) {
    this.#publish(actor, { msg: DOWN, data: { id: actor.id, reason }, from: SYSTEM });
  }

  /**
   * @param {Actor} actor
   * @param {object} message
   */
  #publish(actor, message) {
    Object.freeze(message);
    actor.publish(message);
    this.subscribers.tell(message);
  }

  // ---- Signs of life ----

  #lookLater() {
    if (this.#timer !== undefined || this.actors.size === 0) return;
    let least = /** @type {number} */ (LOOK_MS.most);
    for (const { leaseMs } of this.actors.values()) least = Math.min(least, leaseMs / 4);
    this.#timer = host.time.setTimeout(() => this.#look(), Math.max(LOOK_MS.least, least));
    /** @type {any} */ (this.#timer).unref?.();
  }

  /** Ends actors that run and give no sign of life. */
  #look() {
    this.#timer = undefined;
    const now = this.nowMs;
    for (const actor of [...this.actors.values()])
      if (actor.isSilent(now)) this.#failed(actor, `no sign of life for ${actor.leaseMs} ms`);
    this.#lookLater();
  }

  // ---- Calls from actors ----

  /**
   * @param {Actor} actor
   * @param {import('../protocol.js').Call} call
   */
  async #call(actor, { call, what, values }) {
    const { incarnation } = actor;
    let answer;
    try {
      answer = { value: await this.#do(actor, what, values) };
    } catch (error) {
      answer = { error: toMessage(error) };
    }
    if (call && !actor.isDead && actor.incarnation === incarnation) actor.answer({ kind: 'answer', call, ...answer });
  }

  /**
   * @param {Actor} actor
   * @param {string} what
   * @param {readonly any[]} values
   * @returns {unknown}
   */
  #do(actor, what, values) {
    const [first, second, third] = values;
    if (what === 'resource') return this.#resource(actor, first, second, third);
    if (what === 'spawn') {
      const child = this.spawn(first, second ?? {}, this.#root, actor);
      return { id: child.id, name: child.name };
    }
    if (what === 'receive') {
      const target = this.actors.get(first);
      if (target) target.receive(second, actor.id);
      else this.deadLetter();
      return undefined;
    }
    if (what === 'terminate') return this.terminateActor(first);
    throw poolError('BROKEN_INVARIANT', `an actor asked for '${what}'`);
  }

  /**
   * @param {Actor} actor
   * @param {string} name
   * @param {string} method
   * @param {unknown} argument
   */
  async #resource(actor, name, method, argument) {
    const begin = this.nowMs;
    try {
      return await callResource(this.#options.resources, name, method, argument, actor.id);
    } finally {
      this.collector?.record('resourceCallLatency', this.nowMs - begin);
    }
  }

  // ---- What users ask for ----

  deadLetter() {
    this.#deadLetters++;
  }

  /** @param {Actor} actor */
  terminate(actor) {
    this.#end(actor, 'terminated');
  }

  /** @param {string} id of an actor; an unknown one does nothing */
  terminateActor(id) {
    const actor = this.actors.get(id);
    if (actor) this.terminate(actor);
  }

  /** @returns {Promise<void>} */
  shutdown() {
    return (this.#ending ??= this.#shutDown());
  }

  async #shutDown() {
    await undefined; // #ending is set
    for (const actor of [...this.actors.values()].reverse()) this.#end(actor, 'shutdown');
    await Promise.all(this.#dying);
    await this.pool.destroy();
    await releaseResources(this.#options.resources, (name, error) =>
      host.warn(`resource '${name}' failed to release: ${describeReason(error)}`, undefined),
    );
    this.subscribers.clear();
  }

  getDiagnostics() {
    const { poolSize } = this.#options.memory;
    return ok({
      activeActors: this.actors.size,
      totalActorsSpawned: this.#spawned,
      totalActorsTerminated: this.#terminated,
      deadLetters: this.#deadLetters,
      memoryPool: { poolSize, boxesInUse: 0, utilization: 0 },
      actors: [...this.actors.values()].map((actor) => actor.diagnostics),
      ...this.collector?.report(),
    });
  }
}
