/** What an actor's function gets: `self` and `ctx`. */
import { codeOf } from '../source.js';
import { ask } from './calls.js';
import { fmt } from './format.js';
import { idOf, RemoteRef } from './remote-ref.js';

/**
 * @typedef {object} Life what the context needs of the actor's runtime
 * @property {import('../protocol.js').Start} start
 * @property {import('../protocol.js').Setup} setup
 * @property {import('../../handlers/context.js').Context} task
 * @property {(msg: string, data: unknown) => void} publish
 * @property {(mailbox: number, message: unknown) => void} deliver sends another actor a message
 * @property {(what: string, values: readonly unknown[]) => void} tell asks main for something that needs no answer
 * @property {() => void} interact counts as a sign of life
 * @property {() => void} heartbeat
 * @property {() => never} leave ends this thread
 * @property {(id: string) => number | undefined} known the mailbox of an actor that this one has heard from
 */

/** @param {Life} life */
export function makeSelf({ start, publish, deliver, leave }) {
  return Object.freeze({
    id: start.id,
    name: start.name,
    incarnation: start.incarnation,
    /**
     * Sends a message to the subscribers of this actor, and of its supervisor.
     * @param {string} msg
     * @param {unknown} [data]
     */
    send: publish,
    /** @param {unknown} message to this actor itself, behind those that wait */
    receive: (message) => deliver(start.mailbox, message),
    terminate: leave,
  });
}

/**
 * Functions of main: `ctx.resources.<name>.<method>(argument)`.
 * @param {Life} life
 */
function makeResources(life) {
  const known = life.setup.resources;
  /** @param {string} name */
  const resource = (name) =>
    new Proxy(Object.freeze({}), {
      get: (_, method) =>
        typeof method !== 'string' || method === 'then'
          ? undefined
          : (/** @type {unknown} */ argument) => {
              life.interact();
              return ask(life, 'resource', [name, method, argument], `${name}.${method}`);
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
  const { start, task, interact, heartbeat, leave, tell } = life;
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
      const { id, name, mailbox } = await ask(life, 'spawn', [codeOf(callback), options], 'ctx.spawn');
      return new RemoteRef(life, id, name, mailbox);
    },
    /**
     * Another actor, by its id: the sender of a message, `ctx.actor(msg.from)`, or one that a message names.
     * @param {string} id
     */
    actor: (id) => new RemoteRef(life, idOf(id), undefined, life.known(id)),
    /** @param {{ id: string } | string} actor dies with this one, and this one with it */
    link: (actor) => tell('link', [start.id, idOf(actor)]),
    /** @param {{ id: string } | string} actor whose death this one is told of, by DOWN */
    monitor: (actor) => tell('monitor', [start.id, idOf(actor)]),
  });
}
