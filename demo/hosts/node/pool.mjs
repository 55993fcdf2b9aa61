/**
 * A pool of C tasks in Node, on the core's host build: plain WebAssembly, no Emscripten, no other file of wasmpool. Main never blocks.
 * The interface to the module is docs/host-abi.md.
 */
import { Worker } from 'node:worker_threads';
import { decode, encode, TaskError } from './values.mjs';
import { CAN_END_THREADS, COMPLETION, CONFIG, COUNTS, FOR_EVER_MS, OPTIONS, STATE, STATS, VERSION } from './abi.mjs';

const BATCH = 64;
const UNKNOWN_TASK = -3;
const NO_MEMORY = -22;
const utf8 = new TextDecoder();

export class Pool {
  #exports;
  #pool;
  /** @type {Map<number, { worker: Worker, start: number }>} by thread number */
  #threads = new Map();
  /** @type {Map<number, any>} by the number that the task's completions carry */
  #tasks = new Map();
  #lastTask = 0;
  /** @type {Map<string, number>} addresses of the names of tasks */
  #names = new Map();
  #timer;
  #listening = false;
  #pumping = false;
  #closed = false;
  #opened = withResolvers();
  #ended;

  /**
   * Starts a pool; resolves when its workers serve.
   * @param {WebAssembly.Module} module
   * @param {{ workers?: number, spares?: number, restartMax?: number, restartMinMs?: number, pages?: number }} [options]
   */
  static async open(module, options) {
    const pool = new Pool(module, options);
    await pool.#opened.promise;
    return pool;
  }

  constructor(module, { workers = 2, spares = 0, restartMax, restartMinMs, pages = 16384 } = {}) {
    const originMs = performance.timeOrigin;
    this.memory = new WebAssembly.Memory({ initial: 16, maximum: pages, shared: true });
    this.#exports = new WebAssembly.Instance(module, {
      env: { memory: this.memory },
      wasmpool: {
        now: () => performance.now(),
        ring: () => undefined,
        start: (start, number) => this.#start(start >>> 0, number, { module, memory: this.memory, originMs }),
        stop: (number) => void this.#threads.get(number)?.worker.terminate(),
      },
    }).exports;
    if (this.#exports.wp_host_init() !== VERSION) throw new Error('the module is of another version');
    const config = this.#exports.wp_host_config();
    this.#set(config, { [CONFIG.workers]: workers, [CONFIG.spares]: spares, [CONFIG.restartMax]: restartMax });
    if (restartMinMs !== undefined) this.#view.setFloat64(config + CONFIG.restartMinMs, restartMinMs, true);
    this.#room = this.#exports.wp_malloc(OPTIONS.bytes + 16 + STATS.bytes + BATCH * COMPLETION.bytes);
    this.#pool = this.#exports.wp_host_open(CAN_END_THREADS, this.#room);
    if (!this.#pool) throw new Error(`the pool did not open: status ${this.#view.getInt32(this.#room, true)}`);
    for (let i = 0, at; (at = this.#exports.wp_host_task_name(this.#pool, i)); i++) this.#names.set(this.#text(at), at);
    this.#pump();
  }

  // ---- Memory ----

  #room = 0; // options, a handle, stats, completions
  #viewed;
  /** Of the memory, renewed when it has grown. */
  get #view() {
    if (this.#viewed?.buffer !== this.memory.buffer) this.#viewed = new DataView(this.memory.buffer);
    return this.#viewed;
  }

  #bytes(at, length) {
    return new Uint8Array(this.memory.buffer, at, length);
  }

  #text(at) {
    const all = new Uint8Array(this.memory.buffer);
    return utf8.decode(all.slice(at, all.indexOf(0, at)));
  }

  #set(at, words) {
    for (const [offset, value] of Object.entries(words))
      if (value !== undefined) this.#view.setUint32(at + Number(offset), value, true);
  }

  // ---- Threads ----

  #start(start, number, shared) {
    const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData: { ...shared, start } });
    worker.on('error', () => undefined); // 'exit' follows
    worker.on('exit', () => {
      if (this.#threads.get(number)?.worker === worker) this.#threads.delete(number);
      this.#exports.wp_host_ended(start);
      this.#pump();
    });
    this.#threads.set(number, { worker, start });
    return 1;
  }

  // ---- Tasks ----

  /**
   * Runs a C task.
   * @param {string} name
   * @param {undefined | number | string | Uint8Array} [argument]
   * @param {{ priority?: number, timeoutMs?: number, onProgress?: (value: unknown) => void }} [options]
   * @returns {Promise<any> & { id: number }} rejects with a TaskError
   */
  run(name, argument, { priority = 0, timeoutMs = 0, onProgress } = {}) {
    const at = this.#names.get(name);
    if (at === undefined) return this.#refused(new TaskError(UNKNOWN_TASK, `there is no task '${name}'`));
    const [type, bytes] = encode(argument);
    const data = bytes.length ? this.#exports.wp_malloc(bytes.length) : 0;
    if (bytes.length && !data) return this.#refused(new TaskError(NO_MEMORY, 'out of memory'));
    this.#bytes(data, bytes.length).set(bytes);
    const user = ++this.#lastTask;
    const [options, handle] = [this.#room, this.#room + OPTIONS.bytes];
    this.#bytes(options, OPTIONS.bytes).fill(0);
    this.#set(options, { [OPTIONS.priority]: priority, [OPTIONS.timeoutMs]: timeoutMs, [OPTIONS.user]: user });
    const status = this.#exports.wp_submit(this.#pool, at, type, data, bytes.length, options, handle);
    if (data) this.#exports.wp_free(data);
    if (status) return this.#refused(new TaskError(status, ''));
    const view = this.#view;
    const [index, generation] = [view.getUint32(handle, true), view.getUint32(handle + 4, true)];
    const promise = new Promise((resolve, reject) =>
      this.#tasks.set(user, { index, generation, resolve, reject, onProgress }),
    );
    if (timeoutMs) this.#pump(); // the time until the next look is another one now
    return Object.assign(promise, { id: user });
  }

  #refused(error) {
    return Object.assign(Promise.reject(error), { id: 0 });
  }

  /** Gives a task up; its promise rejects. @param {Promise<any> & { id: number }} promise @returns {boolean} whether it was in time */
  cancel({ id }) {
    return this.#giveUp('wp_cancel', id);
  }

  /** The same, and what runs it is stopped. */
  terminate({ id }) {
    return this.#giveUp('wp_terminate', id);
  }

  #giveUp(call, id) {
    const task = this.#tasks.get(id);
    if (!task) return false;
    const handle = this.#room + OPTIONS.bytes;
    this.#set(handle, { 0: task.index, 4: task.generation });
    const done = this.#exports[call](this.#pool, handle) === 1; // a struct is passed by its address
    this.#pump();
    return done;
  }

  /** No task is started until resume(); those that run go on. */
  pause() {
    this.#exports.wp_pause(this.#pool);
  }

  resume() {
    this.#exports.wp_resume(this.#pool);
  }

  // ---- Main's loop ----

  /** Delivers what has finished, and goes to sleep until there is more. */
  #pump() {
    if (this.#pumping || this.#closed) return; // called from inside: the call above goes on
    this.#pumping = true;
    const found = this.#ended ? this.#close() : this.#deliver();
    this.#pumping = false;
    this.#tellState();
    if (this.#closed) return;
    const restMs = found ? 0 : this.#exports.wp_host_rest(this.#pool);
    if (restMs === 0) setImmediate(() => this.#pump());
    else this.#sleep(restMs);
  }

  #sleep(restMs) {
    clearTimeout(this.#timer);
    if (restMs < FOR_EVER_MS) this.#timer = setTimeout(() => this.#pump(), restMs);
    if (this.#listening) return;
    const bell = this.#exports.wp_host_bell(this.#pool) >>> 2;
    const wait = Atomics.waitAsync(new Int32Array(this.memory.buffer), bell, 1);
    if (!wait.async) {
      setImmediate(() => this.#pump());
      return;
    }
    this.#listening = true;
    void wait.value.then(() => {
      this.#listening = false;
      this.#pump();
    });
  }

  #deliver() {
    const completions = this.#room + OPTIONS.bytes + 16 + STATS.bytes;
    const count = this.#exports.wp_poll(this.#pool, completions, BATCH);
    for (let i = 0, at = completions; i < count; i++, at += COMPLETION.bytes) {
      this.#settle(at);
      this.#exports.wp_completion_release(this.#pool, at);
    }
    return count;
  }

  #settle(at) {
    const view = this.#view;
    const word = (field) => view.getUint32(at + field, true);
    const user = word(COMPLETION.user);
    const task = this.#tasks.get(user);
    const status = view.getInt32(at + COMPLETION.status, true);
    const value = decode(word(COMPLETION.type), this.#bytes(word(COMPLETION.data), word(COMPLETION.size)).slice());
    if (word(COMPLETION.progress) & 0xff) {
      task.onProgress?.(value);
      return;
    }
    this.#tasks.delete(user);
    if (status === 0) task.resolve(value);
    else task.reject(new TaskError(status, typeof value === 'string' ? value : ''));
  }

  #tellState() {
    const state = this.#exports.wp_host_state(this.#pool);
    if (state === STATE.open) this.#opened.resolve();
    if (state !== STATE.refused || this.#ended) return;
    this.#opened.reject(new Error('a worker could not start'));
    void this.close();
  }

  // ---- Figures and the end ----

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

  counts() {
    const at = this.#exports.wp_host_counts(this.#pool);
    const word = (field) => this.#view.getUint32(at + field, true);
    return {
      starts: word(COUNTS.starts),
      kills: word(COUNTS.kills),
      losses: word(COUNTS.losses),
      retired: word(COUNTS.retired),
      reaped: word(COUNTS.reaped),
    };
  }

  /** Whether the core's records agree with each other, while all workers are idle: 0, or a status. */
  check() {
    return this.#exports.wp_host_check(this.#pool);
  }

  /** Ends all threads, whatever they do; tasks that have not ended are rejected. */
  close() {
    if (!this.#ended) {
      this.#ended = withResolvers();
      for (const { reject } of this.#tasks.values()) reject(new Error('the pool was closed'));
      this.#tasks.clear();
      this.#pump();
    }
    return this.#ended.promise;
  }

  #close() {
    if (!this.#exports.wp_host_close(this.#pool)) return 0;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#ended.resolve();
    return 0;
  }
}

function withResolvers() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}
