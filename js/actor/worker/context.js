/** What an actor's function gets: `self` and `ctx`. */
import { object } from '../../base/check.js';
import { describeReason, poolError } from '../../base/errors.js';
import { err, ok } from '../result.js';
import { codeOf } from '../source.js';
import { ask } from './calls.js';
import { fmt } from './format.js';
import { idOf, RemoteRef } from './remote-ref.js';

/**
 * @typedef {object} Life what the context needs of the actor's runtime
 * @property {import('../protocol.js').Start} start
 * @property {import('../protocol.js').Setup} setup
 * @property {import('../../handlers/context.js').Context} task
 * @property {(msg: string, data?: unknown) => void} publish
 * @property {(mailbox: number, message: unknown) => void} deliver sends another actor a message
 * @property {(what: string, values: readonly unknown[]) => void} tell asks main for something that needs no answer
 * @property {() => void} interact counts as a sign of life
 * @property {() => void} heartbeat
 * @property {() => never} leave ends this thread
 * @property {import('../boxes.js').ActorBoxes} boxes
 * @property {(handle: import('../protocol.js').BoxHandle | undefined) => void} release gives a box back, once what is to hand it on is sent
 * @property {(sent: Promise<unknown>) => void} sendLater a letter is sent later; its box is not released before
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
 * A read-only object whose values are made when they are asked for. Its target is not frozen: a frozen one may have no keys but its own.
 * @param {readonly string[]} keys those that it shows; others can be asked for, too
 * @param {(name: string) => unknown} get
 */
function madeWhenAsked(keys, get) {
  const known = (/** @type {string | symbol} */ name) => typeof name === 'string' && keys.includes(name);
  return new Proxy(
    {},
    {
      get: (_, name) => (typeof name !== 'string' || name === 'then' ? undefined : get(name)),
      has: (_, name) => known(name),
      ownKeys: () => [...keys],
      getOwnPropertyDescriptor: (_, name) =>
        known(name) ? { enumerable: true, configurable: true, value: get(String(name)) } : undefined,
      defineProperty: () => false,
      preventExtensions: () => false,
    },
  );
}

/**
 * Functions of main: `ctx.resources.<name>.<method>(argument)`.
 * @param {Life} life
 * @returns {Readonly<Record<string, any>>}
 */
function makeResources(life) {
  const known = life.setup.resources;
  /** @param {string} name */
  const resource = (name) =>
    madeWhenAsked(known[name] ?? [], (method) => (/** @type {unknown} */ argument) => {
      life.interact();
      return ask(life, 'resource', [name, method, argument], `${name}.${method}`);
    });
  /** @type {Map<string, object>} */
  const made = new Map();
  return madeWhenAsked(Object.keys(known), (name) => {
    if (!made.has(name)) made.set(name, resource(name));
    return made.get(name);
  });
}

/**
 * What `ctx.write` takes.
 * @typedef {object} Writing
 * @property {string} msg key of the message that tells of the box
 * @property {import('../protocol.js').BoxType} type
 * @property {unknown} data bytes; or a value, which is encoded as `type` says
 * @property {'owner' | 'group' | 'linked' | readonly (string | { id: string })[]} [share] who may read the box besides main: nobody; the
 *   members of this actor's group; actors that it is linked with; those of a list. Default: 'owner'
 */

const SHARES = ['owner', 'group', 'linked'];

/**
 * @param {Life} life
 * @param {Writing} writing
 */
async function writeBox(life, writing) {
  const { id, incarnation } = life.start;
  try {
    life.interact();
    object('writing', writing, '{ msg, type, data }');
    const { msg, type, data, share = 'owner' } = writing;
    const list = SHARES.includes(/** @type {any} */ (share))
      ? /** @type {'owner'} */ (share)
      : await mailboxesOf(life, /** @type {any} */ (share));
    const bytes = data instanceof Uint8Array ? data : encodeAs(type, data);
    const value = { kind: 'box', message: { msg, type }, from: id, incarnation };
    return ok(await life.boxes.write({ value, type, data: bytes, share: list }));
  } catch (error) {
    return err(describeReason(error));
  }
}

/**
 * @param {Life} life
 * @param {readonly (string | { id: string })[]} actors those that are gone are left out
 */
async function mailboxesOf(life, actors) {
  if (!Array.isArray(actors))
    throw poolError('INVALID_ARGUMENT', "share: expected 'owner', 'group', 'linked' or a list");
  const found = actors.map((actor) => life.known(idOf(actor)) ?? ask(life, 'mailbox', [idOf(actor)]));
  return (await Promise.all(found)).filter((mailbox) => mailbox !== undefined);
}

/**
 * @param {string} type
 * @param {unknown} value
 */
function encodeAs(type, value) {
  if (type === 'json') return fmt.json.encode(value);
  return type === 'cbor' ? fmt.cbor.encode(value) : fmt.encode(value);
}

/** @param {Life} life */
export function makeContext(life) {
  const { start, task, interact, heartbeat, leave, tell } = life;
  return Object.freeze({
    id: start.id,
    /** For what the actor keeps between messages; a new incarnation begins with an empty one. @type {Record<string, any>} */
    state: {},
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
     * Writes a box, and tells those of it who may read it, by a message `{ msg, type, handle, from }`. Waits while all boxes are in use.
     * @param {Writing} writing its data must not change until the promise settles
     * @returns {Promise<import('../result.js').Result<import('../protocol.js').BoxHandle>>} never rejects
     */
    write: (writing) => writeBox(life, writing),
    /**
     * Reads the box of a message in place.
     * @param {{ handle?: import('../protocol.js').BoxHandle }} message
     * @returns {import('../reader.js').BoxReader | null} null: it has none, the box is gone, or this actor may not read it
     */
    read: (message) => {
      interact();
      return life.boxes.read(message?.handle);
    },
    /** Gives a box back. @param {import('../protocol.js').BoxHandle | undefined} handle */
    release: (handle) => life.release(handle),
    /**
     * Starts an actor that dies with this one.
     * @param {import('../source.js').Callback} callback
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
