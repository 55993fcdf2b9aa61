/** What one call writes and returns, up to a limit, which counts files as well. */

/** Room for the first writes. */
const FIRST_BYTES = 4096;

/** The output of one instance. */
export class Output {
  /** stdout and stderr, from 1. @type {{ bytes: Uint8Array<ArrayBuffer>, length: number }[]} */
  #streams = [];
  /** By stream, from 1: a character may come in two pieces. @type {TextDecoder[]} */
  #decoders = [];
  #limit;
  #print;
  #used = 0;
  /** @type {{ error: unknown } | undefined} */
  #failure;

  /**
   * @param {number} limit in bytes, of each call
   * @param {((fd: number, text: string) => void) | undefined} print where it goes; undefined: it is kept
   */
  constructor(limit, print) {
    this.#limit = limit;
    this.#print = print;
  }

  /** A call begins. */
  begin() {
    this.#used = 0;
    this.#failure = undefined;
  }

  /** Bytes that are left. */
  get spare() {
    return this.#limit - this.#used;
  }

  /** @param {number} bytes */
  spend(bytes) {
    if (bytes > this.spare)
      this.fail(new RangeError(`it writes and returns more than ${this.#limit} bytes (maxOutputBytes)`));
    this.#used += bytes;
  }

  /**
   * The call fails, whatever the module does with the exception.
   * @param {unknown} error
   * @returns {never}
   */
  fail(error) {
    this.#failure ??= { error };
    throw error;
  }

  /** @throws {unknown} why the call has failed */
  check() {
    if (this.#failure) throw this.#failure.error;
  }

  /**
   * @param {number} fd
   * @param {Uint8Array} bytes
   */
  write(fd, bytes) {
    this.spend(bytes.length);
    if (this.#print) {
      const text = (this.#decoders[fd] ??= new TextDecoder()).decode(bytes, { stream: true });
      if (text) this.#print(fd, text);
      return;
    }
    const stream = (this.#streams[fd] ??= { bytes: new Uint8Array(FIRST_BYTES), length: 0 });
    const end = stream.length + bytes.length;
    if (end > stream.bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * stream.bytes.length));
      larger.set(stream.bytes.subarray(0, stream.length));
      stream.bytes = larger;
    }
    stream.bytes.set(bytes, stream.length);
    stream.length = end;
  }

  /** @param {number} fd @returns {Uint8Array} */
  take(fd) {
    const { bytes, length } = this.#streams[fd] ?? { bytes: new Uint8Array(), length: 0 };
    return bytes.slice(0, length);
  }
}
