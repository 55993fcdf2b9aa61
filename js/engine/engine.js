/** Main's half of the pool: hands tasks to the core, receives results, keeps the clocks. Scheduling needs shared memory only, not main. */
import { Clock } from '../time/clock.js';
import { Completions } from './completions.js';
import { allocate } from '../core/memory.js';
import { maximumBytes } from '../core/load.js';
import { deadlineError } from '../task/deadlines.js';
import { Deserted } from './deserted.js';
import { poolError } from '../base/errors.js';
import { Fleet } from '../threads/fleet.js';
import * as L from '../generated/layout.js';
import { host } from '../host/index.js';
import { Governor } from './governor.js';
import { Ledger } from './ledger.js';
import { answer, Mail } from './mail.js';
import { Names } from '../core/names.js';
import { namesOf, openCore, taskNames } from '../threads/open.js';
import { Results } from './results.js';
import { Outbox } from './outbox.js';
import { SlotWriter } from './slot.js';
import { Stops } from './stops.js';
import { parseReference } from '../base/task-name.js';
import { Timekeeper } from '../time/timekeeper.js';

/**
 * @typedef {import('../core/core.js').Core} Core
 * @typedef {import('../options/spec.js').Spec} Spec
 * @typedef {import('../task/task.js').Task} Task
 *
 * @typedef {object} EngineEvents
 * @property {(error: import('../base/errors.js').PoolError) => void} error a task failed, or a worker
 * @property {() => void} rest no task is in flight; one that was given up may still run
 * @property {() => void} drained
 * @property {(member: import('../threads/fleet.js').Member) => void} up
 * @property {(member: import('../threads/fleet.js').Member, error: Error, tasks: number) => void} down a worker is lost; it ran `tasks`
 * @property {(member: import('../threads/fleet.js').Member, error: Error) => void} retired
 * @property {(member: import('../threads/fleet.js').Member) => void} left
 * @property {(member: import('../threads/fleet.js').Member, count: number) => void} broken locks of a stopped task had to be opened
 * @property {(message: string) => void} tell reports a failure that belongs to no task
 * @property {(error: import('../base/errors.js').PoolError) => void} damaged a call into the core has trapped: the pool's memory is damaged, and the core answers no more
 * @property {(seat: number) => void} seating
 * @property {(seat: number | undefined) => void} givenUp
 * @property {(member: import('../threads/fleet.js').Member, message: unknown) => void} message user code in the worker posted it
 */

export class Engine {
  /** @type {Core} */
  core;
  /** @type {Fleet} */
  fleet;
  /** Boxes, which users may keep for ever, hold this, so that they do not keep a closed pool. @type {{ engine: Engine | undefined }} */
  self = { engine: this };
  /** @type {(Task | undefined)[]} by slot */
  #tasks = [];
  #results;
  #deserted;
  #slots;
  /** Whether an idle pool keeps the process alive. */
  #keepsAlive = true;
  #isOpen = false;
  #stops;

  /**
   * @param {import('../options/options.js').ResolvedOptions} options
   * @param {EngineEvents} events
   * @param {import('../core/load.js').Program} program
   * @param {import('../core/core.js').Exports} exports
   * @param {import('../base/host-types.js').WasmMemory} memory
   * @param {import('../threads/early.js').EarlyThreads} threads
   */
  constructor(options, events, program, exports, memory, threads) {
    this.options = options;
    this.events = events;
    this.core = openCore(options, exports, memory, maximumBytes(program, options.memoryBytes));
    this.governor = new Governor(this.core);
    this.names = new Names(this.core, program.isolated?.names ?? taskNames(this.core), namesOf(options));
    this.#slots = new SlotWriter(this.core, this.names, this.self);
    this.ledger = new Ledger(this.core, {
      busy: (busy) => {
        this.timekeeper.update();
        this.#hold(busy);
      },
      unwatch: () => this.clock.unwatch(),
      forget: (task) => {
        this.mail.forget(task);
        if (task.rare) this.outbox.forget(task);
      },
      error: events.error,
      rest: events.rest,
      drained: events.drained,
    });
    const isBusy = () => this.ledger.inFlight > 0;
    this.timekeeper = new Timekeeper(this.core, options.scheduler, isBusy, () => {
      this.clock.look();
      this.fleet.clockReplaced();
    });
    this.clock = new Clock(
      this.core,
      options.scheduler,
      allocate(this.core, Clock.BYTES),
      (action) => this.#act(action),
      () => !this.#keepsAlive && this.ledger.inFlight === 0,
    );
    this.fleet = new Fleet(this.core, options, program, threads, this.#fleetEvents());
    this.#stops = new Stops(this.core, this.fleet, options.cancelGraceMs);
    const { members } = this.fleet;
    this.outbox = new Outbox(this.core, members);
    this.mail = new Mail(this.ledger, members);
    this.#results = new Results(this.core, this.ledger, this.mail, members, this.self, this.#tasks);
    this.#deserted = new Deserted(this.core, this.fleet, options, this.#tasks, (task, error) => {
      void this.giveUp(task, error);
    });
    this.completions = new Completions(
      this.core,
      (index) => this.#results.deliver(index),
      () => {
        this.clock.rest();
        this.ledger.checkDrained();
        this.fleet.look();
        return this.ledger.inFlight > 0;
      },
    );
  }

  /** @returns {import('../threads/member.js').FleetEvents} */
  #fleetEvents() {
    return {
      ...this.events,
      bell: () => this.completions.ring(),
      message: (member, message) => this.#receive(member, message),
      userMessage: this.events.message,
      seating: (seat, member) => {
        this.outbox.welcome(member);
        this.timekeeper.look(); // the start of a thread takes long enough for the clock to have changed
        this.events.seating(seat);
        host.defer(() => this.ledger.checkDrained()); // once seated, it may have been the last worker that was not free
      },
      down: (member, error) => {
        member.stopped?.('');
        this.ledger.down(member, error);
        this.events.down(member, error, this.core.load(this.core.thread(member.number) + L.THREAD_RUNNING));
      },
      retired: (member, error) => {
        this.events.givenUp(member.seat);
        this.events.retired(member, error);
        this.#deserted.add(member);
      },
      left: (member) => {
        member.stopped?.('');
        this.events.left(member);
      },
      reaped: (member) => this.#reaped(member),
    };
  }

  /** Starts the threads. Settles when every seat is served. */
  async open() {
    await this.fleet.open();
    this.#isOpen = true;
    this.#hold(this.ledger.inFlight > 0);
  }

  /** @param {boolean} keeps whether the pool keeps the process alive when it is idle */
  keepAlive(keeps) {
    this.#keepsAlive = keeps;
    this.#hold(this.ledger.inFlight > 0);
  }

  pause() {
    this.core.exports._wp_pause(this.core.pool);
  }

  resume() {
    this.core.exports._wp_resume(this.core.pool);
    this.fleet.look();
  }

  /** @param {boolean} busy */
  #hold(busy) {
    if (this.#isOpen) this.fleet.hold(busy || this.#keepsAlive);
    this.clock.update();
  }

  // ---- Submission ----

  /**
   * Whether so many more tasks may be queued.
   * @param {number} count
   */
  admits(count) {
    return this.options.maxQueue === undefined || this.core.exports._wp_task_admits(this.core.pool, count) !== 0;
  }

  /**
   * Queues a task. Its result goes to its sink, and so does an error here: nothing is thrown.
   * @param {Task} task
   * @param {string} name
   * @param {unknown} payload
   * @param {Spec} spec
   */
  submit(task, name, payload, spec) {
    if (this.prepare(task, name, payload, spec)) this.release(task, name, spec);
  }

  /**
   * The first half of submit(): writes the task and its payload, as it is now, into a slot.
   * @param {Task} task
   * @param {string} name
   * @param {unknown} payload
   * @param {Spec} spec
   * @returns {boolean} false: it failed, and its sink was told
   */
  prepare(task, name, payload, spec) {
    try {
      this.#slots.write(task, name, payload, spec);
      return true;
    } catch (error) {
      if (task.sink.refused?.(/** @type {any} */ (error))) {
        task.settled = true;
        task.rare?.deadline?.forget();
      } else this.ledger.end(task, /** @type {any} */ (error), undefined);
      return false;
    }
  }

  /**
   * The second half: queues the slot.
   * @param {Task} task
   * @param {string} name
   * @param {Spec} spec
   */
  release(task, name, spec) {
    const { index } = task;
    this.#tasks[index] = task;
    if (spec.lookMs !== undefined) {
      task.timed = true;
      this.clock.watch(spec.lookMs);
    }
    if (task.rare?.channel) this.outbox.send(task, spec);
    this.ledger.queued(task, name, index);
    this.core.exports._wp_task_submit(this.core.pool, index);
    this.fleet.look();
    if (!this.fleet.serves(spec.seat)) this.#deserted.endTasks(spec.seat ? spec.seat - 1 : undefined);
  }

  /**
   * Instead of release(): frees the slot of a prepared task.
   * @param {Task} task
   */
  discard(task) {
    this.core.exports._wp_task_free(this.core.pool, L.MAIN, task.index);
    task.index = -1;
  }

  drain() {
    this.completions.drain();
  }

  // ---- Cancellation and deadlines ----

  /**
   * Settles a task with an error, whatever it is doing, and optionally stops it, by ending its worker if need be: also one that was given up
   * before and still runs.
   * @param {Task} task
   * @param {import('../base/errors.js').PoolError} error
   * @param {boolean} [kill]
   * @returns {Promise<void>} settles when the task has stopped (kill), else at once
   */
  async giveUp(task, error, kill = false) {
    if (task.settled) return kill ? this.#stops.stopTask(task) : undefined;
    const { exports, pool, memory } = this.core;
    const { index, generation } = task;
    if (index < 0 || this.#tasks[index] !== task) {
      this.ledger.end(task, error, undefined); // not queued yet, or its result is on its way by message
      return undefined;
    }
    const items = this.#results.holdItems(task);
    const result = exports._wp_task_cancel(pool, index, generation);
    const over = items?.();
    const slot = this.core.slots.record(index);
    const thread = memory.u32[(slot + L.SLOT_OWNER) >>> 2]; // set while it runs
    if (over) task.sink.partial?.(over.values, over.bytes);
    if (result === L.CANCEL_STALE) {
      this.ledger.end(task, error, undefined); // it has finished: main will drain its slot and find the task settled
      return undefined;
    }
    const isRunning = result === L.CANCEL_RUNNING;
    if (isRunning) this.ledger.observer?.ran(task, slot, error.code);
    const entry = isRunning ? this.#stops.note(thread, task) : undefined;
    this.#tasks[index] = undefined;
    this.ledger.leave(task);
    this.ledger.end(task, error, undefined);
    this.ledger.checkDrained();
    return kill && entry ? this.#stops.stop(thread, entry) : undefined;
  }

  /**
   * A task's deadline has passed: if it has not started, it never will; if it runs, it is stopped as after a time limit.
   * @param {Task} task
   * @param {import('../options/task-options.js').Deadline} deadline
   */
  expire(task, deadline) {
    const { recycleTimeoutMs, cancelGraceMs } = this.options;
    const { index } = task;
    const isHere = index >= 0 && this.#tasks[index] === task;
    const state = isHere ? this.core.load(this.core.slots.record(index)) & 0xff : L.SLOT_FREE;
    if (state === L.SLOT_DONE) return; // it was faster: its result is on its way
    const isRunning = state === L.SLOT_RUNNING;
    const thread = isRunning ? this.core.memory.u32[(this.core.slots.record(index) + L.SLOT_OWNER) >>> 2] : 0;
    const worker = isRunning ? this.#results.where(task, thread).worker : undefined;
    if (recycleTimeoutMs) task.more.graceMs = Math.max(task.more.graceMs ?? cancelGraceMs, recycleTimeoutMs);
    void this.giveUp(task, deadlineError(deadline, worker, task.id), recycleTimeoutMs !== undefined);
  }

  /**
   * Whether some task has this name; undefined: not known, because no worker has reported its handlers yet.
   * @param {string} name
   */
  knows(name) {
    if (parseReference(name)) return undefined; // a reference to a module: its worker will find out
    if (this.names.has(name)) return true;
    for (const { handlers } of this.fleet.members.values()) if (handlers) return handlers.includes(name);
    return undefined;
  }

  /** @param {import('../time/clock.js').Action} action */
  #act({ kind, thread, slot: index, generation, box, done }) {
    if (kind === L.ACTION_KILL) {
      this.#stops.stopAll(thread, this.options.recycleTimeoutMs ?? 0);
      return;
    }
    if (kind === L.ACTION_SILENT) {
      this.ledger.observer?.interrupted(thread);
      this.#stops.stopSilent(thread, generation, this.#tasks);
      return;
    }
    const task = this.#tasks[index];
    const items = box ? this.#results.takeItems(box - 1, done) : undefined;
    if (!task || task.generation !== generation) return;
    this.#stops.note(thread, task);
    if (items) task.sink.partial?.(items.values, items.bytes);
    this.#tasks[index] = undefined;
    const where = this.#results.where(task, thread);
    const slot = this.core.slots.record(index);
    this.ledger.observer?.ran(task, slot, 'TIMEOUT');
    this.ledger.leave(task);
    this.ledger.end(task, this.#results.timeLimitError(slot, where), undefined);
  }

  // ---- Workers ----

  /**
   * @param {import('../threads/member.js').Member} member
   * @param {import('../protocol/messages.js').ToEngine} message
   */
  #receive(member, message) {
    if (message.kind === 'stopped') member.stopped?.(message.failure);
    else if (message.kind === 'value') this.mail.receive(message, this.#tasks[message.slot]);
    else {
      const taskOf = (/** @type {number} */ slot, /** @type {number} */ generation) => {
        const task = this.#tasks[slot];
        return task?.generation === generation ? task : undefined;
      };
      answer(member.thread, message, this.options.main, taskOf, (task) => this.#deserted.misses(task, member));
    }
  }

  /** @param {import('../threads/fleet.js').Member} member dead, and taken back by the core */
  #reaped(member) {
    this.#stops.forget(member.number);
    this.#results.takenAlong(member, () => this.drain());
    this.mail.lose(member);
    this.#deserted.reaped(member);
    this.clock.look();
    this.ledger.checkDrained();
  }

  /**
   * Closes the pool: every task fails, and every thread is stopped.
   * @param {import('../base/errors.js').PoolError} reason
   */
  async close(reason) {
    this.ledger.closed = true;
    this.self.engine = undefined;
    this.clock.stop();
    this.timekeeper.stop();
    this.completions.stop();
    for (const task of [...this.#tasks, ...this.mail.takeLost()]) {
      if (task)
        this.ledger.end(
          task,
          poolError(reason.code, reason.message, { taskId: task.id, cause: reason.cause }),
          undefined,
        );
    }
    this.#tasks.length = 0;
    this.ledger.inFlight = 0;
    await this.fleet.close();
    this.core.exports._wp_js_close();
  }
}
