/**
 * How a worker comes to life, in two phases: it says `ready`; main answers with `init`, which carries the shared memory; it
 * becomes a thread of the core, imports the user's module, says `started`. Only then does main let it take work.
 *
 * The Emscripten glue expects to own the worker's messages; it is handed its commands directly instead, so that its own ways of
 * listening (which differ between its versions and hosts) do not matter. Main and the worker talk by a port of their own: the
 * worker's first message brings it, all others are the user's.
 */
import { toMessage } from '../codec/errors.js';
import { own } from '../base/own.js';
import { captureGlue, keepGlobals } from './disguise.js';
import { sharedClock } from './clock.js';
import { Loop } from './loop.js';

/**
 * @typedef {object} WorkerHost what a worker needs from its runtime
 * @property {(message: import('../protocol/messages.js').FromWorker, transfer?: readonly import('../base/host-types.js').Transferable[]) => void} post
 * @property {(onMessage: (message: import('../protocol/messages.js').FromMain) => void) => void} listen
 * @property {() => import('../protocol/messages.js').FromMain | undefined} [take] receives main's next message without the event loop;
 *   undefined if there is none. Not every runtime can do this
 * @property {() => number} clockOffsetMs added to time.now() it gives a clock that all threads share
 * @property {import('../host/index.js').HostTime} time
 * @property {(run: () => void) => void} defer
 * @property {import('../codec/codec.js').CodecHost} codec
 * @property {(url: string) => Promise<any>} importModule
 * @property {((url: string, realm: object) => (module: object) => Promise<any>) | undefined} ownGlue returns the factory of the package's
 *   own core, where it is bundled and need not be imported; realm: what it takes for its global object
 * @property {() => () => void} disguise makes this realm look like one of Emscripten's threads; returns a function that undoes it. For
 *   glue that is imported
 * @property {() => Promise<typeof import('../handlers/isolated.js')>} loadIsolated the part for C tasks in instances of their own
 * @property {(...call: any[]) => number} [shared] what C tasks' calls for shared state do (js/registry/c-tasks.js)
 * @property {() => Promise<() => number>} [heapMeter] returns a function that tells how many bytes of this thread's JavaScript heap are in
 *   use, garbage included; not every runtime can
 * @property {number | undefined} [tid] this thread's number in the system, where main can tell processor times by it
 * @property {(fd: number, text: string) => void} [write] prints C's output: fd 1 is stdout, 2 stderr; default: the console
 *
 * @typedef {[exports: any, memory: import('../base/host-types.js').WasmMemory, pool: number, thread: number]} Started
 * @typedef {import('../protocol/messages.js').Init} Init
 */

const scope = /** @type {any} */ (globalThis);

/**
 * Starts the glue as a thread of the core.
 * @param {WorkerHost} host
 * @param {Init} init
 * @param {any} thread what the glue finds as wasmpoolThread in its global object
 * @param {(...started: Started) => void} start called by the thread's start routine
 */
async function startGlue(host, init, thread, start) {
  const { wasmMemory, wasmModule, block, routine, argument, glue } = init;
  const ownGlue = init.own ? host.ownGlue : undefined;
  // What the bundled glue looks for in its global object, in browsers also its own place.
  const realm = ownGlue
    ? own({ wasmpoolThread: thread, postMessage: () => undefined, location: { href: glue } })
    : scope;
  const factory = ownGlue ? ownGlue(glue, realm) : (await host.importModule(glue)).default;
  const restore = ownGlue ? [] : [keepGlobals(), host.disguise()];
  const { command, release } = captureGlue(realm, host.time.microtask);
  try {
    await new Promise((resolve, reject) => {
      thread.start = (/** @type {Started} */ ...started) => {
        start(...started);
        resolve(undefined);
      };
      factory(own(printers(host))).catch(reject);
      command({ cmd: 'load', handlers: [], wasmMemory, wasmModule });
      command({ cmd: 'run', pthread_ptr: block, start_routine: routine, arg: argument });
    });
  } finally {
    delete thread.start;
    release();
    while (restore.length > 0) restore.pop()?.();
  }
}

/**
 * The glue's options for printing.
 * @param {WorkerHost} host
 */
function printers({ write }) {
  if (!write) return {};
  const line =
    (/** @type {number} */ fd) =>
    (/** @type {unknown[]} */ ...parts) =>
      write(fd, `${parts.join(' ')}\n`);
  return { print: line(1), printErr: line(2) };
}

/**
 * Waits for main's answer to `ready`, which the host's entry file says: on Node before it loads all this, so that the answer may be here.
 * @param {WorkerHost} host
 */
export function boot(host) {
  /** @type {Loop | undefined} */
  let loop;
  const failed = (/** @type {unknown} */ error) => host.post({ kind: 'failed', error: toMessage(error) });

  /** @param {Init} init */
  const initialise = async (init) => {
    const thread = { ring: () => host.post(0), now: sharedClock(host), write: host.write, shared: host.shared };
    scope.wasmpoolThread = thread;
    await startGlue(host, init, thread, (...started) => {
      loop = new Loop(host, init, ...started);
    });
    await loop?.open();
  };

  const receive = (/** @type {import('../protocol/messages.js').FromMain} */ message) => {
    if (message.kind === 'init') initialise(message).catch(failed);
    else if (message.kind === 'prepare')
      host.importModule(message.code).then(({ prepareAll }) => prepareAll(message, host), failed);
    else loop?.receive(message);
  };
  const answer = host.take?.();
  host.listen(receive);
  if (answer) receive(answer);
}
