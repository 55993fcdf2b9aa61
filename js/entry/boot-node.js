/**
 * Entry file of a worker thread on Node, Deno and Bun: loads the pool's part of the worker (worker-node.js) and starts it. On main
 * it does nothing. Compiling that part takes longer than anything else in a worker's start, so in Node later workers get the code that
 * the engine has compiled in the first one.
 */
import { Buffer } from 'node:buffer';
import { Console } from 'node:console';
import { readFileSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers';
import { Script } from 'node:vm';
import threads from 'node:worker_threads';
import { own } from '../base/own.js';

/** @typedef {import('../host/node/index.js').First} First */

const { isMainThread, parentPort, receiveMessageOnPort } = threads;
/** Imports from this file, because code from another worker's code cache cannot import (Node 20). @type {(url: string) => Promise<any>} */
const importModule = (url) => import(url);

if (!isMainThread && parentPort) {
  // Deno's parentPort is no MessagePort. There nothing else can come before the user's modules: main posts only to workers that serve.
  if ('deno' in process.versions) parentPort.once('message', startOnDeno);
  else awaitFirst(parentPort);
}

/**
 * The first message brings the pool's port. It is received without a listener, so that all other messages wait for the user's modules.
 * @param {import('node:worker_threads').MessagePort} parent
 */
function awaitFirst(parent) {
  /** @type {First | undefined} */
  const first = receiveMessageOnPort(parent)?.message;
  if (first?.kind !== 'wasmpool') {
    setTimeout(() => awaitFirst(parent), 1); // main was held up between starting this thread and sending the message
    return;
  }
  start(first);
}

/**
 * The thread holds a lock for its life, without which Deno does not stop it (js/host/node/deno.js); and what the console prints goes the
 * way of the pool's output, as on Node.
 * @param {First} first
 */
function startOnDeno(first) {
  Object.assign(console, new Console(process.stdout, process.stderr));
  const hold = () => {
    start(first);
    return new Promise(() => {});
  };
  const { locks } = globalThis.navigator;
  if (locks && first.lock) void locks.request(first.lock, hold);
  else void hold();
}

/**
 * `import.meta` stands for the variables of CommonJS (scripts/bundle-worker.mjs).
 * @param {First} first
 */
function start(first) {
  first.port.postMessage(own({ kind: 'ready' })); // main answers while the code is compiled
  const { files } = first;
  const name = 'boot-node-worker.cjs';
  const filename = files ? name : `${import.meta.dirname}/${name}`;
  const text = first.source ?? files?.[name];
  const source = text ? Buffer.from(text) : readFileSync(filename);
  const cachedData = first.code && new Uint8Array(first.code);
  const script = new Script(source.toString(), own({ filename, cachedData }));
  const module = { exports: /** @type {any} */ (undefined) };
  const load = /** @type {any} */ (import.meta).require;
  script.runInThisContext()(module, files ? requireFrom(files, load) : load);
  const isMissing = first.wantsCode || script.cachedDataRejected; // rejected if the program has changed the engine's flags
  const makeCode = isMissing ? () => [script.createCachedData(), source] : undefined;
  module.exports.start(first, importModule, makeCode, tid());
}

/**
 * The number by which the system knows this thread: main asks the system for its processor time (js/host/node/processor.js).
 * @returns {number | undefined} undefined: the system does not tell; or it is Deno, which would ask its user for permission
 */
function tid() {
  if (process.platform !== 'linux' || 'deno' in process.versions) return undefined;
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').pop());
  } catch {
    return undefined;
  }
}

/**
 * Makes a `require` for a worker whose files main sends.
 * @param {Record<string, SharedArrayBuffer>} files
 * @param {(id: string) => any} require
 * @returns {(id: string) => any}
 */
function requireFrom(files, require) {
  /** @type {Map<string, any>} */
  const loaded = new Map();
  return (id) => {
    const filename = id.slice('./'.length);
    if (!Object.hasOwn(files, filename)) return require(id);
    if (!loaded.has(id)) {
      const module = { exports: {} };
      const text = `(function(module,exports,require){${Buffer.from(files[filename])}\n})`;
      new Script(text, own({ filename })).runInThisContext()(module, module.exports, require);
      loaded.set(id, module.exports);
    }
    return loaded.get(id);
  };
}
