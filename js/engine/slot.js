/** Writes tasks into slots. */
import { Box, shareBox } from '../task/box.js';
import { ARGUMENT } from '../core/core.js';
import { formatOf } from '../core/formats.js';
import { poolError } from '../base/errors.js';
import { shownName } from '../base/task-name.js';
import * as L from '../generated/layout.js';
import { lostInJson } from '../values/json.js';

/** Reserves and fills the slots of one pool. */
export class SlotWriter {
  #core;
  #names;
  #holder;

  /**
   * @param {import('../core/core.js').Core} core main's
   * @param {import('../core/names.js').Names} names of handlers and C tasks
   * @param {import('../task/box.js').Holder} holder of the boxes that may be payloads
   */
  constructor(core, names, holder) {
    this.#core = core;
    this.#names = names;
    this.#holder = holder;
  }

  /**
   * Reserves a slot, which stays FILLING, and writes the task there. An argument that only a message can carry goes into `task.more`.
   * @param {import('../task/task.js').Task} task
   * @param {string} name
   * @param {unknown} payload
   * @param {import('../options/spec.js').Spec} spec if there is an error, the task leaves its group
   * @throws {import('../base/errors.js').PoolError} NOT_SERIALIZABLE, NO_MEMORY, LEASE_EXPIRED, UNSUPPORTED, QUEUE_FULL
   */
  write(task, name, payload, spec) {
    const { exports, pool } = this.#core;
    let index;
    try {
      const handler = this.#names.find(name);
      index = this.#core.index(exports._wp_js_task_reserve(pool));
      this.#fill(handler, task, index, payload, spec);
    } catch (error) {
      if (index !== undefined) exports._wp_task_free(pool, L.MAIN, index);
      else if (spec.group) exports._wp_group_leave(pool, spec.group - 1);
      const failure = /** @type {import('../base/errors.js').PoolError} */ (error);
      if (failure.code === 'NOT_SERIALIZABLE')
        failure.message = `${task.sink.label ?? shownName(name)}: ${failure.message}`;
      throw failure;
    }
  }

  /**
   * @param {{ name: number, cTask: number, mark: number }} handler
   * @param {import('../task/task.js').Task} task
   * @param {number} index of a slot that is FILLING
   * @param {unknown} payload
   * @param {import('../options/spec.js').Spec} spec
   */
  #fill(handler, task, index, payload, spec) {
    const core = this.#core;
    const slot = core.slots.record(index);
    const { u32 } = core.memory;
    const word = slot >>> 2;
    let flags = spec.flags ?? 0;
    if (spec.deadline && !(flags & L.SLOT_SLICE)) flags |= L.SLOT_DEADLINE; // main alone enforces a slice's deadline
    u32[word + (L.SLOT_GROUP >>> 2)] = spec.group ?? 0; // first: freeing the slot after an error leaves the group
    if (payload instanceof Box) {
      core.attachBox(slot, ARGUMENT, shareBox(payload, this.#holder));
      flags |= L.SLOT_BOX_ARGUMENT;
      task.more.argument = payload;
    } else if (handler.mark && flags & (L.SLOT_BATCH | L.SLOT_LIST)) {
      throw poolError('UNSUPPORTED', 'a task in wasm takes one item at a time: map without batchSize and sharedArgs');
    } else {
      const how =
        spec.transfer || handler.cTask
          ? { boxed: false, transfer: spec.transfer, forC: handler.cTask > 0, travelBytes: 0 }
          : undefined;
      const channel = core.write(slot, ARGUMENT, payload, how);
      const lost = handler.cTask && formatOf(payload) === 'tree' ? lostInJson(payload) : undefined; // now that it is known to have no cycle
      if (lost) throw poolError('NOT_SERIALIZABLE', `value${lost}; C tasks get JSON, which would lose it`);
      if (channel) task.more.channel = channel;
    }
    if (flags & L.SLOT_ITEMS) giveItemsBox(core, slot, spec.itemsBytes ?? 0);
    u32[word + (L.SLOT_NAME >>> 2)] = handler.name;
    u32[word + (L.SLOT_C_TASK >>> 2)] = handler.mark;
    u32[word + (L.SLOT_PRIORITY >>> 2)] = spec.lane;
    u32[word + (L.SLOT_FLAGS >>> 2)] = flags;
    u32[word + (L.SLOT_TIMEOUT_MS >>> 2)] = spec.timeoutMs ?? 0;
    u32[word + (L.SLOT_SEAT >>> 2)] = spec.seat ?? 0;
    u32[word + (L.SLOT_ITEM >>> 2)] = typeof task.item === 'number' ? task.item : 0;
    core.memory.f64[(slot + L.SLOT_SERIAL) >>> 3] = task.serial;
    if (spec.deadline && flags & L.SLOT_DEADLINE) core.memory.f64[(slot + L.SLOT_DUE_MS) >>> 3] = spec.deadline.at;
    if (spec.dueMs !== undefined) core.memory.f64[(slot + L.SLOT_DUE_MS) >>> 3] = spec.dueMs;
    task.index = index;
    task.generation = core.generation(slot);
    if (spec.onProgress) task.more.onProgress = spec.onProgress;
    if (spec.inContext) task.more.inContext = spec.inContext;
    if (spec.graceMs !== undefined) task.more.graceMs = spec.graceMs;
  }
}

/**
 * Gives a batch a box for its items' results: see js/core/records.js.
 * @param {import('../core/core.js').Core} core
 * @param {number} slot
 * @param {number} bytes
 */
function giveItemsBox(core, slot, bytes) {
  const { u32, f64 } = core.memory;
  core.giveBox(slot, core.createBox(bytes), bytes);
  u32[(slot + L.SLOT_RESULT_INLINE) >>> 2] = 0; // progress
  f64[(slot + L.SLOT_RESULT_INLINE + 8) >>> 3] = 0; // when its item began
}
