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
 * The pool, as its boxes know it.
 * @typedef {object} Holder
 * @property {{ core: import('../core/core.js').Core, clock: { lookBy(ms: number): void }, events: { error(error: unknown): void },
 *   options: Pick<import('../options/options.js').ResolvedOptions, 'scheduler' | 'leaseMs' | 'dev'> } | undefined} engine undefined:
 *   it was destroyed
 */

/**
 * The pool's side of a box: its users see none of these functions.
 * @type {(box: Box) => void} from now on it lasts as long as the pool's leaseMs
 */
export let startLease;
/** @type {(box: Box) => void} it lasts until startLease(): the box waits for its turn in a map */
export let holdLease;
/** @type {(box: Box, pool: Holder) => number} one more reference, for a task that gets it as payload; gives its index */
export let shareBox;

/**
 * A result in shared memory, read in place: `deliver: 'lease'`. It stays until it is released, or until its lease is over
 * (the pool's leaseMs), or until the pool is destroyed. A box can be the payload of other tasks: a handle travels, not bytes.
 * Nobody ever changes its content; what raw() shows must not be written to. No hardware protects it: in development (`dev`) the
 * bytes are compared with their checksum whenever the box is read, sent or released, and a change is told by the event 'error'.
 */
export class Box {
  #pool;
  #index;
  #generation;
  #at;
  #taskId;
  /** Of its bytes, in development; undefined: not wanted, or its change has been told. @type {number | undefined} */
  #checksum;

  /**
   * Takes over the reference of the slot that delivers it.
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
    /** How its bytes are to be read. */
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
   * Tells, once, that somebody has written to it (NF-23, XP-18).
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
   * The bytes in place: no copy. Valid until the box is released or its lease is over; read-only.
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
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT: they are none
   */
  json() {
    const text = this.string();
    return this.#readAs('json', () => JSON.parse(text));
  }

  /**
   * The bytes as CBOR, decoded.
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT: they are none
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
 * FNV-1a, 32 bits: any single byte that changes shows.
 * @param {Uint8Array} bytes
 */
function checksum(bytes) {
  let sum = 0x811c9dc5;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum >>> 0;
}
