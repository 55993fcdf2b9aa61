/**
 * The worker module of `wasmpool map`: runs the user's handler over blocks of items. It reads files, parses lines and turns
 * results into lines, so that main has no work per item.
 */

import { Buffer, isUtf8 } from 'node:buffer';
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { clockOffsetMs } from '../../host/node/clock.js';
import { time } from '../../host/node/time.js';
import { sharedClock } from '../../worker/clock.js';
import { CALL_C } from '../../handlers/call-c.js';
import { findHandlers } from '../../handlers/handlers.js';
import { ItemError, LASTING, failureOf } from '../fault.js';
import { inlineHandler } from '../input/inline.js';
import { parseLine, textOf, toJson } from '../input/line.js';
import { BlockRecord, unpack } from './record.js';

/**
 * @typedef {object} Settings  from main, as the pool's initData
 * @property {string} [module]  URL of the user's module
 * @property {string} [code]  source of the handler, instead of a module
 * @property {string} task  the name of the handler or C task
 * @property {boolean} isC
 * @property {'json' | 'lines' | 'paths' | 'files'} mode
 * @property {unknown} initData  the user's
 * @property {number} retries  how often a failed item is run again
 * @property {boolean} failFast  after the first failure no further item starts, in any worker
 * @property {number} patienceMs  a block that takes longer is handed back unfinished; Infinity: never
 * @property {SharedArrayBuffer[]} records
 * @property {SharedArrayBuffer} stop  its first word: not 0 when no further item may start
 *
 * @typedef {{ text: string, failed: boolean, bytes: number, ms: number }} Result  of one item
 */

/** Thrown for a file that a worker may not read: a pipe or a terminal could keep the thread from being stopped. */
class NotForWorkers extends Error {}

const scope = /** @type {any} */ (globalThis).wasmpoolThread;
/** @type {Settings} */
const settings = scope.initData;
scope.initData = settings.initData; // the user's, for the user's module

const records = settings.records.map((memory) => new BlockRecord(memory));
const stop = new Int32Array(settings.stop);
const module = settings.module ? await import(settings.module) : {};
const handlers = findHandlers(module);
const handler = settings.code === undefined ? handlers.get(settings.task) : inlineHandler(settings.code);

const nowMs = sharedClock({ time, clockOffsetMs });

/**
 * @param {Uint8Array} job  see pack()
 * @param {import('../../handlers/context.js').Context} context
 * @returns {Promise<Result | 'readByMain' | undefined>} the result of the current item, if the record has no room for it; or 'readByMain'
 *   if main must read this item
 */
async function runBlock(job, context) {
  const { index, data, content } = unpack(job);
  const record = records[index];
  const block = { data, content, isText: isUtf8(data), context: usersContext(context) };
  let beganMs = nowMs();
  const patienceMs = beganMs + settings.patienceMs;
  for (let i = 0; i < record.count; i++) {
    if (Atomics.load(stop, 0) !== 0 || (i > 0 && beganMs > patienceMs)) return undefined;
    const started = runItem(record, i, block, beganMs);
    const result = started instanceof Promise ? await started : started;
    if (result === 'readByMain') return result;
    const endedMs = nowMs();
    // At once, for all workers: they take waiting blocks without main, which learns of the failure later.
    if (result.failed && settings.failFast) Atomics.store(stop, 0, 1);
    result.ms = endedMs - beganMs;
    beganMs = endedMs;
    if (!record.fits(result.text)) return result;
    if (!record.commit(i, result.text, result)) return undefined;
  }
  return undefined;
}

/**
 * @typedef {{ data: Buffer, content?: Uint8Array, isText: boolean, context: import('../../handlers/context.js').Context }} WorkersBlock
 */

/**
 * Runs one item, with its retries. Returns a promise only if the handler does: most items take microseconds.
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
    const result = /** @type {any} */ (settings.isC ? callC(bytes, block, item) : callHandler(bytes, block, item));
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
function callHandler(bytes, { isText, content, context }, item) {
  const { mode } = settings;
  if (mode !== 'files') return /** @type {any} */ (handler)(valueOf(bytes, isText, item), context);
  const path = bytes.toString();
  const file = content ?? readFile(path);
  item.bytes = file.length;
  return /** @type {any} */ (handler)({ path, bytes: file }, context);
}

/**
 * The handler's argument for an item that is not a file.
 * @param {Buffer} bytes
 * @param {boolean} isText
 * @param {Result} item
 */
function valueOf(bytes, isText, item) {
  if (settings.mode === 'json') return parseLine(textOf(bytes, isText));
  if (settings.mode === 'lines') return textOf(bytes, isText);
  item.bytes = 0;
  return bytes.toString();
}

/**
 * @param {string} path
 * @returns {Uint8Array}  not a Buffer, so that handlers work in other runtimes as well
 */
function readFile(path) {
  return readRegular(path, () => {
    const bytes = readFileSync(path);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  });
}

/**
 * Reads a file, if it is one that a worker may read.
 * @template T
 * @param {string} path
 * @param {(size: number) => T} read
 */
function readRegular(path, read) {
  try {
    const stat = statSync(path);
    if (!stat.isFile() && !stat.isDirectory()) throw new NotForWorkers();
    return read(stat.size);
  } catch (error) {
    if (error instanceof NotForWorkers || !(error instanceof Error && 'syscall' in error)) throw error;
    const { code, message } = failureOf(error);
    throw new ItemError(code, message);
  }
}

/**
 * Runs a C task on an item. A file is read directly into the pool's memory.
 * @param {Buffer} bytes  of the item
 * @param {WorkersBlock} block
 * @param {Result} item
 */
function callC(bytes, { isText, content, context }, item) {
  const { task, mode } = settings;
  /** @type {(type: 'BINARY' | 'STRING' | 'JSON' | 'NUMBER', data: Uint8Array) => unknown} */
  const call = (type, data) => {
    const fill = (/** @type {Uint8Array} */ memory) => (memory.set(data), data.length);
    return context[CALL_C]({ task, type, bytes: data.length, fill });
  };
  if (mode === 'files') {
    if (content) return call('BINARY', content);
    const path = bytes.toString();
    return readRegular(path, (size) => {
      const fill = (/** @type {Uint8Array} */ memory) => (item.bytes = readInto(memory, path));
      return context[CALL_C]({ task, type: 'BINARY', bytes: size, fill });
    });
  }
  const value = valueOf(bytes, isText, item);
  if (typeof value === 'number') return call('NUMBER', new Uint8Array(Float64Array.of(value).buffer));
  if (typeof value === 'string') return call('STRING', Buffer.from(value));
  return call('JSON', Buffer.from(JSON.stringify(value)));
}

/**
 * @param {Uint8Array} memory
 * @param {string} path
 * @returns {number} how many bytes there were
 */
function readInto(memory, path) {
  const file = openSync(path, 'r');
  try {
    let read = 0;
    for (let more; (more = readSync(file, memory, read, memory.length - read, null)) > 0;) read += more;
    return read;
  } finally {
    closeSync(file);
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
 * A task's context for the user's handlers: with the user's initData.
 * @param {import('../../handlers/context.js').Context} context
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

export default { 'wasmpool:block': runBlock };
