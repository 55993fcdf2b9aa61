/**
 * The worker module of `wasmpool map`: runs the user's handler over blocks of items. It reads files, parses lines and makes
 * results into lines, so that main has nothing to do for a single item.
 */

import { isUtf8 } from 'node:buffer';
import { readFileSync, readSync, openSync, closeSync, statSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { clockOffsetMs } from '../host/clock-node.js';
import { findHandlers } from '../worker/handlers.js';
import { ItemError, LASTING, failureOf } from './fault.js';
import { inlineHandler } from './inline.js';
import { statOf } from './input.js';
import { parseLine, textOf, toJson } from './line.js';
import { BlockRecord, unpack } from './record.js';

/**
 * @typedef {object} Settings  from main, as the pool's initData
 * @property {string} [module]  URL of the user's module
 * @property {string} [code]  the handler itself, instead
 * @property {string} task  the handler's name
 * @property {'json' | 'lines' | 'paths' | 'files'} mode
 * @property {unknown} initData  the user's
 * @property {number} retries  how often a failed item is run again
 * @property {boolean} failFast  a block ends with its first failed item
 * @property {number} patienceMs  a block that takes longer is handed back where it is; Infinity: not
 * @property {SharedArrayBuffer[]} records
 * @property {SharedArrayBuffer} stop  its first word: not 0 when no further item may start
 *
 * @typedef {{ text: string, failed: boolean, bytes: number, ms: number }} Result  of one item
 */

/** The file of an item is none that a worker may read: a pipe or a terminal could keep the thread from being stopped. */
class NotForWorkers extends Error {}

const scope = /** @type {any} */ (globalThis).wasmpoolThread;
/** @type {Settings} */
const settings = scope.initData;
scope.initData = settings.initData; // what the user's module sees

const offsetMs = clockOffsetMs();
const records = settings.records.map((memory) => new BlockRecord(memory));
const stop = new Int32Array(settings.stop);
const module = settings.module ? await import(settings.module) : {};
const handlers = findHandlers(module);
const handler = settings.code === undefined ? handlers.get(settings.task) : inlineHandler(settings.code);

const nowMs = () => performance.now() + offsetMs;

/**
 * @param {Uint8Array} job  see pack()
 * @param {import('../worker/context.js').Context} context
 * @returns {Promise<Result | 'readByMain' | undefined>} what the record has no room for: the result of the item whose turn it
 *   is; or that this item must be read by main
 */
async function runBlock(job, context) {
  const { index, data, content } = unpack(job);
  const record = records[index];
  const block = { data, content, isText: isUtf8(data), context: usersContext(context) };
  let beganMs = nowMs();
  const patienceMs = beganMs + settings.patienceMs;
  for (let i = 0; i < record.count; i++) {
    if (i > 0 && (Atomics.load(stop, 0) !== 0 || beganMs > patienceMs)) return undefined;
    const started = runItem(record, i, block, beganMs);
    const result = started instanceof Promise ? await started : started;
    if (result === 'readByMain') return result;
    const endedMs = nowMs();
    result.ms = endedMs - beganMs;
    beganMs = endedMs;
    if (!record.fits(result.text)) return result;
    if (!record.commit(i, result.text, result)) return undefined;
    if (result.failed && settings.failFast) return undefined;
  }
  return undefined;
}

/**
 * @typedef {{ data: Buffer, content?: Uint8Array, isText: boolean, context: object }} WorkersBlock
 */

/**
 * One item, with its retries. Without a promise unless the handler gives one: most items take microseconds.
 * @param {BlockRecord} record
 * @param {number} i
 * @param {WorkersBlock} block
 * @param {number} beganMs
 * @returns {Result | 'readByMain' | Promise<Result | 'readByMain'>}
 */
function runItem(record, i, block, beganMs) {
  record.begin(i, beganMs);
  const bytes = block.data.subarray(record.start(i), record.end(i));
  /** @type {Result} */
  const item = { text: '', failed: false, bytes: bytes.length + 1, ms: 0 };
  const again = (/** @type {unknown} */ error) => {
    if (error instanceof NotForWorkers) return /** @type {const} */ ('readByMain');
    const failure = failureOf(error, 'TASK_FAILED');
    if (!mayRetry(failure.code, record.attempts)) return { ...item, failed: true, text: JSON.stringify(failure) };
    record.countAttempt();
    return runItem(record, i, block, nowMs());
  };
  try {
    const result = /** @type {any} */ (handler)(payloadOf(bytes, block, item), block.context);
    if (typeof result?.then !== 'function') {
      item.text = resultLine(bytes, result);
      return item;
    }
    const finish = (/** @type {unknown} */ value) => ({ ...item, text: resultLine(bytes, value) });
    return Promise.resolve(result).then(finish).catch(again);
  } catch (error) {
    return again(error);
  }
}

/**
 * @param {string} code
 * @param {number} attempts  so far
 */
function mayRetry(code, attempts) {
  return attempts < settings.retries && !LASTING.has(code) && Atomics.load(stop, 0) === 0;
}

/**
 * @param {Buffer} bytes  of the item
 * @param {WorkersBlock} block
 * @param {Result} item
 */
function payloadOf(bytes, { isText, content }, item) {
  const { mode } = settings;
  if (mode === 'json') return parseLine(textOf(bytes, isText));
  if (mode === 'lines') return textOf(bytes, isText);
  const path = bytes.toString();
  if (mode === 'paths') {
    item.bytes = 0;
    return path;
  }
  const file = content ?? readFile(path);
  item.bytes = file.length;
  return { path, bytes: file };
}

/**
 * @param {string} path
 * @returns {Uint8Array}  not a Buffer: handlers are promised what other runtimes have, too
 */
function readFile(path) {
  try {
    const stat = statSync(path);
    if (!stat.isFile() && !stat.isDirectory()) throw new NotForWorkers();
    const bytes = readFileSync(path);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (error) {
    if (error instanceof NotForWorkers) throw error;
    const { code, message } = failureOf(error);
    throw new ItemError(code, message);
  }
}

/**
 * @param {Buffer} bytes  of the item
 * @param {unknown} result
 */
function resultLine(bytes, result) {
  const json = toJson(result);
  if (settings.mode !== 'files' && settings.mode !== 'paths') return `${json}\n`;
  return `{"path":${JSON.stringify(bytes.toString())},"result":${json}}\n`;
}

/**
 * A task's context as the user's handlers see it: initData is what the user gave.
 * @param {import('../worker/context.js').Context} context
 */
function usersContext(context) {
  return new Proxy(context, {
    get(target, key) {
      if (key === 'initData') return settings.initData;
      const value = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/**
 * Reads a regular file into the pool's memory, for a C task.
 * @param {{ path: string, bytes: number }} file  its size as main saw it
 * @param {import('../worker/context.js').Context} context
 */
function readIntoBox({ path, bytes }, context) {
  try {
    const memory = context.alloc(bytes);
    const file = openSync(path, 'r');
    try {
      let read = 0;
      for (let more; (more = readSync(file, memory, read, bytes - read, null)) > 0;) read += more;
      return memory.subarray(0, read);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const { code, message } = failureOf(error);
    return { code, message };
  }
}

/**
 * The sizes of regular files; 0 for anything else.
 * @param {string[]} paths
 */
function sizesOf(paths) {
  return Float64Array.from(paths, (path) => {
    const stat = statOf(path);
    return stat?.isFile() ? stat.size : 0;
  });
}

export default { 'wasmpool:block': runBlock, 'wasmpool:read': readIntoBox, 'wasmpool:sizes': sizesOf };
