/** Finds out how a module is called, and whether it wants only what it may have. */
import { poolError } from '../base/errors.js';
import { ADDED } from '../instrument/confine.js';
import { WASI_MODULE, wasiNames } from './wasi.js';

/**
 * @typedef {import('../wasm-binary/interface.js').Interface} Interface
 * @typedef {import('../wasm-binary/interface.js').FunctionType} FunctionType
 * @typedef {import('../wasm-binary/types.js').Limits} Limits
 *
 * @typedef {object} Wanted an import
 * @property {string} module
 * @property {string} name
 * @property {'wasi' | 'own' | 'trap' | 'memory' | 'table'} grant what it gets; trap: a function that ends the task
 * @property {Limits | undefined} limits of a memory or a table
 * @property {number} type of a table's elements
 *
 * @typedef {object} Plan how a module's task is run
 * @property {boolean} isCommand a program with `_start`
 * @property {string} entry the exported function
 * @property {number[]} params codes of types
 * @property {number[]} results
 * @property {'bytes' | 'number' | undefined} returns
 * @property {{ name: string, params: number[] } | { at: number } | undefined} allocate a function, or an address
 * @property {string[]} starts functions to call before the first call
 * @property {Wanted[]} imports
 *
 * @typedef {object} Task what a user has asked for
 * @property {string} name of the task
 * @property {string | undefined} entry
 * @property {string | number | undefined} alloc
 * @property {'bytes' | 'number' | undefined} returns
 * @property {boolean} trapUnknown whether imports that are not granted become functions that end the task
 * @property {number} maximumBytes ceiling of its memory
 * @property {number} outputBytes most that one call may return or write
 * @property {boolean} reuse
 */

/** Functions with these names, and with a signature of an allocator, in the order in which they are looked for. */
const ALLOCATORS = ['alloc', 'allocate', 'malloc', '__wbindgen_malloc', '__new'];
/** The function that a module names as its main one, if the user names none. */
const DEFAULT_ENTRY = 'run';
const COMMAND = '_start';
const ADDRESSES = [0x7f, 0x7e];
/** Imports that cost nobody anything: AssemblyScript's and Emscripten's. */
export const OWN_IMPORTS = ['env.abort', 'env.seed', 'env.emscripten_notify_memory_growth'];

/**
 * @param {Interface} module
 * @param {Task} task
 * @returns {Plan}
 * @throws {import('../base/errors.js').PoolError} INVALID_ARGUMENT
 */
export function makePlan(module, task) {
  const functions = new Map(
    module.exports
      .filter(({ kind }) => kind === 'function')
      .map(({ name, index }) => [name, /** @type {FunctionType} */ (module.types[module.functions[index]])]),
  );
  const entry = task.entry ?? (functions.has(COMMAND) && !functions.has(DEFAULT_ENTRY) ? COMMAND : DEFAULT_ENTRY);
  const type = functions.get(entry);
  if (!type) {
    const names = [...functions.keys()].map((name) => `'${name}'`).join(', ');
    throw poolError(
      'INVALID_ARGUMENT',
      `it exports no function '${entry}'${task.entry ? '' : ': say which by the option export'}; it has ${names.slice(0, 1000) || 'none'}`,
    );
  }
  const isCommand = entry === COMMAND;
  if (isCommand && task.reuse) throw poolError('INVALID_ARGUMENT', 'reuse: an instance of a program runs once');
  const starts = isCommand
    ? []
    : ['_initialize', '__wasm_call_ctors', COMMAND].filter((name) => functions.has(name)).slice(0, 1);
  return {
    isCommand,
    entry,
    ...type,
    returns: task.returns,
    allocate: allocatorOf(functions, task.alloc),
    starts: [ADDED.start, ...starts],
    imports: module.imports.map((one) => grant(one, task)),
  };
}

/**
 * @param {Map<string, FunctionType>} functions
 * @param {string | number | undefined} wanted
 * @returns {Plan['allocate']}
 */
function allocatorOf(functions, wanted) {
  if (typeof wanted === 'number') return { at: wanted };
  const name = wanted ?? ALLOCATORS.find((one) => isAllocator(functions.get(one)));
  const type = name === undefined ? undefined : functions.get(name);
  if (name === undefined) return undefined;
  if (!type || !isAllocator(type))
    throw poolError(
      'INVALID_ARGUMENT',
      `alloc: it exports no function '${name}' that takes a length and returns an address`,
    );
  return { name, params: type.params };
}

/**
 * Takes one length, or a length and what wasm-bindgen and AssemblyScript want beside it; returns an address.
 * @param {FunctionType | undefined} type
 */
function isAllocator(type) {
  const { params, results } = type ?? { params: [], results: [] };
  return (
    [1, 2].includes(params.length) &&
    results.length === 1 &&
    [...params, ...results].every((one) => ADDRESSES.includes(one))
  );
}

/**
 * @param {import('../wasm-binary/interface.js').Import} wanted
 * @param {Task} task
 * @returns {Wanted}
 */
function grant({ module, name, kind, limits, type }, { trapUnknown }) {
  const found = (/** @type {Wanted['grant']} */ what) => ({ module, name, grant: what, limits, type });
  if (kind === 'memory' || kind === 'table') return found(kind);
  if (kind === 'function') {
    if (OWN_IMPORTS.includes(`${module}.${name}`)) return found('own');
    if (module === WASI_MODULE && wasiNames().includes(name)) return found('wasi');
    if (trapUnknown) return found('trap');
  }
  const hint = kind === 'function' ? "; unknownImports: 'trap' ends the task when it calls that" : '';
  throw poolError(
    'INVALID_ARGUMENT',
    `it imports the ${kind} '${name}' of '${module}', which it is not granted (it gets a memory, tables and WASI preview 1${hint})`,
  );
}
