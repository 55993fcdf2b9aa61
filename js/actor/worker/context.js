/** What an actor's function gets: `self` and `ctx`. */
import { poolError } from '../../base/errors.js';
import { codeOf } from '../source.js';
import { fmt } from './format.js';

/**
 * @typedef {object} Life what the context needs of the actor's runtime
 * @property {import('../protocol.js').Start} start
 * @property {import('../../handlers/context.js').Context} task
 * @property {import('./calls.js').ActorCalls} calls
 * @property {(message: import('../protocol.js').FromActor) => void} post
 * @property {() => void} interact counts as a sign of life
 * @property {() => void} heartbeat
 * @property {() => never} leave ends this thread
 */

/** A child, or another actor that this one knows, as seen from inside an actor. */
class RemoteRef {
  #calls;

  /**
   * @param {import('./calls.js').ActorCalls} calls
   * @param {{ id: string, name: string | undefined }} actor
   */
  constructor(calls, { id, name }) {
    this.#calls = calls;
    this.id = id;
    this.name = name;
  }

  /** @param {unknown} message */
  receive(message) {
    this.#calls.tell('receive', [this.id, message]);
  }

  terminate() {
    this.#calls.tell('terminate', [this.id]);
  }
}

for (const name of ['subscribe', 'read', 'release', 'getDiagnostics'])
  Object.defineProperty(RemoteRef.prototype, name, {
    value: () => {
      throw poolError('UNSUPPORTED', `${name}: not available in worker; the main thread has it`);
    },
  });

/** @param {Life} life */
export function makeSelf({ start, post, interact, leave, calls }) {
  return Object.freeze({
    id: start.id,
    name: start.name,
    incarnation: start.incarnation,
    /**
     * Sends a message to the subscribers of this actor, and of its supervisor.
     * @param {string} msg
     * @param {unknown} [data]
     */
    send: (msg, data) => {
      interact();
      post({ kind: 'send', msg, data });
    },
    /** @param {unknown} message to this actor itself, behind those that wait */
    receive: (message) => calls.tell('receive', [start.id, message]),
    terminate: leave,
  });
}

/**
 * Functions of main: `ctx.resources.<name>.<method>(argument)`.
 * @param {Life} life
 */
function makeResources({ start, calls, interact }) {
  const known = start.resources;
  /** @param {string} name */
  const resource = (name) =>
    new Proxy(Object.freeze({}), {
      get: (_, method) =>
        typeof method !== 'string' || method === 'then'
          ? undefined
          : (/** @type {unknown} */ argument) => {
              interact();
              return calls.ask('resource', [name, method, argument], `${name}.${method}`);
            },
      has: (_, method) => known[name]?.includes(String(method)) ?? false,
    });
  /** @type {Map<string, object>} */
  const made = new Map();
  return new Proxy(Object.freeze({}), {
    get: (_, name) => {
      if (typeof name !== 'string' || name === 'then') return undefined;
      if (!made.has(name)) made.set(name, resource(name));
      return made.get(name);
    },
    has: (_, name) => Object.hasOwn(known, name),
    ownKeys: () => Object.keys(known),
    getOwnPropertyDescriptor: (_, name) =>
      Object.hasOwn(known, name) ? { enumerable: true, configurable: true, value: resource(String(name)) } : undefined,
  });
}

/** @param {Life} life */
export function makeContext(life) {
  const { start, calls, task, interact, heartbeat, leave } = life;
  return Object.freeze({
    id: start.id,
    fmt,
    resources: makeResources(life),
    /** True once the actor is to end. Reads shared memory, so a loop may poll it. */
    get isCancelled() {
      return task.isCancelled;
    },
    /** Aborted when the actor is to end, for code that returns to the event loop. */
    get signal() {
      return task.signal;
    },
    /** Says that the actor is alive, from inside a long computation. */
    heartbeat,
    /** Ends this actor; it is not restarted. Nothing after this call runs. */
    terminate: leave,
    /**
     * Starts an actor that dies with this one.
     * @param {Function | { module: string | URL, name?: string }} callback
     * @param {object} [options] as of supervisor.spawn
     * @returns {Promise<RemoteRef>}
     */
    spawn: async (callback, options) => {
      interact();
      const actor = await calls.ask('spawn', [codeOf(callback), options], 'ctx.spawn');
      return new RemoteRef(calls, actor);
    },
  });
}
