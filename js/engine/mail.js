/**
 * Results that only a message can carry (type CHANNEL): transferred objects, shared memory, ports. The message and the
 * task's completion arrive on two ways, in either order.
 */
import { toMessage } from '../codec/errors.js';
import { notSerializable } from '../codec/explain.js';
import { lostError } from '../threads/deaths.js';
import { poolError } from '../base/errors.js';
import { host } from '../host/index.js';

/**
 * @typedef {import('../task/task.js').Task} Task
 */

export class Mail {
  /** @type {Map<string, unknown>} values whose completion has not arrived */
  #values = new Map();
  /** @type {Map<string, { task: Task, thread: number }>} completions whose value has not arrived */
  #waiting = new Map();
  #ledger;
  #members;

  /**
   * @param {import('./ledger.js').Ledger} ledger
   * @param {ReadonlyMap<number, import('../threads/member.js').Member>} members by thread number
   */
  constructor(ledger, members) {
    this.#ledger = ledger;
    this.#members = members;
  }

  /**
   * Both have arrived.
   * @param {Task} task
   * @param {unknown} value
   */
  #settle(task, value) {
    this.#ledger.leave(task);
    this.#ledger.end(task, task.rare?.failure?.(value), value);
    this.#ledger.checkDrained();
  }

  /**
   * @param {{ slot: number, generation: number, value: unknown }} message
   * @param {Task | undefined} current the slot's present task
   */
  receive({ slot, generation, value }, current) {
    const key = `${slot}.${generation}`;
    const waiting = this.#waiting.get(key);
    if (!waiting) {
      if (current?.generation === generation) this.#values.set(key, value); // else its task was given up
      return;
    }
    this.#waiting.delete(key);
    this.#settle(waiting.task, value);
  }

  /**
   * @param {Task} task finished
   * @param {number} thread that ran it
   */
  collect(task, thread) {
    const key = `${task.index}.${task.generation}`;
    if (!this.#values.has(key)) {
      this.#waiting.set(key, { task, thread });
      this.#members.get(thread)?.thread.pump?.(); // it was sent before the task ended
      return;
    }
    const value = this.#values.get(key);
    this.#values.delete(key);
    this.#settle(task, value);
  }

  /**
   * A task has ended: drops its value, if that has arrived.
   * @param {Task} task
   */
  forget(task) {
    if (this.#values.size > 0) this.#values.delete(`${task.index}.${task.generation}`);
  }

  /** @param {import('../threads/member.js').Member} member dead: values that have not arrived by now never will */
  lose(member) {
    for (const task of this.takeLost(member.number)) {
      const where = { taskId: task.id, worker: member.name };
      this.#ledger.leave(task);
      this.#ledger.end(task, lostError(`${member.name} ended before its result arrived`, member, where), undefined);
    }
  }

  /**
   * Takes the tasks whose values have not arrived, of one thread or of all.
   * @param {number} [thread]
   * @returns {Task[]}
   */
  takeLost(thread) {
    /** @type {Task[]} */
    const lost = [];
    for (const [key, { task, thread: sender }] of this.#waiting) {
      if (thread !== undefined && sender !== thread) continue;
      this.#waiting.delete(key);
      lost.push(task);
    }
    return lost;
  }
}

/**
 * Answers a worker's call: for the argument of a task that it has started, for the place of a syntax error, or of a function of main.
 * @param {import('../host/index.js').Thread} thread
 * @param {import('../protocol/messages.js').Call} request
 * @param {Record<string, (argument: any) => unknown>} functions that handlers may call
 * @param {(slot: number, generation: number) => Task | undefined} taskOf the calling task, unless it was given up
 * @param {(task: Task) => import('../base/errors.js').PoolError} lose ends a task whose argument is lost
 */
export async function answer(thread, request, functions, taskOf, lose) {
  const { call } = request;
  try {
    if (request.kind === 'argument') {
      const task = taskOf(request.slot, request.generation);
      const found = takeArgument(task);
      if (!found) throw task ? lose(task) : poolError('CANCELLED'); // was given up: any error lets the worker go on
      thread.post({ kind: 'answer', call, value: found.value }, found.transfer);
    } else if (request.kind === 'syntax') {
      thread.post({ kind: 'answer', call, value: await host.findSyntaxError?.(request.module, request.message) });
    } else if (request.kind === 'main') {
      const target = Object.hasOwn(functions, request.name) ? functions[request.name] : undefined;
      if (typeof target !== 'function') throw new Error(`the pool has no main function '${request.name}'`);
      const run = () => target(request.argument);
      const { inContext } = taskOf(request.slot, request.generation)?.rare ?? {};
      const value = await (inContext ? inContext(run) : run());
      try {
        thread.post({ kind: 'answer', call, value });
      } catch (cause) {
        throw notSerializable(value, cause);
      }
    }
  } catch (error) {
    thread.post({ kind: 'answer', call, error: toMessage(error) });
  }
}

/**
 * The argument of a task that a worker has started, if only a message can carry it. One with a transfer list can be sent only once.
 * @param {Task | undefined} task
 */
function takeArgument(task) {
  const channel = task?.rare?.channel;
  if (task?.rare && channel?.transfer.length) task.rare.channel = undefined;
  return channel;
}
