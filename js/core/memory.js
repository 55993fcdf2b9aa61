/**
 * Views of a pool's shared memory. The one file that makes heap views.
 *
 * Memory grows while threads run: an old view stays valid and shows the same bytes, but ends before the new ones.
 * So views are renewed when an address beyond their end is needed, and only then (XP-10).
 */
import { poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';

/** The views of one thread, and access through them. */
export class Memory {
  /** Every buffer of this memory so far: growth makes a new one. @type {WeakSet<ArrayBufferLike>} */
  #buffers = new WeakSet();

  /** @param {import('../base/host-types.js').WasmMemory} wasmMemory shared */
  constructor(wasmMemory) {
    /** @type {import('../base/host-types.js').WasmMemory} */
    this.wasmMemory = wasmMemory;
    const { buffer } = wasmMemory;
    this.bytes = buffer.byteLength;
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.#buffers.add(buffer);
  }

  /** Renews the views, after growth by any thread. */
  refresh() {
    const { buffer } = this.wasmMemory;
    this.bytes = buffer.byteLength;
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.#buffers.add(buffer);
  }

  /**
   * Whether a view shows this memory.
   * @param {ArrayBufferView} view
   */
  owns(view) {
    return this.#buffers.has(view.buffer);
  }

  /**
   * Makes sure that the views reach up to an address.
   * @param {number} end address behind the last byte needed
   */
  reach(end) {
    if (end > this.bytes) this.refresh();
  }

  /**
   * Reads an address from a 64-bit field, whose upper half is 0 in 32-bit wasm.
   * @param {number} at address of the field
   */
  address(at) {
    return this.u32[at >>> 2];
  }

  /**
   * A copy of bytes, in private memory.
   * @param {number} at
   * @param {number} length
   */
  copy(at, length) {
    this.reach(at + length);
    return this.u8.slice(at, at + length);
  }

  /**
   * A view of bytes, in place.
   * @param {number} at
   * @param {number} length
   */
  view(at, length) {
    this.reach(at + length);
    return new Uint8Array(this.u8.buffer, at, length);
  }

  /**
   * Reads UTF-8 text, by way of a private copy: browsers refuse to decode shared memory.
   * @param {number} at
   * @param {number} length
   */
  text(at, length) {
    return utf8.decode(new Uint8Array(this.copy(at, length)));
  }

  /**
   * The text of a C string.
   * @param {number} at
   */
  cString(at) {
    const end = this.u8.indexOf(0, at);
    return this.text(at, end - at);
  }

  /**
   * @param {number} at
   * @param {Uint8Array} bytes
   */
  write(at, bytes) {
    this.reach(at + bytes.length);
    this.u8.set(bytes, at);
  }
}

const utf8 = new TextDecoder();

/**
 * Allocates memory of the core for main's own use, not zeroed. Main's views reach its end: to make room, the memory may have grown.
 * @param {{ exports: import('./core.js').Exports, memory: Memory }} core
 * @param {number} bytes
 * @returns {number} address, for _wp_free
 * @throws {import('../base/errors.js').PoolError} NO_MEMORY
 */
export function allocate({ exports, memory }, bytes) {
  const at = exports._wp_malloc(bytes) >>> 0;
  if (!at) throw poolError('NO_MEMORY');
  memory.reach(at + bytes);
  return at;
}

/** The addresses of a table's records (src/table.h). */
export class Table {
  /**
   * @param {Memory} memory
   * @param {number} at address of the wp_table
   */
  constructor(memory, at) {
    this.memory = memory;
    this.at = at;
    this.recordBytes = memory.u32[(at + L.TABLE_RECORD_BYTES) >>> 2];
    /** @type {number[]} addresses of chunks; they never move */
    this.chunks = [];
  }

  /**
   * The address of a record. The views are long enough for it afterwards.
   * @param {number} index
   */
  record(index) {
    const chunk = index >>> L.TABLE_CHUNK_SHIFT;
    const base = this.chunks[chunk] ?? this.#find(chunk);
    return base + (index & ((1 << L.TABLE_CHUNK_SHIFT) - 1)) * this.recordBytes;
  }

  /** @param {number} chunk */
  #find(chunk) {
    const { memory } = this;
    const base = memory.address(memory.u32[(this.at + L.TABLE_CHUNKS) >>> 2] + chunk * 8);
    memory.reach(base + (this.recordBytes << L.TABLE_CHUNK_SHIFT));
    this.chunks[chunk] = base;
    return base;
  }
}
