/** Node, Bun and Deno: worker_threads. */
import { channel } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { isMainThread, MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { poolError } from '../../base/errors.js';
import { own } from '../../base/own.js';
import { bootTexts, bootUrl } from './boot-file.js';
import { Captured, takeOutput, WorkerOutput } from './output.js';
import { clockOffsetMs } from './clock.js';
import { bind } from './context.js';
import { ended, Imports, newLock, stopsLoops, tryStop } from './deno.js';
import { fetchBytes } from '../fetch.js';
import { afterThread, beforeThread } from './registry/memory.js';
import { processorMs } from './processor.js';
import { createSerializer } from './serialize.js';
import { findSyntaxError } from './syntax.js';
import { watch } from './top.js';
import { defer, eventLoopUtilization, time } from './time.js';

/** @typedef {import('../index.js').Host} Host */
/** @typedef {import('node:worker_threads').Transferable[] | undefined} Transfer */

/**
 * @typedef {object} First main's first message to a thread, by its parent port (js/entry/boot-node.js)
 * @property {'wasmpool'} kind
 * @property {import('node:worker_threads').MessagePort} port for the pool
 * @property {import('./output-worker.js').OutputWay} output
 * @property {SharedArrayBuffer} [code] compiled code of the pool's part, from another worker
 * @property {SharedArrayBuffer} [source] the source of that code: the engine compares only lengths, and the file may have changed since
 * @property {string} [lock] for the thread to hold, on Deno (deno.js)
 * @property {Record<string, SharedArrayBuffer>} [files] the files that a worker may need, by name, if they are not beside the start file
 * @property {boolean} wantsCode whether main needs this worker's compiled code for later ones
 */

const versions = /** @type {Record<string, string | undefined>} */ (process.versions);
const name = versions.bun ? 'bun' : versions.deno ? 'deno' : 'node';

/** Bun passes flags to a worker and ignores them; only Node tracks files. @type {Record<string, Host['threadOptions']>} */
const THREAD_OPTIONS = {
  node: ['workerData', 'env', 'argv', 'execArgv', 'trackUnmanagedFds', 'maxHeapBytes'],
  bun: ['workerData', 'env', 'argv'],
  deno: ['workerData', 'env'],
};

/** Measurements: docs/decisions/0007-capabilities.md */
const CAPS = Object.freeze({
  threads: true,
  sharedMemory: true,
  killJs: true,
  killWasm: true, // in Bun and Deno by loop checks
  confirmedDeath: name !== 'deno',
});
const UNTRIED_CAPS = Object.freeze({ ...CAPS, killJs: false });

/** Compiled code of a worker, for later ones with the same start file, by its URL. @type {Map<string, import('../../protocol/messages.js').Code>} */
const workerCodes = new Map();

/** Texts for workers whose files the build contains, made for the first of them. @type {Record<string, SharedArrayBuffer> | undefined} */
let sharedFiles;

/** @type {Host} */
export const host = {
  name,
  version: versions[name] ?? '',
  get caps() {
    return name === 'deno' && !stopsLoops ? UNTRIED_CAPS : CAPS;
  },
  learn: name === 'deno' ? tryStop : undefined,
  stopIsSure: name === 'node',
  wasmEngine: name === 'bun' ? 'jsc' : 'v8',
  bootUrl,
  memoryHint: name === 'node' ? memoryHint : undefined,
  // Deno would ask its user for permission.
  processorMs: process.platform === 'linux' && name !== 'deno' ? processorMs : undefined,
  threadOptions: THREAD_OPTIONS[name],
  sharesEnv: name !== 'deno',
  capture: () => new Captured(),
  takeOutput,
  createThread,
  clockOffsetMs,
  time,
  defer,
  bind,
  warn: (text, detail) => process.emitWarning(text, { type: 'WasmpoolWarning', code: 'WASMPOOL_WORKER_LOST', detail }),
  findSyntaxError: name === 'node' ? findSyntaxError : undefined,
  hardwareConcurrency: availableParallelism,
  environment,
  read: async (url) =>
    url.protocol === 'file:'
      ? new Uint8Array(await readFile(url, own({ encoding: null, flag: 'r', signal: undefined })))
      : fetchBytes(url),
  write: (path, text) => writeFileSync(path, text, own({ encoding: /** @type {const} */ ('utf8') })),
  channels: {
    queued: channel('wasmpool:queued'),
    settled: channel('wasmpool:settled'),
    down: channel('wasmpool:down'),
  },
  mainLoad: name === 'node' ? mainLoad : undefined,
  watch: process.platform !== 'win32' && isMainThread && environment('WASMPOOL_TOP') === '1' ? watch : undefined,
  resolve,
  codec: createSerializer(),
};

/**
 * The pool talks to its own code in the thread by a port of its own, because parentPort and workerData are the user's.
 * @type {Host['createThread']}
 */
function createThread(url, threadName, events, options) {
  const { captured = {} } = options;
  beforeThread();
  const worker = startWorker(url, threadName, options);
  const { threadId } = worker;
  const output = new WorkerOutput(captured);
  const { port1: port, port2 } = new MessageChannel();
  const workerCode = workerCodes.get(url.href);
  const lock = name === 'deno' ? newLock(threadName) : undefined;
  const imports = name === 'deno' ? new Imports() : undefined;
  /** @type {First} */
  const first = own({
    kind: /** @type {const} */ ('wasmpool'),
    port: port2,
    output: output.way,
    code: workerCode?.code,
    source: workerCode?.source,
    lock,
    files: isInside(url) ? (sharedFiles ??= shareFiles()) : undefined,
    wantsCode: name === 'node' && !workerCode,
  });
  worker.postMessage(first, [port2, output.way.port]);
  const onMessage = (/** @type {any} */ message) => {
    imports?.received(message);
    if (message?.kind === 'code') workerCodes.set(url.href, message);
    else events.onMessage(message);
  };
  port.on('message', onMessage);
  port.on('messageerror', events.onError);
  worker.on('message', events.onUserMessage);
  worker.on('error', events.onError);
  const gone = new Promise((resolve) => worker.once('exit', resolve));
  const receive = () => {
    for (let next; (next = receiveMessageOnPort(port));) onMessage(next.message);
  };
  worker.once('exit', (code) => {
    imports?.ended();
    receive();
    port.close();
    output.close();
    afterThread(threadId);
    events.onExit(code);
  });
  return {
    name: threadName,
    threadId,
    post: (message, transfer) => {
      imports?.sent(message);
      port.postMessage(message, /** @type {Transfer} */ (transfer));
    },
    postToUser: (message, transfer) => worker.postMessage(message, /** @type {Transfer} */ (transfer)),
    pump: receive,
    stop: async () => {
      if (imports) await imports.over();
      void worker.terminate();
      await gone;
      if (lock) await ended(lock);
    },
    hold: (held) => [worker, port].forEach((one) => (held ? one.ref() : one.unref())),
  };
}

/** Whether the build contains a start file, so that no file of its name exists. @param {URL} url */
const isInside = ({ href }) => bootTexts !== undefined && href === bootUrl().href;

function shareFiles() {
  /** @type {Record<string, SharedArrayBuffer>} */
  const files = own({});
  for (const [file, text] of Object.entries(bootTexts ?? {})) {
    const bytes = new TextEncoder().encode(text);
    files[file] = new SharedArrayBuffer(bytes.length);
    new Uint8Array(files[file]).set(bytes);
  }
  return files;
}

/**
 * @param {URL} url
 * @param {string} threadName
 * @param {import('../index.js').ThreadOptions} options
 */
function startWorker(
  url,
  threadName,
  { resourceLimits, workerData, env, argv, execArgv = inheritedFlags(), trackUnmanagedFds },
) {
  const given = {
    name: threadName,
    workerData,
    resourceLimits: resourceLimits && own(resourceLimits),
    env: typeof env === 'object' ? own(env) : env,
    argv: argv && [...argv],
    execArgv: execArgv && [...execArgv],
    trackUnmanagedFds,
    eval: isInside(url),
  };
  const start = bootTexts && given.eval ? bootTexts['boot-node.cjs'] : url;
  try {
    return new Worker(start, /** @type {import('node:worker_threads').WorkerOptions} */ (own(given)));
  } catch (cause) {
    if (/** @type {any} */ (cause).code !== 'ERR_WORKER_INVALID_EXEC_ARGV') throw cause;
    const { message } = /** @type {Error} */ (cause);
    const option = message.includes('NODE_OPTIONS') ? 'env.NODE_OPTIONS' : 'execArgv';
    throw poolError('INVALID_ARGUMENT', `${option}: ${message}`, { cause });
  }
}

/** On Deno a program may lack the permission to read variables: then there are none. @param {string} key */
function environment(key) {
  try {
    return process.env[key];
  } catch (error) {
    if (name === 'deno') return undefined;
    throw error;
  }
}

/** @type {NonNullable<Host['mainLoad']>} */
function mainLoad() {
  let last = eventLoopUtilization();
  return () => {
    const now = eventLoopUtilization();
    const { utilization } = eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}

const TRAP_FLAG = '--disable-wasm-trap-handler';

/**
 * By default V8 reserves so much address space around each memory that no access can leave it. (Newer versions do without it by themselves
 * if there is little.)
 */
function memoryHint() {
  const flags = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(' ')];
  const canHelp = process.allowedNodeEnvironmentFlags.has(TRAP_FLAG) && !flags.includes(TRAP_FLAG);
  if (!canHelp) return undefined;
  return `start Node with ${TRAP_FLAG} and choose a smaller memory.maximum; without the flag each memory reserves 10 GB, whatever its maximum`;
}

/**
 * Workers inherit the program's flags, unless the program is given on the command line (node --input-type=module -e …): then the flags are
 * not for files, which workers run.
 */
function inheritedFlags() {
  return process.execArgv.some((flag) => /^(-e|--eval|-p|--print|-pe|--input-type)/.test(flag)) ? [] : undefined;
}

/**
 * Returns URLs unchanged, and resolves paths from the working directory.
 * @type {Host['resolve']}
 */
function resolve(specifier) {
  const text = String(specifier);
  return /^[a-z][a-z0-9+.-]+:/i.test(text) ? text : pathToFileURL(text).href;
}
