/**
 * The core as JavaScript sees it, on main and on workers: its functions, and values in its slots and boxes.
 * Code for one side only is in js/engine/ and js/worker/.
 */
import { TYPE } from '../codec/codec.js';
import { notSerializable } from '../codec/explain.js';
import { detach, moveAsBytes } from '../values/moved.js';
import { privately } from '../values/private.js';
import { poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { STATUS, STATUS_ROWS } from '../generated/status.js';
import { asMessage, formatOf } from './formats.js';
import { Memory, Table } from './memory.js';

/** @typedef {Record<string, any> & { stackSave(): number, stackRestore(at: number): void }} Exports of the wasm module */

/** Index of a wp_value's fields, in 32-bit words. */
const VALUE_TYPE = L.VALUE_TYPE >>> 2;
const VALUE_AUX = L.VALUE_AUX >>> 2;
const VALUE_BYTES = L.VALUE_BYTES >>> 2;
const VALUE_BOX = L.VALUE_BOX >>> 2;

/** A slot's first value: the handler's argument. */
export const ARGUMENT = { value: L.SLOT_ARGUMENT, inline: L.SLOT_ARGUMENT_INLINE };
/** A slot's second value: what the handler returned or threw. */
export const RESULT = { value: L.SLOT_RESULT, inline: L.SLOT_RESULT_INLINE };

/**
 * How a value is written.
 * @typedef {object} How
 * @property {boolean} [boxed] into a box that its reader leases
 * @property {readonly import('../base/host-types.js').Transferable[]} [transfer]
 * @property {boolean} [forC] in a format that C tasks read
 * @property {number} [travelBytes] values of up to so many bytes go by message if there is no memory for a box; default 0
 */

/** @type {How} */
const PLAINLY = Object.freeze({ boxed: false, transfer: undefined, forC: false, travelBytes: 0 });

/** The core's functions and memory, for one thread. */
export class Core {
  /**
   * @param {Exports} exports the Emscripten module
   * @param {import('../base/host-types.js').WasmMemory} wasmMemory
   * @param {number} pool address of the wp_pool
   * @param {number} self number of the calling thread
   * @param {import('../codec/codec.js').Codec} codec
   */
  constructor(exports, wasmMemory, pool, self, codec) {
    this.exports = exports;
    this.memory = new Memory(wasmMemory);
    this.pool = pool;
    this.self = self;
    this.codec = codec;
    this.slots = new Table(this.memory, pool + L.POOL_SLOTS);
    this.boxes = new Table(this.memory, pool + L.POOL_BOXES);
    this.names = new Table(this.memory, pool + L.POOL_NAMES);
    this.threads = this.memory.u32[(pool + L.POOL_THREADS) >>> 2];
  }

  /**
   * The address of a thread's record.
   * @param {number} thread
   */
  thread(thread) {
    return this.threads + thread * L.THREAD_SIZE;
  }

  /**
   * A slot's or box's generation, from its word.
   * @param {number} at address of the record
   */
  generation(at) {
    const { u32 } = this.memory;
    return ((u32[at >>> 2] >>> 8) | (u32[(at + 4) >>> 2] << 24)) >>> 0;
  }

  /**
   * A word of shared memory, read atomically.
   * @param {number} at
   */
  load(at) {
    return Atomics.load(this.memory.u32, at >>> 2);
  }

  /**
   * An interned name.
   * @param {number} id
   */
  name(id) {
    const at = this.names.record(id);
    const { memory } = this;
    return memory.text(memory.address(at + L.NAME_ADDRESS), memory.u32[(at + L.NAME_BYTES) >>> 2]);
  }

  /**
   * Writes a value into a slot: in place if it is small, else into a box of its own.
   * @param {number} slot address
   * @param {typeof ARGUMENT} which
   * @param {unknown} value
   * @param {How} [how]
   * @returns {{ value: unknown, transfer: import('../base/host-types.js').Transferable[] } | undefined} what must travel by message instead (type CHANNEL)
   * @throws {import('../base/errors.js').PoolError} NOT_SERIALIZABLE, NO_MEMORY, TOO_LARGE
   */
  write(slot, which, value, how = PLAINLY) {
    const { codec, memory } = this;
    if (typeof value === 'number' && !how.boxed && !how.transfer?.length) {
      memory.f64[(slot + which.inline) >>> 3] = value;
      this.#describe(slot, which, TYPE.NUMBER, 0, 8, 0);
      return undefined;
    }
    if (how.transfer?.length && !how.boxed && !how.forC && moveAsBytes(value, how.transfer)) {
      if (this.#writeMoved(slot, which, value, how)) return undefined;
    }
    const capacity = how.boxed ? -1 : L.INLINE_BYTES;
    const length = this.encode(value, slot + which.inline, capacity, how);
    if (length >= 0) this.#describe(slot, which, codec.type, codec.aux, length, 0);
    else if (codec.type === TYPE.CHANNEL) return this.#channel(slot, which, value, how);
    else return this.#describeBox(slot, which, how);
    return undefined;
  }

  /**
   * @param {number} slot
   * @param {typeof ARGUMENT} which
   * @param {unknown} value
   * @param {How} how with small buffers to transfer
   * @returns {boolean} false: not written, because bytes cannot carry the value or there is no memory for them
   */
  #writeMoved(slot, which, value, { transfer = [] }) {
    const { codec, memory } = this;
    const length = codec.encode(value, memory.u8, slot + which.inline, L.INLINE_BYTES);
    if (codec.type === TYPE.CHANNEL) return false;
    if (length >= 0) this.#describe(slot, which, codec.type, codec.aux, length, 0);
    else if (this.#describeBox(slot, which, { travelBytes: Infinity })) return false; // there is no memory for a box
    try {
      detach(transfer); // last, because it cannot be undone
    } catch (cause) {
      throw notSerializable(value, cause);
    }
    return true;
  }

  /**
   * Encodes a value at an address if it fits there; otherwise returns -1, and the codec holds the bytes.
   * @param {unknown} value
   * @param {number} at
   * @param {number} capacity
   * @param {How} how
   * @returns {number}
   */
  encode(value, at, capacity, { boxed, transfer, forC }) {
    const { codec } = this;
    const { u8 } = this.memory;
    if (transfer?.length && !forC) {
      codec.encodeTransfer(this.privately(value), [...transfer]);
      return -1;
    }
    if (!boxed && !forC) return codec.encode(value, u8, at, capacity);
    const format = formatOf(value);
    if (forC && value === undefined) return codec.encode(value, u8, at, capacity);
    return codec.encodeAs(format === 'tree' ? (forC ? 'json' : 'cbor') : format, value, u8, at, capacity);
  }

  /**
   * @param {number} slot
   * @param {typeof ARGUMENT} which
   * @param {unknown} value
   * @param {How} how
   * @returns {ReturnType<Core['write']>}
   */
  #channel(slot, which, value, how) {
    const { codec } = this;
    const own = how.transfer?.length ? value : this.privately(value);
    if (own !== value) return this.write(slot, which, own, how);
    const message = { value: codec.channel, transfer: codec.transfer };
    codec.channel = undefined;
    this.#describe(slot, which, TYPE.CHANNEL, 0, 0, 0);
    return message;
  }

  /**
   * Replaces views of the pool's memory, which is only lent, by copies.
   * @param {unknown} value
   */
  privately(value) {
    try {
      return privately(value, (view) => this.memory.owns(view));
    } catch (cause) {
      throw notSerializable(value, cause); // too deep, or a Proxy that throws
    }
  }

  /**
   * Puts the codec's bytes into a box.
   * @param {number} slot
   * @param {typeof ARGUMENT} which
   * @param {How} [how]
   * @returns {ReturnType<Core['write']>}
   */
  #describeBox(slot, which, { boxed, travelBytes = 0 } = PLAINLY) {
    const { type, aux } = this.codec;
    const bytes = this.codec.bytes ?? new Uint8Array(0);
    this.codec.bytes = undefined;
    let index;
    try {
      index = this.createBox(bytes.length, boxed);
    } catch (error) {
      if (boxed || bytes.length > travelBytes || /** @type {any} */ (error).code !== 'NO_MEMORY') throw error;
      this.#describe(slot, which, TYPE.CHANNEL, 0, bytes.length, 0);
      return asMessage(this.codec, bytes);
    }
    // Name the box in its slot before commit, so that a death cannot leak it.
    this.#describe(slot, which, type, aux, bytes.length, index + 1);
    this.memory.write(this.memory.address(this.boxes.record(index) + L.BOX_ADDRESS), bytes);
    this.#commit(index, type, aux, bytes.length);
    return undefined;
  }

  /**
   * Writes bytes that are a value of some type already.
   * @param {number} slot
   * @param {typeof ARGUMENT} which
   * @param {number} type TYPE.…
   * @param {Uint8Array} bytes
   * @param {boolean} [inBox] even if they are few
   * @throws {import('../base/errors.js').PoolError} NO_MEMORY
   */
  writeBytes(slot, which, type, bytes, inBox = false) {
    if (bytes.length <= L.INLINE_BYTES && !inBox) {
      this.memory.write(slot + which.inline, bytes);
      this.#describe(slot, which, type, 0, bytes.length, 0);
      return;
    }
    Object.assign(this.codec, { type, aux: 0, bytes });
    this.#describeBox(slot, which);
  }

  /**
   * The bytes of a value, in place: valid while the slot holds them.
   * @param {number} slot
   * @param {typeof ARGUMENT} which
   */
  bytesIn(slot, which) {
    const box = this.boxOf(slot, which);
    const from = box ? this.memory.address(this.boxes.record(box - 1) + L.BOX_ADDRESS) : slot + which.inline;
    return this.memory.view(from, this.bytesOf(slot, which));
  }

  /**
   * Writes what a handler threw into a slot's result.
   * @param {number} index
   * @param {number} slot its address
   * @param {unknown} thrown
   */
  writeError(index, slot, thrown) {
    const { codec } = this;
    if (this.boxOf(slot, RESULT)) this.exports._wp_task_drop_result(this.pool, this.self, index); // an unfinished result
    const length = codec.encodeError(thrown, this.memory.u8, slot + RESULT.inline, L.INLINE_BYTES);
    try {
      if (length >= 0) this.#describe(slot, RESULT, codec.type, codec.aux, length, 0);
      else if (codec.type === TYPE.CHANNEL) this.#describe(slot, RESULT, TYPE.UNDEFINED, 0, 0, 0);
      else this.#describeBox(slot, RESULT);
    } catch {
      this.#describe(slot, RESULT, TYPE.UNDEFINED, 0, 0, 0); // no memory even for the error: send its code alone
    }
  }

  /**
   * @param {number} slot
   * @param {typeof ARGUMENT} which
   * @param {number} type
   * @param {number} aux
   * @param {number} bytes
   * @param {number} box
   */
  #describe(slot, which, type, aux, bytes, box) {
    const { u32 } = this.memory;
    const at = (slot + which.value) >>> 2;
    u32[at + VALUE_TYPE] = type;
    u32[at + VALUE_AUX] = aux;
    u32[at + VALUE_BYTES] = bytes;
    u32[at + VALUE_BOX] = box;
  }

  /**
   * Makes a box from alloc() the slot's result, without a copy.
   * @param {number} slot
   * @param {number} box index
   * @param {number} bytes
   */
  giveBox(slot, box, bytes) {
    this.#describe(slot, RESULT, TYPE.BINARY, 0, bytes, box + 1);
    this.#commit(box, TYPE.BINARY, 0, bytes);
  }

  /**
   * @param {number} box
   * @param {number} type
   * @param {number} aux
   * @param {number} bytes
   */
  #commit(box, type, aux, bytes) {
    this.check(this.exports._wp_js_box_commit(this.pool, this.self, box, type, aux, bytes));
  }

  /**
   * Makes a box, in state WRITING.
   * @param {number} bytes
   * @param {boolean} [granted]
   */
  createBox(bytes, granted) {
    return this.index(this.exports._wp_js_box_create(this.pool, this.self, bytes, granted ? 1 : 0), `${bytes} bytes`);
  }

  /**
   * The type tag of a slot's value.
   * @param {number} slot
   * @param {typeof ARGUMENT} which
   */
  typeOf(slot, which) {
    return this.memory.u32[((slot + which.value) >>> 2) + VALUE_TYPE];
  }

  /**
   * How many bytes a slot's value has.
   * @param {number} slot
   * @param {typeof ARGUMENT} which
   */
  bytesOf(slot, which) {
    return this.memory.u32[((slot + which.value) >>> 2) + VALUE_BYTES];
  }

  /**
   * Reads a slot's value; the result is the caller's own.
   * @param {number} slot address
   * @param {typeof ARGUMENT} which
   * @param {{ view?: boolean }} [how] view: bytes are not copied; the view is valid while the slot holds them
   * @returns {unknown}
   */
  read(slot, which, how) {
    const { memory, codec } = this;
    const at = (slot + which.value) >>> 2;
    const type = memory.u32[at + VALUE_TYPE];
    if (type === TYPE.NUMBER && memory.u32[at + VALUE_BOX] === 0) return memory.f64[(slot + which.inline) >>> 3];
    const length = memory.u32[at + VALUE_BYTES];
    const box = memory.u32[at + VALUE_BOX];
    const from = box ? memory.address(this.boxes.record(box - 1) + L.BOX_ADDRESS) : slot + which.inline;
    const aux = memory.u32[at + VALUE_AUX];
    memory.reach(from + length);
    return codec.decode(type, aux, memory.u8, from, length, how);
  }

  /**
   * The box of a slot's value as index + 1, or 0.
   * @param {number} slot
   * @param {typeof ARGUMENT} which
   */
  boxOf(slot, which) {
    return this.memory.u32[((slot + which.value) >>> 2) + VALUE_BOX];
  }

  /**
   * Describes a slot's value as the content of a box.
   * @param {number} slot
   * @param {typeof ARGUMENT} which
   * @param {number} box index
   */
  attachBox(slot, which, box) {
    const { u32 } = this.memory;
    const at = this.boxes.record(box);
    const [type, aux] = [u32[(at + L.BOX_TYPE) >>> 2], u32[(at + L.BOX_AUX) >>> 2]];
    this.#describe(slot, which, type, aux, u32[(at + L.BOX_BYTES) >>> 2], box + 1);
  }

  /**
   * Checks the result of a function of the core that returns an index or a negative status.
   * @param {number} result index, or a negative status
   * @param {string} [detail]
   */
  index(result, detail) {
    if (result < 0) this.check(result, detail);
    return result;
  }

  /**
   * @param {number} status
   * @param {string} [detail]
   */
  check(status, detail) {
    if (status !== STATUS.OK) {
      const row = STATUS_ROWS[-status];
      throw poolError(row.code, detail ? `${row.text}: ${detail}` : row.text);
    }
  }
}
