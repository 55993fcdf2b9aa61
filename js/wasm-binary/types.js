/** Skips types in a wasm binary (core specification, 5.3), and reads limits. */

/** @typedef {import('./reader.js').Reader} Reader */

/**
 * A value type: one byte, or `ref` with a heap type.
 * @param {Reader} reader
 */
export function skipValueType(reader) {
  const type = reader.byte();
  if (type === 0x63 || type === 0x64) reader.skipNumber();
}

/**
 * A block type: empty, a value type, or an index (33 bits, signed).
 * @param {Reader} reader
 */
export function skipBlockType(reader) {
  const type = reader.peek();
  if (type >= 0x41 && type <= 0x7f) skipValueType(reader);
  else reader.skipNumber(); // 0x40, empty, is one byte as well
}

/**
 * @param {Reader} reader
 * @param {() => void} item skips one
 */
export function skipVector(reader, item) {
  for (let count = reader.number(); count > 0; count--) item();
}

/**
 * Limits of a memory or a table.
 * @typedef {object} Limits
 * @property {number} flags 1: has a maximum; 2: shared; 4: 64-bit addresses; 8: has a page size
 * @property {number} minimum
 * @property {number | undefined} maximum
 * @property {number | undefined} pageSize as an exponent of 2
 */

/**
 * @param {Reader} reader
 * @returns {Limits}
 */
export function readLimits(reader) {
  const flags = reader.byte();
  if (flags > 15) reader.fail(`unknown limits 0x${flags.toString(16)}`);
  const minimum = reader.number();
  const maximum = flags & 1 ? reader.number() : undefined;
  return { flags, minimum, maximum, pageSize: flags & 8 ? reader.number() : undefined };
}

/** @param {Limits} limits of a memory */
export const pageBytes = ({ pageSize = 16 }) => 2 ** pageSize;

/**
 * @param {import('./writer.js').Writer} writer
 * @param {Limits} limits
 */
export function writeLimits(writer, { flags, minimum, maximum, pageSize }) {
  writer.byte(flags).number(minimum);
  if (maximum !== undefined) writer.number(maximum);
  if (pageSize !== undefined) writer.number(pageSize);
}
