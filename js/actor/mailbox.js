/**
 * Mailboxes: messages between the threads of a pool that do not pass main (src/mailbox.h). The same code on main and in workers.
 *
 * An actor is known by its mailbox's id, a number: generation * 65,536 + index. It is never 0, and no other mailbox of the pool has it again
 * before 2 ** 32 others have had that index.
 */
import { poolError } from '../base/errors.js';
import { Table } from '../core/memory.js';
import * as L from '../generated/layout.js';

/** A letter's value, as Core reads and writes it. */
const LETTER = { value: L.LETTER_VALUE, inline: L.LETTER_VALUE_INLINE };
/** Mailboxes of one pool: their indexes have 16 bits. */
const INDEXES = 2 ** 16;
/** How long a consumer runs before it yields to the event loop, for timers, sockets and promises of user code. */
const SLICE_MS = 8;
/** Most letters in a mailbox, unless its opener says otherwise: a choice, for 128 MB of small messages. */
const LIMIT = 1_000_000;

const SHARES = { owner: L.SHARE_OWNER, group: L.SHARE_GROUP, linked: L.SHARE_LINKED };

/**
 * @typedef {import('../core/core.js').Core} Core
 * @typedef {number} MailboxId
 * @typedef {keyof typeof SHARES | readonly MailboxId[]} Share who may read a box besides main: nobody, the writer's group, those that are
 *   linked with it, a list
 *
 * @typedef {object} BoxHandle
 * @property {number} boxIndex
 * @property {number} epoch
 *
 * @typedef {object} Letter a message as it arrives
 * @property {unknown} value the receiver's own copy
 * @property {MailboxId} from the sender's mailbox, as the core knows it; 0: it comes from no actor
 * @property {BoxHandle | undefined} box what the sender hands over; the receiver may read it from now on
 *
 * @typedef {object} SendOptions
 * @property {MailboxId} [from] the calling thread's own mailbox; default: the message comes from no actor
 * @property {BoxHandle} [box] a box that the sender may read; the receiver then may, too
 *
 * @typedef {object} PostHost what a thread needs to take letters
 * @property {() => number} now milliseconds
 * @property {(run: () => void) => void} defer runs something in a later turn of the event loop
 * @property {boolean} blocks whether the thread may sleep in wasm for a moment; main may not
 */

/** Sends messages from one thread. */
export class Post {
  #core;
  #guarded;
  #mailboxes;
  #letters;

  /**
   * @param {Core} core the calling thread's
   * @param {<T>(call: () => T) => T} [guarded] in workers the runner's: an error inside the core makes a thread useless
   */
  constructor(core, guarded = (call) => call()) {
    this.#core = core;
    this.#guarded = guarded;
    this.#mailboxes = new Table(core.memory, core.pool + L.POOL_MAILBOXES);
    this.#letters = new Table(core.memory, core.pool + L.POOL_LETTERS);
  }

  /**
   * Sends a message. Those of one sender arrive in their order. It is kept until the actor's thread is there.
   * @param {MailboxId} to
   * @param {unknown} value plain data, as in tasks
   * @param {SendOptions} [options]
   * @throws {import('../base/errors.js').PoolError} STALE_HANDLE: the actor is gone, and the message is counted as dead; or the box is;
   *   QUEUE_FULL, NOT_SERIALIZABLE, TOO_LARGE, NO_MEMORY, DENIED: `from` is not this thread's, or it may not read the box
   */
  send(to, value, options = {}) {
    this.#guarded(() => this.#send(to, value, options, undefined));
  }

  /**
   * Tells of a box that the caller has written: main, by `to`, and those with whom it is shared. The dead are passed over.
   * @param {MailboxId} to main's
   * @param {unknown} value
   * @param {{ from: MailboxId, box: BoxHandle, share: Share }} options
   * @returns {number} how many actors got it; one whose mailbox is full gets a dead letter
   * @throws {import('../base/errors.js').PoolError} as send(); nobody was told then
   */
  publish(to, value, { from, box, share }) {
    return this.#guarded(() => this.#send(to, value, { from, box }, share));
  }

  /**
   * @param {MailboxId} to
   * @param {unknown} value
   * @param {SendOptions} options
   * @param {Share | undefined} share
   */
  #send(to, value, { from = 0, box }, share) {
    const core = this.#core;
    let told = 0;
    const { exports, pool, self } = core;
    const index = core.index(
      exports._wp_js_letter_reserve(pool, self, indexOf(from), generationOf(from), indexOf(to), generationOf(to)),
    );
    try {
      if (core.write(this.#letters.record(index), LETTER, value))
        throw poolError('NOT_SERIALIZABLE', 'messages to actors carry plain data only');
      if (box) {
        // main may read any box: its letter holds none up
        const name = share === undefined ? exports._wp_js_letter_share : exports._wp_js_letter_mention;
        core.check(name(pool, self, index, box.boxIndex, box.epoch));
      }
    } catch (error) {
      exports._wp_letter_drop(pool, self, index);
      throw error;
    }
    if (share !== undefined && box) {
      told = this.#tellOthers(index, from, share);
      exports._wp_js_actor_box_told(pool, self, box.boxIndex, box.epoch, told);
    }
    core.check(exports._wp_letter_send(pool, self, index));
    return told;
  }

  /**
   * @param {number} letter
   * @param {MailboxId} from
   * @param {Share} share
   */
  #tellOthers(letter, from, share) {
    const { exports, pool, self } = this.#core;
    if (typeof share === 'string')
      return exports._wp_js_letter_publish(pool, self, letter, indexOf(from), generationOf(from), SHARES[share]);
    const copied = share.map((id) => exports._wp_js_letter_copy(pool, self, letter, indexOf(id), generationOf(id)));
    return copied.filter((status) => status === 0).length;
  }

  /**
   * Opens a mailbox. main.
   * @param {number} [limit] most letters at once
   * @returns {MailboxId}
   */
  open(limit = LIMIT) {
    const { exports, pool, memory } = this.#core;
    const index = this.#core.index(exports._wp_js_mail_open(pool, limit));
    const at = this.#mailboxes.record(index);
    return /** @type {number} */ (memory.u32[(at + L.MAILBOX_INBOX + 4) >>> 2]) * INDEXES + index;
  }

  /**
   * From now on messages to this actor are dead. main.
   * @param {MailboxId} id
   */
  close(id) {
    this.#core.exports._wp_js_mail_close(this.#core.pool, indexOf(id), generationOf(id));
  }

  /**
   * Drops the messages that wait, after the death of the actor's thread, and counts them as dead. main.
   * @param {MailboxId} id
   * @returns {number} how many there were
   */
  clear(id) {
    return this.#core.exports._wp_js_mail_clear(this.#core.pool, indexOf(id), generationOf(id)) >>> 0;
  }

  /**
   * Ends a mailbox, after the death of the actor's thread. main.
   * @param {MailboxId} id
   * @returns {boolean} false: it has ended already, or a thread takes its letters
   */
  drop(id) {
    return this.#core.exports._wp_js_mail_drop(this.#core.pool, indexOf(id), generationOf(id)) === 0;
  }

  /** How many messages nobody got so far. */
  get deadLetters() {
    return this.#count(L.COUNT_DEAD_LETTERS);
  }

  /** How often an actor tried to read a box that it was not given. */
  get denied() {
    return this.#count(L.COUNT_DENIED);
  }

  /** How often a box was read that was gone. */
  get stale() {
    return this.#count(L.COUNT_STALE);
  }

  /** @param {number} which of all actors of the pool */
  #count(which) {
    return this.#core.exports._wp_js_actor_count(this.#core.pool, which);
  }

  /**
   * Publishes which group an actor belongs to. main.
   * @param {MailboxId} id
   * @param {number} group a positive integer; 0: none
   */
  setGroup(id, group) {
    this.#core.exports._wp_js_actor_group(this.#core.pool, indexOf(id), generationOf(id), group);
  }

  /**
   * Publishes a link, for boxes that are shared with those that are linked. main.
   * @param {MailboxId} a
   * @param {MailboxId} b
   */
  link(a, b) {
    const { exports, pool } = this.#core;
    this.#core.check(exports._wp_js_actor_link(pool, indexOf(a), generationOf(a), indexOf(b), generationOf(b)));
  }

  /**
   * @param {MailboxId} a
   * @param {MailboxId} b
   */
  unlink(a, b) {
    const { exports, pool } = this.#core;
    exports._wp_js_actor_unlink(pool, indexOf(a), generationOf(a), indexOf(b), generationOf(b));
  }

  /**
   * How many letters a mailbox holds now.
   * @param {MailboxId} id
   */
  waiting(id) {
    const at = this.#mailboxes.record(indexOf(id));
    return (this.#core.load(at + L.MAILBOX_SENT) - this.#core.load(at + L.MAILBOX_TAKEN)) | 0;
  }

  /**
   * Takes a mailbox's letters from now on. Any thread; one at a time.
   * @param {MailboxId} id
   * @param {PostHost} host
   * @returns {Mailbox}
   * @throws {import('../base/errors.js').PoolError} STALE_HANDLE; DENIED: another thread takes them
   */
  attach(id, host) {
    const { exports, pool, self } = this.#core;
    this.#core.check(exports._wp_js_mail_attach(pool, self, indexOf(id), generationOf(id)));
    return new Mailbox(this.#core, this.#letters, this.#mailboxes.record(indexOf(id)), id, host);
  }
}

/** The letters of one actor, for the thread that takes them. */
export class Mailbox {
  #core;
  #letters;
  #at;
  #host;
  #index;
  /** The letter that was taken last, index + 1, while the core still has it. */
  #last = 0;
  #isOpen = true;
  #hasSlept = false;
  #sliceMs;

  /**
   * @param {Core} core
   * @param {Table} letters
   * @param {number} at address of the mailbox
   * @param {MailboxId} id
   * @param {PostHost} host
   */
  constructor(core, letters, at, id, host) {
    this.#core = core;
    this.#letters = letters;
    this.#at = at;
    this.#host = host;
    this.id = id;
    this.#index = indexOf(id);
    this.#sliceMs = host.now() + SLICE_MS;
  }

  /**
   * Takes the oldest letter.
   * @returns {Letter | undefined}
   * @throws what keeps its value from being decoded; the letter is gone then
   */
  take() {
    const core = this.#core;
    const { exports, pool, self } = core;
    if (!this.#isOpen) return undefined;
    const letter = exports._wp_mailbox_take(pool, self, this.#index, this.#last);
    this.#last = letter;
    if (!letter) return undefined;
    this.#hasSlept = false;
    const at = this.#letters.record(letter - 1);
    const { u32 } = core.memory;
    const generation = u32[(at + L.LETTER_FROM_GENERATION) >>> 2];
    const box = u32[(at + L.LETTER_BOX) >>> 2] & ~L.LETTER_MENTIONS;
    const from = generation ? generation * INDEXES + (u32[(at + L.LETTER_MAILBOX) >>> 2] >>> 16) : 0;
    const epoch = u32[(at + L.LETTER_BOX_GENERATION) >>> 2];
    const value = core.read(at, LETTER);
    if (core.boxOf(at, LETTER)) {
      exports._wp_letter_drop(pool, self, letter - 1); // its bytes are copied: give the memory back
      this.#last = 0;
    }
    return { value, from, box: box ? { boxIndex: box - 1, epoch } : undefined };
  }

  /**
   * Waits for letters. Looks for some microseconds first, and sleeps in wasm for up to a millisecond, where waking is fastest; only then in
   * the event loop.
   * @returns {Promise<unknown> | undefined} undefined: there are some
   */
  wait() {
    const core = this.#core;
    const { exports, pool, self } = core;
    const { i32 } = core.memory;
    if (this.#host.now() >= this.#sliceMs) return this.#yield();
    if (this.#host.blocks && !this.#hasSlept) {
      this.#hasSlept = true;
      if (exports._wp_mailbox_wait(pool, self, this.#index, L.SHORT_WAIT_MS)) return undefined;
    }
    const word = (this.#at + L.MAILBOX_WAKE) >>> 2;
    const seen = Atomics.load(i32, word);
    if (!exports._wp_mailbox_arm(pool, self, this.#index)) return undefined; // a letter has come
    const wait = Atomics.waitAsync(i32, word, seen);
    if (!wait.async) return undefined;
    this.#hasSlept = false;
    return wait.value.then(() => this.#begin());
  }

  /** Lets the event loop run once. */
  #yield() {
    return /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        this.#host.defer(() => {
          this.#begin();
          resolve();
        });
      })
    );
  }

  #begin() {
    this.#sliceMs = this.#host.now() + SLICE_MS;
  }

  /**
   * Calls back for each letter, one at a time and in order, until the mailbox is detached or a call fails.
   * @param {(letter: Letter) => unknown} handle may return a promise, which is awaited
   * @returns {Promise<void>} rejects with what `handle` throws
   */
  async serve(handle) {
    while (this.#isOpen) {
      const letter = this.take();
      if (letter) {
        const result = handle(letter);
        if (isThenable(result)) await result;
        if (this.#host.now() >= this.#sliceMs) await this.#yield();
      } else {
        const wait = this.wait();
        if (wait) await wait;
      }
    }
  }

  /** Takes no more letters. Those that wait stay for the next thread. */
  detach() {
    const { exports, pool, self } = this.#core;
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (this.#last) exports._wp_letter_drop(pool, self, this.#last - 1);
    exports._wp_js_mail_detach(pool, self, this.#index, generationOf(this.id));
  }
}

/** @param {MailboxId} id */
export function indexOf(id) {
  return id % INDEXES;
}

/** @param {MailboxId} id */
function generationOf(id) {
  return Math.floor(id / INDEXES);
}

/** @param {unknown} value */
function isThenable(value) {
  return typeof (/** @type {any} */ (value)?.then) === 'function';
}
