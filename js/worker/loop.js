/**
 * The worker's loop: takes tasks from shared memory by itself, runs and finishes them, and sleeps when there are none.
 * It asks main for nothing; it only rings when main sleeps.
 */
import { createCodec, TYPE } from '../codec/codec.js';
import { ARGUMENT, Core } from '../core/core.js';
import * as L from '../generated/layout.js';
import { STATUS } from '../generated/status.js';
import { Arrivals } from './arrivals.js';
import { countLease } from './box-line.js';
import { Calls } from './calls.js';
import { runCTask } from '../handlers/c-task.js';
import { sharedClock } from './clock.js';
import { callHandler, Context, dropBoxes, tellSignal } from '../handlers/context.js';
import { ItemRun } from '../handlers/item-run.js';
import { openHeapLimit } from './heap-limit.js';
import { HandlerTable } from '../handlers/handler-table.js';
import { promiseOf, runStop } from '../handlers/handlers.js';
import { openForeign, openIsolated, OVER } from './isolated.js';
import { Life } from './life.js';
import { writeResult } from './result.js';
import { Sleep } from './sleep.js';
import { statusOf } from '../handlers/status-of.js';

/** How long the loop runs before it yields to the event loop, for timers, sockets and promises of user code. */
const SLICE_MS = 8;
/** Called as `await` does it: a promise may have a `then` of its own, which may do anything. */
const { then } = Promise.prototype;

/** One worker's work, from its first task to its last. */
export class Loop {
  #handlers;
  /** Tasks that wait for a promise. */
  #pending = 0;
  #active = false;
  #life;
  #nowMs = 0; // the time of the last task's end, so that the clock is read once per task; 0: it must be read
  #sleep;
  /** @type {import('../handlers/isolated.js').IsolatedTasks | undefined} */
  isolated;
  /** @type {(() => void) | undefined} */
  #lookAtHeap;
  /** Runs whose handler holds a signal, by slot. @type {Map<number, Context>} */
  signals = new Map();
  /** @type {{ index: any, name: string } | undefined} */
  #worker;

  /**
   * @param {import('./boot.js').WorkerHost} host
   * @param {import('../protocol/messages.js').Init} init
   * @param {import('../core/core.js').Exports} exports
   * @param {import('../base/host-types.js').WasmMemory} memory
   * @param {number} pool address
   * @param {number} thread number
   */
  constructor(host, init, exports, memory, pool, thread) {
    this.host = host;
    this.init = init;
    this.core = new Core(exports, memory, pool, thread, createCodec(host.codec));
    this.at = this.core.thread(thread);
    this.calls = new Calls((message, transfer) => host.post(message, transfer));
    this.#handlers = new HandlerTable(this.core, init.initData, host.importModule, (module, message) =>
      this.calls.ask({ kind: 'syntax', module, message }),
    );
    this.arrivals = new Arrivals(this.core, host.take && (() => this.#receiveNext()), host.time);
    this.readClock = sharedClock(host);
    this.stack = exports.stackSave();
    this.#sleep = new Sleep(this.core, () => this.run());
    this.#life = new Life(this.core, host.time, init.beatMs);
  }

  /** The worker as contexts of its tasks show it. */
  get worker() {
    return (this.#worker ??= this.#seat());
  }

  /** @returns {{ index: any, name: string }} of a spare, which runs only `onStop`: index undefined */
  #seat() {
    const seat = this.core.load(this.at + L.THREAD_SEAT); // seat + 1
    if (!seat) return Object.freeze({ index: undefined, name: this.init.ownName });
    return Object.freeze({ index: seat - 1, name: `${this.init.name}_${seat}` });
  }

  /** The second phase of the start: loads the user's module, then tells the core and main. */
  async open() {
    const { core, init, host } = this;
    const handlers = await this.#handlers.open(init.module);
    if (init.foreign) this.#handlers.add(await openForeign(this, init.foreign, handlers));
    if (init.isolated) this.isolated = await openIsolated(this, init.isolated, host);
    this.#lookAtHeap = await openHeapLimit(host, core, init.heapBytes);
    core.exports._wp_worker_ready(core.pool, core.self);
    host.post({ kind: 'started', handlers, tid: host.tid });
    host.defer(() => this.run()); // in a turn of its own: an error there is not an error of the start
  }

  /**
   * A message from main. Unknown ones are ignored.
   * @param {import('../protocol/messages.js').FromMain} message
   */
  receive(message) {
    if (message.kind === 'mail') this.arrivals.receive(message);
    else if (message.kind === 'answer') this.calls.receive(message);
    else if (message.kind === 'cancel') tellSignal(this.signals.get(message.slot));
    else if (message.kind === 'stop') void this.#stop();
  }

  /** The pool closes, and there is no work left. */
  async #stop() {
    const failure = await runStop(this.#handlers.onStop, { worker: this.worker, initData: this.init.initData });
    this.host.post({ kind: 'stopped', failure });
  }

  /** @returns {boolean} whether there was a message */
  #receiveNext() {
    const message = /** @type {() => any} */ (this.host.take)(); // called only on hosts that have it
    if (message !== undefined) this.receive(message);
    return message !== undefined;
  }

  /** Works until there is nothing to do, then sleeps. Called again whenever there may be work. */
  run() {
    if (this.#active) return; // called from inside the loop, which goes on by itself
    this.#active = true;
    try {
      this.#work();
    } finally {
      this.#active = false;
    }
  }

  #work() {
    const { core, at } = this;
    const { exports, memory } = core;
    this.#nowMs = this.readClock();
    const end = this.#nowMs + SLICE_MS;
    for (let waited = false; ;) {
      const seen = this.#sleep.word; // SEEN: before looking for work, see idle.h
      const now = this.#nowMs || this.readClock();
      const taken = exports._wp_sched_take(core.pool, core.self, now);
      this.#nowMs = 0;
      if (memory.u32[(at + L.THREAD_RING) >>> 2]) this.#ringDue();
      if (taken) {
        this.#execute(taken - 1); // leaves the time of the task's end in #nowMs
        waited = false;
        if (now < end) continue;
        this.host.defer(() => this.run());
        return;
      }
      const doomed = Atomics.load(memory.u32, (at + L.THREAD_DOOMED) >>> 2) !== 0; // will be ended, or pardoned and woken
      if (!doomed && !this.#pending && !waited) {
        exports._wp_worker_wait(core.pool, core.self, seen, L.SHORT_WAIT_MS); // blocks the event loop meanwhile
        waited = this.#sleep.word === seen;
        continue; // PATIENCE: a task may have come without a wake-up, so look once more
      }
      if (this.#sleep.start(seen)) return;
    }
  }

  #ringDue() {
    this.core.memory.u32[(this.at + L.THREAD_RING) >>> 2] = 0;
    this.ring();
  }

  ring() {
    this.#nowMs = 0; // posting takes time: read the clock again
    this.host.post(0); // POST
  }

  /**
   * Calls into the core from inside a handler, which may have used up the stack: an error thrown inside the gate makes this
   * thread useless, whether or not the handler catches it.
   * @template T
   * @param {() => T} call
   * @returns {T}
   */
  guarded(call) {
    try {
      return call();
    } catch (error) {
      if (this.insideGate()) this.host.post({ kind: 'broken' });
      throw error;
    }
  }

  /** Whether this thread is inside the gate. After an error: whether the core was interrupted there. */
  insideGate() {
    return Atomics.load(this.core.memory.u32, (this.at + L.THREAD_INSIDE) >>> 2) !== 0;
  }

  /** @param {number} index of a slot that is RUNNING here */
  #execute(index) {
    const slot = this.core.slots.record(index);
    const { u32 } = this.core.memory;
    const cTask = u32[(slot + L.SLOT_C_TASK) >>> 2];
    if (cTask && cTask !== L.C_FOREIGN) {
      this.#runC(index, slot);
      return;
    }
    const id = u32[(slot + L.SLOT_NAME) >>> 2];
    const handler = this.#handlers.get(id);
    if (handler) this.#start(index, slot, handler);
    else {
      this.#settleLater(
        this.#handlers.load(id),
        (found) => this.#start(index, slot, found),
        (error) => this.fail(index, slot, error),
      );
    }
  }

  /**
   * @param {number} index
   * @param {number} slot
   */
  #runC(index, slot) {
    const ended = (/** @type {number | undefined} */ status) => {
      if (status === STATUS.OK) countLease(this.core, this.#sleep, slot);
      if (status !== undefined) this.finish(index, status);
    };
    const status = this.isolated ? this.isolated.run(index, slot) : runCTask(this, index, slot);
    if (typeof status === 'object') this.#settleLater(status, ended, (error) => this.fail(index, slot, error));
    else ended(status);
  }

  /**
   * @param {number} index
   * @param {number} slot
   * @param {import('../handlers/handlers.js').Handler} handler
   */
  #start(index, slot, handler) {
    const { u32 } = this.core.memory;
    let argument;
    try {
      if (this.core.typeOf(slot, ARGUMENT) === TYPE.CHANNEL) {
        const letter = this.arrivals.find(index, this.core.generation(slot));
        if (!letter) {
          this.#awaitArgument(index, slot, handler);
          return;
        }
        argument = letter.value;
      } else {
        argument = this.core.read(slot, ARGUMENT, {
          view: (u32[(slot + L.SLOT_FLAGS) >>> 2] & L.SLOT_BOX_ARGUMENT) !== 0,
        });
      }
    } catch (error) {
      this.fail(index, slot, error);
      return;
    }
    this.#invoke(index, slot, handler, argument);
  }

  /**
   * The argument is one that only a message can carry, and it has not arrived: it is on its way, or main still has it.
   * @param {number} index
   * @param {number} slot
   * @param {import('../handlers/handlers.js').Handler} handler
   */
  #awaitArgument(index, slot, handler) {
    const generation = this.core.generation(slot);
    this.#settleLater(
      this.arrivals.wait(index, generation, () => this.calls.ask({ kind: 'argument', slot: index, generation })),
      (argument) => this.#invoke(index, slot, handler, argument),
      (error) => this.fail(index, slot, error),
    );
  }

  /**
   * @param {number} index
   * @param {number} slot
   * @param {import('../handlers/handlers.js').Handler} handler
   * @param {unknown} argument
   */
  #invoke(index, slot, handler, argument) {
    const context = new Context(this, index, slot);
    if (this.core.memory.u32[(slot + L.SLOT_FLAGS) >>> 2] & L.SLOT_ITEMS) {
      this.#runItems(index, new ItemRun(this, index, slot, handler, argument, context));
      return;
    }
    let result;
    let promise;
    try {
      result = callHandler(context, handler, argument);
      promise = promiseOf(result);
    } catch (error) {
      dropBoxes(context);
      this.fail(index, slot, error);
      return;
    }
    if (promise) {
      this.#settleLater(
        promise,
        (value) => this.#complete(index, slot, value, context),
        (error) => {
          dropBoxes(context);
          this.fail(index, slot, error);
        },
      );
      return;
    }
    this.#complete(index, slot, result, context);
  }

  /**
   * @param {number} index
   * @param {import('../handlers/item-run.js').ItemRun} run
   */
  #runItems(index, run) {
    const promise = run.go();
    if (!promise) {
      this.finish(index, run.status);
      return;
    }
    this.#settleLater(
      promise,
      (value) => (run.take(value) ? this.#runItems(index, run) : this.finish(index, run.status)),
      (error) => {
        run.fail(error);
        this.finish(index, run.status);
      },
    );
  }

  /**
   * @template T
   * @param {Promise<T>} promise
   * @param {(value: T) => void} done
   * @param {(error: unknown) => void} failed
   */
  #settleLater(promise, done, failed) {
    this.#pending++;
    this.#life.show();
    then.call(
      promise,
      (value) => {
        this.#pending--;
        done(value);
        this.run();
      },
      (error) => {
        this.#pending--;
        failed(error);
        this.run();
      },
    );
  }

  /**
   * @param {number} index
   * @param {number} slot
   * @param {unknown} value
   * @param {Context} context
   */
  #complete(index, slot, value, context) {
    try {
      writeResult(this, this.#sleep, index, slot, value, context);
    } catch (error) {
      this.fail(index, slot, error);
      return;
    }
    this.finish(index, STATUS.OK);
  }

  /**
   * Sends a value that only a message can carry, before main learns that the task has finished.
   * @param {number} index
   * @param {number} slot
   * @param {{ value: unknown, transfer: import('../base/host-types.js').Transferable[] }} message
   */
  send(index, slot, { value, transfer }) {
    this.host.post({ kind: 'value', slot: index, generation: this.core.generation(slot), value }, transfer);
  }

  /**
   * @param {number} index
   * @param {number} slot
   * @param {unknown} error
   * @param {number} [status]
   */
  fail(index, slot, error, status) {
    if (error === OVER) return;
    if (this.insideGate()) throw error; // thrown inside the gate: this thread cannot be trusted any more
    this.core.writeError(index, slot, error);
    this.finish(index, status ?? statusOf(error));
  }

  /**
   * @param {number} index
   * @param {number} status
   */
  finish(index, status) {
    if (this.insideGate()) throw new Error('an error inside the core: this worker is replaced');
    const { exports, pool, self } = this.core;
    this.#lookAtHeap?.();
    this.#nowMs = this.readClock();
    if (exports._wp_task_finish_at(pool, self, index, status, this.#nowMs)) this.ring();
  }
}
