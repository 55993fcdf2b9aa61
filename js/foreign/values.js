/** Payloads to arguments of a wasm function, and its results to values: the convention of docs/isolated.md. */
import { TYPE_NAMES } from '../wasm-binary/interface.js';

/** @typedef {import('./plan.js').Plan} Plan */

const WIDE = 0x7e;
const FLOATS = [0x7d, 0x7c];
/** Space for the place of a result, on the stack of a module made by wasm-bindgen. */
const RESULT_BYTES = 16;

/** Of the places for bytes at a fixed address. */
const ALIGNMENT = 16;
const PAGE_BYTES = 65536;

const utf8 = new TextEncoder();

/**
 * @param {unknown} value
 * @returns {Uint8Array | undefined} undefined: it is not bytes and no text
 */
export function bytesOf(value) {
  if (typeof value === 'string') return utf8.encode(value);
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return undefined;
}

/** @param {readonly number[]} types */
const shown = (types) =>
  `(${types.map((type) => TYPE_NAMES[type] ?? 'a type that JavaScript cannot make').join(', ')})`;

/**
 * One call of one function.
 */
export class Call {
  #plan;
  #exports;
  #memory;
  /** Bytes behind a fixed address that are in use. */
  #placed = 0;

  /**
   * @param {Plan} plan
   * @param {any} exports of the instance
   * @param {any} memory its memory
   */
  constructor(plan, exports, memory) {
    this.#plan = plan;
    this.#exports = exports;
    this.#memory = memory;
  }

  /**
   * @param {unknown} payload
   * @param {(bytes: Uint8Array) => Uint8Array} keep copies bytes of the result out of the instance
   * @returns {unknown}
   */
  run(payload, keep) {
    const { entry, results, returns } = this.#plan;
    const list = payload === undefined || payload === null ? [] : Array.isArray(payload) ? payload : [payload];
    /** @type {unknown[]} */
    const values = [];
    /** @type {{ at: number, length: number } | undefined} */
    let first;
    for (const value of list) {
      const bytes = bytesOf(value);
      if (!bytes) {
        values.push(value);
        continue;
      }
      const at = this.#give(bytes);
      first ??= { at, length: bytes.length };
      values.push(at, bytes.length);
    }
    const place = this.#resultPlace(values.length);
    if (place !== undefined) values.unshift(place);
    const result = this.#exports[entry](...this.#converted(values));
    const isBytes = returns === undefined ? first !== undefined : returns === 'bytes';
    if (!isBytes) return result;
    if (place !== undefined) return keep(this.#view(...this.#pair(place)));
    if (results.length === 0) return first && keep(this.#view(first.at, first.length));
    if (results.length === 2) return keep(this.#view(unsigned(result[0]), unsigned(result[1])));
    if (results.length === 1 && results[0] === WIDE) {
      const packed = BigInt.asUintN(64, result);
      return keep(this.#view(Number(packed >> 32n), Number(packed & 0xffffffffn)));
    }
    return result;
  }

  /**
   * Copies bytes into the instance.
   * @param {Uint8Array} bytes
   * @returns {number} where they are
   */
  #give(bytes) {
    const { allocate, entry } = this.#plan;
    if (!allocate || !this.#memory)
      throw new TypeError(
        `${entry} cannot be given bytes: the module exports no function that allocates memory (see docs/isolated.md)`,
      );
    const address = 'at' in allocate ? this.#next(allocate.at, bytes.length) : this.#allocated(allocate, bytes.length);
    this.#exports.__pin?.(address); // of AssemblyScript: not to be collected
    this.#view(address, bytes.length).set(bytes);
    return address;
  }

  /**
   * @param {{ name: string, params: number[] }} allocate
   * @param {number} length
   */
  #allocated({ name, params }, length) {
    // wasm-bindgen's takes an alignment as well, AssemblyScript's a class: 1 is that of ArrayBuffer.
    const values = [length, 1].slice(0, params.length);
    const address = unsigned(this.#exports[name](...convert(values, params)));
    if (address === 0 && length > 0) throw new RangeError(`${name}: the module has no memory for the argument`);
    return address;
  }

  /**
   * The next place behind a fixed address. The memory is made as large as needed.
   * @param {number} first
   * @param {number} length
   */
  #next(first, length) {
    const at = first + this.#placed;
    this.#placed += Math.ceil(length / ALIGNMENT) * ALIGNMENT;
    const missing = first + this.#placed - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / PAGE_BYTES));
    return at;
  }

  /**
   * wasm-bindgen: a function that returns bytes may take the place for their address and length as its first parameter.
   * @param {number} count of the other arguments
   * @returns {number | undefined}
   */
  #resultPlace(count) {
    const { params, results } = this.#plan;
    const move = this.#exports.__wbindgen_add_to_stack_pointer;
    if (typeof move !== 'function' || results.length > 0 || params.length !== count + 1) return undefined;
    return move(-RESULT_BYTES) >>> 0;
  }

  /** @param {number} place @returns {[number, number]} */
  #pair(place) {
    const view = new DataView(this.#memory.buffer);
    return [view.getUint32(place, true), view.getUint32(place + 4, true)];
  }

  /**
   * @param {number} at
   * @param {number} length
   * @returns {Uint8Array}
   */
  #view(at, length) {
    const { buffer } = this.#memory;
    if (at + length > buffer.byteLength)
      throw new RangeError(
        `${this.#plan.entry}: ${length} bytes at ${at} are not in its memory of ${buffer.byteLength} bytes ` +
          "(if its result is a number: returns: 'number')",
      );
    return new Uint8Array(buffer, at, length);
  }

  /** @param {readonly unknown[]} values */
  #converted(values) {
    const { entry, params } = this.#plan;
    if (values.length !== params.length)
      throw new TypeError(
        `${entry} takes ${shown(params)}, and was given ${values.length} values; bytes are two: address and length`,
      );
    return convert(values, params);
  }
}

/**
 * An address or a length.
 * @param {number | bigint} value
 */
const unsigned = (value) => (typeof value === 'bigint' ? Number(BigInt.asUintN(64, value)) : value >>> 0);

/**
 * @param {readonly any[]} values
 * @param {readonly number[]} params
 */
function convert(values, params) {
  return values.map((value, i) => {
    const type = params[i];
    if (!['number', 'bigint', 'boolean'].includes(typeof value))
      throw new TypeError(`argument ${i}: expected a number or bytes, not ${value === null ? 'null' : typeof value}`);
    if (type === WIDE) return BigInt(value);
    if (type in TYPE_NAMES) return FLOATS.includes(type) ? Number(value) : Number(value) | 0;
    throw new TypeError(`argument ${i}: ${shown([type])}`);
  });
}
