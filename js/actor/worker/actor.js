/**
 * What runs in an actor's thread: one long task of the supervisor's pool, which never settles. Main ends it by ending the thread, whatever
 * the actor does, so that no actor begins in a heap that another one has used.
 */
import { toMessage } from '../../codec/errors.js';
import { encoderClass } from '../../entry/cbor-encoder.js';
import { defineWorker, promiseOf } from '../../handlers/handlers.js';
import { RUNNER } from '../../handlers/runner.js';
import { sealed } from '../envelope.js';
import { matchAll, println } from '../match.js';
import { ActorBoxes } from '../boxes.js';
import { Post } from '../mailbox.js';
import { CONTROL } from '../protocol.js';
import { load } from './code.js';
import { makeContext, makeSelf } from './context.js';

/**
 * @typedef {import('../protocol.js').Start} Start
 * @typedef {import('./context.js').Life} Life
 */

/** How long one wait lasts: some engines cannot end a thread in a wait without end. */
const PARK_MS = 100;
/** Senders that an actor keeps in mind; beyond that it asks main. */
const KNOWN_MOST = 1024;

/**
 * One incarnation, in its thread.
 * @implements {Life}
 */
class ActorLife {
  start;
  setup;
  task;
  #post;
  #control;
  #at;
  #mailbox;
  /** Mailboxes of actors that have sent something, by id. @type {Map<string, number>} */
  #senders = new Map();
  /** Settles when all letters are sent whose receivers main was asked for. @type {Promise<unknown> | undefined} */
  #sending;

  /**
   * @param {Start} start
   * @param {import('../../handlers/context.js').Context} task
   */
  constructor(start, task) {
    const runner = /** @type {any} */ (task[RUNNER]);
    this.start = start;
    this.setup = /** @type {import('../protocol.js').Setup} */ (task.initData);
    this.task = task;
    this.#control = new Int32Array(this.setup.control);
    this.#at = start.index * CONTROL.WORDS;
    const guarded = (/** @type {() => any} */ call) => runner.guarded(call);
    const { mailbox: id, main, leaseMs } = start;
    this.#post = new Post(runner.core, guarded);
    this.boxes = new ActorBoxes(runner.core, { post: this.#post, id, main, leaseMs }, guarded);
    this.#mailbox = this.#post.attach(start.mailbox, {
      now: runner.readClock,
      defer: runner.host.defer,
      blocks: true,
    });
    setInterval(this.#beat, start.beatMs);
    if (this.setup.hasGrace) task.signal.addEventListener('abort', () => this.#leaveIdle());
  }

  /** @param {import('../protocol.js').Content} letter */
  #toMain(letter) {
    const { mailbox, main, incarnation } = this.start;
    this.#post.send(main, { ...letter, incarnation }, { from: mailbox });
  }

  /** @param {string} id */
  known = (id) => this.#senders.get(id);

  #beat = () => {
    Atomics.add(this.#control, this.#at + CONTROL.BEAT, 1);
  };

  interact = () => {
    this.#beat();
    this.boxes.heartbeat();
  };

  heartbeat = () => {
    this.interact();
    Atomics.add(this.#control, this.#at + CONTROL.HEARTBEATS, 1);
  };

  /** @param {string} msg @param {unknown} [data] */
  publish = (msg, data) => {
    this.interact();
    this.#toMain({ kind: 'send', msg, data });
  };

  /** @param {string} what @param {readonly unknown[]} values */
  tell = (what, values) => {
    this.interact();
    this.#toMain({ kind: 'tell', what, values });
  };

  /** @param {number} to @param {unknown} message */
  deliver = (to, message) => {
    const { id, mailbox } = this.start;
    this.interact();
    try {
      this.#post.send(to, { message, from: id }, { from: mailbox, box: this.boxes.handedOn(message) });
    } catch (error) {
      if (/** @type {any} */ (error).code !== 'STALE_HANDLE') throw error; // the core has counted a dead letter
    }
  };

  sendLater = (/** @type {Promise<unknown>} */ sent) => {
    const before = this.#sending;
    const all = sent
      .finally(() => before)
      .finally(() => {
        if (this.#sending === all) this.#sending = undefined;
      });
    this.#sending = all;
  };

  release = (/** @type {import('../protocol.js').BoxHandle | undefined} */ handle) => {
    this.interact();
    if (this.#sending) void this.#sending.finally(() => this.boxes.release(handle));
    else this.boxes.release(handle);
  };

  leave = () => {
    this.#toMain({ kind: 'left' });
    return this.#park();
  };

  /** It is to end, and may do so by itself. If a handler runs, that comes first. */
  #leaveIdle() {
    if (Atomics.load(this.#control, this.#at + CONTROL.BUSY) === 0) this.#toMain({ kind: 'left' });
  }

  /** @returns {never} */
  #park() {
    for (;;) Atomics.wait(this.#control, this.#at + CONTROL.PARK, 0, PARK_MS);
  }

  /** @param {unknown} error @param {boolean} isLoading */
  #fail(error, isLoading) {
    this.#toMain({ kind: 'failed', error: toMessage(error), isLoading });
  }

  /** Loads the actor's code, then handles its messages, one at a time. @returns {Promise<void>} settles when it handles no more */
  async run() {
    let callback;
    try {
      callback = await load(this.start.code);
    } catch (error) {
      this.#fail(error, true);
      return;
    }
    this.#toMain({ kind: 'started' });
    const self = makeSelf(this);
    const context = makeContext(this);
    try {
      await this.#mailbox.serve((letter) => this.#handle(letter, (message) => callback(self, message, context)));
    } catch (error) {
      this.#fail(error, false);
    }
  }

  /**
   * @param {import('../mailbox.js').Letter} letter
   * @param {(message: unknown) => unknown} call
   */
  #handle({ value, from: mailbox, box }, call) {
    const { message, from } = /** @type {import('../protocol.js').Delivery} */ (value);
    if (mailbox && this.#senders.size < KNOWN_MOST) this.#senders.set(from, mailbox);
    this.interact();
    Atomics.store(this.#control, this.#at + CONTROL.BUSY, 1);
    const promise = promiseOf(call(sealed(message, from, box)));
    return promise ? promise.then(this.#settled) : this.#settled();
  }

  /** A message is handled. @returns {Promise<never> | undefined} a promise: no other one will be */
  #settled = () => {
    Atomics.store(this.#control, this.#at + CONTROL.BUSY, 0);
    Atomics.add(this.#control, this.#at + CONTROL.HANDLED, 1);
    if (!this.task.isCancelled) return undefined;
    this.#toMain({ kind: 'left' });
    return new Promise(() => undefined);
  };
}

// Before an actor takes this thread: its start and its messages are decoded by the library.
encoderClass();

/** For functions that were sent by their source, and cannot import. */
Object.assign(globalThis, { matchAll, println });

/** The handler that js/actor/main/incarnation.js names. */
export default defineWorker({
  actor: async (/** @type {Start} */ start, task) => {
    await new ActorLife(start, task).run();
    await new Promise(() => undefined);
  },
});
