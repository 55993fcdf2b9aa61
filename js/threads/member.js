/** The fleet's record of a thread, and small helpers around it. */
import { describeReason, poolError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { host } from '../host/index.js';

/**
 * One thread, from its start to its confirmed death.
 * @typedef {object} Member
 * @property {number} number thread record of the core
 * @property {number} incarnation of that record
 * @property {string} name
 * @property {number | undefined} seat the seat that it holds or is being started for; undefined: a spare
 * @property {'starting' | 'warm' | 'live' | 'dying'} state
 * @property {import('../host/index.js').Thread} thread
 * @property {string[]} [handlers] names, known when it has started
 * @property {number} [tid] its number in the system, where a host tells processor times
 * @property {{ error: any } | undefined} uncaught the thread's uncaught error
 * @property {boolean} isReported as lost; the core may not have handled that yet
 * @property {any} error why it was lost: the uncaught error, or one of the pool
 * @property {number | undefined} exitCode with which it ended
 * @property {Map<string, { taskId: string, over: (() => void) | undefined }>} suspected tasks that are to end here, by taskKey
 * @property {boolean} recovering it was silent, and what it runs is being stopped
 * @property {Promise<string>} [farewell] while it runs its module's `onStop`: settles with how that failed, or ''
 * @property {(failure: string) => void} [stopped] settles that; called when `onStop` has finished, or never will
 * @property {Int32Array} [checkWords] what loop checks of its instance of C tasks read: the flag and what follows
 * @property {number} sent arguments that it has been sent ahead
 * @property {number} bound waiting and running tasks that only it can run, because it has their arguments
 */

/**
 * Events of the fleet for its pool.
 * @typedef {object} FleetEvents
 * @property {() => void} bell there may be completions
 * @property {(member: Member, message: import('../protocol/messages.js').ToEngine) => void} message a message that is not for the fleet
 * @property {(member: Member, message: unknown) => void} userMessage a message that user code has posted to its parentPort
 * @property {(seat: number, member: Member) => void} seating before a worker takes a seat
 * @property {(member: Member) => void} up a worker has taken a seat
 * @property {(member: Member, error: Error) => void} down a worker crashed, or was killed
 * @property {(member: Member, error: Error) => void} retired its seat was given up
 * @property {(member: Member) => void} left a worker was replaced, or is not needed any more; nothing is lost
 * @property {(member: Member, count: number) => void} broken locks of a stopped task had to be opened
 * @property {(message: string) => void} tell reports a failure that belongs to no task
 * @property {(member: Member) => void} reaped everything that it held was taken back
 */

/**
 * @param {number} number
 * @param {number} incarnation
 * @param {string} name
 * @param {number | undefined} seat
 * @returns {Member} without its thread
 */
export function newMember(number, incarnation, name, seat) {
  return {
    number,
    incarnation,
    name,
    seat,
    state: 'starting',
    thread: /** @type {any} */ (undefined),
    uncaught: undefined,
    isReported: false,
    error: undefined,
    exitCode: undefined,
    suspected: new Map(),
    recovering: false,
    sent: 0,
    bound: 0,
  };
}

/**
 * The second phase of a thread's start: what it needs to become a worker (js/worker/boot.js).
 * @param {import('../core/core.js').Core} core
 * @param {import('../core/load.js').Program} program
 * @param {import('../options/options.js').ResolvedOptions} options
 * @param {Pick<Member, 'number' | 'name'>} member
 * @param {number} block the thread's control block
 * @returns {import('../protocol/messages.js').Init}
 */
export function initMessage(
  { exports, pool, memory },
  { glue, own, wasmModule, isolated, foreign },
  options,
  member,
  block,
) {
  return {
    kind: 'init',
    glue,
    own,
    wasmModule,
    wasmMemory: memory.wasmMemory,
    isolated,
    foreign,
    block,
    routine: exports._wp_js_thread_routine(),
    argument: exports._wp_js_thread_argument(pool, member.number) >>> 0,
    module: options.module,
    name: options.names.worker,
    ownName: member.name,
    initData: options.initData,
    memoryBytes: options.memoryBytes,
    heapBytes: options.maxHeapBytes,
    beatMs: options.liveness.timeoutMs && options.liveness.scanMs / 2,
  };
}

/**
 * How long destroy() waits for threads if the host may be unable to stop them. A choice: much longer than the end of a thread takes, and
 * short for a user who waits.
 */
const UNSTOPPABLE_MS = 1000;

/**
 * Ends a thread when the pool closes and its core is not used any more.
 * @param {Member} member
 */
export async function stopAtLast({ thread }) {
  const gone = thread?.stop();
  // Some runtimes cannot stop every loop: do not wait for ever.
  await (host.stopIsSure ? gone : Promise.race([gone, pause(UNSTOPPABLE_MS)]));
  thread?.hold(false);
}

/** The opening of a pool, until all seats are served for the first time. */
export class Opening {
  /** @type {() => void} */
  done = () => undefined;
  /** @type {(error: Error) => void} */
  fail = () => undefined;

  promise = /** @type {Promise<void>} */ (
    new Promise((resolve, reject) => {
      this.done = resolve;
      this.fail = reject;
    })
  );

  /**
   * Fails because a thread was lost that the opening waits for.
   * @param {Member} member
   * @param {Error} error why
   */
  failFor(member, error) {
    const known = ['INVALID_ARGUMENT', 'START_FAILED', 'NOT_SERIALIZABLE', 'NO_MEMORY'].includes(
      /** @type {any} */ (error).code,
    );
    const text = `${member.name}: ${describeReason(error)}`;
    this.fail(known ? error : poolError('START_FAILED', text, { cause: error }));
  }
}

/** @typedef {import('../options/options.js').ResolvedOptions['names']} Names prefixes of the names of a pool's threads */

/**
 * A worker's readable name, by its seat.
 * @param {Names} names
 * @param {number} seat
 */
export function workerName({ worker }, seat) {
  return `${worker}_${seat + 1}`;
}

/**
 * @param {Names} names
 * @param {number} count number of spares so far
 */
export function spareName({ spare }, count) {
  return `${spare}_${count}`;
}

/**
 * @param {number} ms
 * @returns {Promise<void>}
 */
function pause(ms) {
  return new Promise((resolve) => void host.time.setTimeout(resolve, ms));
}

/**
 * The answer to FLEET_MEASURE.
 * @param {Member} member
 * @returns {import('./fleet-core.js').FleetEvent}
 */
export function measured({ number, incarnation, tid }) {
  const ranMs = tid === undefined ? undefined : host.processorMs?.(tid);
  return { kind: L.FLEET_RAN, thread: number, incarnation, ranMs };
}
