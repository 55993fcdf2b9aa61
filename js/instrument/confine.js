/**
 * Prepares a module that somebody else built for running as a task. It keeps its memory to itself, and may be hostile:
 *
 * - Checks at the heads of loops and the entries of functions count down in a global; every 256th calls a function of the host, through a
 *   table that the module cannot name. Where the answer is to stop, it traps. A word in the module's own memory, as in instrument.js, could
 *   be overwritten by the module, and would need a shared memory, which many functions of browsers refuse.
 * - Memories and tables get maxima. Shared memories become private ones: nobody shares them, and a wait on them traps instead of lasting.
 * - The start function is exported instead, so that it runs when the host can stop it.
 *
 * Nothing is reindexed: what is added comes last. Only for modules that are valid (WebAssembly.validate), or they could name what is added.
 */
import { poolError } from '../base/errors.js';
import { Counts, instrumentCode, skipInstruction } from './code.js';
import { readInterface } from '../wasm-binary/interface.js';
import { Module, SECTION } from '../wasm-binary/module.js';
import { pageBytes, readLimits, skipValueType, writeLimits } from '../wasm-binary/types.js';
import { Writer } from '../wasm-binary/writer.js';

/** Added exports: the memory, the table for the host's function, the start function. */
export const ADDED = /** @type {const} */ ({
  memory: 'wasmpool memory',
  hook: 'wasmpool hook',
  start: 'wasmpool start',
});

/** How many checks pass between two questions to the host: 256 take about a microsecond, as long as the question is worth. */
const PERIOD = 256;
/** Instructions on whole ranges of memory count as many: they may take as long as the memory is large. */
const RANGE_WEIGHT = 64;
/** Elements that all tables of a module may have: 16 MB of the thread's heap. */
const TABLE_ELEMENTS = 2 ** 20;

const HAS_MAXIMUM = 1;
const SHARED = 2;
const I32 = 0x7f;
const FUNCREF = 0x70;
const KIND = { function: 0, table: 1, memory: 2 };
const OP = {
  unreachable: 0x00,
  if: 0x04,
  end: 0x0b,
  callIndirect: 0x11,
  globalGet: 0x23,
  globalSet: 0x24,
  memoryGrow: 0x40,
  i32Const: 0x41,
  leS: 0x4c,
  sub: 0x6b,
  misc: 0xfc,
};
const EMPTY = 0x40;
/** Behind 0xfc: memory.init, copy, fill; table.init, copy, grow, fill. */
const RANGES = new Set([8, 10, 11, 12, 14, 15, 17]);
/** What an exception may carry: references to others would make lists of them. Numbers, v128, funcref, externref. */
const CARRIED = new Set([0x7f, 0x7e, 0x7d, 0x7c, 0x7b, 0x70, 0x6f]);
/** How many values an exception may carry: programs in C++ have one. */
const CARRIED_MOST = 16;

/**
 * @typedef {import('../wasm-binary/interface.js').Interface} Interface
 * @typedef {import('../wasm-binary/types.js').Limits} Limits
 */

/**
 * @param {Uint8Array<ArrayBuffer>} bytes a valid module, which is not changed
 * @param {{ maximumBytes: number, checked: boolean }} how ceiling of all its memories together; whether it gets checks
 * @returns {{ bytes: Uint8Array<ArrayBuffer>, interface: Interface }} its interface as it was, but for the limits of imports
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT: it needs more; UNSUPPORTED
 */
export function confine(bytes, { maximumBytes, checked }) {
  const module = new Module(bytes);
  const before = readInterface(module);
  refuseObjects(module, before);
  dropCustoms(module);
  limitMemories(module, before, maximumBytes);
  limitTables(module, before);
  moveStart(module);
  if (checked) addChecks(module, before);
  return { bytes: module.encode(), interface: before };
}

/**
 * @param {Module} module
 * @param {Interface} before
 */
function addChecks(module, before) {
  const { hook, count } = addHook(module, before);
  const code = module.reader(SECTION.code);
  if (!code) return;
  const check = checkBytes(before, hook, count, 1);
  const range = checkBytes(before, hook, count, RANGE_WEIGHT);
  const content = instrumentCode(code, check, new Counts(), (opcode, second) =>
    opcode === OP.memoryGrow || (opcode === OP.misc && RANGES.has(second)) ? range : undefined,
  );
  module.put(SECTION.code, content);
}

/**
 * Objects lie in the heap of the thread, and no limit counts for them. Without types of them none can be made, neither by code nor by the
 * values that globals, tables and elements begin with.
 * @param {Module} module
 * @param {Interface} before
 */
function refuseObjects(module, { types }) {
  if (types.includes(undefined))
    throw poolError('UNSUPPORTED', 'it has objects that are garbage-collected, whose memory has no limit');
  const tags = module.reader(SECTION.tag);
  const thrown = tags?.all(() => {
    tags.byte(); // 0: an exception
    return types[tags.number()]?.params ?? [];
  });
  if (thrown?.some((values) => values.length > CARRIED_MOST || !values.every((type) => CARRIED.has(type))))
    throw poolError('UNSUPPORTED', `its exceptions carry other exceptions, or more than ${CARRIED_MOST} values`);
}

/**
 * Counts down, asks when the count is over. The answer is a number and not an exception, which code could catch.
 * @param {Interface} types
 * @param {number} table
 * @param {number} count index of the global
 * @param {number} weight
 */
function checkBytes({ types }, table, count, weight) {
  const writer = new Writer();
  writer.byte(OP.globalGet).number(count).byte(OP.i32Const).signed(weight).byte(OP.sub);
  writer.byte(OP.globalSet).number(count).byte(OP.globalGet).number(count);
  writer.byte(OP.i32Const).byte(0).byte(OP.leS).byte(OP.if).byte(EMPTY);
  writer.byte(OP.i32Const).signed(PERIOD).byte(OP.globalSet).number(count);
  writer.byte(OP.i32Const).byte(0).byte(OP.callIndirect).number(types.length).number(table);
  return writer.byte(OP.if).byte(EMPTY).byte(OP.unreachable).byte(OP.end).byte(OP.end).written;
}

/**
 * Adds the table for the host's function, the function's type, and the global that counts.
 * @param {Module} module
 * @param {Interface} before
 */
function addHook(module, { imports }) {
  const indexOf = (/** @type {string} */ kind, /** @type {number} */ section) =>
    imports.filter((wanted) => wanted.kind === kind).length + module.count(section);
  const hook = indexOf('table', SECTION.table);
  const count = indexOf('global', SECTION.global);
  module.append(SECTION.type, (writer) => writer.byte(0x60).number(0).number(1).byte(I32), 1);
  module.append(SECTION.table, (writer) => writer.byte(FUNCREF).byte(HAS_MAXIMUM).number(1).number(1), 1);
  module.append(SECTION.global, (writer) => writer.byte(I32).byte(1).byte(OP.i32Const).signed(PERIOD).byte(OP.end), 1);
  addExport(module, ADDED.hook, KIND.table, hook);
  return { hook, count };
}

/**
 * @param {Module} module
 * @param {string} name
 * @param {number} kind
 * @param {number} index
 */
function addExport(module, name, kind, index) {
  module.append(SECTION.export, (writer) => writer.name(name).byte(kind).number(index), 1);
}

/** Only names of functions are kept: places in the code are not right any more. @param {Module} module */
function dropCustoms(module) {
  const drop = new Set(
    module
      .customs()
      .filter(({ name }) => name !== 'name')
      .map(({ place }) => place),
  );
  module.sections = module.sections.filter((_, place) => !drop.has(place));
}

/** @param {Module} module */
function moveStart(module) {
  const start = module.reader(SECTION.start);
  if (!start) return;
  addExport(module, ADDED.start, KIND.function, start.number());
  module.sections = module.sections.filter(({ id }) => id !== SECTION.start);
}

/**
 * @param {Module} module
 * @param {Interface} before whose limits are changed, too
 * @param {number} maximumBytes
 */
function limitMemories(module, before, maximumBytes) {
  const own = module.readMemories();
  const imported = before.imports.filter(({ kind }) => kind === 'memory');
  const all = [...imported.map(({ limits }) => /** @type {Limits} */ (limits)), ...own];
  const places = module.readImports().memories;
  for (const limits of all) limitMemory(limits, Math.floor(maximumBytes / all.length));
  if (places.some(({ limits }) => limits.flags & SHARED)) makePrivate(module, places);
  if (own.length > 0) {
    const writer = new Writer().number(own.length);
    for (const limits of own) writeLimits(writer, limits);
    module.put(SECTION.memory, writer.written);
  }
  if (all.length > 0) addExport(module, ADDED.memory, KIND.memory, 0);
}

/**
 * @param {Limits} limits
 * @param {number} maximumBytes
 */
function limitMemory(limits, maximumBytes) {
  const page = pageBytes(limits);
  const pages = Math.floor(maximumBytes / page);
  if (limits.minimum > pages)
    throw poolError(
      'INVALID_ARGUMENT',
      `it needs a memory of ${limits.minimum * page} bytes to start, and maxTaskBytes allows ${maximumBytes}`,
    );
  limits.maximum = Math.min(limits.maximum ?? pages, pages);
  limits.flags = (limits.flags | HAS_MAXIMUM) & ~SHARED;
}

/**
 * @param {Module} module
 * @param {import('../wasm-binary/module.js').MemoryImport[]} places of imported memories, in their order
 */
function makePrivate(module, places) {
  const { content } = /** @type {import('../wasm-binary/module.js').Section} */ (module.find(SECTION.import));
  const writer = new Writer(content.length);
  let copied = 0;
  for (const { at, end, limits } of places) {
    writer.bytes(content.subarray(copied, at));
    writeLimits(writer, { ...limits, flags: limits.flags & ~SHARED });
    copied = end;
  }
  module.put(SECTION.import, writer.bytes(content.subarray(copied)).written);
}

/**
 * Tables lie in the heap of the thread, which no maximum of memory limits.
 * @param {Module} module
 * @param {Interface} before whose limits are changed, too
 */
function limitTables(module, before) {
  const section = module.reader(SECTION.table);
  /** @type {{ at: number, end: number, limits: Limits }[]} */
  const own =
    section?.all(() => {
      const hasValue = section.peek() === 0x40;
      if (hasValue) section.skip(2);
      skipValueType(section);
      const { at } = section;
      const limits = readLimits(section);
      const { at: end } = section;
      if (hasValue) while (skipInstruction(section) !== OP.end);
      return { at, end, limits };
    }) ?? [];
  const imported = before.imports.flatMap(({ kind, limits }) => (kind === 'table' && limits ? [limits] : []));
  const all = [...imported, ...own.map(({ limits }) => limits)];
  const elements = all.reduce((sum, { minimum }) => sum + minimum, 0);
  if (elements > TABLE_ELEMENTS)
    throw poolError('UNSUPPORTED', `its tables have ${elements} elements, and ${TABLE_ELEMENTS} are allowed`);
  const spare = Math.floor((TABLE_ELEMENTS - elements) / Math.max(1, all.length));
  for (const limits of all) {
    limits.maximum = Math.min(limits.maximum ?? Infinity, limits.minimum + spare);
    limits.flags |= HAS_MAXIMUM;
  }
  if (!section) return;
  const { bytes } = section;
  const writer = new Writer(bytes.length + 16);
  let copied = 0;
  for (const { at, end, limits } of own) {
    writer.bytes(bytes.subarray(copied, at));
    writeLimits(writer, limits);
    copied = end;
  }
  module.put(SECTION.table, writer.bytes(bytes.subarray(copied)).written);
}
