/** A wasm module as a list of sections. Unchanged sections are kept as bytes. */
import { poolError } from '../base/errors.js';
import { Reader } from './reader.js';
import { readLimits, skipValueType } from './types.js';
import { numberBytes, Writer } from './writer.js';

/** Section numbers (core specification, 5.5.2). */
export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
};
/** The order in which they must come. */
const ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];

/** @typedef {{ id: number, content: Uint8Array }} Section */
/** @typedef {{ at: number, end: number, limits: import('./types.js').Limits }} MemoryImport at, end: position of its limits */

/** The sections of one module. */
export class Module {
  /**
   * @param {Uint8Array} bytes
   * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT, UNSUPPORTED
   */
  constructor(bytes) {
    const reader = new Reader(bytes);
    if (reader.take(4).join() !== '0,97,115,109') reader.fail('this is not WebAssembly');
    const version = reader.take(4).join();
    if (version === '13,0,1,0') throw poolError('UNSUPPORTED', 'a component: instrument the modules in it');
    if (version !== '1,0,0,0') reader.fail('unknown version of WebAssembly');
    this.preamble = bytes.subarray(0, 8);
    /** @type {Section[]} */
    this.sections = [];
    let last = 0;
    while (reader.at < reader.end) {
      const id = reader.byte();
      if (id > 13) reader.fail(`unknown section ${id}`);
      if (id !== SECTION.custom) {
        if (last && ORDER.indexOf(id) <= ORDER.indexOf(last)) reader.fail(`section ${id} behind section ${last}`);
        last = id;
      }
      this.sections.push({ id, content: reader.take(reader.number()) });
    }
    this.#agree(SECTION.function, SECTION.code);
    if (this.find(SECTION.dataCount)) this.#agree(SECTION.dataCount, SECTION.data);
  }

  /**
   * @param {number} one of two sections that must have equally many items
   * @param {number} other
   */
  #agree(one, other) {
    const [first, second] = [this.count(one), this.count(other)];
    if (first === second) return;
    throw poolError('INVALID_ARGUMENT', `section ${one} announces ${first} items, section ${other} has ${second}`);
  }

  /** @param {number} id */
  find(id) {
    return this.sections.find((section) => section.id === id);
  }

  /**
   * A reader of a section's content; undefined if the module has no such section.
   * @param {number} id
   */
  reader(id) {
    const content = this.find(id)?.content;
    return content && new Reader(content, 0, content.length, `section ${id}`);
  }

  /**
   * Sets the content of a section, at its place in the order.
   * @param {number} id
   * @param {Uint8Array} content
   */
  put(id, content) {
    const section = this.find(id);
    if (section) {
      section.content = content;
      return;
    }
    // Right after the sections that must precede it, so that custom sections after those stay behind, as the name section must.
    const rank = ORDER.indexOf(id);
    const last = this.sections.findLastIndex((other) => other.id !== 0 && ORDER.indexOf(other.id) < rank);
    this.sections.splice(last + 1, 0, { id, content });
  }

  /**
   * Adds items to a section that is a vector.
   * @param {number} id
   * @param {(writer: Writer) => void} write the items
   * @param {number} count how many
   */
  append(id, write, count) {
    const reader = this.reader(id);
    const before = reader?.number() ?? 0;
    const writer = new Writer((reader?.end ?? 0) + 64).number(before + count);
    if (reader) writer.bytes(reader.take(reader.end - reader.at));
    write(writer);
    this.put(id, writer.written);
  }

  /** @param {number} id of a section that is a vector */
  count(id) {
    return this.reader(id)?.number() ?? 0;
  }

  /** The imports, as far as they matter for indexes. */
  readImports() {
    /** @type {{ globals: number, memories: MemoryImport[] }} */
    const found = { globals: 0, memories: [] };
    const reader = this.reader(SECTION.import);
    reader?.all(() => {
      reader.skip(reader.number());
      reader.skip(reader.number());
      const kind = reader.byte();
      const { at } = reader;
      if (kind === 0) reader.skipNumber();
      else if (kind === 1) {
        skipValueType(reader);
        readLimits(reader);
      } else if (kind === 2) found.memories.push({ at, limits: readLimits(reader), end: reader.at });
      else if (kind === 3) {
        skipValueType(reader);
        reader.byte();
        found.globals++;
      } else if (kind === 4) {
        reader.byte();
        reader.skipNumber();
      } else reader.fail(`unknown kind of import ${kind}`);
    });
    return found;
  }

  /** The module's own memories. */
  readMemories() {
    const reader = this.reader(SECTION.memory);
    return reader?.all(() => readLimits(reader)) ?? [];
  }

  /** @returns {{ name: string, kind: number, index: number }[]} */
  readExports() {
    const reader = this.reader(SECTION.export);
    return reader?.all(() => ({ name: reader.name(), kind: reader.byte(), index: reader.number() })) ?? [];
  }

  /**
   * The content of a custom section, without its name.
   * @param {string} name
   */
  custom(name) {
    for (const { id, content } of this.sections) {
      if (id !== SECTION.custom) continue;
      const reader = new Reader(content, 0, content.length, 'a custom section');
      if (reader.name() === name) return reader.take(reader.end - reader.at);
    }
    return undefined;
  }

  /** Names of the custom sections, with their places among the sections. */
  customs() {
    return this.sections
      .map(({ id, content }, place) => ({ id, content, place }))
      .filter(({ id }) => id === SECTION.custom)
      .map(({ content, place }) => ({
        place,
        name: new Reader(content, 0, content.length, 'a custom section').name(),
      }));
  }

  /** The module's binary form. */
  encode() {
    const sizes = this.sections.map(({ content: { length } }) => 1 + numberBytes(length) + length);
    const total = sizes.reduce((sum, size) => sum + size, this.preamble.length);
    const writer = new Writer(total).bytes(this.preamble);
    for (const { id, content } of this.sections) writer.byte(id).block(content);
    return writer.written;
  }
}
