/** Inserts checks into function bodies. */
import { poolError } from '../base/errors.js';
import { Loops } from './loops.js';
import { PLAIN_IMMEDIATES, PREFIXED_IMMEDIATES } from '../wasm-binary/opcodes.js';
import { Reader } from '../wasm-binary/reader.js';
import { skipBlockType, skipValueType, skipVector } from '../wasm-binary/types.js';
import { Writer } from '../wasm-binary/writer.js';

const FIRST_PREFIX = 0xfb;
const LAST_PREFIX = 0xfe;

/** @type {Record<string, (reader: Reader) => void>} skips one immediate, by its kind; see opcodes.js */
const SKIP = {
  n: (reader) => reader.skipNumber(),
  b: skipBlockType,
  m: (reader) => {
    if (reader.number() & 0x40) reader.skipNumber(); // a memory index
    reader.skipNumber();
  },
  h: (reader) => reader.skipNumber(),
  4: (reader) => reader.skip(4),
  8: (reader) => reader.skip(8),
  q: (reader) => reader.skip(16),
  l: (reader) => reader.skip(1),
  v: (reader) => skipVector(reader, () => skipValueType(reader)),
  t: (reader) => {
    skipVector(reader, () => reader.skipNumber());
    reader.skipNumber();
  },
  y: (reader) =>
    skipVector(reader, () => {
      const kind = reader.byte();
      if (kind > 3) reader.fail(`unknown kind of catch ${kind}`);
      if (kind < 2) reader.skipNumber(); // a tag
      reader.skipNumber();
    }),
  c: (reader) => {
    reader.skip(1);
    for (let i = 0; i < 3; i++) reader.skipNumber();
  },
};

/**
 * Skips one instruction.
 * @param {Reader} reader
 * @returns {number} its opcode, or its prefix
 */
export function skipInstruction(reader) {
  const { at } = reader;
  const opcode = reader.byte();
  const prefixed = opcode >= FIRST_PREFIX && opcode <= LAST_PREFIX;
  const second = prefixed ? reader.number() : 0;
  const kinds = prefixed ? PREFIXED_IMMEDIATES[opcode][second] : PLAIN_IMMEDIATES[opcode];
  if (kinds === undefined) {
    const name = `0x${opcode.toString(16)}${prefixed ? ` ${second}` : ''}`;
    throw poolError('UNSUPPORTED', `${reader.what}, offset ${at}: unknown instruction ${name}`);
  }
  for (let i = 0; i < kinds.length; i++) SKIP[kinds[i]](reader);
  return opcode;
}

/** Counts for the report. */
export class Counts {
  functions = 0;
  loops = 0;
  spared = 0;
  entries = 0;
}

/**
 * @typedef {(opcode: number, second: number) => Uint8Array | undefined} Before code to be put before an instruction; second: of an
 *   instruction with a prefix, the number behind that
 */

/**
 * Copies one function body and inserts checks.
 * @param {Reader} reader exactly the body
 * @param {Uint8Array} check
 * @param {Counts} counts
 * @param {Writer} output
 * @param {Before} [before]
 */
function copyBody(reader, check, counts, output, before) {
  const start = reader.at;
  skipVector(reader, () => {
    reader.skipNumber();
    skipValueType(reader);
  });
  const entry = reader.at;
  const loops = new Loops();
  /** @type {{ at: number, code: Uint8Array }[]} */
  const places = [];
  while (reader.at < reader.end && !loops.isOver) {
    const { at } = reader;
    const opcode = skipInstruction(reader);
    loops.see(opcode, reader.bytes, at, reader.at);
    // The number may be longer than it has to be: a byte would not do.
    const second = opcode >= FIRST_PREFIX ? new Reader(reader.bytes, at + 1).number() : 0;
    const code = before?.(opcode, second);
    if (code) places.push({ at, code });
  }
  if (reader.at < reader.end || !loops.isOver) reader.fail('its end is not where the body ends');
  places.push(...loops.heads.map((at) => ({ at, code: check })));
  counts.loops += loops.heads.length;
  counts.spared += loops.spared;
  if (loops.needsEntry(reader.end - entry)) {
    places.push({ at: entry, code: check });
    counts.entries++;
  }
  places.sort((one, other) => one.at - other.at);
  output.number(places.reduce((bytes, { code }) => bytes + code.length, reader.end - start));
  let copied = start;
  for (const { at, code } of places) {
    output.bytes(reader.bytes.subarray(copied, at)).bytes(code);
    copied = at;
  }
  output.bytes(reader.bytes.subarray(copied, reader.end));
}

/**
 * Inserts a check at the head of each loop and at the entry of each function that needs one (see loops.js).
 * @param {Reader} reader of the code section
 * @param {Uint8Array} check
 * @param {Counts} counts
 * @param {Before} [before]
 * @returns {Uint8Array} the section's new content
 */
export function instrumentCode(reader, check, counts, before) {
  const output = new Writer(Math.ceil(reader.end * 1.25) + 64);
  const count = reader.number();
  output.number(count);
  for (let index = 0; index < count; index++) {
    const size = reader.number();
    const end = reader.at + size;
    if (end > reader.end) reader.fail('a function body ends behind its section');
    copyBody(new Reader(reader.bytes, reader.at, end, `function body ${index}`), check, counts, output, before);
    reader.at = end;
  }
  if (reader.at < reader.end) reader.fail('there is more than the bodies that it says it has');
  counts.functions = count;
  return output.written;
}
