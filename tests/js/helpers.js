/** Shared by the tests of the public API. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { host } from '../../js/host/index.js';
import { createPool } from '../../js/index.js';
import { LIMITS_MS } from '../../js/threads/fleet-core.js';

export const MODULE = new URL('./fixtures/handlers.js', import.meta.url);
export const C_MODULE = new URL('../../build/smoke/tasks.mjs', import.meta.url);
/** C tasks for single tests; C_MODULE has those that every runtime's smoke tests use. */
export const C_TASKS = new URL('../../build/js/tasks.mjs', import.meta.url);
/** Handlers that die, hang and overflow in special ways. */
export const DEADLY = new URL('./fixtures/deadly.js', import.meta.url);

/** A liveness limit that is short, but not so short that a thread which waits for a processor counts as silent. */
export const liveness = { timeoutMs: 250, scanMs: 10 };

/**
 * Runs a test against a pool, destroys the pool, and checks that nothing is held any more.
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
    // Workers may still be finishing tasks that were given up, or dying. That needs time; a leak stays.
    await until(() => held().boxesInUse + held().tasksInUse === 0).catch(() => undefined);
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

/** Longer than anything takes under any load: whatever is not done by then hangs. */
const HANG_MS = 120_000;
/** For so many turns it looks without a break; after that it sleeps in between, so that others get the processor. */
const EAGER_TURNS = 50;
/** The runtime's own: a test may replace the global ones. */
const { setTimeout, setImmediate, performance } = globalThis;

/**
 * Waits for a condition that the pool reaches by itself; looks at it turn by turn.
 * @param {() => unknown} condition
 * @throws {Error} naming the condition, if it takes so long that something must hang
 */
export async function until(condition) {
  const hangs = new Error(`never reached within ${HANG_MS / 1000} s: ${condition}`);
  const end = performance.now() + HANG_MS;
  for (let turn = 0; !condition(); turn++) {
    if (performance.now() > end) throw hangs;
    await new Promise((resolve) => (turn < EAGER_TURNS ? setImmediate(resolve) : setTimeout(resolve, 1)));
  }
}

/**
 * A pool that is destroyed when its test is over, whether that passes or fails.
 * @template {{ destroy(): Promise<void> }} P
 * @param {import('node:test').TestContext} t
 * @param {P} pool
 * @returns {P}
 */
export function ending(t, pool) {
  t.after(() => pool.destroy());
  return pool;
}

/**
 * While `use` runs, the rungs of kills that spare a thread have more time: a thread that gets no processor for a while does not die for
 * that.
 * @param {() => Promise<void>} use
 * @param {('flag' | 'check' | 'locks')[]} [rungs] the others are given up as soon as usual
 * @param {number} [ms] how long each is tried; unlimited unless given
 */
export async function withPatience(use, rungs = ['flag', 'check'], ms = HANG_MS) {
  const usual = { ...LIMITS_MS };
  for (const rung of rungs) LIMITS_MS[rung] = ms;
  try {
    await use();
  } finally {
    Object.assign(LIMITS_MS, usual);
  }
}

/** A task that runs until it is released: `const gate = blocker(pool); await gate.running; gate.release()`. */
export function blocker(pool, options) {
  const word = new Int32Array(new SharedArrayBuffer(8));
  const promise = pool.dispatch('block', word, options);
  const running = until(() => Atomics.load(word, 0) === 1);
  running.catch(() => undefined); // whoever waits for it handles the rejection
  return {
    promise,
    running,
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

/** Number of rounds of a random test; SCALE= multiplies it. */
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

/** A pool's worker events, as one list of words. */
export function eventsOf(pool) {
  const events = [];
  for (const name of ['workerUp', 'workerLeft', 'workerDown', 'workerRetired'])
    pool.on(name, ({ worker }) => events.push(`${name} ${worker}`));
  return events;
}

/** Starts tasks that each occupy a worker. */
export function blockers(pool, count) {
  return Array.from({ length: count }, () => blocker(pool));
}

/** Lets them end. */
export async function release(gates) {
  await Promise.all(gates.map((gate) => gate.release()));
}

/** Runs a program in which `createPool` and MODULE are defined; gives what it prints. */
export async function printedBy(program) {
  const given = `
    import { createPool } from ${JSON.stringify(new URL('../../js/index.js', import.meta.url).href)};
    const MODULE = ${JSON.stringify(MODULE.href)};`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', given + program]);
  return stdout;
}
