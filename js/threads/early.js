/**
 * Threads that are created while the core is still being loaded, so that the host can start them meanwhile.
 */
import { host } from '../host/index.js';
import { workerName } from './member.js';

/**
 * @typedef {import('../host/index.js').Thread} Thread
 * @typedef {import('../host/index.js').ThreadEvents} ThreadEvents
 *
 * @typedef {object} Early
 * @property {Thread} thread
 * @property {(events: ThreadEvents) => void} adopt sends its events to `events` from now on, beginning with those so far
 */

export class EarlyThreads {
  /** @type {Early[]} by seat */
  #waiting = [];
  #options;
  #url;

  /** @param {import('../options/options.js').ResolvedOptions} options */
  constructor({ workersMin, names, thread, workerUrl }) {
    this.#options = thread;
    this.#url = workerUrl === undefined ? host.bootUrl() : new URL(workerUrl);
    try {
      for (let seat = 0; seat < workersMin; seat++) this.#waiting.push(this.#ask(workerName(names, seat)));
    } catch {
      // take() tries again, and throws the reason.
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
      this.#url,
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
   * Takes a thread that was created early, or a new one.
   * @param {string} name for a new one
   * @returns {Early}
   * @throws what the host throws if it cannot create one
   */
  take(name) {
    return this.#waiting.shift() ?? this.#ask(name);
  }

  /** Ends the threads that were not taken. Settles when they are gone. */
  async close() {
    await Promise.all(this.#waiting.splice(0).map(({ thread }) => thread.stop()));
  }
}
