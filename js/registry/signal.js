/**
 * The shutdown signal: fired once, by SIGINT or SIGTERM or by requestShutdown, and seen by all threads. It stops nothing by itself. The
 * second signal ends the process, as it would without this.
 */
import { poolError } from '../base/errors.js';
import * as host from '../host/node/registry/thread.js';
import { theCore } from './core.js';

/** The one of this thread; all of them are the same signal. */
const signal = Object.freeze({
  /** Never blocks. */
  isFired: () => Atomics.load(host.storeWords(), host.FIRED) === 1,

  /** Resolves when it fires. On main, whoever waits keeps the process alive. @returns {Promise<void>} */
  async wait() {
    const words = host.storeWords();
    const release = host.onMain ? host.hold() : undefined;
    try {
      while (!signal.isFired()) await Atomics.waitAsync(words, host.FIRED, 0).value;
    } finally {
      release?.();
    }
  },

  /**
   * Blocks this thread until it fires. In workers only.
   * @param {number} [ms] at most so long
   * @returns {boolean} whether it has fired
   */
  waitSync(ms = Infinity) {
    if (host.onMain) throw poolError('INVALID_ARGUMENT', 'waitSync would block the main thread: await wait()');
    return host.waitForSignal(ms);
  },
});

/** From the first call on, the process's first SIGINT or SIGTERM fires the signal instead of ending the process. */
export function shutdownSignal() {
  theCore();
  host.want();
  return signal;
}

/** Fires the signal, from any thread. */
export function requestShutdown() {
  theCore();
  host.fire();
}
