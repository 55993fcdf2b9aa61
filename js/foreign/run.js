/** Runs tasks that are modules somebody else built, in a worker: each in an instance of its own, which is thrown away afterwards. */
import * as L from '../generated/layout.js';
import { ADDED } from '../instrument/confine.js';
import { Output } from './output.js';
import { exitCodeOf, Wasi } from './wasi.js';
import { bytesOf, Call } from './values.js';

/**
 * @typedef {import('./plan.js').Plan} Plan
 * @typedef {import('./plan.js').Task} Task
 * @typedef {import('../handlers/context.js').Context} Context
 * @typedef {{ task: Task, plan: Plan, wasmModule: any }} Foreign a task, ready to be run
 *
 * @typedef {object} Tools parts of the worker, which this file must not have a second time
 * @property {typeof import('../base/errors.js').poolError} poolError
 * @property {typeof import('../handlers/c-task.js').takeStop} takeStop
 * @property {(context: Context) => number} slotOf index of a running task's slot
 * @property {unknown} OVER thrown when the end of the task was reported already
 *
 * @typedef {object} Instance
 * @property {any} exports
 * @property {any} memory
 * @property {Output} output
 * @property {Wasi | undefined} wasi
 * @property {number} grown a larger memory is not kept
 */

/** A kept instance that has grown by more than this is replaced, since wasm memory never shrinks. */
const GROWTH_MOST = 64 << 20;
/** How long a sleeping task waits before it looks whether it is to end; some engines cannot stop a longer wait. */
const NAP_MS = 5;
/** The end of what a failed program wrote to stderr goes into the error. */
const STDERR_SHOWN = 1000;
/** A module that exports the function that it imports: tables take only functions of modules. */
const RELAY = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0],
  ...[1, 5, 1, 0x60, 0, 1, 0x7f], // a type without parameters, whose result is an i32
  ...[2, 7, 1, 1, 104, 1, 102, 0, 0], // import "h" "f"
  ...[7, 5, 1, 1, 102, 0, 0], // export "f"
);

/**
 * @param {import('../handlers/runner.js').Runner & { host: { write?: (fd: number, text: string) => void } }} loop
 * @param {Foreign[]} foreign
 * @param {string[]} names of the pool's other handlers
 * @param {Tools} tools
 * @returns {Map<string, (payload: any, context: Context) => unknown>} handlers
 */
export function open(loop, foreign, names, tools) {
  const twice = foreign.find(({ task }) => names.includes(task.name));
  if (twice) throw tools.poolError('START_FAILED', `two tasks have the name ${twice.task.name}`);
  names.push(...foreign.map(({ task }) => task.name));
  const thread = new Thread(loop, tools);
  return new Map(
    foreign.map((one) => {
      const runner = new ForeignTask(thread, one);
      return [one.task.name, (payload, context) => runner.run(payload, context)];
    }),
  );
}

/** What all tasks of a worker share. */
class Thread {
  /** Called by checks, through a table. */
  hook;
  #words;

  /**
   * @param {import('../handlers/runner.js').Runner & { host: { write?: (fd: number, text: string) => void } }} loop
   * @param {Tools} tools
   */
  constructor(loop, tools) {
    this.loop = loop;
    this.print = loop.host.write ?? toConsole;
    this.tools = tools;
    const { u32 } = loop.core.memory;
    this.#words = { u32, stop: (loop.at + L.THREAD_STOP) >>> 2, tag: (loop.at + L.THREAD_TAG) >>> 2 };
    const module = new WebAssembly.Module(RELAY);
    const hook = () => (this.isStopped() ? 1 : 0);
    this.hook = new WebAssembly.Instance(module, { h: { f: hook } }).exports.f;
  }

  /** Whether main wants the running task to end. As takeStop (js/handlers/c-task.js), which also takes note of it. */
  isStopped() {
    const { u32, stop, tag } = this.#words;
    const asked = Atomics.load(u32, stop);
    return asked !== 0 && ((Atomics.load(u32, tag) ^ L.STOP_MARK ^ asked) & ~L.MARK_BITS) === 0;
  }

  /**
   * @param {number} ms
   * @returns {boolean} false: the task is to end
   */
  sleep(ms) {
    const end = performance.now() + ms;
    const still = new Int32Array(new SharedArrayBuffer(4));
    for (let left = ms; left > 0; left = end - performance.now()) {
      if (this.isStopped()) return false;
      Atomics.wait(still, 0, 0, Math.min(left, NAP_MS));
    }
    return !this.isStopped();
  }
}

class ForeignTask {
  #thread;
  #task;
  #plan;
  #module;
  /** @type {Instance | undefined} */
  #kept;

  /**
   * @param {Thread} thread
   * @param {Foreign} foreign
   */
  constructor(thread, { task, plan, wasmModule }) {
    this.#thread = thread;
    this.#task = task;
    this.#plan = plan;
    this.#module = wasmModule;
  }

  /**
   * @param {unknown} payload
   * @param {Context} context
   * @returns {unknown}
   */
  run(payload, context) {
    const { loop, tools } = this.#thread;
    const { exports, pool, self } = loop.core;
    exports._wp_worker_begin(pool, self);
    /** @type {unknown} */
    let result;
    try {
      result = this.#plan.isCommand ? this.#command(payload) : this.#call(payload, context);
    } catch (error) {
      this.#kept = undefined;
      const stopped = tools.takeStop(loop);
      if (loop.insideGate()) throw error;
      exports._wp_worker_end(pool, self);
      const index = tools.slotOf(context);
      if (stopped && (loop.core.load(loop.core.slots.record(index)) & 0xff) === L.SLOT_RUNNING) {
        // Nobody has given the task up: it was stopped because it was silent.
        if (exports._wp_task_recover(pool, self, index)) loop.ring();
        throw tools.OVER;
      }
      throw error;
    }
    exports._wp_worker_end(pool, self);
    return result;
  }

  /**
   * @param {unknown} payload
   * @param {Context} context
   */
  #call(payload, context) {
    const instance = (this.#kept ??= this.#instance({ print: true }));
    const { output, memory } = instance;
    if (!this.#task.reuse) this.#kept = undefined;
    output.begin();
    const result = new Call(this.#plan, instance.exports, memory).run(payload, (bytes) => {
      output.spend(bytes.length);
      const copy = context.alloc(bytes.length);
      copy.set(bytes);
      return copy;
    });
    output.check();
    if (memory && memory.buffer.byteLength > instance.grown) this.#kept = undefined;
    return result;
  }

  /** @param {unknown} payload */
  #command(payload) {
    const { args = [], env = {}, stdin = '', files } = this.#programOptions(payload);
    const instance = this.#instance({
      print: false,
      args: [this.#task.name, ...args],
      env,
      stdin: bytesOf(stdin) ?? new Uint8Array(),
      files:
        files &&
        Object.fromEntries(Object.entries(files).map(([path, value]) => [path, bytesOf(value) ?? new Uint8Array()])),
    });
    const { output } = instance;
    let exitCode = 0;
    try {
      instance.exports[this.#plan.entry]();
    } catch (error) {
      const code = exitCodeOf(error);
      output.check();
      if (code === undefined) throw this.#failed(error, output.take(2));
      exitCode = code;
    }
    output.check();
    const result = { exitCode, stdout: output.take(1), stderr: output.take(2) };
    return files ? { ...result, files: instance.wasi?.files ?? {} } : result;
  }

  /**
   * @param {any} payload
   * @returns {{ args?: string[], env?: Record<string, string>, stdin?: unknown, files?: Record<string, unknown> }}
   */
  #programOptions(payload) {
    if (payload === undefined || payload === null) return {};
    if (bytesOf(payload)) return { stdin: payload };
    const known = ['args', 'env', 'stdin', 'files'];
    const wrong =
      typeof payload === 'object' ? Object.keys(payload).find((key) => !known.includes(key)) : 'this payload';
    if (wrong === undefined) return payload;
    throw new TypeError(`a program takes text or bytes for its stdin, or { ${known.join(', ')} }; not ${wrong}`);
  }

  /**
   * @param {any} error
   * @param {Uint8Array} stderr
   */
  #failed(error, stderr) {
    const text = new TextDecoder().decode(stderr.subarray(-STDERR_SHOWN)).trim();
    return text ? new Error(`${error?.message ?? error}; its stderr: ${text}`, { cause: error }) : error;
  }

  /**
   * Makes an instance, and runs what it runs first.
   * @param {{ print: boolean, args?: string[], env?: Record<string, string>, stdin?: Uint8Array, files?: Record<string, Uint8Array> }} how
   * @returns {Instance}
   */
  #instance({ print, args = [this.#task.name], env = {}, stdin = new Uint8Array(), files }) {
    const { tools, hook, print: printer } = this.#thread;
    const output = new Output(this.#task.outputBytes, print ? printer : undefined);
    const usesWasi = this.#plan.imports.some(({ grant }) => grant === 'wasi');
    const wasi = usesWasi
      ? new Wasi({
          args,
          env,
          stdin,
          files,
          write: (fd, bytes) => output.write(fd, bytes),
          spare: () => output.spare,
          spend: (bytes) => output.spend(bytes),
          sleep: (ms) => this.#thread.sleep(ms),
        })
      : undefined;
    /** @type {any} */
    let exports;
    const imports = this.#imports(output, wasi, () => exports[ADDED.memory]);
    try {
      ({ exports } = new WebAssembly.Instance(this.#module, imports));
    } catch (error) {
      if (error instanceof RangeError)
        throw tools.poolError('NO_MEMORY', `no instance: ${error.message}`, { cause: error });
      throw error;
    }
    const memory = exports[ADDED.memory];
    if (wasi) wasi.memory = memory;
    exports[ADDED.hook]?.set(0, hook);
    for (const name of this.#plan.starts) {
      try {
        exports[name]?.();
      } catch (error) {
        if (exitCodeOf(error) !== 0) throw error;
      }
    }
    output.check();
    return { exports, memory, output, wasi, grown: (memory?.buffer.byteLength ?? 0) + GROWTH_MOST };
  }

  /**
   * @param {Output} output
   * @param {Wasi | undefined} wasi
   * @param {() => any} memory
   */
  #imports(output, wasi, memory) {
    const { poolError } = this.#thread.tools;
    const functions = wasi?.functions ?? {};
    /** @type {Record<string, Record<string, any>>} */
    const imports = Object.create(null);
    for (const { module, name, grant, limits, type } of this.#plan.imports) {
      const from = (imports[module] ??= Object.create(null));
      const { minimum: initial = 0, maximum } = limits ?? {};
      if (grant === 'memory') from[name] ??= new WebAssembly.Memory({ initial, maximum });
      else if (grant === 'table')
        from[name] ??= new WebAssembly.Table({ element: type === 0x6f ? 'externref' : 'anyfunc', initial, maximum });
      else if (grant === 'wasi') from[name] = functions[name];
      else if (grant === 'own') from[name] = OWN[name](output, memory);
      else {
        const message = `it called the import '${name}' of '${module}', which it is not granted`;
        from[name] = () => output.fail(poolError('TASK_FAILED', message));
      }
    }
    return imports;
  }
}

/**
 * Imports of plan.js, OWN_IMPORTS.
 * @type {Record<string, (output: Output, memory: () => any) => Function>}
 */
const OWN = {
  seed: () => Math.random,
  emscripten_notify_memory_growth: () => () => undefined,
  /** AssemblyScript's: addresses of two texts, and a place in the source. */
  abort:
    (output, memory) =>
    (
      /** @type {number[]} */ message,
      /** @type {number} */ file,
      /** @type {number} */ line,
      /** @type {number} */ column,
    ) => {
      const text = (/** @type {any} */ at) => textAt(memory(), at >>> 0);
      output.fail(new Error(`abort: ${text(message)} (${text(file)}:${line}:${column})`));
    },
};

/**
 * A text of AssemblyScript: UTF-16, its length in bytes before it.
 * @param {any} memory
 * @param {number} at
 */
function textAt({ buffer }, at) {
  if (at < 4 || at > buffer.byteLength) return '';
  const bytes = Math.min(new DataView(buffer).getUint32(at - 4, true), buffer.byteLength - at, 2000) & ~1;
  return new TextDecoder('utf-16le').decode(new Uint8Array(buffer, at, bytes));
}

/** @param {number} fd @param {string} text */
function toConsole(fd, text) {
  (fd === 1 ? console.log : console.error)(text.replace(/\n$/, ''));
}

export { prepareAll } from './prepare.js';
