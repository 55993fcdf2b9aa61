/**
 * Entry file of a worker thread on Node, Deno and Bun: gets the pool's part of the worker (worker-node.js) and starts it. On main
 * it does nothing. Compiling that part takes longer than anything else in a worker's start, so Node's later workers are handed what the
 * engine has made of it in the first one.
 */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers';
import { Script } from 'node:vm';
import threads from 'node:worker_threads';
import { own } from '../base/own.js';

/** @typedef {import('../host/node/index.js').First} First */

const { isMainThread, parentPort, receiveMessageOnPort } = threads;
/** By this file, since code that another worker's engine has made has no loader (Node 20). @type {(url: string) => Promise<any>} */
const importModule = (url) => import(url);

if (!isMainThread && parentPort) awaitFirst(parentPort);

/**
 * The pool's port is in the first message. It is taken without listening: what else comes there waits for the user's modules.
 * @param {import('node:worker_threads').MessagePort} parent
 */
function awaitFirst(parent) {
  /** @type {First | undefined} */
  const first = receiveMessageOnPort(parent)?.message;
  if (first?.kind !== 'wasmpool') {
    setTimeout(() => awaitFirst(parent), 1); // main was held up between starting this thread and sending it
    return;
  }
  start(first);
}

/**
 * `import.meta` is what CommonJS has (scripts/bundle-worker.mjs).
 * @param {First} first
 */
function start(first) {
  const filename = `${import.meta.dirname}/boot-node-worker.cjs`;
  const source = first.source ? Buffer.from(first.source) : readFileSync(filename);
  const cachedData = first.code && new Uint8Array(first.code);
  const script = new Script(source.toString(), own({ filename, cachedData }));
  const module = { exports: /** @type {any} */ (undefined) };
  script.runInThisContext()(module, /** @type {any} */ (import.meta).require);
  const isMissing = first.wantsCode || script.cachedDataRejected; // the program may have set flags of the engine meanwhile
  module.exports.start(first, importModule, isMissing ? () => [script.createCachedData(), source] : undefined);
}
