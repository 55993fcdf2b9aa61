/**
 * Threads that are asked for while the core is still being loaded: what a host needs to start a thread goes on beside it.
 */
import { host } from '../host/index.js';
import { workerName } from './member.js';

/**
 * @typedef {import('../host/index.js').Thread} Thread
 * @typedef {import('../host/index.js').ThreadEvents} ThreadEvents
 *
 * @typedef {object} Early
 * @property {Thread} thread
 * @property {(events: ThreadEvents) => void} adopt from now on `events` is told, first of all what has happened until then
 */

export class EarlyThreads {
  /** @type {Early[]} by seat */
  #waiting = [];
  #options;

  /** @param {import('../options/options.js').ResolvedOptions} options */
  constructor({ workersMin, names, thread }) {
    this.#options = thread;
    try {
      for (let seat = 0; seat < workersMin; seat++) this.#waiting.push(this.#ask(workerName(names, seat)));
    } catch {
      // Whoever takes one asks again, and learns why it cannot be had.
    }
  }

  /**
   * @param {string} name
   * @returns {Early}
   */
  #ask(name) {
    /** @type {ThreadEvents | undefined} */
    let listener;
    /** @type {((events: ThreadEvents) => void)[]} */
    const backlog = [];
    const tell = (/** @type {(events: ThreadEvents) => void} */ call) =>
      listener ? call(listener) : backlog.push(call);
    const thread = host.createThread(
      host.boot,
      name,
      {
        onMessage: (message) => tell((events) => events.onMessage(message)),
        onUserMessage: (message) => tell((events) => events.onUserMessage(message)),
        onError: (error) => tell((events) => events.onError(error)),
        onExit: (code) => tell((events) => events.onExit(code)),
      },
      this.#options,
    );
    const adopt = (/** @type {ThreadEvents} */ events) => {
      listener = events;
      for (const call of backlog.splice(0)) call(events);
    };
    return { thread, adopt };
  }

  /**
   * A thread: one that is waiting, or a new one.
   * @param {string} name of a new one
   * @returns {Early}
   * @throws what the host throws when it can start none
   */
  take(name) {
    return this.#waiting.shift() ?? this.#ask(name);
  }

  /** Ends those that nobody took; settles when they are gone. */
  async close() {
    await Promise.all(this.#waiting.splice(0).map(({ thread }) => thread.stop()));
  }
}
