/**
 * Boxes of actors: large values in shared memory, written once, read in place by those with whom their writer shares them (src/actor_box.h).
 * The same code on main and in workers; main writes none.
 */
import { poolError } from '../base/errors.js';
import { TYPE } from '../codec/types.js';
import { allocate } from '../core/memory.js';
import { handleOf } from './envelope.js';
import * as L from '../generated/layout.js';
import { STATUS } from '../generated/status.js';
import { BoxReader } from './reader.js';

/**
 * @typedef {import('../core/core.js').Core} Core
 * @typedef {import('./mailbox.js').BoxHandle} BoxHandle
 * @typedef {import('./mailbox.js').MailboxId} MailboxId
 * @typedef {import('./mailbox.js').Post} Post
 * @typedef {keyof typeof TYPES} BoxType
 *
 * @typedef {object} Writer who writes
 * @property {Post} post
 * @property {MailboxId} id
 * @property {MailboxId} main the mailbox in which main hears of boxes
 * @property {number} leaseMs how long this actor may write a box, and others may keep it, without a sign of life
 *
 * @typedef {object} Writing
 * @property {unknown} value the message that tells of the box: plain data
 * @property {BoxType} type
 * @property {Uint8Array} data
 * @property {import('./mailbox.js').Share} [share] default: 'owner'
 *
 * @typedef {object} Late a writer whose lease is over
 * @property {number} thread
 * @property {number} incarnation
 * @property {number} mailbox index of its mailbox, or -1
 */

const TYPES = { binary: TYPE.BINARY, string: TYPE.STRING, json: TYPE.JSON, cbor: TYPE.CBOR };
/** How many late writers one look tells of; the next look tells of others. */
const LATE_MOST = 64;

/** The boxes of one thread. */
export class ActorBoxes {
  #core;
  #guarded;
  #writer;
  /** The last write, since a thread waits for one box at a time. @type {Promise<unknown>} */
  #line = Promise.resolve();

  /**
   * @param {Core} core
   * @param {Writer} [writer] on main: none
   * @param {<T>(call: () => T) => T} [guarded] as for Post
   */
  constructor(core, writer, guarded = (call) => call()) {
    this.#core = core;
    this.#writer = writer;
    this.#guarded = guarded;
  }

  /**
   * Writes a box and tells main and the others of it. Waits in line while all boxes are in use: first come, first served, over all actors.
   * Several writes of one actor are granted one after the other, each its own box.
   * @param {Writing} writing its data is read when the box is granted: leave it alone until then
   * @returns {Promise<BoxHandle>}
   * @throws {import('../base/errors.js').PoolError} it rejects with TOO_LARGE (more than a box has; nothing is taken), INVALID_ARGUMENT,
   *   NOT_SERIALIZABLE, QUEUE_FULL
   */
  write(writing) {
    const written = this.#line.then(() => this.#write(writing));
    this.#line = written.catch(() => undefined);
    return written;
  }

  /** @param {Writing} writing */
  async #write({ value, type, data, share = 'owner' }) {
    const core = this.#core;
    const size = core.memory.u32[(core.pool + L.POOL_CONFIG + L.CONFIG_BOX_BYTES) >>> 2];
    if (!Object.hasOwn(TYPES, type))
      throw poolError('INVALID_ARGUMENT', `type: one of ${Object.keys(TYPES).join(', ')}, not ${String(type)}`);
    if (!(data instanceof Uint8Array)) throw poolError('INVALID_ARGUMENT', 'data: a Uint8Array');
    if (data.length > size)
      throw poolError('TOO_LARGE', `${data.length} bytes do not fit into a box, which has ${size} bytes`);
    await this.#grant();
    return this.#guarded(() => this.#fill(value, TYPES[type], data, share));
  }

  /** Waits until this thread is granted a box. */
  async #grant() {
    const { exports, pool, self, memory } = this.#core;
    const status = this.#guarded(() => exports._wp_box_request(pool, self));
    if (status !== STATUS.NOT_GRANTED) this.#core.check(status);
    const word = (this.#core.thread(self) + L.THREAD_BOX_GRANTED) >>> 2;
    while (Atomics.load(memory.i32, word) === 0) {
      const wait = Atomics.waitAsync(memory.i32, word, 0); // the grant wakes it (src/box_line.c)
      if (wait.async) await wait.value;
    }
  }

  /**
   * @param {unknown} value
   * @param {number} type
   * @param {Uint8Array} data
   * @param {import('./mailbox.js').Share} share
   * @returns {BoxHandle}
   */
  #fill(value, type, data, share) {
    const core = this.#core;
    const { post, id, main, leaseMs } = /** @type {Writer} */ (this.#writer);
    const { exports, pool, self, memory } = core;
    const boxIndex = core.index(exports._wp_js_actor_box_create(pool, self, data.length, leaseMs));
    const at = core.boxes.record(boxIndex);
    const box = { boxIndex, epoch: core.generation(at) };
    memory.write(memory.address(at + L.BOX_ADDRESS), data);
    core.check(exports._wp_js_actor_box_commit(pool, self, boxIndex, type, data.length));
    try {
      post.publish(main, value, { from: id, box, share });
    } catch (error) {
      this.release(box); // nobody knows of it
      throw error;
    }
    return box;
  }

  /**
   * @param {BoxHandle | undefined} box
   * @returns {BoxReader | null} null: no handle, one of a box that is gone, or one that this actor was not given. main may read any box
   */
  read(box) {
    if (!isHandle(box)) return null;
    const { exports, pool, self } = this.#core;
    const status = this.#guarded(() => exports._wp_js_actor_box_read(pool, self, box.boxIndex, box.epoch));
    return status === STATUS.OK ? new BoxReader(this.#core, box) : null;
  }

  /**
   * The box that a message hands on.
   * @param {unknown} message that this thread sends
   * @returns {BoxHandle | undefined} undefined: it carries no handle, or that of a box that this thread may not read. main becomes a reader
   */
  handedOn(message) {
    const box = handleOf(message);
    return box && this.read(box) ? box : undefined;
  }

  /**
   * Gives up this thread's share of a box. No effect, and false, if it has none.
   * @param {BoxHandle | undefined} box
   */
  release(box) {
    if (!isHandle(box)) return false;
    const { exports, pool, self } = this.#core;
    return this.#guarded(() => exports._wp_js_actor_box_release(pool, self, box.boxIndex, box.epoch)) !== 0;
  }

  /** A sign that extends the leases of what this thread writes and reads. One store, for loops that do nothing else. */
  heartbeat() {
    const { memory, self } = this.#core;
    Atomics.add(memory.u32, (this.#core.thread(self) + L.THREAD_TOUCHES) >>> 2, 1);
  }
}

/** Main's look at the leases of all boxes. */
export class Leases {
  #core;
  #late;

  /** @param {Core} core main's */
  constructor(core) {
    this.#core = core;
    this.#late = allocate(core, LATE_MOST * L.LEASE_OVER_SIZE);
  }

  /**
   * Ends the leases that are over. Boxes that were written are free then; writers that are late must be ended, and their boxes come back
   * with their deaths. To be called every quarter of the shortest lease; needs no other traffic.
   * @param {number} nowMs the pool's time
   * @returns {Late[]}
   */
  look(nowMs) {
    const { exports, pool, memory } = this.#core;
    const count = exports._wp_lease_tick(pool, nowMs, this.#late, LATE_MOST) >>> 0;
    return Array.from({ length: count }, (_, i) => {
      const at = (this.#late + i * L.LEASE_OVER_SIZE) >>> 2;
      const word = (/** @type {number} */ field) => /** @type {number} */ (memory.u32[at + (field >>> 2)]);
      return {
        thread: word(L.LEASE_OVER_THREAD),
        incarnation: word(L.LEASE_OVER_INCARNATION),
        mailbox: word(L.LEASE_OVER_MAILBOX) - 1,
      };
    });
  }
}

/**
 * Whether the value looks like a handle: it may be whatever a message brought.
 * @param {any} box
 * @returns {box is BoxHandle}
 */
function isHandle(box) {
  return isWord(box?.boxIndex) && isWord(box?.epoch);
}

/** @param {unknown} value */
function isWord(value) {
  return Number.isInteger(value) && /** @type {number} */ (value) >= 0 && /** @type {number} */ (value) < 2 ** 32;
}
