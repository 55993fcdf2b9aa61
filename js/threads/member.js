/** The fleet's record of a thread, and small helpers around it. */
import { describeReason, poolError } from '../base/errors.js';
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
 * @property {{ error: any } | undefined} uncaught what nobody caught in the thread
 * @property {boolean} isReported as lost; the core may not have come to it yet
 * @property {any} error why it is lost: what nobody caught, or an error of the pool
 * @property {number | undefined} exitCode with which it ended
 * @property {Map<string, { taskId: string, over: (() => void) | undefined }>} suspected tasks that are to end here, by taskKey
 * @property {boolean} recovering its silence is being ended
 * @property {Promise<string>} [farewell] it runs its module's `onStop`: settles with what went wrong, or ''
 * @property {(failure: string) => void} [stopped] settles that: `onStop` is over, or will never be
 * @property {number} sent arguments that it has been sent ahead
 * @property {number} bound tasks that wait for it or run, since it has their arguments
 */

/**
 * What the fleet tells its pool.
 * @typedef {object} FleetEvents
 * @property {() => void} bell completions may be there
 * @property {(member: Member, message: import('../protocol/messages.js').ToEngine) => void} message anything that is not the fleet's
 * @property {(member: Member, message: unknown) => void} userMessage what code of the user's in the thread posts to its parentPort
 * @property {(seat: number, member: Member) => void} seating before a worker takes a seat
 * @property {(member: Member) => void} up a worker has taken a seat
 * @property {(member: Member, error: Error) => void} down a worker crashed, or was killed
 * @property {(member: Member, error: Error) => void} retired its seat is given up
 * @property {(member: Member) => void} left a worker was replaced, or is not needed any more: nothing is lost
 * @property {(message: string) => void} tell something went wrong that belongs to no task
 * @property {(member: Member) => void} reaped what it held is taken back
 */

/**
 * @param {number} number
 * @param {number} incarnation
 * @param {string} name
 * @param {number | undefined} seat
 * @returns {Member} whose thread is still to come
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
 * @param {number} number thread record
 * @param {number} block the thread's control block
 * @returns {import('../protocol/messages.js').Init}
 */
export function initMessage({ exports, pool, memory }, { glue, own, wasmModule }, options, number, block) {
  return {
    kind: 'init',
    glue,
    own,
    wasmModule,
    wasmMemory: memory.wasmMemory,
    block,
    routine: exports._wp_js_thread_routine(),
    argument: exports._wp_js_thread_argument(pool, number) >>> 0,
    module: options.module,
    name: options.names.worker,
    initData: options.initData,
    memoryBytes: options.memoryBytes,
    heapBytes: options.maxHeapBytes,
    beatMs: options.liveness.timeoutMs && options.liveness.scanMs / 2,
  };
}

/** How long destroy() waits for threads where the host may be unable to stop them. */
const UNSTOPPABLE_MS = 1000;

/**
 * The end of a thread whose core is not touched any more.
 * @param {Member} member
 */
export async function stopAtLast({ thread }) {
  const gone = thread?.stop();
  // A runtime that cannot stop every loop would keep its caller waiting for ever.
  await (host.stopIsSure ? gone : Promise.race([gone, pause(UNSTOPPABLE_MS)]));
  thread?.hold(false);
}

/** What a pool's creation waits for: that all seats are served for the first time. */
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
   * A thread that it waits for is lost.
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

/** @typedef {import('../options/options.js').ResolvedOptions['names']} Names what the names of a pool's threads begin with */

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
 * @param {number} count how many there have been
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
