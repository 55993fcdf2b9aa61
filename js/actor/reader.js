/** What an actor sees of a box that it may read. */
import { describeReason, poolError } from '../base/errors.js';
import { TYPE } from '../codec/types.js';
import * as L from '../generated/layout.js';

const NAMES = /** @type {Record<number, 'binary' | 'string' | 'json' | 'cbor'>} */ ({
  [TYPE.BINARY]: 'binary',
  [TYPE.STRING]: 'string',
  [TYPE.JSON]: 'json',
  [TYPE.CBOR]: 'cbor',
});

/** The content of a box, in place. Its bytes never change; do not write to those that raw() returns. */
export class BoxReader {
  #core;
  #at;
  #epoch;

  /**
   * @param {import('../core/core.js').Core} core of a thread that may read the box
   * @param {import('./mailbox.js').BoxHandle} box
   */
  constructor(core, { boxIndex, epoch }) {
    const at = core.boxes.record(boxIndex);
    this.#core = core;
    this.#at = at;
    this.#epoch = epoch;
    this.type = NAMES[core.memory.u32[(at + L.BOX_TYPE) >>> 2]] ?? 'binary';
    this.byteLength = core.memory.u32[(at + L.BOX_BYTES) >>> 2];
  }

  /**
   * The bytes in place, without a copy; read-only. Valid until the box is released or its lease ends.
   * @returns {Uint8Array}
   * @throws {import('../base/errors.js').PoolError} LEASE_EXPIRED
   */
  raw() {
    const core = this.#core;
    const { self, memory } = core;
    const bit = core.load(this.#at + L.BOX_READERS + (self >>> 5) * 4) & (1 << (self & 31));
    const isReady = (core.load(this.#at) & 0xff) === L.BOX_READY && core.generation(this.#at) === this.#epoch;
    if (!bit || !isReady) throw poolError('LEASE_EXPIRED', 'the box was released, or its lease is over');
    return memory.view(memory.address(this.#at + L.BOX_ADDRESS), this.byteLength);
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
   * @returns {any}
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT: they are not JSON
   */
  json() {
    const text = this.string();
    return this.#as('json', () => JSON.parse(text));
  }

  /**
   * The bytes as CBOR, decoded.
   * @returns {any}
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT: they are not CBOR
   */
  cbor() {
    const bytes = this.binary();
    return this.#as('cbor', () => this.#core.codec.decode(TYPE.CBOR, 0, bytes, 0, bytes.length));
  }

  /**
   * @param {'json' | 'cbor'} format
   * @param {() => any} read
   */
  #as(format, read) {
    try {
      return read();
    } catch (cause) {
      const text = `${format}(): the bytes of this box, whose type is '${this.type}', are no ${format.toUpperCase()}: ${describeReason(cause)}`;
      throw poolError('INVALID_ARGUMENT', text, { cause });
    }
  }
}
