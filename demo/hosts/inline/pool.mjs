/**
 * C tasks in a host without threads: one instance, whose own thread runs a task whenever it has nothing else to do. The same module would
 * run in any engine, also in one without shared memory. A task that does not end is not stopped; `ends` and `threads` are false.
 */
import { COMPLETION, OPTIONS, STATS, TRAP, VERSION } from '../node/abi.mjs';
import { decode, encode, TaskError } from '../node/values.mjs';

const COMPLETIONS = 16;
const UNKNOWN_TASK = -3;

export class Pool {
  threads = false;
  ends = false;
  #exports;
  #pool;
  #room;
  #names = new Map();
  #tasks = new Map();
  #lastTask = 0;
  #paused = false;
  #planned = false;

  /** @param {WebAssembly.Module} module */
  constructor(module) {
    const now = () => performance.now();
    this.#exports = new WebAssembly.Instance(module, { wasmpool: { now, ring: () => undefined } }).exports;
    const { exports } = { exports: this.#exports };
    if (exports.wp_host_init() !== VERSION) throw new Error('the module is of another version');
    this.#room = exports.wp_malloc(OPTIONS.bytes + 16 + STATS.bytes + COMPLETIONS * COMPLETION.bytes);
    this.#pool = exports.wp_host_open(0, this.#room);
    if (!this.#pool) throw new Error(`the pool did not open: status ${this.#view.getInt32(this.#room, true)}`);
    for (let i = 0, at; (at = exports.wp_host_task_name(this.#pool, i)); i++) {
      const bytes = new Uint8Array(exports.memory.buffer);
      this.#names.set(new TextDecoder().decode(bytes.subarray(at, bytes.indexOf(0, at))), at);
    }
  }

  get #view() {
    return new DataView(this.#exports.memory.buffer);
  }

  /** As in ../node/pool.mjs; a time limit holds for tasks that wait. */
  run(name, argument, { priority = 0, onProgress } = {}) {
    const exports = this.#exports;
    const [type, bytes] = encode(argument);
    const at = this.#names.get(name);
    if (at === undefined)
      return Object.assign(Promise.reject(new TaskError(UNKNOWN_TASK, `there is no task '${name}'`)), { id: 0 });
    const data = bytes.length ? exports.wp_malloc(bytes.length) : 0;
    new Uint8Array(exports.memory.buffer).set(bytes, data);
    const id = ++this.#lastTask;
    const [options, handle] = [this.#room, this.#room + OPTIONS.bytes];
    new Uint8Array(exports.memory.buffer, options, OPTIONS.bytes).fill(0);
    this.#view.setUint32(options + OPTIONS.priority, priority, true);
    this.#view.setUint32(options + OPTIONS.user, id, true);
    const status = exports.wp_submit(this.#pool, at, type, data, bytes.length, options, handle);
    if (data) exports.wp_free(data);
    if (status) return Object.assign(Promise.reject(new TaskError(status, '')), { id: 0 });
    const [index, generation] = [this.#view.getUint32(handle, true), this.#view.getUint32(handle + 4, true)];
    const promise = new Promise((resolve, reject) =>
      this.#tasks.set(id, { index, generation, resolve, reject, onProgress }),
    );
    this.#plan();
    return Object.assign(promise, { id });
  }

  /** Gives up a task that waits. */
  cancel({ id }) {
    const task = this.#tasks.get(id);
    if (!task) return false;
    const handle = this.#room + OPTIONS.bytes;
    this.#view.setUint32(handle, task.index, true);
    this.#view.setUint32(handle + 4, task.generation, true);
    const live = this.#exports.wp_cancel(this.#pool, handle) === 1;
    this.#plan();
    return live;
  }

  terminate(task) {
    return this.cancel(task);
  }

  pause() {
    this.#paused = true;
  }

  resume() {
    this.#paused = false;
    this.#plan();
  }

  /** One task in each turn of the event loop. */
  #plan() {
    if (this.#planned || this.#tasks.size === 0) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      this.#deliver(); // the core makes its worker ready here, too
      if (!this.#paused) this.#step();
      this.#deliver();
      if (!this.#paused) this.#plan();
    });
  }

  #step() {
    const exports = this.#exports;
    try {
      exports.wp_host_step(this.#pool, 1);
    } catch (error) {
      const start = exports.wp_host_inline(this.#pool);
      const stopped = exports.wp_host_unstop(start);
      const kind =
        error instanceof RangeError ? TRAP.stack : /memory access/.test(error.message) ? TRAP.memory : TRAP.other;
      if (exports.wp_host_trapped(start, kind, stopped) !== 1) exports.wp_host_ended(start);
    }
  }

  #deliver() {
    const at = this.#room + OPTIONS.bytes + 16 + STATS.bytes;
    const count = this.#exports.wp_poll(this.#pool, at, COMPLETIONS);
    for (let i = 0; i < count; i++) {
      this.#settle(at + i * COMPLETION.bytes);
      this.#exports.wp_completion_release(this.#pool, at + i * COMPLETION.bytes);
    }
  }

  #settle(at) {
    const view = this.#view;
    const word = (field) => view.getUint32(at + field, true);
    const task = this.#tasks.get(word(COMPLETION.user));
    const bytes = new Uint8Array(view.buffer, word(COMPLETION.data), word(COMPLETION.size)).slice();
    const value = decode(word(COMPLETION.type), bytes);
    if (word(COMPLETION.progress) & 0xff) {
      task.onProgress?.(value);
      return;
    }
    this.#tasks.delete(word(COMPLETION.user));
    const status = view.getInt32(at + COMPLETION.status, true);
    if (status === 0) task.resolve(value);
    else task.reject(new TaskError(status, typeof value === 'string' ? value : ''));
  }

  /** As in ../node/pool.mjs. */
  stats() {
    const at = this.#room + OPTIONS.bytes + 16;
    this.#exports.wp_stats_read(this.#pool, at);
    const word = (field) => this.#view.getUint32(at + field, true);
    return {
      free: word(STATS.free),
      total: word(STATS.total),
      queued: word(STATS.queued),
      tasks: word(STATS.tasks),
      heapBytes: word(STATS.heapBytes),
    };
  }

  check() {
    return this.#exports.wp_host_check(this.#pool);
  }

  close() {
    for (const { reject } of this.#tasks.values()) reject(new Error('the pool was closed'));
    this.#tasks.clear();
  }
}
