/**
 * Sends the arguments that only a message can carry (shared memory, ports, transferred objects) before their tasks are queued: the worker
 * that takes such a task finds the message, and does not need main again. See docs/decisions/0012-sent-ahead.md.
 *
 * A small argument that can be copied goes to every worker, so that any of them may take the task. Any other goes to the worker with the
 * least to do, and its task is bound to that worker's seat. A worker that does not find an argument asks main for it.
 */
import { contents } from '../values/contents.js';
import * as L from '../generated/layout.js';

/**
 * @typedef {import('../task/task.js').Task} Task
 * @typedef {import('../threads/member.js').Member} Member
 */

/** Messages that a worker may have unread before it gets no further copies for a while, because it runs something long. */
const UNREAD_MOST = 1024;
/** Tasks that may be bound to one seat. The arguments of further ones stay with main, so that any worker may take them. */
const BOUND_MOST = 64;
/** How many late arguments are sent each time one that was sent ahead has been used. */
const LATE_AT_ONCE = 8;
/** Up to this size, copies for all workers cost less than waiting for one particular worker. */
const SMALL_BYTES = 4096;
const SMALL_PARTS = 64;
/** Flags of tasks that do not wait in plain order (src/lanes.h), and so cannot be bound to a seat. */
const WEIGHED = L.SLOT_LIGHT | L.SLOT_HEAVY | L.SLOT_SLICE;

/** A worker where one of these is not 0 will end, or may have to. */
const STAY_AWAY = [L.THREAD_DOOMED, L.THREAD_POISONED, L.THREAD_LEAVING];

/** The outbox of one pool. */
export class Outbox {
  #core;
  #members;
  /** Waiting and running tasks whose argument any worker may need. @type {Set<Task>} */
  #open = new Set();
  /** Those whose argument was not sent to every worker, because some had no room. @type {Set<Task>} */
  #late = new Set();

  /**
   * @param {import('../core/core.js').Core} core main's
   * @param {Map<number, Member>} members
   */
  constructor(core, members) {
    this.#core = core;
    this.#members = members;
  }

  /**
   * @param {Task} task in a slot that is FILLING, with a channel
   * @param {import('../options/spec.js').Spec} spec
   */
  send(task, spec) {
    const { value, transfer } = /** @type {import('../task/task.js').Channel} */ (task.more.channel);
    const flags = spec.flags ?? 0;
    if (spec.seat) {
      const member = this.#onSeat(spec.seat - 1);
      if (member) this.#toOne(task, member);
    } else if (transfer.length === 0 && isSmall(value)) {
      this.#open.add(task);
      this.#toAll(task);
    } else if (!(flags & WEIGHED)) {
      const member = this.#leastBusy();
      if (member) this.#bind(task, member);
    }
  }

  /** @param {number} seat */
  #onSeat(seat) {
    for (const member of this.#members.values()) if (member.seat === seat && reads(member)) return member;
    return undefined;
  }

  #leastBusy() {
    let best;
    let least = BOUND_MOST;
    for (const member of this.#members.values()) {
      if (member.state !== 'live') continue;
      const at = this.#core.thread(member.number);
      if (STAY_AWAY.some((word) => this.#core.load(at + word))) continue;
      const load = member.bound + this.#core.load(at + L.THREAD_RUNNING);
      if (load < least) [best, least] = [member, load];
    }
    return best;
  }

  /**
   * @param {Task} task
   * @param {Member} member with a seat
   */
  #bind(task, member) {
    const { u32 } = this.#core.memory;
    const slot = this.#core.slots.record(task.index);
    u32[(slot + L.SLOT_SEAT) >>> 2] = /** @type {number} */ (member.seat) + 1;
    u32[(slot + L.SLOT_FLAGS) >>> 2] |= L.SLOT_BOUND;
    member.bound++;
    task.more.boundTo = member;
    this.#toOne(task, member);
  }

  /**
   * @param {Task} task
   * @param {Member} member
   */
  #toOne(task, member) {
    const { channel } = task.more;
    this.#post(task, member, channel?.transfer);
    if (channel?.transfer.length) task.more.channel = undefined; // main does not have it any more
  }

  /**
   * @param {Task} task
   * @returns {boolean} whether all had room for it
   */
  #toAll(task) {
    let complete = true;
    for (const member of this.#members.values()) {
      if (!reads(member)) continue;
      if (this.#hasRoom(member)) this.#post(task, member);
      else complete = false;
    }
    if (!complete) this.#late.add(task);
    return complete;
  }

  /** @param {Member} member */
  #hasRoom(member) {
    const read = this.#core.load(this.#core.thread(member.number) + L.THREAD_MAIL);
    return ((member.sent - read) | 0) < UNREAD_MOST;
  }

  /**
   * @param {Task} task
   * @param {Member} member
   * @param {readonly import('../base/host-types.js').Transferable[]} [transfer]
   */
  #post({ index, generation, rare }, member, transfer) {
    member.sent++;
    member.thread.post({ kind: 'mail', slot: index, generation, value: rare?.channel?.value }, transfer);
  }

  /**
   * A worker is about to take tasks: sends it the arguments that any worker may need.
   * @param {Member} member
   */
  welcome(member) {
    for (const task of this.#open) {
      if (!this.#hasRoom(member)) return;
      this.#post(task, member);
    }
  }

  /**
   * A task has ended.
   * @param {Task} task
   */
  forget(task) {
    const { rare } = task;
    if (rare?.boundTo) {
      rare.boundTo.bound--;
      rare.boundTo = undefined;
    }
    if (!this.#open.delete(task)) return;
    this.#late.delete(task);
    let left = LATE_AT_ONCE;
    for (const late of this.#late) {
      if (left-- === 0) return;
      this.#late.delete(late);
      if (!this.#toAll(late)) return;
    }
  }
}

/** @param {Member} member */
function reads({ state }) {
  return state === 'live' || state === 'warm';
}

/**
 * Whether copies of a value cost next to nothing. Shared memory does not count.
 * @param {unknown} value
 */
export function isSmall(value) {
  let bytes = SMALL_BYTES;
  const parts = new Set([value]);
  for (const part of parts) {
    if (typeof part === 'string') bytes -= part.length;
    else if (typeof part === 'object' && part !== null) {
      const buffer = ArrayBuffer.isView(part) ? part.buffer : part;
      if (buffer instanceof ArrayBuffer) bytes -= buffer.byteLength;
      else if (typeof Blob === 'function' && buffer instanceof Blob) continue;
      else if (!addParts(part, parts)) return false;
    }
    if (bytes < 0) return false;
  }
  return true;
}

/**
 * @param {object} value
 * @param {Set<unknown>} parts
 * @returns {boolean} false: there are too many
 */
function addParts(value, parts) {
  for (const [, part] of contents(value)) {
    parts.add(part);
    if (parts.size > SMALL_PARTS) return false;
  }
  return true;
}
