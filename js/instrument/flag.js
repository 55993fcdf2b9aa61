/** Checks the flag's address: it must be in the memory's minimum, and outside of the module's own data. */
import { poolError } from '../base/errors.js';
import { skipInstruction } from './code.js';
import { SECTION } from '../wasm-binary/module.js';
import { pageBytes } from '../wasm-binary/types.js';

/** Addresses must fit into a signed 32-bit constant. */
const MOST_ADDRESS = 2 ** 31 - 8;
const OP = { end: 0x0b, i32Const: 0x41, i64Const: 0x42 };
/** Flags of a data segment. */
const SEGMENT = { passive: 1, memory: 2 };

/**
 * Checks addresses and offsets, because atomic accesses that are not aligned trap.
 * @param {Record<string, number>} words addresses, and offsets in an aligned record, by their names in the options
 */
export function checkAligned(words) {
  for (const [name, at] of Object.entries(words))
    if (!Number.isInteger(at) || at < 0 || at > MOST_ADDRESS || at % 4 !== 0)
      throw poolError('INVALID_ARGUMENT', `${name}: expected a multiple of 4 from 0 to ${MOST_ADDRESS}, not ${at}`);
}

/**
 * @param {import('../wasm-binary/module.js').Module} module
 * @param {import('../wasm-binary/types.js').Limits} limits of its first memory
 * @param {number} address
 * @param {number} bytes that checks use from there
 */
export function checkPlace(module, limits, address, bytes) {
  const page = pageBytes(limits);
  if (address + bytes > limits.minimum * page) {
    const pages = Math.ceil((address + bytes) / page);
    throw poolError(
      'INVALID_ARGUMENT',
      `the flag at address ${address} lies outside the memory as it is at the start (${limits.minimum} pages): ` +
        `choose a lower address, or give the memory a minimum of ${pages} pages (wasm-ld: --initial-memory=${pages * page})`,
    );
  }
  for (const { index, start, end } of dataOf(module)) {
    if (start >= address + bytes || end <= address) continue;
    throw poolError(
      'INVALID_ARGUMENT',
      `the flag at address ${address} lies in data segment ${index} (${start} to ${end - 1}): ` +
        `choose an address with ${bytes} bytes that nothing uses`,
    );
  }
}

/**
 * The active data segments of the first memory with constant addresses.
 * @param {import('../wasm-binary/module.js').Module} module
 */
function dataOf(module) {
  /** @type {{ index: number, start: number, end: number }[]} */
  const found = [];
  const reader = module.reader(SECTION.data);
  let index = 0;
  reader?.all(() => {
    const flags = reader.number();
    if (flags > SEGMENT.memory) reader.fail(`unknown kind of data segment ${flags}`);
    const memory = flags === SEGMENT.memory ? reader.number() : 0;
    const start = flags === SEGMENT.passive ? undefined : constant(reader);
    const size = reader.number();
    reader.skip(size);
    if (memory === 0 && start !== undefined && size > 0) found.push({ index, start, end: start + size });
    index++;
  });
  return found;
}

/**
 * Reads a constant expression.
 * @param {import('../wasm-binary/reader.js').Reader} reader
 * @returns {number | undefined} its value as an address, if it consists of one constant
 */
function constant(reader) {
  const { at } = reader;
  let count = 0;
  while (skipInstruction(reader) !== OP.end) count++;
  const { at: end } = reader;
  reader.at = at;
  const opcode = reader.byte();
  const value = count === 1 && (opcode === OP.i32Const || opcode === OP.i64Const) ? reader.signed() : undefined;
  reader.at = end;
  if (value === undefined || value >= 0) return value;
  return value + 2 ** (opcode === OP.i32Const ? 32 : 64);
}
