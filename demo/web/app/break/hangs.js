/** Ways to lose a worker, and what the pool makes of them. */
import { inMs, inSeconds, nextFrame } from '../dom.js';

/** The time limit of tasks that hang: long enough to see them hang. */
const LIMIT_MS = 1500;
/** What breaks does not wait behind tiles. */
const AT_ONCE = /** @type {const} */ ({ priority: 'critical' });

/** @param {string} name as the pool gives it @returns {string} as the lanes have it */
export const lane = (name) => `Worker ${name.split('_').at(-1)}`;

/** @param {number} tiles */
const others = (tiles) => `The others painted ${tiles} tiles meanwhile.`;

/**
 * A C task that never ends: a loop check stops it.
 * @param {import('wasmpool').Pool} pool
 * @param {import('../picture/stage.js').Stage} stage
 */
export async function hangInC(pool, stage) {
  const hung = pool.dispatch('hang_in_c', null, { timeoutMs: LIMIT_MS, ...AT_ONCE });
  const { value, tiles } = await stage.accompany(stopOf(pool, hung));
  const end =
    value.rung === 'terminate'
      ? 'No check was reached in time, as happens on a busy machine, so its thread was killed and replaced'
      : `It was stopped ${inMs(value.ms)} after its limit, and its thread lives on`;
  return `${lane(value.worker)} hung in C. ${end}. ${others(tiles)}`;
}

/**
 * A handler that never ends: its thread is ended, and another one takes its place.
 * @param {import('wasmpool').Pool} pool
 * @param {import('../picture/stage.js').Stage} stage
 */
export async function hangInJs(pool, stage) {
  const hung = pool.dispatch('hangInJs', null, { timeoutMs: LIMIT_MS, ...AT_ONCE });
  const { value, tiles } = await stage.accompany(replacement(pool, hung));
  return `${lane(value.worker)} hung in JavaScript. Its thread was killed, and a new one took its place after ${inMs(value.ms)}. ${others(tiles)}`;
}

/**
 * A worker that crashes comes back after a moment.
 * @param {import('wasmpool').Pool} pool
 * @param {import('../picture/stage.js').Stage} stage
 */
export async function crash(pool, stage) {
  const crashed = pool.dispatch('crash', null, AT_ONCE);
  const { value, tiles } = await stage.accompany(replacement(pool, crashed));
  return `${lane(value.worker)} crashed: ${value.reason}. It was back after ${inSeconds(value.ms)}. ${others(tiles)}`;
}

/**
 * How a task over its limit was stopped.
 * @param {import('wasmpool').Pool} pool
 * @param {import('wasmpool').TaskPromise<unknown>} task
 * @returns {Promise<import('wasmpool').Stop>}
 */
export async function stopOf(pool, task) {
  await task.catch(() => undefined); // it rejects at its limit; the stop follows
  for (;;) {
    const stop = pool.diagnostics().recentStops.find(({ taskId }) => taskId === task.id);
    if (stop) return stop;
    await nextFrame();
  }
}

/**
 * The worker that is lost with a task, and replaced.
 * @param {import('wasmpool').Pool} pool
 * @param {import('wasmpool').TaskPromise<unknown>} task
 * @returns {Promise<{ worker: string, ms: number, reason: string }>} ms: until its place was served again
 */
async function replacement(pool, task) {
  const downs = /** @type {{ worker: string, at: number, error: any }[]} */ ([]);
  const ups = /** @type {{ worker: string, at: number }[]} */ ([]);
  const stopListening = [
    pool.on('workerDown', ({ worker, error }) => downs.push({ worker, error, at: performance.now() })),
    pool.on('workerUp', ({ worker }) => ups.push({ worker, at: performance.now() })),
  ];
  const { worker } = /** @type {any} */ (await task.catch((error) => error));
  for (;;) {
    const down = downs.find((event) => event.worker === worker);
    const up = down && ups.find((event) => event.worker === worker && event.at >= down.at);
    if (down && up) {
      for (const stop of stopListening) stop();
      const cause = down.error?.cause ?? down.error;
      return { worker, ms: up.at - down.at, reason: cause?.message ?? String(down.error) };
    }
    await nextFrame();
  }
}
