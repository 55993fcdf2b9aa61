/** Reads the results and errors of finished tasks on main, and passes them to the tasks' sinks. */
import { Box } from '../task/box.js';
import { fromMessage } from '../codec/errors.js';
import { TYPE } from '../codec/codec.js';
import { RESULT } from '../core/core.js';
import { deadlineError } from '../task/deadlines.js';
import { innerError } from '../base/errors.js';
import * as L from '../generated/layout.js';
import { STATUS } from '../generated/status.js';
import { readFailure, thrownError } from './failures.js';
import { readRecords } from '../core/records.js';
import { callOut, NO_VALUE } from '../task/task.js';

/**
 * @typedef {import('../task/task.js').Task} Task
 * @typedef {import('../threads/member.js').Member} Member
 */

/** The results of one pool. */
export class Results {
  #core;
  #ledger;
  #mail;
  #members;
  #holder;
  #tasks;
  /** The dead thread whose last tasks are being delivered. @type {Member | undefined} */
  #gone;

  /**
   * @param {import('../core/core.js').Core} core
   * @param {import('./ledger.js').Ledger} ledger
   * @param {import('./mail.js').Mail} mail
   * @param {ReadonlyMap<number, Member>} members by thread number
   * @param {import('../task/box.js').Holder} holder of the boxes
   * @param {(Task | undefined)[]} tasks by slot; shared with the engine
   */
  constructor(core, ledger, mail, members, holder, tasks) {
    this.#core = core;
    this.#ledger = ledger;
    this.#mail = mail;
    this.#members = members;
    this.#holder = holder;
    this.#tasks = tasks;
  }

  /**
   * Delivers the tasks that a dead thread ran or had finished; errors name that thread.
   * @param {Member} member
   * @param {() => void} drain
   */
  takenAlong(member, drain) {
    this.#gone = member;
    drain();
    this.#gone = undefined;
  }

  /** @param {number} index of a slot that is DELIVERED */
  deliver(index) {
    const core = this.#core;
    const slot = core.slots.record(index);
    const { u32, i32 } = core.memory;
    const flags = u32[(slot + L.SLOT_FLAGS) >>> 2];
    const task = flags & L.SLOT_EVENT ? undefined : this.#tasks[index];
    if (!task) {
      if (flags & L.SLOT_EVENT) this.#progress(slot);
      return;
    }
    this.#tasks[index] = undefined;
    const status = i32[(slot + L.SLOT_STATUS) >>> 2];
    this.#ledger.observer?.ran(task, slot);
    const thread = u32[(slot + L.SLOT_OWNER) >>> 2];
    if (flags & L.SLOT_ITEMS && core.typeOf(slot, RESULT) === TYPE.BINARY && !task.settled) {
      this.#deliverItems(task, slot, status, thread);
      return;
    }
    const byMessage =
      status === STATUS.OK && core.typeOf(slot, RESULT) === TYPE.CHANNEL && !isC(u32[(slot + L.SLOT_C_TASK) >>> 2]);
    let value;
    /** @type {any} */
    let error;
    try {
      if (task.settled || byMessage) value = undefined;
      else if (status === STATUS.OK) value = this.#result(slot, task);
      else error = this.#failure(task, slot, status, thread);
    } catch (caught) {
      error = caught;
    }
    if (!error) task.sink.weigh?.(core.bytesOf(slot, RESULT));
    if (byMessage && !task.settled) {
      this.#mail.collect(task, thread);
      return;
    }
    this.#ledger.leave(task);
    this.#ledger.end(task, error, value, status === STATUS.CANCELLED);
  }

  /**
   * @param {Task} task
   * @param {number} slot
   * @param {number} status
   * @param {number} thread
   */
  #failure(task, slot, status, thread) {
    const { deadline } = task.rare ?? {};
    if (status === STATUS.TIMEOUT && deadline) return deadlineError(deadline, undefined, task.id); // it was too late to start
    return readFailure(this.#core, slot, status, this.where(task, thread), this.#goneThread(thread));
  }

  /**
   * Delivers a batch whose results were kept item by item: first the results that are there, then how the task ended.
   * @param {Task} task
   * @param {number} slot
   * @param {number} status
   * @param {number} thread
   */
  #deliverItems(task, slot, status, thread) {
    const [core, ledger] = [this.#core, this.#ledger];
    const progress = core.load(slot + L.SLOT_RESULT_INLINE);
    const records = this.#records(core.boxOf(slot, RESULT) - 1, progress & L.ITEMS_DONE);
    const { values, bytes, thrown, travels, isError } = records;
    const where = this.where(task, thread);
    task.sink.partial?.(values, bytes);
    if (isError && travels) task.more.failure = (cause) => thrownError(status, fromMessage(cause), where);
    if (travels) {
      this.#mail.collect(task, thread);
      return;
    }
    let error;
    if (thrown) error = thrownError(status || STATUS.TASK_FAILED, thrown.value, where);
    else if (status !== STATUS.OK) error = this.#failure(task, slot, status, thread);
    else if (progress & L.ITEMS_STOPPED) error = this.timeLimitError(slot, where);
    ledger.leave(task);
    ledger.end(task, error, NO_VALUE);
  }

  /**
   * @param {number} box index
   * @param {number} count
   */
  #records(box, count) {
    const core = this.#core;
    return readRecords(core, core.memory.address(core.boxes.record(box) + L.BOX_ADDRESS), count);
  }

  /**
   * Reads and drops the box of a batch that was stopped at its time limit.
   * @param {number} index
   * @param {number} done
   */
  takeItems(index, done) {
    const core = this.#core;
    const found = this.#records(index, done);
    core.exports._wp_box_drop(core.pool, L.MAIN, index);
    return found;
  }

  /**
   * Retains the results of a running batch before it is given up.
   * @param {Task} task
   * @returns {(() => import('../core/records.js').Records) | undefined} reads and drops them, after the task was given up; undefined: the
   *   task has none
   */
  holdItems({ index }) {
    const core = this.#core;
    const { exports, pool, memory } = core;
    const slot = core.slots.record(index);
    if (!(memory.u32[(slot + L.SLOT_FLAGS) >>> 2] & L.SLOT_ITEMS)) return undefined;
    const box = core.boxOf(slot, RESULT) - 1;
    if (box < 0 || !exports._wp_box_retain(pool, L.MAIN, box, core.generation(core.boxes.record(box))))
      return undefined;
    return () => this.takeItems(box, core.load(slot + L.SLOT_RESULT_INLINE) & L.ITEMS_DONE);
  }

  /**
   * @param {number} slot
   * @param {{ taskId: string, worker: string | undefined }} where
   */
  timeLimitError(slot, where) {
    const limit = this.#core.memory.u32[(slot + L.SLOT_TIMEOUT_MS) >>> 2];
    return innerError('TIMEOUT', `the task ran longer than ${limit} ms on ${where.worker}`, where);
  }

  /**
   * @param {number} slot
   * @param {Task} task
   */
  #result(slot, task) {
    const core = this.#core;
    if (!(core.memory.u32[(slot + L.SLOT_FLAGS) >>> 2] & L.SLOT_LEASE)) return core.read(slot, RESULT);
    return new Box(this.#holder, core.boxOf(slot, RESULT) - 1, task.id);
  }

  /**
   * Where a task ended, for its error.
   * @param {Task} task
   * @param {number} thread
   */
  where(task, thread) {
    return { taskId: task.id, worker: (this.#goneThread(thread) ?? this.#members.get(thread))?.name };
  }

  /**
   * The member of a thread, if it is dead or dying: its finished tasks may be drained before it is reaped.
   * @param {number} thread
   */
  #goneThread(thread) {
    if (this.#gone?.number === thread) return this.#gone;
    const member = this.#members.get(thread);
    return member?.state === 'dying' ? member : undefined;
  }

  /** @param {number} slot of an event */
  #progress(slot) {
    const core = this.#core;
    const { u32 } = core.memory;
    const task = this.#tasks[u32[(slot + L.SLOT_PARENT) >>> 2]];
    if (!task?.rare?.onProgress || task.generation !== u32[(slot + L.SLOT_PARENT_GENERATION) >>> 2]) return;
    const { onProgress } = task.rare;
    callOut(() => onProgress(core.read(slot, RESULT)), undefined); // reading may throw: a C task may send malformed JSON or CBOR
  }
}

/**
 * Whether a result is what C code made of it.
 * @param {number} mark SLOT_C_TASK
 */
const isC = (mark) => mark !== 0 && mark !== L.C_FOREIGN;
