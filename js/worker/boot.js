/**
 * How a worker comes to life, in two phases: it says `ready`; main answers with `init`, which carries the shared memory; it
 * becomes a thread of the core, imports the user's module, says `started`. Only then does main let it take work.
 *
 * The Emscripten glue starts itself as a thread when it is imported here. It expects to own the worker's messages; it is
 * handed its commands directly instead, so that its own ways of listening (which differ between its versions and hosts)
 * do not matter.
 */
import { toCloneable } from '../codec/errors.js';
import { Loop, sharedClock } from './loop.js';

/**
 * @typedef {object} WorkerHost what a worker needs of its runtime
 * @property {(message: unknown, transfer?: readonly Transferable[]) => void} post
 * @property {(onMessage: (message: any) => void) => void} listen
 * @property {() => number} clockOffsetMs what turns time.now() into a clock that all threads share
 * @property {import('../host/index.js').HostTime} time
 * @property {(run: () => void) => void} defer
 * @property {import('../codec.js').CodecHost} codec
 *
 * @typedef {object} Init main's answer to `ready`
 * @property {'init'} kind
 * @property {string} glue URL of the Emscripten module
 * @property {WebAssembly.Module} wasmModule
 * @property {WebAssembly.Memory} wasmMemory
 * @property {number} block the thread's control block
 * @property {number} routine its start routine
 * @property {number} argument of the start routine
 * @property {string | undefined} module URL of the user's worker module
 * @property {unknown} initData
 * @property {number | undefined} beatMs how often the event loop gives a sign of life; undefined: nobody looks for one
 */

const scope = /** @type {any} */ (globalThis);

/**
 * Takes the glue's message handler away from it and returns a way to call it. The handler changes while the glue loads.
 * @param {WorkerHost} host
 * @returns {(data: object) => void}
 */
function captureGlue(host) {
  /** @type {((event: { data: object }) => void) | undefined} */
  let handler;
  /** @type {object[]} */
  const early = [];
  let flushed = false;
  Object.defineProperty(scope, 'onmessage', {
    configurable: true,
    get: () => () => undefined, // what the glue itself would deliver is not for it
    set: (next) => {
      const first = !handler;
      handler = next;
      if (first) host.time.microtask(flush); // the glue is in the middle of its own start
    },
  });
  const flush = () => {
    flushed = true;
    for (const data of early.splice(0)) handler?.({ data });
  };
  return (data) => {
    if (flushed) handler?.({ data });
    else early.push(data);
  };
}

/** @param {WorkerHost} host */
export function boot(host) {
  /** @type {Loop | undefined} */
  let loop;
  const command = captureGlue(host);
  const failed = (/** @type {unknown} */ error) => host.post({ kind: 'failed', error: toCloneable(error) });

  /** @param {Init} init */
  const initialise = async (init) => {
    scope.wasmpoolThread = {
      start: (
        /** @type {any} */ exports,
        /** @type {WebAssembly.Memory} */ memory,
        /** @type {number} */ pool,
        /** @type {number} */ thread,
      ) => {
        loop = new Loop(host, init, exports, memory, pool, thread);
        loop.open().catch(failed);
      },
      ring: () => host.post(0),
      now: sharedClock(host),
    };
    await import(/* @vite-ignore */ /* webpackIgnore: true */ init.glue);
    const { wasmMemory, wasmModule, block, routine, argument } = init;
    command({ cmd: 'load', handlers: [], wasmMemory, wasmModule });
    command({ cmd: 'run', pthread_ptr: block, start_routine: routine, arg: argument });
  };

  host.listen((message) => {
    if (message.kind === 'init') initialise(message).catch(failed);
    else loop?.calls.receive(message);
  });
  host.post({ kind: 'ready' });
}
