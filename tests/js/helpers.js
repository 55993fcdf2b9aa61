/** Shared by the tests of the public API. */
import assert from 'node:assert/strict';
import { host } from '../../js/host/index.js';
import { createPool } from '../../js/index.js';

export const MODULE = new URL('./fixtures/handlers.js', import.meta.url);
export const C_MODULE = new URL('../../build/smoke/tasks.mjs', import.meta.url);
/** C tasks for single tests; C_MODULE has those that every runtime's smoke tests use. */
export const C_TASKS = new URL('../../build/js/tasks.mjs', import.meta.url);
/** Handlers that die, hang and overflow in special ways. */
export const DEADLY = new URL('./fixtures/deadly.js', import.meta.url);

/** Silence that is soon noticed, but not so soon that a thread which waits for a processor is taken for a silent one. */
export const liveness = { timeoutMs: 250, scanMs: 10 };

/**
 * Runs a test against a pool, destroys the pool, and requires that it holds nothing any more.
 * @param {object} options
 * @param {(pool: any) => Promise<void>} use
 */
export async function withPool(options, use) {
  const pool = await createPool({ module: MODULE, workers: 2, ...options });
  try {
    await use(pool);
    const held = () => {
      const { boxesInUse, tasksInUse } = pool.diagnostics();
      return { boxesInUse, tasksInUse };
    };
    // Workers may still be finishing what was given up, or dying: that needs time, a leak stays.
    for (let turn = 0; turn < 500 && held().boxesInUse + held().tasksInUse > 0; turn++)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(held(), { boxesInUse: 0, tasksInUse: 0 });
  } finally {
    await pool.destroy();
  }
}

/**
 * The code with which a promise rejects.
 * @param {PromiseLike<unknown>} promise
 * @returns {Promise<string>}
 */
export async function codeOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error.code ?? String(error);
  }
  return 'fulfilled';
}

/**
 * Waits for a condition that the pool will reach by itself, turn by turn.
 * @param {() => boolean} condition
 */
export async function until(condition) {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** A task that runs until it is released: `const gate = blocker(pool); await gate.running; gate.release()`. */
export function blocker(pool, options) {
  const word = new Int32Array(new SharedArrayBuffer(8));
  const promise = pool.dispatch('block', word, options);
  return {
    promise,
    running: until(() => Atomics.load(word, 0) === 1),
    release() {
      Atomics.store(word, 1, 1);
      Atomics.notify(word, 1);
      return promise;
    },
  };
}

/**
 * Numbers from 0 to 1 that a seed repeats (xorshift32).
 * @param {number} seed
 */
export function randomFrom(seed) {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** The seed of this run; SEED= repeats one. */
export const seed = Number(process.env.SEED || Math.floor(Math.random() * 2 ** 31));

/** How often a random test goes round; SCALE= multiplies it. */
export const rounds = (count) => Math.ceil(count * Number(process.env.SCALE || 1));

/**
 * Counts the threads that are started, that have loaded their module, and that are gone, while `use` runs.
 * @param {(threads: { started: number, warm: number, gone: number }) => Promise<void>} use
 */
export async function countingThreads(use) {
  const { createThread } = host;
  const threads = { started: 0, warm: 0, gone: 0 };
  host.createThread = (url, name, events, options) => {
    const onMessage = (message) => {
      events.onMessage(message);
      if (message.kind === 'started') threads.warm++;
    };
    const onExit = (code) => {
      threads.gone++;
      events.onExit(code);
    };
    const thread = createThread(url, name, { ...events, onMessage, onExit }, options);
    threads.started++;
    return thread;
  };
  try {
    await use(threads);
  } finally {
    host.createThread = createThread;
  }
}
