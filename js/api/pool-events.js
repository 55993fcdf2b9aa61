/** The events of a pool, and the arguments of their listeners. */
import { Emitter } from './events.js';

/**
 * @typedef {object} WorkerEvent a worker of the pool
 * @property {string} worker its name
 * @property {string} name the same
 * @property {number | undefined} index its seat, from 0; undefined for a spare
 * @property {number | undefined} threadId the runtime's id of the thread; undefined in browsers, and if it never started
 *
 * @typedef {object} WorkerEnd
 * @property {number | undefined} exitCode undefined: the pool ended it
 * @property {Error} error why it ended
 *
 * The arguments of the listeners, by event.
 * @typedef {object} PoolEvents
 * @property {[message: string, taskId: string]} error a task failed; taskId is '' for failures that belong to no task
 * @property {[]} drained all tasks have settled and every worker is free
 * @property {[event: WorkerEvent]} workerUp a worker serves its seat
 * @property {[event: WorkerEvent & WorkerEnd & { tasks: number }]} workerDown a worker crashed or was killed; `tasks`: how many it ran
 * @property {[event: WorkerEvent]} workerLeft a worker ends because it is replaced or not needed any more; it has finished its tasks
 * @property {[event: WorkerEvent & WorkerEnd]} workerRetired a seat was given up
 * @property {[event: WorkerEvent & { count: number }]} lockBroken C tasks that were stopped or trapped on this worker held locks, which were
 *   opened for the others; `count`: how many. What they protect may be half-changed
 * @property {[event: WorkerEvent & { message: any }]} message a worker's module has posted a message to its parentPort
 */

/** Every event of a pool. */
const EVENTS = /** @type {const} */ ([
  'error',
  'drained',
  'workerUp',
  'workerDown',
  'workerLeft',
  'workerRetired',
  'lockBroken',
  'message',
]);

/**
 * The listeners of one pool.
 * @extends {Emitter<PoolEvents>}
 */
export class PoolEmitter extends Emitter {
  #onTaskError;

  /** @param {((message: string, taskId: string) => void) | undefined} onTaskError the pool's option */
  constructor(onTaskError) {
    super(EVENTS);
    this.#onTaskError = onTaskError;
  }

  /** @param {import('../base/errors.js').PoolError} error */
  failed(error) {
    this.failure(error.message, error.taskId ?? '');
  }

  /**
   * @param {string} message
   * @param {string} taskId
   */
  failure(message, taskId) {
    if (this.#onTaskError) this.tell(this.#onTaskError, message, taskId);
    this.emit('error', message, taskId);
  }
}
