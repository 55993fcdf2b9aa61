/// <reference lib="esnext.disposable" preserve="true" />
import { TYPE } from '../codec/codec.js';
import { describeReason, poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';

/** Names of the types that a box may hold. */
const TYPE_NAMES = /** @type {Record<number, 'binary' | 'string' | 'json' | 'cbor'>} */ ({
  [TYPE.BINARY]: 'binary',
  [TYPE.STRING]: 'string',
  [TYPE.JSON]: 'json',
  [TYPE.CBOR]: 'cbor',
});

/**
 * A box's reference to its pool.
 * @typedef {object} Holder
 * @property {{ core: import('../core/core.js').Core, clock: { lookBy(ms: number): void }, events: { error(error: unknown): void },
 *   options: Pick<import('../options/options.js').ResolvedOptions, 'scheduler' | 'leaseMs' | 'dev'> } | undefined} engine undefined:
 *   the pool was destroyed
 */

/**
 * The pool's side of a box: users cannot reach these functions.
 * @type {(box: Box) => void} starts the lease anew, for the pool's leaseMs
 */
export let startLease;
/** @type {(box: Box) => void} suspends the lease until startLease(), while the box waits for its turn in a map */
export let holdLease;
/** @type {(box: Box, pool: Holder) => number} adds a reference, for a task that gets the box as payload; returns its index */
export let shareBox;

/**
 * A result in shared memory, read in place: `deliver: 'lease'`. It exists until it is released, its lease ends (the pool's leaseMs),
 * or the pool is destroyed. A box can be the payload of other tasks: they get a handle, not a copy. Its content never changes; do not
 * write to the bytes that raw() returns. No hardware enforces this, but in development (`dev`) the bytes are compared with their checksum
 * whenever the box is read, sent or released, and a change is reported by the event 'error'.
 */
export class Box {
  #pool;
  #index;
  #generation;
  #at;
  #taskId;
  /** Of the bytes, in development; undefined: not checked, or a change has been reported. @type {number | undefined} */
  #checksum;

  /**
   * Takes a reference of its own, besides that of the slot that delivers the box.
   * @param {Holder} pool
   * @param {number} index
   * @param {string} [taskId] whose result it is
   */
  constructor(pool, index, taskId) {
    const { core, options } = /** @type {NonNullable<Holder['engine']>} */ (pool.engine);
    const { memory } = core;
    this.#pool = pool;
    this.#index = index;
    this.#at = core.boxes.record(index);
    this.#generation = core.generation(this.#at);
    core.check(core.exports._wp_box_grant(core.pool, index, L.MAIN));
    this.#startLease();
    /** The format of the bytes. */
    this.type = TYPE_NAMES[memory.u32[(this.#at + L.BOX_TYPE) >>> 2]] ?? 'binary';
    /** Exact length. */
    this.byteLength = memory.u32[(this.#at + L.BOX_BYTES) >>> 2];
    this.#taskId = taskId;
    this.#checksum = options.dev ? checksum(this.#bytes(core)) : undefined;
  }

  #startLease() {
    const { engine } = this.#pool;
    if (!engine || !this.#live) return;
    const { core, options, clock } = engine;
    const end = options.scheduler.poolNow() + options.leaseMs;
    core.memory.f64[(this.#at + L.BOX_LEASE_END_MS) >>> 3] = end;
    core.memory.u32[(core.pool + L.POOL_LEASES) >>> 2]++;
    clock.lookBy(end);
  }

  #holdLease() {
    const core = this.#live;
    if (core) core.memory.f64[(this.#at + L.BOX_LEASE_END_MS) >>> 3] = 0;
  }

  /** The core while the lease lasts. */
  get #live() {
    const core = this.#pool.engine?.core;
    const isLive =
      core &&
      (core.load(this.#at) & 0xff) === L.BOX_READY &&
      core.generation(this.#at) === this.#generation &&
      (core.load(this.#at + L.BOX_READERS) & 1) !== 0;
    return isLive ? core : undefined;
  }

  get #core() {
    const core = this.#live;
    if (!core) throw poolError('LEASE_EXPIRED', 'the box was released, or its lease is over');
    this.#compare(core);
    return core;
  }

  /** @param {import('../core/core.js').Core} core */
  #bytes({ memory }) {
    return memory.view(memory.address(this.#at + L.BOX_ADDRESS), this.byteLength);
  }

  /**
   * Reports, once, that the bytes were written to (NF-23, XP-18).
   * @param {import('../core/core.js').Core} core
   */
  #compare(core) {
    if (this.#checksum === undefined || checksum(this.#bytes(core)) === this.#checksum) return;
    this.#checksum = undefined;
    const text =
      'USAGE_BOX_WRITTEN: a leased result was written to: what raw() shows, or a task gets of a box, is read-only';
    this.#pool.engine?.events.error(poolError('INVALID_ARGUMENT', text, { taskId: this.#taskId }));
  }

  /**
   * The bytes in place, without a copy; read-only. Valid until the box is released or its lease ends.
   * @returns {Uint8Array}
   * @throws {import('../base/errors.js').PoolError} LEASE_EXPIRED
   */
  raw() {
    return this.#bytes(this.#core);
  }

  /** A private copy of the bytes. */
  binary() {
    return new Uint8Array(this.raw());
  }

  /** The bytes as UTF-8 text. */
  string() {
    return new TextDecoder().decode(this.binary());
  }

  /**
   * The bytes as JSON text, parsed.
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT: they are not JSON
   */
  json() {
    const text = this.string();
    return this.#readAs('json', () => JSON.parse(text));
  }

  /**
   * The bytes as CBOR, decoded.
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT: they are not CBOR
   */
  cbor() {
    const { codec } = this.#core;
    const bytes = this.binary();
    return this.#readAs('cbor', () => codec.decode(TYPE.CBOR, 0, bytes, 0, bytes.length));
  }

  /**
   * @param {'json' | 'cbor'} format
   * @param {() => any} read
   */
  #readAs(format, read) {
    try {
      return read();
    } catch (cause) {
      const text = `box.${format}(): the bytes of this box, whose type is '${this.type}', are no ${format.toUpperCase()}: ${describeReason(cause)}`;
      throw poolError('INVALID_ARGUMENT', text, { cause, taskId: this.#taskId });
    }
  }

  /** Gives the memory back. Later calls have no effect. */
  release() {
    const core = this.#live;
    if (!core) return;
    this.#compare(core);
    core.exports._wp_box_release(core.pool, L.MAIN, this.#index, this.#generation, L.MAIN);
  }

  /** @param {Holder} pool */
  #share(pool) {
    if (pool !== this.#pool) throw poolError('INVALID_ARGUMENT', 'the box belongs to another pool: send box.binary()');
    const core = this.#core;
    if (!core.exports._wp_box_retain(core.pool, L.MAIN, this.#index, this.#generation)) {
      throw poolError('LEASE_EXPIRED', 'the box was released, or its lease is over');
    }
    return this.#index;
  }

  static {
    startLease = (box) => box.#startLease();
    holdLease = (box) => box.#holdLease();
    shareBox = (box, pool) => box.#share(pool);
  }

  /** `using box = …` */
  [Symbol.dispose]() {
    this.release();
  }
}

/**
 * FNV-1a, 32 bits: detects every change of a single byte.
 * @param {Uint8Array} bytes
 */
function checksum(bytes) {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum >>> 0;
}
