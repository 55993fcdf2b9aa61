/** Ways to lose a worker, and what the pool makes of them. */
import { inMs, inSeconds, nextFrame } from '../dom.js';

/** The time limit of tasks that hang: long enough to see them hang. */
const LIMIT_MS = 1500;
/** What breaks does not wait behind tiles. */
export const AT_ONCE = /** @type {const} */ ({ priority: 'critical' });

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
  const replaced = replacement(pool);
  const hung = pool.dispatch('hangInJs', null, { timeoutMs: LIMIT_MS, ...AT_ONCE });
  hung.catch(() => undefined);
  const { value, tiles } = await stage.accompany(replaced);
  return `${lane(value.worker)} hung in JavaScript. Its thread was killed, and a new one took its place after ${inMs(value.ms)}. ${others(tiles)}`;
}

/**
 * A worker that crashes comes back after a moment.
 * @param {import('wasmpool').Pool} pool
 * @param {import('../picture/stage.js').Stage} stage
 */
export async function crash(pool, stage) {
  const replaced = replacement(pool);
  pool.dispatch('crash', null, AT_ONCE).catch(() => undefined);
  const { value, tiles } = await stage.accompany(replaced);
  return `${lane(value.worker)} crashed: ${value.reason}. It was back after ${inSeconds(value.ms)}. ${others(tiles)}`;
}

/**
 * How a task over its limit was stopped.
 * @param {import('wasmpool').Pool} pool
 * @param {import('wasmpool').TaskPromise<unknown>} task
 * @returns {Promise<import('wasmpool').Stop>}
 */
async function stopOf(pool, task) {
  await task.catch(() => undefined); // it rejects at its limit; the stop follows
  for (;;) {
    const stop = pool.diagnostics().recentStops.find(({ taskId }) => taskId === task.id);
    if (stop) return stop;
    await nextFrame();
  }
}

/**
 * The next worker that is lost and replaced.
 * @param {import('wasmpool').Pool} pool
 * @returns {Promise<{ worker: string, ms: number, reason: string }>} ms: until its place was served again
 */
function replacement(pool) {
  return new Promise((resolve) => {
    const stopListening = pool.on('workerDown', ({ worker, index, error }) => {
      const lostAt = performance.now();
      stopListening();
      const stopWaiting = pool.on('workerUp', (up) => {
        if (up.index !== index) return;
        stopWaiting();
        const cause = /** @type {any} */ (error)?.cause ?? error;
        resolve({ worker, ms: performance.now() - lostAt, reason: cause?.message ?? String(error) });
      });
    });
  });
}
