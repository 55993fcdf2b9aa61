/**
 * What runs in an actor's thread: one long task of the supervisor's pool, which never settles. Main ends it by ending the thread, whatever
 * the actor does, so that no actor begins in a heap that another one has used.
 */
import { toMessage } from '../../codec/errors.js';
import { defineWorker, promiseOf } from '../../handlers/handlers.js';
import { CONTROL } from '../protocol.js';
import { ActorCalls } from './calls.js';
import { load } from './code.js';
import { makeContext, makeSelf } from './context.js';

/** How long one wait lasts: some engines cannot end a thread in a wait without end. */
const PARK_MS = 100;

/** One actor's messages: one at a time, in the order of their arrival. */
class Mailbox {
  /** @type {any[]} */
  #waiting = [];
  #at = 0;
  #busy = true; // until open()
  #handle = /** @type {(message: any) => Promise<unknown> | undefined} */ (() => undefined);
  #control;
  #isOver;
  #fail;

  /**
   * @param {Int32Array} control
   * @param {() => boolean} isOver called between messages: whether the actor handles no more
   * @param {(error: unknown) => void} fail the handler threw; no message is handled after this
   */
  constructor(control, isOver, fail) {
    this.#control = control;
    this.#isOver = isOver;
    this.#fail = fail;
  }

  /** @param {(message: any) => Promise<unknown> | undefined} handle */
  open(handle) {
    this.#handle = handle;
    this.#busy = false;
    this.#run();
  }

  /** @param {any} message */
  push(message) {
    this.#waiting.push(message);
    this.#run();
  }

  #run() {
    if (this.#busy) return;
    this.#busy = true;
    const control = this.#control;
    try {
      while (!this.#isOver() && this.#at < this.#waiting.length) {
        const message = this.#next();
        Atomics.add(control, CONTROL.BEAT, 1);
        Atomics.store(control, CONTROL.BUSY, 1);
        const promise = this.#handle(message);
        if (promise) {
          promise.then(this.#settled, this.#fail);
          return;
        }
        this.#count();
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#busy = false;
  }

  /** Takes the oldest message. The array is rewound when it is empty, so that taking is O(1). */
  #next() {
    const message = this.#waiting[this.#at];
    this.#waiting[this.#at++] = undefined;
    if (this.#at === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#at = 0;
    }
    return message;
  }

  #settled = () => {
    this.#count();
    this.#busy = false;
    this.#run();
  };

  #count() {
    Atomics.store(this.#control, CONTROL.BUSY, 0);
    Atomics.add(this.#control, CONTROL.HANDLED, 1);
  }
}

/**
 * Runs an actor for the rest of the thread's life.
 * @param {import('../protocol.js').Start} start
 * @param {import('../../handlers/context.js').Context} task
 * @returns {Promise<never>}
 */
async function runActor(start, task) {
  const { port } = start;
  const control = new Int32Array(start.control);
  /** @param {import('../protocol.js').FromActor} message */
  const post = (message) => port.postMessage(message);
  const calls = new ActorCalls(post, start.callMs);
  const fail = (/** @type {unknown} */ error) => post({ kind: 'failed', error: toMessage(error) });
  const beat = () => void Atomics.add(control, CONTROL.BEAT, 1);
  const isOver = () => {
    if (task.isCancelled) post({ kind: 'left' });
    return task.isCancelled;
  };
  const mailbox = new Mailbox(control, isOver, fail);
  port.onmessage = ({ data }) => (data.kind === 'message' ? mailbox.push(data.message) : calls.receive(data));

  /** @type {import('./context.js').Life} */
  const life = {
    start,
    task,
    calls,
    post,
    interact: beat,
    heartbeat: () => {
      beat();
      Atomics.add(control, CONTROL.HEARTBEATS, 1);
    },
    leave: () => {
      post({ kind: 'left' });
      for (;;) Atomics.wait(control, CONTROL.PARK, 0, PARK_MS);
    },
  };
  setInterval(beat, start.beatMs);
  try {
    const callback = await load(start.code);
    const self = makeSelf(life);
    const context = makeContext(life);
    mailbox.open((message) => promiseOf(callback(self, message, context)));
  } catch (error) {
    fail(error);
  }
  return new Promise(() => undefined);
}

/** The handler that js/actor/main/incarnation.js names. */
export default defineWorker({ actor: runActor });
