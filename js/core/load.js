/** Loads the core: an Emscripten module and its wasm, compiled once, instantiated once per pool. */
import { poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { checkIsolation, compileIsolated, isolatedTasks } from './isolated.js';
import { host } from '../host/index.js';
import { own } from '../base/own.js';
import { ownCore } from './own-core.js';
import { Module } from '../wasm-binary/module.js';

/**
 * @typedef {object} Program
 * @property {string} glue URL of the Emscripten module; workers import it too
 * @property {boolean} own whether it is the package's own core
 * @property {boolean} checked whether its loops have checks
 * @property {import('../base/host-types.js').WasmModule} wasmModule
 * @property {(module: object) => Promise<any>} factory
 * @property {import('./isolated.js').Isolated | undefined} isolated tasks that run in instances of their own; the program is the package's own core then
 * @property {import('../protocol/messages.js').Foreign | undefined} foreign tasks that are modules somebody else built
 * @property {{ initial: number, maximum: number }} pages limits of the memory that it imports, in 64 KiB pages
 */

const PAGE_BYTES = 65536;
/** Of a 32-bit memory whose module sets no maximum. */
const MOST_PAGES = 65536;

/** The addresses that loop checks read: see WP_STOP_FLAG in src/port/port.h. */
export const LOOP_CHECK = Object.freeze({
  kind: /** @type {const} */ ('thread'),
  owned: false,
  flag: L.STOP_FLAG,
  stop: L.THREAD_STOP,
  tag: L.THREAD_MARK,
  inside: L.THREAD_INSIDE,
});

/**
 * @typedef {object} How
 * @property {boolean} checked whether its loops get checks
 * @property {'none' | 'worker'} [isolation] what the module must be
 * @property {number} [maxTaskBytes] ceiling for the memory of an instance
 * @property {boolean} [hasForeign] whether the pool has modules of others as well, for which maxTaskBytes counts
 * @property {string} [wasmUrl] where the wasm of the package's own core lies; default: it is found
 */

/** @type {Map<string, Promise<Program>>} by URL, and how it was loaded */
const programs = new Map();

/**
 * @param {string | undefined} url of an Emscripten module with C tasks; default: the package's own core
 * @param {How} how
 * @returns {Promise<Program>}
 * @throws {import('../base/errors.js').PoolError} START_FAILED, INVALID_ARGUMENT
 */
export function loadProgram(url, how) {
  const glue = glueUrl(url);
  const key = keyOf(glue, how);
  let program = programs.get(key);
  if (!program) {
    program = (url === undefined ? loadOwn(how.wasmUrl) : loadUsers(glue, how)).catch((cause) => {
      if (programs.get(key) === program) programs.delete(key); // a later pool may try again
      if (cause.code === 'INVALID_ARGUMENT') throw cause; // of an option, by its name
      throw cause instanceof RangeError
        ? noMemory('there is no memory for the code of the wasm core', cause)
        : poolError('START_FAILED', `cannot load the wasm core ${glue}: ${cause.message}`, { cause });
    });
    programs.set(key, program);
  }
  return program;
}

/**
 * Drops a cached program, so that the next pool loads it again.
 * @param {string | undefined} url
 * @param {How} how
 */
export function forgetProgram(url, how) {
  programs.delete(keyOf(glueUrl(url), how));
}

/**
 * @param {string} glue
 * @param {How} how
 */
function keyOf(glue, { checked, isolation, maxTaskBytes, wasmUrl }) {
  return [checked, isolation, maxTaskBytes, glue, wasmUrl].join(' ');
}

/** @param {string | undefined} url default: the package's own core */
function glueUrl(url) {
  return url ?? ownCore.url;
}

/** @param {string | undefined} wasmUrl */
async function loadOwn(wasmUrl) {
  const { url: glue, wasm } = ownCore;
  const bytes = wasmUrl === undefined ? (wasm?.() ?? (await readWasm(glue))) : await host.read(new URL(wasmUrl));
  return compile(glue, ownCore.glue(), bytes, { own: true, checked: false });
}

/**
 * @param {string} glue
 * @param {How} how
 * @returns {Promise<Program>}
 */
async function loadUsers(glue, how) {
  const original = await readUsers(glue);
  const names = isolatedTasks(original);
  checkIsolation(how.isolation, names !== undefined);
  const { checked, maxTaskBytes } = how;
  if (!names) {
    if (maxTaskBytes !== undefined && !how.hasForeign)
      throw poolError('INVALID_ARGUMENT', "maxTaskBytes: tasks share the pool's memory: see memory.maximum");
    const bytes = checked ? await withChecks(original) : original;
    return compile(glue, importGlue(glue), bytes, { own: false, checked });
  }
  const [isolated, program] = await Promise.all([
    compileIsolated(glue, original, names, how),
    loadProgram(undefined, { checked: false, wasmUrl: how.wasmUrl }),
  ]);
  return { ...program, checked, isolated };
}

/** @param {string} glue */
function readWasm(glue) {
  return host.read(new URL(glue.replace(/\.m?js$/, '.wasm')));
}

/** How the glue begins a module that it has inside, as Emscripten's -sSINGLE_FILE puts it there: in base64. */
const INSIDE = /["'`](?:data:[a-z/-]+;base64,)?(AGFzb[A-Za-z0-9+/]+=*)["'`]/;

/**
 * The wasm of a user's module: inside its glue or, as usual, beside it. There may be both, left over from an earlier build: the glue decides.
 * @param {string} glue
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
async function readUsers(glue) {
  const [text, beside] = await Promise.allSettled([host.read(new URL(glue)), readWasm(glue)]);
  const inside = text.status === 'fulfilled' && INSIDE.exec(new TextDecoder().decode(text.value));
  if (inside) return Uint8Array.from(atob(inside[1]), (character) => character.charCodeAt(0));
  if (beside.status === 'rejected') throw beside.reason;
  return beside.value;
}

/** @param {string} glue */
async function importGlue(glue) {
  return (await import(/* @vite-ignore */ /* webpackIgnore: true */ glue)).default;
}

/**
 * @param {string} glue
 * @param {Promise<Program['factory']>} loading the glue's factory
 * @param {Uint8Array<ArrayBuffer>} bytes
 * @param {{ own: boolean, checked: boolean }} what
 * @returns {Promise<Program>}
 */
async function compile(glue, loading, bytes, what) {
  const [wasmModule, factory] = await Promise.all([WebAssembly.compile(bytes), loading]);
  return { glue, ...what, wasmModule, factory, isolated: undefined, foreign: undefined, pages: memoryLimits(bytes) };
}

/** @param {Uint8Array<ArrayBuffer>} original */
async function withChecks(original) {
  const { instrument } = await import('../instrument/instrument.js'); // loaded on demand: most pools do not need it
  return instrument(original, { engine: host.wasmEngine, check: LOOP_CHECK }).bytes;
}

/**
 * How far a program's memory may grow.
 * @param {Program} program
 * @param {number} memoryBytes ceiling
 */
export function maximumBytes({ pages }, memoryBytes) {
  return Math.min(Math.floor(memoryBytes / PAGE_BYTES), pages.maximum) * PAGE_BYTES;
}

/**
 * An instance with memory of its own.
 * @param {Program} program
 * @param {number} memoryBytes ceiling
 * @returns {Promise<{ exports: import('./core.js').Exports, memory: import('../base/host-types.js').WasmMemory }>}
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT when the ceiling is below what the program needs to start; NO_MEMORY
 */
export async function instantiate(program, memoryBytes) {
  const { initial } = program.pages;
  const maximum = maximumBytes(program, memoryBytes) / PAGE_BYTES;
  if (maximum < initial) {
    throw poolError('INVALID_ARGUMENT', `memory.maximum: the core needs ${initial * PAGE_BYTES} bytes to start`);
  }
  const memory = createMemory(initial, maximum);
  const restore = keepWorkerGlobal();
  const exports = await new Promise((resolve, reject) => {
    const started = program.factory(
      own({
        wasmMemory: memory,
        noInitialRun: true,
        instantiateWasm: (
          /** @type {WebAssembly.Imports} */ imports,
          /** @type {(instance: import('../base/host-types.js').WasmInstance, module: import('../base/host-types.js').WasmModule) => void} */ receive,
        ) => {
          restore(); // in the same turn in which the glue has set the global
          // Rejects here, also when a constructor of the program traps: the glue itself would wait for ever.
          WebAssembly.instantiate(program.wasmModule, imports)
            .then((instance) => receive(instance, program.wasmModule))
            .catch((cause) =>
              reject(poolError('START_FAILED', `the wasm core cannot be used: ${cause.message}`, { cause })),
            );
          return {};
        },
      }),
    );
    started.then(resolve, reject);
  });
  return { exports, memory };
}

/**
 * Creates the pool's memory. May fail even if little is used: runtimes reserve address space up to the maximum, or more.
 * @param {number} initial in pages
 * @param {number} maximum
 * @throws {import('../base/errors.js').PoolError} NO_MEMORY
 */
function createMemory(initial, maximum) {
  try {
    return new WebAssembly.Memory(own({ initial, maximum, shared: true }));
  } catch (cause) {
    const what = `there is no address space for a memory of up to ${maximum * PAGE_BYTES} bytes`;
    const error = noMemory(what, cause);
    error.message +=
      '. The memory of pools that were destroyed counts until it is garbage-collected: keep one pool instead of making new ones';
    throw error;
  }
}

/**
 * @param {string} what happened
 * @param {unknown} cause
 */
function noMemory(what, cause) {
  return poolError('NO_MEMORY', `${what}: ${host.memoryHint?.() ?? 'choose a smaller memory.maximum'}`, { cause });
}

/**
 * Emscripten's glue sets the global `Worker` to Node's class. A program that looks for a global `Worker` expects the Web's.
 * @returns {() => void} restores what was there
 */
function keepWorkerGlobal() {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'Worker');
  return () => {
    if (before) Object.defineProperty(globalThis, 'Worker', own(before));
    else Reflect.deleteProperty(globalThis, 'Worker');
  };
}

/**
 * The limits of the memory that a module imports. JavaScript has no way to ask a compiled module.
 * @param {Uint8Array} bytes
 */
function memoryLimits(bytes) {
  const [memory] = new Module(bytes).readImports().memories;
  if (!memory) throw new Error('the module imports no memory: link it with the flags of wasmpool-config');
  const { minimum, maximum = MOST_PAGES } = memory.limits;
  return { initial: minimum, maximum };
}
