/**
 * Main's half of the pool: gives tasks to the core, takes their ends from it, and keeps the clocks. No scheduling: which
 * worker runs what is decided in shared memory, without main.
 */
import { Box } from './box.js';
import { createCodec, TYPE } from './codec.js';
import { ARGUMENT, Core, RESULT } from './core.js';
import { poolError } from './errors.js';
import { Fleet, workerName } from './fleet.js';
import * as L from './generated/layout.js';
import { STATUS, STATUS_ROWS } from './generated/status.js';
import { host } from './host/index.js';
import { instantiate, loadProgram } from './load.js';

const DRAIN_LIMIT = 1024;
const ACTION_LIMIT = 64;
/** Turns without a completion before main stops looking and asks to be rung: while results flow, looking is cheaper. */
const IDLE_TURNS = 2;

/**
 * Everything of a task but its name and payload.
 * @typedef {object} Spec
 * @property {number} lane
 * @property {number} [timeoutMs]
 * @property {number} [flags] of the slot
 * @property {number} [group] index + 1
 * @property {number} [seat] index + 1
 * @property {(value: any) => void} [onProgress]
 * @property {readonly Transferable[]} [transfer]
 *
 * @typedef {object} EngineEvents
 * @property {(error: import('./errors.js').PoolError) => void} error a task failed, or a worker
 * @property {() => void} drained
 * @property {(member: import('./fleet.js').Member, error: Error) => void} down
 * @property {(member: import('./fleet.js').Member, error: Error) => void} retired
 * @property {(seat: number) => void} seating
 */

export class Engine {
  /** @type {Core} */
  core;
  /** @type {Fleet} */
  fleet;
  /** @type {(Task | undefined)[]} by slot */
  #tasks = [];
  /** @type {Map<string, { name: number, cTask: number }>} */
  #names = new Map();
  /** Names of C tasks. */
  #cTasks = /** @type {string[]} */ ([]);
  inFlight = 0;
  #serial = 0;
  #polling = false;
  #idleTurns = 0;
  /** Something ran since the last `drained`. */
  #busySince = false;
  #timer = /** @type {unknown} */ (undefined);
  #timerAt = Infinity;
  /** Tasks in flight that have a time limit, and the shortest such limit among them. */
  #timed = 0;
  #shortest = Infinity;
  /** @type {Map<string, unknown>} results that came by message, before their completion */
  #mail = new Map();
  /** @type {Map<string, { task: Task, thread: number }>} completions that came before their message */
  #awaited = new Map();
  #closed = false;

  /**
   * @param {import('./options.js').ResolvedOptions} options
   * @param {EngineEvents} events
   * @returns {Promise<Engine>} with the core loaded; no thread has started
   */
  static async create(options, events) {
    if (!host.caps.sharedMemory) {
      throw poolError('UNSUPPORTED', 'shared memory is not available: serve the page with COOP: same-origin and COEP: require-corp');
    }
    const program = await loadProgram(options.wasm);
    const { exports, memory } = await instantiate(program, options.memoryBytes);
    return new Engine(options, events, program, exports, memory);
  }

  /**
   * @param {import('./options.js').ResolvedOptions} options
   * @param {EngineEvents} events
   * @param {import('./load.js').Program} program
   * @param {import('./core.js').Exports} exports
   * @param {WebAssembly.Memory} memory
   */
  constructor(options, events, program, exports, memory) {
    this.options = options;
    this.events = events;
    this.core = openCore(options, exports, memory);
    this.buffer = exports._malloc(Math.max(DRAIN_LIMIT * 4, ACTION_LIMIT * L.ACTION_SIZE) + L.STATS_SIZE + 16);
    for (let i = 0, at = 0; (at = exports._wp_js_task_name(this.core.pool, i)) !== 0; i++) {
      this.#cTasks.push(this.core.memory.cString(at));
    }
    this.fleet = new Fleet(this.core, options, program, {
      bell: () => this.drain(),
      message: (member, message) => this.#receive(member, message),
      seating: events.seating,
      down: (member, error) => events.down(member, error),
      retired: (member, error) => {
        events.retired(member, error);
        this.#seatRetired(/** @type {number} */ (member.seat));
      },
      reaped: (member) => this.#reaped(member),
    });
    exports._wp_task_arm_bell(this.core.pool);
  }

  // ---- In ----

  /**
   * @param {string} name
   */
  #resolveName(name) {
    let found = this.#names.get(name);
    if (!found) {
      const { exports, pool, memory } = this.core;
      const bytes = new TextEncoder().encode(name);
      const at = exports._malloc(bytes.length + 1);
      memory.write(at, bytes);
      found = { name: this.core.index(exports._wp_js_name_intern(pool, at, bytes.length)), cTask: this.#cTasks.indexOf(name) + 1 };
      exports._free(at);
      this.#names.set(name, found);
    }
    return found;
  }

  /**
   * Whether that many more tasks may wait.
   * @param {number} count
   */
  admits(count) {
    return this.core.exports._wp_task_admits(this.core.pool, count) !== 0;
  }

  /**
   * Queues a task. Its end, an error here included, is told to its sink, never thrown.
   * @param {Task} task
   * @param {string} name
   * @param {unknown} payload
   * @param {Spec} spec
   */
  submit(task, name, payload, spec) {
    const { exports, pool } = this.core;
    let index;
    try {
      index = this.core.index(exports._wp_js_task_reserve(pool));
      this.#fill(task, index, name, payload, spec);
    } catch (error) {
      if (index !== undefined) exports._wp_task_free(pool, L.MAIN, index);
      this.#end(task, /** @type {any} */ (error), undefined);
      return;
    }
    this.#tasks[index] = task;
    this.inFlight++;
    this.#busySince = true;
    if (this.inFlight === 1 && this.options.unref) this.fleet.hold(true);
    if (spec.timeoutMs) this.#watch(task, spec.timeoutMs);
    exports._wp_task_submit(pool, index);
    if (this.fleet.retired === this.options.workers) this.#nobodyLeft();
  }

  /**
   * @param {Task} task
   * @param {number} index
   * @param {string} name
   * @param {unknown} payload
   * @param {Spec} spec
   */
  #fill(task, index, name, payload, spec) {
    const { core } = this;
    const { name: id, cTask } = this.#resolveName(name);
    const slot = core.slots.record(index);
    const { u32 } = core.memory;
    const word = slot >>> 2;
    let flags = spec.flags ?? 0;
    if (payload instanceof Box) {
      core.attachBox(slot, ARGUMENT, payload.share(this));
      flags |= L.SLOT_BOX_ARGUMENT;
      task.argument = payload;
    } else {
      task.channel = core.write(slot, ARGUMENT, payload, { transfer: spec.transfer, forC: cTask > 0 });
    }
    u32[word + (L.SLOT_NAME >>> 2)] = id;
    u32[word + (L.SLOT_C_TASK >>> 2)] = cTask;
    u32[word + (L.SLOT_PRIORITY >>> 2)] = spec.lane;
    u32[word + (L.SLOT_FLAGS >>> 2)] = flags;
    u32[word + (L.SLOT_TIMEOUT_MS >>> 2)] = spec.timeoutMs ?? 0;
    u32[word + (L.SLOT_SEAT >>> 2)] = spec.seat ?? 0;
    u32[word + (L.SLOT_ITEM >>> 2)] = task.item;
    u32[word + (L.SLOT_GROUP >>> 2)] = spec.group ?? 0;
    task.index = index;
    task.generation = core.generation(slot);
    task.onProgress = spec.onProgress;
  }

  /** @returns {number} */
  nextSerial() {
    return this.#serial++;
  }

  // ---- Out ----

  /** Takes every completion that is there. */
  drain() {
    if (this.#closed) return;
    const { core, buffer } = this;
    let total = 0;
    for (let count = DRAIN_LIMIT; count === DRAIN_LIMIT; ) {
      count = core.exports._wp_task_drain(core.pool, buffer, DRAIN_LIMIT);
      const indexes = core.memory.u32.slice(buffer >>> 2, (buffer >>> 2) + count);
      for (let i = 0; i < count; i++) this.#deliver(indexes[i]);
      if (this.#closed) return; // by a callback
      total += count;
    }
    this.#afterDrain(total > 0);
  }

  /** @param {boolean} found */
  #afterDrain(found) {
    this.#idleTurns = found ? 0 : this.#idleTurns + 1;
    this.#checkDrained();
    if (this.inFlight > 0 && this.#idleTurns <= IDLE_TURNS) {
      this.#poll();
    } else if (!this.core.exports._wp_task_arm_bell(this.core.pool)) {
      this.#idleTurns = 0;
      this.#poll();
    }
  }

  #poll() {
    if (this.#polling) return;
    this.#polling = true;
    host.defer(() => {
      this.#polling = false;
      this.drain();
    });
  }

  /** @param {number} index of a slot that is DELIVERED */
  #deliver(index) {
    const { core } = this;
    const slot = core.slots.record(index);
    const { u32, i32 } = core.memory;
    if (u32[(slot + L.SLOT_FLAGS) >>> 2] & L.SLOT_EVENT) {
      this.#progress(slot);
      core.exports._wp_task_free(core.pool, L.MAIN, index);
      return;
    }
    const task = this.#tasks[index];
    this.#tasks[index] = undefined;
    const status = i32[(slot + L.SLOT_STATUS) >>> 2];
    const thread = u32[(slot + L.SLOT_OWNER) >>> 2];
    if (!task) {
      core.exports._wp_task_free(core.pool, L.MAIN, index);
      return;
    }
    if (status === STATUS.OK && core.typeOf(slot, RESULT) === TYPE.CHANNEL) {
      core.exports._wp_task_free(core.pool, L.MAIN, index);
      this.#collect(task, thread);
      return;
    }
    let value;
    /** @type {any} */
    let error;
    try {
      if (status === STATUS.OK) value = this.#result(slot, index);
      else error = this.#failure(task, slot, status, thread);
    } catch (caught) {
      error = caught;
    }
    core.exports._wp_task_free(core.pool, L.MAIN, index);
    this.#leave(task);
    this.#end(task, error, value);
  }

  /**
   * @param {number} slot
   * @param {number} _index
   */
  #result(slot, _index) {
    const { core } = this;
    if (!(core.memory.u32[(slot + L.SLOT_FLAGS) >>> 2] & L.SLOT_LEASE)) return core.read(slot, RESULT);
    const box = new Box(this, core.boxOf(slot, RESULT) - 1);
    this.#tickBy(this.options.scheduler.now() + this.options.leaseMs);
    return box;
  }

  /**
   * @param {Task} task
   * @param {number} slot
   * @param {number} status
   * @param {number} thread
   */
  #failure(task, slot, status, thread) {
    const { core } = this;
    const member = this.fleet.members.get(thread);
    const row = STATUS_ROWS[-status];
    const where = { taskId: task.id, worker: this.#threadName(thread) };
    if (status === STATUS.WORKER_LOST || status === STATUS.POISON_JOB) {
      const lost = this.#lastErrors.get(thread) ?? member?.error;
      return poolError(row.code, `${where.worker} ended while it ran the task${lost ? `: ${lost.message}` : ''}`, { ...where, cause: lost });
    }
    if (core.typeOf(slot, RESULT) === TYPE.UNDEFINED) return poolError(row.code, row.text, where);
    const cause = core.read(slot, RESULT);
    const text = cause instanceof Error ? cause.message : String(cause);
    return poolError(row.code, text, { ...where, cause });
  }

  /** @type {Map<number, Error>} what ended a thread, for the tasks that it took along */
  #lastErrors = new Map();

  /** @param {number} thread */
  #threadName(thread) {
    return this.fleet.members.get(thread)?.name ?? (thread ? `thread ${thread}` : 'no worker');
  }

  /** @param {number} slot of an event */
  #progress(slot) {
    const { core } = this;
    const { u32 } = core.memory;
    const task = this.#tasks[u32[(slot + L.SLOT_PARENT) >>> 2]];
    if (!task?.onProgress || task.generation !== u32[(slot + L.SLOT_PARENT_GENERATION) >>> 2]) return;
    callOut(task.onProgress, core.read(slot, RESULT));
  }

  /**
   * A task is no longer in flight.
   * @param {Task} task
   */
  #leave(task) {
    this.inFlight--;
    if (task.timed && --this.#timed === 0) {
      this.#shortest = Infinity;
      this.#tick();
    }
    if (this.inFlight === 0 && this.options.unref) this.fleet.hold(false);
  }

  /**
   * Tells the sink, once.
   * @param {Task} task
   * @param {import('./errors.js').PoolError | undefined} error
   * @param {unknown} value
   */
  #end(task, error, value) {
    if (task.settled) return;
    task.settled = true;
    task.unlisten?.();
    task.channel = undefined;
    task.argument = undefined;
    const { exports, pool } = this.core;
    if (!error) {
      exports._wp_task_count_settled(pool, STATUS.OK);
      task.sink.fulfil(task.item, value);
      return;
    }
    error.taskId ??= task.id;
    exports._wp_task_count_settled(pool, STATUS[/** @type {keyof typeof STATUS} */ (error.code)] ?? STATUS.TASK_FAILED);
    task.sink.fail(task.item, error);
    this.events.error(error);
  }

  // ---- Values that travel by message ----

  /**
   * @param {import('./fleet.js').Member} member
   * @param {any} message
   */
  #receive(member, message) {
    if (message.kind === 'value') this.#mailArrived(`${message.slot}.${message.generation}`, message.value);
    else if (message.kind === 'argument') this.#sendArgument(member, message);
    else if (message.kind === 'main') void this.#callMain(member, message);
  }

  /**
   * @param {import('./fleet.js').Member} member
   * @param {{ call: number, slot: number, generation: number }} request
   */
  #sendArgument(member, { call, slot, generation }) {
    const task = this.#tasks[slot];
    const channel = task?.generation === generation ? task.channel : undefined;
    if (!task || !channel) {
      member.thread.post({ kind: 'answer', call, error: poolError('STALE_HANDLE', 'the task was given up') });
      return;
    }
    task.channel = undefined; // what it transfers can be sent once
    member.thread.post({ kind: 'answer', call, value: channel.value }, channel.transfer);
  }

  /**
   * @param {import('./fleet.js').Member} member
   * @param {{ call: number, name: string, argument: unknown }} request
   */
  async #callMain(member, { call, name, argument }) {
    try {
      const target = Object.hasOwn(this.options.main, name) ? this.options.main[name] : undefined;
      if (typeof target !== 'function') throw poolError('UNKNOWN_TASK', `the pool has no main function '${name}'`);
      member.thread.post({ kind: 'answer', call, value: await target(argument) });
    } catch (error) {
      member.thread.post({ kind: 'answer', call, error });
    }
  }

  /**
   * @param {string} key
   * @param {unknown} value
   */
  #mailArrived(key, value) {
    const waiting = this.#awaited.get(key);
    if (!waiting) {
      this.#mail.set(key, value);
      return;
    }
    this.#awaited.delete(key);
    this.#leave(waiting.task);
    this.#end(waiting.task, undefined, value);
    this.#checkDrained();
  }

  /**
   * @param {Task} task
   * @param {number} thread
   */
  #collect(task, thread) {
    const key = `${task.index}.${task.generation}`;
    if (!this.#mail.has(key)) {
      this.#awaited.set(key, { task, thread });
      return;
    }
    const value = this.#mail.get(key);
    this.#mail.delete(key);
    this.#leave(task);
    this.#end(task, undefined, value);
  }

  // ---- Ended early ----

  /**
   * Settles a task with an error, whatever it is doing; optionally kills the worker that runs it.
   * @param {Task} task
   * @param {import('./errors.js').PoolError} error
   * @param {boolean} [kill]
   * @returns {Promise<void>} settles when there is nothing left to wait for
   */
  async giveUp(task, error, kill = false) {
    if (task.settled) return;
    const { exports, pool, memory } = this.core;
    const { index, generation } = task;
    if (index < 0 || this.#tasks[index] !== task) {
      this.#end(task, error, undefined); // not yet queued, or its result is on its way by message
      return;
    }
    const thread = memory.u32[(this.core.slots.record(index) + L.SLOT_OWNER) >>> 2];
    const result = exports._wp_task_cancel(pool, index, generation);
    if (result === L.CANCEL_STALE) return this.#tooLate(task, error);
    this.#tasks[index] = undefined;
    this.#leave(task);
    this.#end(task, error, undefined);
    this.#checkDrained();
    if (kill && result === L.CANCEL_RUNNING) {
      await this.fleet.kill(thread, () => exports._wp_worker_runs(pool, thread, index, generation) !== 0);
    }
  }

  /**
   * It had finished, but its completion was not taken yet.
   * @param {Task} task
   * @param {import('./errors.js').PoolError} error
   */
  #tooLate(task, error) {
    this.#end(task, error, undefined);
    this.drain(); // #deliver finds it settled
  }

  /**
   * Tasks of a group that have not started never will.
   * @param {number} group
   */
  failGroup(group) {
    this.core.exports._wp_group_fail(this.core.pool, group);
  }

  // ---- Clocks ----

  /**
   * @param {Task} task
   * @param {number} timeoutMs
   */
  #watch(task, timeoutMs) {
    task.timed = true;
    this.#timed++;
    this.#shortest = Math.min(this.#shortest, timeoutMs);
    this.#tickBy(this.options.scheduler.now() + timeoutMs);
  }

  /**
   * Makes sure that the clocks are looked at by then.
   * @param {number} at
   */
  #tickBy(at) {
    if (at >= this.#timerAt) return;
    const { scheduler } = this.options;
    if (this.#timer !== undefined) scheduler.clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = scheduler.setTimeout(() => {
      this.#timer = undefined;
      this.#timerAt = Infinity;
      this.#tick();
    }, Math.max(0, Math.ceil(at - scheduler.now())));
    if (this.options.unref && this.inFlight === 0) /** @type {any} */ (this.#timer)?.unref?.();
  }

  #tick() {
    if (this.#closed) return;
    const { exports, pool, memory } = this.core;
    const next = this.buffer;
    const actions = next + 16;
    for (let count = ACTION_LIMIT; count > 0; ) {
      count = exports._wp_task_tick(pool, this.options.scheduler.now(), actions, ACTION_LIMIT, next);
      /** @type {number[][]} */
      const found = [];
      for (let at = actions; at < actions + count * L.ACTION_SIZE; at += L.ACTION_SIZE) {
        found.push([L.ACTION_KIND, L.ACTION_THREAD, L.ACTION_SLOT, L.ACTION_GENERATION].map((field) => memory.u32[(at + field) >>> 2]));
      }
      if (!this.#act(found)) break; // only kills that are under way
    }
    const shortest = this.#timed > 0 ? this.options.scheduler.now() + this.#shortest : Infinity;
    this.#reschedule(Math.min(memory.f64[next >>> 3] || Infinity, shortest));
  }

  /** @param {number} at */
  #reschedule(at) {
    if (this.#timer !== undefined) this.options.scheduler.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Infinity;
    if (at !== Infinity) this.#tickBy(at);
  }

  /**
   * @param {number[][]} actions
   * @returns {boolean} whether there was anything new to do
   */
  #act(actions) {
    let expired = false;
    for (const [kind, thread, index, generation] of actions) {
      if (kind === L.ACTION_EXPIRED) {
        expired = true;
        this.#expired(thread, index, generation);
      } else {
        const at = this.core.thread(thread) + L.THREAD_POISONED;
        void this.fleet.kill(thread, () => this.core.load(at) !== 0);
      }
    }
    return expired;
  }

  /**
   * @param {number} thread
   * @param {number} index
   * @param {number} generation
   */
  #expired(thread, index, generation) {
    const task = this.#tasks[index];
    if (!task || task.generation !== generation) return;
    this.#tasks[index] = undefined;
    const worker = this.#threadName(thread);
    const limit = this.core.memory.u32[(this.core.slots.record(index) + L.SLOT_TIMEOUT_MS) >>> 2];
    this.#leave(task);
    this.#end(task, poolError('TIMEOUT', `the task ran longer than ${limit} ms on ${worker}`, { taskId: task.id, worker }), undefined);
  }

  // ---- Workers ----

  /** @param {import('./fleet.js').Member} member what it held has come back to the core */
  #reaped(member) {
    if (member.error) this.#lastErrors.set(member.number, member.error);
    this.drain();
    this.#lastErrors.delete(member.number);
    for (const [key, { task, thread }] of this.#awaited) {
      if (thread !== member.number) continue;
      this.#awaited.delete(key);
      this.#leave(task);
      this.#end(task, poolError('WORKER_LOST', `${member.name} ended before its result had arrived`, { taskId: task.id, worker: member.name }), undefined);
    }
    this.#tick();
  }

  /** @param {number} seat nobody will ever serve it again */
  #seatRetired(seat) {
    const { u32 } = this.core.memory;
    for (const task of [...this.#tasks]) {
      if (!task || u32[(this.core.slots.record(task.index) + L.SLOT_SEAT) >>> 2] !== seat + 1) continue;
      void this.giveUp(task, poolError('WORKER_LOST', `${workerName(seat)} was given up after too many failures`, { taskId: task.id }));
    }
    if (this.fleet.retired === this.options.workers) this.#nobodyLeft();
  }

  #nobodyLeft() {
    for (const task of [...this.#tasks]) {
      if (task) void this.giveUp(task, poolError('WORKER_LOST', 'every worker was given up after too many failures', { taskId: task.id }));
    }
  }

  #checkDrained() {
    if (!this.#busySince || this.inFlight > 0 || this.#closed) return;
    const { free, total } = this.stats();
    if (free !== total) return;
    this.#busySince = false;
    this.events.drained();
  }

  /** A snapshot of the core's gauges. */
  stats() {
    const { exports, pool, memory } = this.core;
    const at = this.buffer;
    exports._wp_stats_read(pool, at);
    const word = (/** @type {number} */ field) => memory.u32[(at + field) >>> 2];
    const wide = (/** @type {number} */ field) => word(field) + word(field + 4) * 2 ** 32;
    return {
      free: word(L.STATS_FREE_WORKERS),
      busy: word(L.STATS_BUSY_WORKERS),
      total: word(L.STATS_TOTAL_WORKERS),
      queued: word(L.STATS_QUEUED),
      processed: wide(L.STATS_PROCESSED),
      errors: wide(L.STATS_ERRORS),
      boxesInUse: word(L.STATS_BOXES_IN_USE),
      tasksInUse: word(L.STATS_TASKS_IN_USE),
      heapBytes: wide(L.STATS_HEAP_BYTES),
    };
  }

  /** Ends everything: every task fails with POOL_DESTROYED, every thread is stopped. */
  async close() {
    this.#closed = true;
    this.#reschedule(Infinity);
    const waiting = [...this.#awaited.values()].map(({ task }) => task);
    for (const task of [...this.#tasks, ...waiting]) {
      if (task) this.#end(task, poolError('POOL_DESTROYED', undefined, { taskId: task.id }), undefined);
    }
    this.#tasks = [];
    this.inFlight = 0;
    await this.fleet.close();
  }
}

/**
 * @param {import('./options.js').ResolvedOptions} options
 * @param {import('./core.js').Exports} exports
 * @param {WebAssembly.Memory} memory
 */
function openCore(options, exports, memory) {
  const at = exports._malloc(L.CONFIG_SIZE + 8);
  const u32 = new Core(exports, memory, 0, L.MAIN, /** @type {any} */ (undefined)).memory.u32;
  const set = (/** @type {number} */ field, /** @type {number} */ value) => {
    u32[(at + field) >>> 2] = value;
  };
  u32.fill(0, at >>> 2, (at + L.CONFIG_SIZE + 8) >>> 2);
  set(L.CONFIG_WORKERS, options.workers);
  set(L.CONFIG_SPARES, options.spares);
  set(L.CONFIG_CONCURRENCY, options.concurrency);
  set(L.CONFIG_MAX_QUEUE, options.maxQueue ?? L.NONE);
  set(L.CONFIG_MAX_TASKS, L.TABLE_RECORDS_MAX);
  set(L.CONFIG_RECYCLE_MS, options.recycleTimeoutMs ?? L.NONE);
  set(L.CONFIG_BOX_COUNT, options.boxCount);
  set(L.CONFIG_LEASE_MS, options.leaseMs);
  const pool = exports._wp_js_pool_create(at, at + L.CONFIG_SIZE);
  const core = new Core(exports, memory, pool, L.MAIN, createCodec(host.codec));
  const status = core.memory.i32[(at + L.CONFIG_SIZE) >>> 2];
  exports._free(at);
  core.check(status, 'the pool could not be created');
  return core;
}

/**
 * Calls a user's callback; what it throws is its own business.
 * @param {(value: any) => void} callback
 * @param {unknown} value
 */
export function callOut(callback, value) {
  try {
    callback(value);
  } catch (error) {
    console.error('wasmpool: a callback threw', error);
  }
}
