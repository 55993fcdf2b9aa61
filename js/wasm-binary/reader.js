/** Reads a wasm binary: bytes and LEB128 numbers (core specification, 5.2). */
import { poolError } from '../base/errors.js';

/** A position in a range of bytes. */
export class Reader {
  /**
   * @param {Uint8Array} bytes
   * @param {number} [at] first byte
   * @param {number} [end] position behind the last byte
   * @param {string} [what] name of the range, for errors
   */
  constructor(bytes, at = 0, end = bytes.length, what = 'module') {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    this.what = what;
  }

  /**
   * @param {string} text what is wrong at this position
   * @returns {never}
   */
  fail(text) {
    throw poolError('INVALID_ARGUMENT', `${this.what}, offset ${this.at}: ${text}`);
  }

  byte() {
    if (this.at >= this.end) this.fail('the file ends too early');
    return this.bytes[this.at++];
  }

  /** The next byte, without moving on. */
  peek() {
    const byte = this.byte();
    this.at--;
    return byte;
  }

  /** An unsigned LEB128 number of at most 32 bits; larger ones (memory64) lose precision above 2^53. */
  number() {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      if (scale > 2 ** 63) this.fail('a number is too long');
    }
  }

  /** A signed LEB128 number; as `number()`. */
  signed() {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return byte & 0x40 ? value - scale * 128 : value;
      if (scale > 2 ** 63) this.fail('a number is too long');
    }
  }

  /** Skips one LEB128 number of any kind. */
  skipNumber() {
    for (let length = 1; this.byte() >= 0x80; length++) if (length === 10) this.fail('a number is too long');
  }

  /**
   * Skips bytes.
   * @param {number} count
   */
  skip(count) {
    this.at += count;
    if (this.at > this.end) {
      this.at = this.end;
      this.fail('the file ends too early');
    }
  }

  /**
   * The next bytes, in place.
   * @param {number} count
   */
  take(count) {
    const from = this.at;
    this.skip(count);
    return this.bytes.subarray(from, this.at);
  }

  /** A name: its length and UTF-8 text. */
  name() {
    return utf8.decode(this.take(this.number()));
  }

  /**
   * Reads a vector.
   * @template T
   * @param {() => T} item reads one
   * @returns {T[]}
   */
  vector(item) {
    const items = [];
    for (let count = this.number(); count > 0; count--) items.push(item());
    return items;
  }

  /**
   * Reads a vector that fills the range.
   * @template T
   * @param {() => T} item reads one
   * @returns {T[]}
   */
  all(item) {
    const items = this.vector(item);
    if (this.at < this.end) this.fail('there is more than the items that it says it has');
    return items;
  }
}

const utf8 = new TextDecoder();
