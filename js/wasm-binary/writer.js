/** Writes a wasm binary into a buffer that grows. */

/**
 * The size of a LEB128 number in bytes.
 * @param {number} value unsigned
 */
export function numberBytes(value) {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

/** A growing buffer. */
export class Writer {
  #bytes;
  #length = 0;

  /** @param {number} [expected] initial size in bytes */
  constructor(expected = 64) {
    this.#bytes = new Uint8Array(expected);
  }

  /** @param {number} more */
  #reserve(more) {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#length + more, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  /** @param {number} value 0 … 255 */
  byte(value) {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  /** @param {ArrayLike<number>} values bytes */
  bytes(values) {
    this.#reserve(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
    return this;
  }

  /** @param {number} value unsigned, as LEB128 */
  number(value) {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 0x80);
    return this.byte(rest);
  }

  /** @param {number} value 32 bits, signed, as LEB128 */
  signed(value) {
    for (let rest = value | 0; ; rest >>= 7) {
      const byte = rest & 0x7f;
      const last = rest >> 6 === 0 || rest >> 6 === -1;
      this.byte(last ? byte : byte | 0x80);
      if (last) return this;
    }
  }

  /** @param {string} text its length and its UTF-8 bytes */
  name(text) {
    return this.block(utf8.encode(text));
  }

  /** @param {Uint8Array} content its length and itself */
  block(content) {
    return this.number(content.length).bytes(content);
  }

  /** The bytes written so far; valid until the next write. */
  get written() {
    return this.#bytes.subarray(0, this.#length);
  }
}

const utf8 = new TextEncoder();
