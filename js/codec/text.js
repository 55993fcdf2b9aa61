/**
 * Text to and from bytes that may be in shared memory. Browsers' TextDecoder and encodeInto refuse shared
 * memory, so text goes through private bytes there; Node-like hosts read and write it in place.
 */

/** Up to this length a loop over characters is faster than a call of the host. */
const SHORT = 24;
/**
 * From so many units on it is checked whether they are all ASCII. A choice: on Node 20 the check takes 0.13 µs for 1,000 units; it spares
 * text that is not ASCII 9 µs as UTF-8, where units take 0.3 µs. Shorter text has less to gain.
 */
const LONG = 1000;
const MAX_UTF8_PER_UNIT = 3;
const CHUNK_UNITS = 8192;
const encoder = new TextEncoder();
// Without ignoreBOM a leading U+FEFF of the caller's text would vanish.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Writes short ASCII text, the most frequent case, without any call.
 * @param {string} text
 * @param {Uint8Array} u8
 * @param {number} offset
 * @returns {number} bytes written, or -1: not ASCII
 */
function writeAscii(text, u8, offset) {
  const length = text.length;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return -1;
    u8[offset + i] = unit;
  }
  return length;
}

/**
 * @param {import('./types.js').CodecHost} host
 * @param {string} text well-formed
 * @returns {Uint8Array} its UTF-8 in private memory
 */
export function textBytes(host, text) {
  return host.textBytes ? host.textBytes(text) : encoder.encode(text);
}

/**
 * Writes well-formed text as UTF-8 if it fits.
 * @param {import('./types.js').CodecHost} host
 * @param {string} text
 * @param {Uint8Array} u8
 * @param {number} offset
 * @param {number} capacity bytes
 * @returns {number} bytes written, or -1: not tried, because it may not fit or needs staging
 */
export function tryWriteText(host, text, u8, offset, capacity) {
  const length = text.length;
  if (length > capacity) return -1;
  if (length <= SHORT) {
    const written = writeAscii(text, u8, offset);
    if (written >= 0) return written;
  }
  if (!host.writeText || length * MAX_UTF8_PER_UNIT > capacity) return -1;
  return host.writeText(text, u8, offset, capacity);
}

/**
 * @param {import('./types.js').CodecHost} host
 * @param {Uint8Array} u8
 * @param {number} offset
 * @param {number} length bytes
 * @returns {string} text of UTF-8 bytes
 */
export function readText(host, u8, offset, length) {
  if (length <= SHORT) {
    let text = '';
    let i = 0;
    for (; i < length; i++) {
      const byte = /** @type {number} */ (u8[offset + i]);
      if (byte > 0x7f) break;
      text += String.fromCharCode(byte);
    }
    if (i === length) return text;
  }
  if (host.readText) return host.readText(u8, offset, length);
  return decoder.decode(Uint8Array.prototype.slice.call(u8, offset, offset + length));
}

/**
 * Whether a text between two JavaScript threads should travel as its 16-bit units: engines decode long UTF-8 that is not ASCII about ten
 * times as slowly as they copy units.
 * @param {import('./types.js').CodecHost} host
 * @param {string} text
 * @returns {boolean}
 */
export function isWide({ utf16 }, text) {
  return text.length >= LONG && utf16 !== undefined && !utf16.isAscii(text);
}

/**
 * @param {import('./types.js').CodecHost} host
 * @param {string} text
 * @returns {Uint8Array} its 16-bit units, little-endian
 */
export function utf16Bytes({ utf16 }, text) {
  if (utf16) return utf16.bytes(text);
  const bytes = new Uint8Array(text.length * 2);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes[2 * i] = unit & 0xff;
    bytes[2 * i + 1] = unit >> 8;
  }
  return bytes;
}

/**
 * @param {import('./types.js').CodecHost} host
 * @param {Uint8Array} u8
 * @param {number} offset
 * @param {number} length bytes
 * @returns {string}
 */
export function readUtf16({ utf16 }, u8, offset, length) {
  if (utf16) return utf16.read(u8, offset, length);
  let text = '';
  /** @type {number[]} */
  const units = [];
  for (let i = 0; i < length; i += 2) {
    const low = /** @type {number} */ (u8[offset + i]);
    units.push(low | /** @type {number} */ (u8[offset + i + 1] << 8));
    if (units.length === CHUNK_UNITS) text += String.fromCharCode(...units.splice(0));
  }
  return text + String.fromCharCode(...units);
}
