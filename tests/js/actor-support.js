/** Shared by the tests of actors. */
import { createSupervisor } from '../../js/compat/future.js';
import { until } from './helpers.js';

/** Actors of a module. */
export const ACTORS = new URL('./fixtures/actors.js', import.meta.url);

/**
 * A supervisor that is shut down when its test is over.
 * @param {import('node:test').TestContext} t
 * @param {object} [options]
 */
export function supervise(t, options) {
  const supervisor = createSupervisor({ maxActors: 10, memory: { poolSize: 4, boxSize: '64kb' }, ...options });
  t.after(() => supervisor.shutdown());
  return supervisor;
}

/**
 * What an actor, or a supervisor, publishes from now on.
 * @param {{ subscribe: (listener: (message: any) => void) => unknown }} source
 */
export function heard(source) {
  const all = [];
  source.subscribe((message) => all.push(message));
  return {
    all,
    /** The data of messages with a key. */
    of: (msg) => all.filter((one) => one.msg === msg).map(({ data }) => data),
    /** Waits for a message with a key. @returns {Promise<any>} its data */
    async next(msg, count = 1) {
      await until(() => this.of(msg).length >= count);
      return this.of(msg)[count - 1];
    },
  };
}

/** The code and the text with which a call throws. */
export function thrown(call) {
  try {
    call();
  } catch (error) {
    return `${error.code} ${error.message}`;
  }
  return 'returned';
}
