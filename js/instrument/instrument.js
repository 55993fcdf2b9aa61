/**
 * Loop checks: a wasm module gets a check at the head of each loop that may run long, and at the entry of each function that makes calls or
 * is long. So another thread can stop it, in any engine, without ending its thread.
 * Reasons for a rewriter of our own, and the cost of checks: docs/decisions/0008-loop-checks.md
 */
import { poolError } from '../base/errors.js';
import { checkBytes } from './check.js';
import { Counts, instrumentCode } from './code.js';
import { checkAligned, checkPlace } from './flag.js';
import { exportedGlobal, setGlobal } from './globals.js';
import { Module, SECTION } from '../wasm-binary/module.js';
import { pageBytes, writeLimits } from '../wasm-binary/types.js';
import { Writer } from '../wasm-binary/writer.js';

/** Custom section of modules that have checks; it says which checks. */
const MARK = 'wasmpool.checks';
/** Added exports. */
const THREAD = 'wasmpool_thread';
/** A global of modules that know whether they have checks. */
const CHECKED = 'wasmpool_checks';
const SCRATCH = 'wasmpool_scratch';
const MEMORY = 'wasmpool_memory';
/** Free in programs linked by LLVM, whose data starts at 1024. */
const DEFAULT_FLAG = 16;
/** Size of the flag, and of the scratch word behind it that checks of the jsc form overwrite. */
const FLAG_BYTES = 4;
/** Maximum for a memory that must be shared and has none; the number of pages must fit into 32 bits. */
const MAXIMUM_BYTES = 2 ** 32;
const MOST_PAGES = 2 ** 32 - 1;

const ENGINES = ['v8', 'jsc', 'spidermonkey', 'cranelift', 'generic'];
const I32 = 0x7f;
const I64 = 0x7e;
const MUTABLE = 1;
const HAS_MAXIMUM = 1;
const SHARED = 2;
const WIDE = 4;
/** Kinds of exports. */
const KIND = { memory: 2, global: 3 };

/**
 * For a module that is linked with the core. A check traps only on a thread whose record says so. `stop`, `tag` and `inside` are offsets in
 * that record, whose address a worker stores in the exported global `wasmpool_thread`, which is added if the module has none.
 * @typedef {object} ThreadCheck
 * @property {'thread'} kind
 * @property {number} flag address of the word that is not 0 while any thread must stop
 * @property {number} stop the tag of the task that must stop, with the highest bit set
 * @property {number} tag the tag of the running task, or 0
 * @property {number} inside the depth of gate sections
 * @property {boolean} [owned] the module has a memory of its own, and the record lies there; default: it imports the core's memory
 *
 * For any other module. A check traps if the word at an address of its first memory is not 0.
 * @typedef {object} WordCheck
 * @property {'word'} kind
 * @property {number} [address] a multiple of 4 in the memory's minimum; default 16, which is free in programs linked by LLVM;
 *   in the form 'jsc' the four bytes behind it must be free as well
 *
 * @typedef {object} InstrumentOptions
 * @property {import('./check.js').Engine} engine the engine that will run the module; 'generic' works in all of them
 * @property {ThreadCheck | WordCheck | { kind: 'none' }} [check] default: `{ kind: 'word' }`
 * @property {number} [maximumBytes] ceiling of the module's own memory, unless it has a lower one
 *
 * @typedef {object} Report
 * @property {number} functions that the module has
 * @property {number} loops that got a check
 * @property {number} spared loops that need none: they end soon, or each of their rounds passes another check
 * @property {number} entries functions that got a check at their entry
 * @property {boolean} unchanged whether the module had these checks already
 * @property {string[]} warnings
 */

/**
 * Inserts checks into a module.
 * @param {Uint8Array<ArrayBuffer>} bytes the module, which is not changed
 * @param {InstrumentOptions} options
 * @returns {{ bytes: Uint8Array<ArrayBuffer>, report: Report }}
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT: not a module, one with other checks, or a flag at an
 *   address that is not aligned, not in its memory, or in its data; UNSUPPORTED: an object file, a component, an instruction that is not known
 */
export function instrument(bytes, { engine, check: wanted = { kind: 'word' }, maximumBytes }) {
  if (!ENGINES.includes(engine)) throw poolError('INVALID_ARGUMENT', `engine: expected one of ${ENGINES.join(', ')}`);
  const check = complete(wanted);
  const module = new Module(bytes);
  if (maximumBytes !== undefined) limitMemory(module, maximumBytes);
  if (!check) return { bytes: module.encode(), report: { ...new Counts(), unchanged: false, warnings: [] } };
  const mark = JSON.stringify({ version: 1, engine, check });
  const before = module.custom(MARK);
  if (before) return { bytes, report: unchanged(before, mark) };
  const warnings = sortCustoms(module);
  const plan = new Plan(module, engine, check);
  const counts = new Counts();
  const code = module.reader(SECTION.code);
  if (code) module.put(SECTION.code, instrumentCode(code, plan.check, counts));
  module.sections.push({ id: SECTION.custom, content: new Writer().name(MARK).bytes(utf8.encode(mark)).written });
  return { bytes: module.encode(), report: { ...counts, unchanged: false, warnings: [...warnings, ...plan.warnings] } };
}

/**
 * The check with defaults, in a canonical form: it is compared with the mark of an earlier run.
 * @param {ThreadCheck | WordCheck | { kind: 'none' }} check
 * @returns {ThreadCheck | Required<WordCheck> | undefined} undefined: none
 */
function complete(check) {
  if (check.kind === 'none') return undefined;
  if (check.kind === 'word') {
    const { address = DEFAULT_FLAG } = check;
    checkAligned({ address });
    return { kind: 'word', address };
  }
  const { flag, stop, tag, inside, owned } = check;
  checkAligned({ flag, stop, tag, inside });
  return { kind: 'thread', flag, stop, tag, inside, owned: owned || undefined }; // marks of modules that import the core's memory stay the same
}

/**
 * @param {Module} module
 * @param {number} bytes
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT: it needs more to start
 */
function limitMemory(module, bytes) {
  const memories = module.readMemories();
  const [limits] = memories;
  if (!limits) return;
  const pages = Math.floor(bytes / pageBytes(limits));
  if (limits.minimum > pages)
    throw poolError(
      'INVALID_ARGUMENT',
      `the module needs a memory of ${limits.minimum * pageBytes(limits)} bytes to start`,
    );
  limits.flags |= HAS_MAXIMUM;
  limits.maximum = Math.min(limits.maximum ?? pages, pages);
  putMemories(module, memories);
}

/**
 * @param {Module} module
 * @param {import('../wasm-binary/types.js').Limits[]} memories its own
 */
function putMemories(module, memories) {
  const writer = new Writer().number(memories.length);
  for (const limits of memories) writeLimits(writer, limits);
  module.put(SECTION.memory, writer.written);
}

/**
 * @param {Uint8Array} before the module's mark
 * @param {string} mark
 * @returns {Report}
 */
function unchanged(before, mark) {
  const text = new TextDecoder().decode(before);
  if (text !== mark) throw poolError('INVALID_ARGUMENT', `the module has other checks already: ${text}`);
  return { functions: 0, loops: 0, spared: 0, entries: 0, unchanged: true, warnings: [] };
}

/**
 * Drops the custom sections that become wrong when code moves, and keeps the others.
 * @param {Module} module
 * @returns {string[]} warnings
 */
function sortCustoms(module) {
  /** @type {string[]} */
  const warnings = [];
  const drop = new Set();
  for (const { name, place } of module.customs()) {
    if (name === 'linking' || name.startsWith('reloc.'))
      throw poolError('UNSUPPORTED', 'an object file: instrument the linked module');
    if (name.startsWith('metadata.code.')) {
      drop.add(place);
      warnings.push(`${name} dropped: it names places in the code`);
    } else if (name.startsWith('.debug_') || name === 'sourceMappingURL')
      warnings.push(`${name} kept, but its places in the code are not right any more`);
  }
  module.sections = module.sections.filter((_, place) => !drop.has(place));
  return warnings;
}

const utf8 = new TextEncoder();

/** Changes of a module besides the checks: its memory, globals and exports. */
class Plan {
  /** @type {string[]} */
  warnings = [];
  #module;
  #imports;
  /** Number of globals so far. */
  #globals;
  #wide;

  /**
   * @param {Module} module
   * @param {import('./check.js').Engine} engine
   * @param {ThreadCheck | Required<WordCheck>} check
   */
  constructor(module, engine, check) {
    this.#module = module;
    this.#imports = module.readImports();
    this.#globals = this.#imports.globals + module.count(SECTION.global);
    const limits = this.#shareMemory(check.kind === 'thread' && !check.owned);
    this.#wide = (limits.flags & WIDE) !== 0;
    const address = check.kind === 'thread' ? check.flag : check.address;
    checkPlace(module, limits, address, engine === 'jsc' ? 2 * FLAG_BYTES : FLAG_BYTES);
    const scratch = engine === 'jsc' ? this.#addGlobal(SCRATCH, address + FLAG_BYTES, this.#wide) : undefined;
    const thread = check.kind === 'thread' ? this.#threadOf(check) : undefined;
    this.check = checkBytes({ wide: this.#wide, address, scratch, thread });
  }

  /**
   * Makes sure that there is a memory, and that it is shared.
   * @param {boolean} isLinked whether the module has to import the core's
   * @returns {import('../wasm-binary/types.js').Limits} its limits
   */
  #shareMemory(isLinked) {
    const imported = this.#imports.memories[0];
    const own = this.#module.readMemories();
    if (!imported && own.length === 0) own.push({ flags: 0, minimum: 1, maximum: 1, pageSize: undefined });
    const { limits } = imported ?? { limits: own[0] };
    if (isLinked && (!imported || !(limits.flags & SHARED) || limits.flags & WIDE))
      throw poolError('INVALID_ARGUMENT', 'not linked with the core: it imports no shared memory of 32-bit addresses');
    const shared = (limits.flags & SHARED) !== 0;
    if (!shared) {
      limits.flags |= HAS_MAXIMUM | SHARED;
      limits.maximum ??= Math.max(limits.minimum, Math.min(MOST_PAGES, MAXIMUM_BYTES / pageBytes(limits)));
      if (imported) this.#rewriteImport(imported);
      this.warnings.push(imported ? 'the memory that it imports must be a shared one now' : 'its memory is shared now');
    }
    if (!imported) this.#ownMemory(own, shared);
    return limits;
  }

  /** @param {import('../wasm-binary/module.js').MemoryImport} memory */
  #rewriteImport({ at, end, limits }) {
    const { content } = /** @type {import('../wasm-binary/module.js').Section} */ (this.#module.find(SECTION.import));
    const writer = new Writer(content.length + 16).bytes(content.subarray(0, at));
    writeLimits(writer, limits);
    this.#module.put(SECTION.import, writer.bytes(content.subarray(end)).written);
  }

  /**
   * @param {import('../wasm-binary/types.js').Limits[]} memories
   * @param {boolean} unchanged
   */
  #ownMemory(memories, unchanged) {
    if (!unchanged) putMemories(this.#module, memories);
    const exported = this.#module.readExports().some(({ kind, index }) => kind === KIND.memory && index === 0);
    if (!exported) this.#addExport(MEMORY, KIND.memory, 0);
  }

  /**
   * @param {string} name
   * @param {number} kind
   * @param {number} index
   */
  #addExport(name, kind, index) {
    if (this.#module.readExports().some((other) => other.name === name))
      throw poolError('INVALID_ARGUMENT', `the module exports '${name}' already`);
    this.#module.append(SECTION.export, (writer) => writer.name(name).byte(kind).number(index), 1);
  }

  /**
   * Adds a mutable, exported global.
   * @param {string} name
   * @param {number} value
   * @param {boolean} wide
   * @returns {number} its index
   */
  #addGlobal(name, value, wide) {
    const index = this.#globals++;
    this.#module.append(
      SECTION.global,
      (writer) =>
        writer
          .byte(wide ? I64 : I32)
          .byte(MUTABLE)
          .byte(wide ? 0x42 : 0x41)
          .signed(value)
          .byte(0x0b),
      1,
    );
    this.#addExport(name, KIND.global, index);
    return index;
  }

  /**
   * @param {ThreadCheck} check
   * @returns {import('./check.js').Thread}
   */
  #threadOf({ flag, stop, tag, inside }) {
    // Until a worker sets the global, it points to a "record" whose `inside` is the flag itself. That is never 0 when a check reads it, so
    // no check traps.
    const nobody = flag - inside;
    const given = exportedGlobal(this.#module, THREAD);
    const checked = exportedGlobal(this.#module, CHECKED);
    if (given !== undefined) setGlobal(this.#module, given, nobody);
    if (checked !== undefined) setGlobal(this.#module, checked, 1);
    return { record: given ?? this.#addGlobal(THREAD, nobody, false), stop, tag, inside };
  }
}
