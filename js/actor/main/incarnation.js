/** One life of an actor: a task that holds a thread of the supervisor's pool for itself, until the thread is ended. */
import { fromMessage } from '../../codec/errors.js';
import { notSerializable } from '../../codec/explain.js';
import { host } from '../../host/index.js';
import { ignore } from '../../task/task.js';
import { CONTROL } from '../protocol.js';

/**
 * @typedef {object} LifeEvents
 * @property {(msg: string, data: unknown) => void} send
 * @property {(call: import('../protocol.js').Call) => void} call
 * @property {(error: unknown) => void} failed the handler threw, or the thread was lost
 * @property {() => void} left the actor ends by its own wish
 */

/** The shortest and the longest time between two signs of life of an actor's event loop. */
const BEAT_MS = /** @type {const} */ ({ least: 5, most: 1000 });

/** One incarnation. */
export class Incarnation {
  #task;
  #port;
  #control;
  /** Nothing that it says counts any more. */
  #over = false;
  /** It is to end by itself; called when it has. @type {(() => void) | undefined} */
  #leaving;
  #graceMs;
  /** The beat that was seen last, and when. */
  #seen = 0;
  #seenMs;

  /**
   * Starts it. Messages that are posted before its thread runs wait in the port.
   * @param {import('../../api/pool.js').Pool} pool
   * @param {Omit<import('../protocol.js').Start, 'port' | 'control' | 'beatMs'>} start
   * @param {{ leaseMs: number, graceMs: number, nowMs: number }} limits
   * @param {LifeEvents} events none come after stop()
   */
  constructor(pool, start, { leaseMs, graceMs, nowMs }, events) {
    const { port1, port2 } = new MessageChannel();
    const control = new SharedArrayBuffer(CONTROL.WORDS * 4);
    const beatMs = Math.max(BEAT_MS.least, Math.min(leaseMs / 4, BEAT_MS.most));
    this.#port = port1;
    this.#control = new Int32Array(control);
    this.#seenMs = nowMs;
    port1.onmessage = ({ data }) => this.#receive(data, events);
    /** @type {any} */ (port1).unref?.(); // the task keeps the process alive
    const payload = { ...start, port: port2, control, beatMs };
    // A light task is not bound to one worker by what it transfers: any may take it, and asks main for the port.
    const options = /** @type {const} */ ({ transfer: [port2], weight: 'light' });
    this.#graceMs = graceMs;
    this.#task = pool.dispatch('actor', payload, options);
    this.#task.then(ignore, (error) => {
      if (!this.#over && !this.#leaving) events.failed(error);
    });
  }

  /**
   * @param {import('../protocol.js').FromActor} message
   * @param {LifeEvents} events
   */
  #receive(message, events) {
    if (this.#over) return;
    if (message.kind === 'send') events.send(message.msg, message.data);
    else if (message.kind === 'call') events.call(message);
    else if (this.#leaving) this.#leaving();
    else if (message.kind === 'failed') events.failed(fromMessage(message.error));
    else events.left();
  }

  /**
   * @param {import('../protocol.js').ToActor} message
   * @throws {import('../../base/errors.js').PoolError} NOT_SERIALIZABLE
   */
  post(message) {
    try {
      this.#port.postMessage(message);
    } catch (cause) {
      throw notSerializable(message.kind === 'message' ? message.message : message, cause, false);
    }
  }

  /** Messages whose handler has settled. */
  get handled() {
    return Atomics.load(this.#control, CONTROL.HANDLED);
  }

  /** Whether it handles a message, or failed while it did. */
  get isBusy() {
    return Atomics.load(this.#control, CONTROL.BUSY) !== 0;
  }

  get heartbeats() {
    return Atomics.load(this.#control, CONTROL.HEARTBEATS);
  }

  /** When main last saw a new sign of life. */
  get lastBeatMs() {
    return this.#seenMs;
  }

  /**
   * How long the actor has been silent while it handles a message.
   * @param {number} nowMs
   */
  silenceMs(nowMs) {
    const beat = Atomics.load(this.#control, CONTROL.BEAT);
    if (beat !== this.#seen || !this.isBusy) {
      this.#seen = beat;
      this.#seenMs = nowMs;
    }
    return nowMs - this.#seenMs;
  }

  /**
   * Ends the thread, whatever it does. What it sends from now on is dropped, unless it has a grace to end by itself.
   * @returns {Promise<void>} settles with its confirmed death
   */
  async stop() {
    if (this.#graceMs > 0 && !this.#over) await this.#grace();
    this.#over = true;
    await this.#task.terminate();
    this.#port.close();
  }

  /** Asks the actor to end; settles when it has, or its time is over. @returns {Promise<void>} */
  #grace() {
    return new Promise((resolve) => {
      const timer = host.time.setTimeout(resolve, this.#graceMs);
      this.#leaving = () => {
        host.time.clearTimeout(timer);
        resolve();
      };
      this.#task.cancel();
    });
  }
}
