/**
 * C tasks in an instance that belongs to this worker and has a memory of its own. Arguments are copied in, results are copied out. After a
 * trap (a kill, a crash, exit) the instance is thrown away with everything that the task left in it: locks, statics, heap, files. The next
 * one is made from the compiled module.
 *
 * Few pools need this file, so a worker's start does not load it; it is handed the parts of the start that it needs (Tools,
 * scripts/bundle-worker.mjs).
 */
import * as L from '../generated/layout.js';
import { STATUS, STATUS_ROWS } from '../generated/status.js';
import { TYPE } from '../codec/types.js';

/**
 * @typedef {import('../core/memory.js').Memory} Memory
 *
 * @typedef {object} Tools
 * @property {typeof import('../core/memory.js').Memory} Memory
 * @property {typeof import('../base/errors.js').poolError} poolError
 * @property {typeof import('./c-task.js').takeStop} takeStop
 * @property {typeof import('./status-of.js').statusOf} statusOf
 * @property {typeof import('../core/core.js').ARGUMENT} ARGUMENT
 * @property {typeof import('../core/core.js').RESULT} RESULT
 * @property {number} TAG offset of the word that says which task runs, from ISOLATED_FLAG
 *
 * @typedef {object} Instance
 * @property {any} calls the functions of src/isolated/isolated.h, as the glue exports them
 * @property {Memory} memory its own
 * @property {number[]} tasks numbers in the instance, by the numbers that the pool gave the tasks
 * @property {number} grown an instance whose memory is larger than this is replaced
 */

const NO_ROOM = 'there is no memory for the argument in the instance of the C tasks';
/** An instance that has grown by more than this is replaced after the task, since wasm memory never shrinks. */
const GROWTH_MOST = 64 << 20;

/** The tasks of one worker. */
export class IsolatedTasks {
  #loop;
  #isolated;
  #host;
  #tools;
  /** @type {Instance | undefined} */
  #instance;
  /** @type {Promise<void> | undefined} */
  #opening;
  #index = 0;

  /**
   * @param {import('./runner.js').Runner} loop
   * @param {import('../protocol/messages.js').Isolated} isolated
   * @param {object} host
   * @param {(url: string) => Promise<any>} host.importModule
   * @param {(message: import('../protocol/messages.js').Instance) => void} host.post
   * @param {(fd: number, text: string) => void} [host.write]
   * @param {Tools} tools
   */
  constructor(loop, isolated, host, tools) {
    this.#loop = loop;
    this.#isolated = isolated;
    this.#host = host;
    this.#tools = tools;
  }

  /** Makes an instance, unless there is one. @returns {Promise<void>} */
  open() {
    this.#opening ??= this.#make().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async #make() {
    const { glue, wasmModule, names, checked } = this.#isolated;
    const { default: factory } = await this.#host.importModule(glue);
    /** @type {any} */
    let exports;
    const calls = await factory({
      ...this.#printers(),
      wasmpool: this.#callbacks(),
      instantiateWasm(/** @type {any} */ imports, /** @type {(instance: any, module: any) => void} */ receive) {
        const instance = new WebAssembly.Instance(wasmModule, imports);
        ({ exports } = instance);
        receive(instance, wasmModule);
        return exports;
      },
    });
    const memory = new this.#tools.Memory(memoryOf(exports));
    if (checked) {
      exports.wasmpool_thread.value = L.ISOLATED_FLAG; // STOP and TAG are offsets from there
      this.#host.post({ kind: 'instance', memory: memory.u8.buffer });
    }
    this.#instance = { calls, memory, tasks: numbersOf(calls, memory, names), grown: memory.bytes + GROWTH_MOST };
  }

  #printers() {
    const { write } = this.#host;
    if (!write) return {};
    return {
      print: (/** @type {string} */ text) => write(1, `${text}\n`),
      printErr: (/** @type {string} */ text) => write(2, `${text}\n`),
    };
  }

  /** The functions that a running task calls. */
  #callbacks() {
    const loop = this.#loop;
    const { exports, pool, self } = loop.core;
    return {
      write: this.#host.write,
      cancelled: () => exports._wp_js_task_cancelled(pool, self, this.#index),
      heartbeat: () => Atomics.add(loop.core.memory.u32, (loop.at + L.THREAD_BEAT) >>> 2, 1),
      progress: (/** @type {number} */ type, /** @type {number} */ at, /** @type {number} */ bytes) =>
        this.#progress(type, at, bytes),
    };
  }

  /**
   * @param {number} type
   * @param {number} at
   * @param {number} bytes
   * @returns {number} status
   */
  #progress(type, at, bytes) {
    const { core } = this.#loop;
    const { exports, pool, self } = core;
    const index = exports._wp_js_task_event(pool, self, this.#index);
    if (index < 0) return index;
    try {
      const { memory } = /** @type {Instance} */ (this.#instance);
      core.writeBytes(core.slots.record(index), this.#tools.RESULT, type, viewOf(memory, at, bytes));
    } catch (error) {
      exports._wp_task_drop_event(pool, self, index);
      return this.#tools.statusOf(error);
    }
    if (exports._wp_task_send_event(pool, self, index)) this.#loop.ring();
    return STATUS.OK;
  }

  /**
   * Runs the C task of a slot.
   * @param {number} index of a slot that is RUNNING here
   * @param {number} slot its address
   * @returns {number | undefined} its status; undefined: it was stopped, and main knows already
   * @throws whatever interrupted the core inside the gate: this thread cannot be trusted any more
   */
  #run(index, slot) {
    const { core } = this.#loop;
    const { exports, pool, self } = core;
    const instance = /** @type {Instance} */ (this.#instance);
    this.#index = index;
    const tag = exports._wp_worker_begin(pool, self);
    this.#setTag(instance, tag);
    try {
      const status = this.#call(instance, slot);
      this.#ended(instance);
      return status;
    } catch (error) {
      const stopped = this.#trapped(error);
      if (stopped && (core.load(slot) & 0xff) === L.SLOT_RUNNING) {
        // Nobody has given the task up: it was stopped because it was silent.
        if (exports._wp_task_recover(pool, self, index)) this.#loop.ring();
        return undefined;
      }
      core.writeError(index, slot, error);
      return this.#tools.statusOf(error);
    }
  }

  /** @param {Instance} instance whose task has returned */
  #ended(instance) {
    const { exports, pool, self } = this.#loop.core;
    exports._wp_worker_end(pool, self);
    this.#setTag(instance, 0);
    if (instance.memory.wasmMemory.buffer.byteLength > instance.grown) this.#replace();
  }

  /**
   * The instance is not to be trusted any more.
   * @param {unknown} error the trap, or what was thrown
   * @returns {boolean} whether main asked for the trap
   * @throws the error, if it interrupted the core inside the gate
   */
  #trapped(error) {
    this.#instance?.calls.endLines();
    this.#replace();
    const stopped = this.#tools.takeStop(this.#loop);
    if (this.#loop.insideGate()) throw error;
    const { exports, pool, self } = this.#loop.core;
    exports._wp_worker_end(pool, self);
    return stopped;
  }

  /**
   * From now on main may stop the task with this tag. The loop checks of this thread read the word; nobody else does.
   * @param {Instance} instance
   * @param {number} tag 0: no task runs
   */
  #setTag({ memory }, tag) {
    if (this.#isolated.checked) Atomics.store(memory.u32, (L.ISOLATED_FLAG + this.#tools.TAG) >>> 2, tag);
  }

  /**
   * @param {Instance} instance
   * @param {number} slot
   * @returns {number} status
   */
  #call(instance, slot) {
    const { calls, memory, tasks } = instance;
    const { core } = this.#loop;
    const { ARGUMENT } = this.#tools;
    const argument = core.bytesIn(slot, ARGUMENT);
    const at = calls._wp_isolated_argument(core.typeOf(slot, ARGUMENT), argument.length) >>> 0;
    if (!at) throw this.#tools.poolError('NO_MEMORY', NO_ROOM);
    viewOf(memory, at, argument.length).set(argument);
    const number = tasks[core.memory.u32[(slot + L.SLOT_C_TASK) >>> 2] - 1];
    const status = calls._wp_isolated_run(number);
    this.#takeResult(instance, slot, status);
    calls._wp_isolated_end();
    return this.#isTasks(status) ? status : STATUS.TASK_FAILED;
  }

  /**
   * @param {Instance} instance
   * @param {number} slot
   * @param {number} status
   */
  #takeResult(instance, slot, status) {
    const { core } = this.#loop;
    const { type, at, bytes } = this.#result(instance);
    const isOwn = status === STATUS.OK || status === STATUS.TASK_FAILED;
    const inBox = status === STATUS.OK && (core.memory.u32[(slot + L.SLOT_FLAGS) >>> 2] & L.SLOT_LEASE) !== 0;
    if (isOwn) core.writeBytes(slot, this.#tools.RESULT, type, viewOf(instance.memory, at, bytes), inBox);
    else core.writeBytes(slot, this.#tools.RESULT, TYPE.STRING, utf8.encode(this.#textOf(status)));
  }

  /**
   * Runs a C task inside the task of a slot, on memory that is filled in place.
   * @param {number} index of a slot that is RUNNING here, and cannot be requeued
   * @param {number} slot its address
   * @param {import('./c-task.js').CCall} call
   * @returns {unknown} the result; a promise of it while an instance is made
   * @throws {import('../base/errors.js').PoolError} as the task's promise would reject
   */
  call(index, slot, call) {
    if (this.#instance) return this.#callIn(index, slot, call);
    return this.open().then(() => this.call(index, slot, call));
  }

  /**
   * @param {number} index
   * @param {number} slot
   * @param {import('./c-task.js').CCall} call
   * @returns {unknown}
   */
  #callIn(index, slot, { task, type, bytes, fill }) {
    const { core } = this.#loop;
    const { poolError } = this.#tools;
    const instance = /** @type {Instance} */ (this.#instance);
    const { calls, memory } = instance;
    const number = this.#isolated.names.indexOf(task);
    if (number < 0) throw poolError('UNKNOWN_TASK');
    const at = calls._wp_isolated_argument(TYPE[type], bytes) >>> 0;
    if (!at) throw poolError('NO_MEMORY', NO_ROOM);
    const length = fill(viewOf(memory, at, bytes));
    memory.u32[((calls._wp_isolated_task() >>> 0) + L.TASK_BYTES) >>> 2] = length;
    const cTask = (slot + L.SLOT_C_TASK) >>> 2;
    this.#index = index;
    this.#setTag(instance, core.exports._wp_worker_begin(core.pool, core.self));
    core.memory.u32[cTask] = number + 1; // so that main can stop it (wp_worker_stop)
    let status;
    let value;
    try {
      status = calls._wp_isolated_run(instance.tasks[number]);
      const result = this.#result(instance);
      value = core.codec.decode(result.type, 0, memory.u8, result.at, result.bytes);
      calls._wp_isolated_end();
      this.#ended(instance);
    } catch (error) {
      this.#trapped(error);
      throw poolError('TASK_FAILED', error instanceof Error ? error.message : String(error), { cause: error });
    } finally {
      core.memory.u32[cTask] = 0;
    }
    if (status === STATUS.OK) return value;
    const isText = status === STATUS.TASK_FAILED && typeof value === 'string';
    throw poolError(
      this.#isTasks(status) ? STATUS_ROWS[-status].code : 'TASK_FAILED',
      isText ? /** @type {string} */ (value) : this.#textOf(status),
    );
  }

  /**
   * Where the result is.
   * @param {Instance} instance whose task has returned
   */
  #result({ calls, memory }) {
    const run = calls._wp_isolated_task() >>> 0;
    renew(memory);
    const word = (/** @type {number} */ field) => memory.u32[(run + field) >>> 2];
    const at = word(L.TASK_RESULT);
    const bytes = word(L.TASK_RESULT_BYTES);
    memory.reach(at + bytes);
    return { type: at ? word(L.TASK_RESULT_TYPE) : TYPE.UNDEFINED, at, bytes };
  }

  /** @param {number} status that a task has returned @returns {boolean} whether it is one that a task may return */
  #isTasks(status) {
    return Boolean(this.#loop.core.exports._wp_status_is_tasks(status));
  }

  /** @param {number} status that a task has returned */
  #textOf(status) {
    return this.#isTasks(status)
      ? STATUS_ROWS[-status].text
      : `the task returned a number that is no status of a task: ${status}`;
  }

  /**
   * The instance is not used any more. The next task makes one, inside its own time: constructors that hang or trap are then a task that
   * does, which time limits and loss of the worker end as usual. Nobody would watch a thread that has no task.
   */
  #replace() {
    this.#instance = undefined;
  }

  /**
   * @param {number} index of a slot that is RUNNING here
   * @param {number} slot its address
   * @returns {number | undefined | Promise<number | undefined>} as #run; a promise while an instance is made
   */
  run(index, slot) {
    if (this.#instance) return this.#run(index, slot);
    const isWanted = () => (this.#loop.core.load(slot) & 0xff) === L.SLOT_RUNNING;
    // Of several tasks that wait, the one before may have lost the instance again.
    return this.open().then(() => (isWanted() ? this.run(index, slot) : STATUS.CANCELLED));
  }
}

const utf8 = new TextEncoder();

/** Found by its class, as the glue may have renamed it. @param {Record<string, any>} exports @returns {WebAssembly.Memory} */
function memoryOf(exports) {
  return /** @type {WebAssembly.Memory} */ (
    Object.values(exports).find((value) => value instanceof WebAssembly.Memory)
  );
}

/** Renews the views: those of a memory that is not shared are detached when it grows. @param {Memory} memory */
function renew(memory) {
  if (memory.wasmMemory.buffer !== memory.u8.buffer) memory.refresh();
}

/**
 * @param {Memory} memory
 * @param {number} at
 * @param {number} bytes
 */
function viewOf(memory, at, bytes) {
  renew(memory);
  return memory.view(at, bytes);
}

/**
 * @param {any} calls
 * @param {Memory} memory
 * @param {string[]} names by the numbers that the pool gave the tasks
 * @returns {number[]} numbers in the instance
 * @throws {Error} if the instance has other tasks than the module's list of names
 */
function numbersOf(calls, memory, names) {
  const found = new Map();
  for (let i = 0; ; i++) {
    const at = calls._wp_isolated_name(i) >>> 0;
    if (!at) break;
    found.set(memory.cString(at), i);
  }
  const unlisted = [...found.keys()].find((name) => !names.includes(name));
  if (unlisted !== undefined)
    throw new Error(`the task ${unlisted} was compiled without the flags of wasmpool-config --isolated`);
  return names.map((name) => {
    const number = found.get(name);
    if (number === undefined) throw new Error(`the task ${name} did not register itself`);
    return number;
  });
}
