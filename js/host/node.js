/** Node, Bun and Deno: worker_threads. */
import { channel } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { clockOffsetMs } from './clock-node.js';
import { fetchBytes } from './fetch.js';
import { createSerializer } from './serialize-node.js';
import { defer, eventLoopUtilization, time } from './time-node.js';

/** @typedef {import('./index.js').Host} Host */

const versions = /** @type {Record<string, string | undefined>} */ (process.versions);
const name = versions.bun ? 'bun' : versions.deno ? 'deno' : 'node';

/** @type {Host} */
export const host = {
  name,
  version: versions[name] ?? '',
  // Measured: docs/decisions/0007-capabilities.md
  caps: Object.freeze({
    threads: true,
    sharedMemory: true,
    killJs: true,
    killWasm: name !== 'deno', // in Bun by loop checks alone
    confirmedDeath: name !== 'deno',
  }),
  stopIsSure: name === 'node',
  wasmEngine: name === 'bun' ? 'jsc' : 'v8',
  boot: new URL('../dist/boot-node.cjs', import.meta.url), // js/host/boot-node.js and all that it imports, in one file
  createThread,
  clockOffsetMs,
  time,
  defer,
  hardwareConcurrency: availableParallelism,
  environment: (key) => process.env[key],
  read: async (url) => (url.protocol === 'file:' ? new Uint8Array(await readFile(url)) : fetchBytes(url)),
  write: writeFileSync,
  channels: {
    queued: channel('wasmpool:queued'),
    settled: channel('wasmpool:settled'),
    down: channel('wasmpool:down'),
  },
  mainLoad: name === 'node' ? mainLoad : undefined,
  resolve,
  codec: createSerializer(),
};

/**
 * The glue recognises a thread by this workerData; everything else travels by message.
 * @type {Host['createThread']}
 */
function createThread(url, threadName, events, { resourceLimits }) {
  const worker = new Worker(url, {
    name: threadName,
    workerData: 'em-pthread',
    resourceLimits,
    execArgv: execArgv(),
  });
  worker.on('message', events.onMessage);
  worker.on('messageerror', events.onError);
  worker.on('error', events.onError);
  const gone = new Promise((resolve) => worker.once('exit', resolve));
  worker.once('exit', events.onExit);
  return {
    name: threadName,
    post: (message, transfer) =>
      worker.postMessage(message, /** @type {import('node:worker_threads').Transferable[] | undefined} */ (transfer)),
    stop: async () => {
      void worker.terminate();
      await gone;
    },
    hold: (held) => (held ? worker.ref() : worker.unref()),
  };
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

/**
 * Workers inherit the flags of the program. Not so with one that is given on the command line (node --input-type=module -e …): its
 * flags are not for files, which workers run.
 */
function execArgv() {
  return process.execArgv.some((flag) => /^(-e|--eval|-p|--print|-pe|--input-type)/.test(flag)) ? [] : undefined;
}

/**
 * URLs as they are, paths relative to the working directory.
 * @type {Host['resolve']}
 */
function resolve(specifier) {
  const text = String(specifier);
  return /^[a-z][a-z0-9+.-]+:/i.test(text) ? text : pathToFileURL(text).href;
}
