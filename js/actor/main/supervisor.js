/** Supervisors and groups as their users see them. */
import { host } from '../../host/index.js';
import { codeOf } from '../source.js';
import { ActorSystem } from './actor-system.js';
import { groupOptions } from '../config/options.js';

/**
 * @typedef {import('../config/options.js').SupervisorOptions} SupervisorOptions
 * @typedef {import('../config/options.js').ActorOptions} ActorOptions
 */

/** A group that nobody can spawn in any more ends with its last actor. @type {FinalizationRegistry<() => void>} */
const unreachable = new FinalizationRegistry((forget) => forget());

/** Actors that are supervised together. */
export class ActorGroup {
  #system;
  #group;

  /**
   * @param {ActorSystem} system
   * @param {number} group
   */
  constructor(system, group) {
    this.#system = system;
    this.#group = group;
    const supervisor = new WeakRef(system);
    unreachable.register(this, () => supervisor.deref()?.forgetGroup(group));
  }

  get id() {
    return `group-${this.#system.ids.own}.${this.#group}`;
  }

  /**
   * As supervisor.spawn.
   * @template {Record<string, any>} [Messages=any]
   * @param {import('../source.js').Callback} callback
   * @param {ActorOptions} [options]
   * @returns {import('./actor-ref.js').ActorRef<Messages>}
   */
  spawn(callback, options) {
    return this.#system.spawn(codeOf(callback), options, this.#group).ref;
  }

  /** Ends all actors of the group; they are not restarted. */
  terminateAll() {
    this.#system.terminateGroup(this.#group);
  }

  /**
   * Reads a box in place.
   * @param {{ readonly handle?: import('../protocol.js').BoxHandle }} message
   * @returns {import('../reader.js').BoxReader | null} null: the message has no handle, or the box is gone
   */
  read(message) {
    return this.#system.office.read(message);
  }

  /** Gives a box back. @param {import('../protocol.js').BoxHandle | undefined} handle */
  release(handle) {
    this.#system.office.release(handle);
  }
}

/** Actors, and the rules by which they are restarted. */
export class Supervisor {
  #system;
  #unwatch;

  /** @param {SupervisorOptions} [options] */
  constructor(options) {
    const system = new ActorSystem(options);
    this.#system = system;
    this.#unwatch = host.watch?.(() => ({ kind: 'actors', diagnostics: system.getDiagnostics().value }));
  }

  get id() {
    return this.#system.ids.own;
  }

  /**
   * Starts an actor: a thread of its own, which calls the function for each message that the actor gets, one at a time.
   * @template {Record<string, any>} [Messages=any] the data of the messages that it sends, by their keys
   * @param {import('../source.js').Callback} callback an export of a module, `{ module, name }`; or a function, whose source is sent, so
   *   that it knows nothing of what is around it
   * @param {ActorOptions} [options]
   * @returns {import('./actor-ref.js').ActorRef<Messages>} usable at once
   * @throws {import('../../base/errors.js').PoolError} INVALID_ARGUMENT, MAX_ACTORS, SHUTTING_DOWN
   */
  spawn(callback, options) {
    return this.#system.spawn(codeOf(callback), options).ref;
  }

  /**
   * @param {import('../config/options.js').GroupOptions} [options]
   * @returns {ActorGroup}
   */
  createGroup(options) {
    return new ActorGroup(this.#system, this.#system.createGroup(groupOptions(options)));
  }

  /** Ends an actor by its id. @param {string} id an unknown one does nothing */
  terminateActor(id) {
    this.#system.actors.get(id)?.terminate();
  }

  /**
   * Hears what all actors send, and of their ends.
   * @param {(message: any) => unknown} listener
   * @returns {() => void} ends the subscription; idempotent
   */
  subscribe(listener) {
    return this.#system.subscribers.add(listener);
  }

  /** Present numbers, as a Result. */
  getDiagnostics() {
    return this.#system.getDiagnostics();
  }

  /**
   * Ends all actors, without restarts, then runs the release hooks of resources. Idempotent.
   * @returns {Promise<void>} settles when the threads are gone
   */
  async shutdown() {
    await this.#system.shutdown();
    this.#unwatch?.();
  }

  async [Symbol.asyncDispose]() {
    await this.shutdown();
  }
}

/**
 * @param {SupervisorOptions} [options]
 * @returns {Supervisor} usable at once
 * @throws {import('../../base/errors.js').PoolError} INVALID_ARGUMENT naming the option
 */
export const createSupervisor = (options) => new Supervisor(options);
