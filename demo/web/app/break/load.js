/** Much work at once: a flood of small tasks, and work for two seconds while the page stands still. */
import { breather, grouped, inMs, inSeconds, nextFrame } from '../dom.js';

const FLOOD_TASKS = 100_000;
/** How long the flood is to take. */
const FLOOD_MS = 3000;
const BLOCK_MS = 2000;
/** The tasks that are queued before the page stands still take so long each, and in all somewhat longer than that. */
const BLOCK_TASK_MS = 2;
const BLOCK_SPARE = 1.3;
const TRIAL_ROUNDS = 1_000_000;
const TRIALS = 6;

/** How many rounds of work a millisecond is worth, at this moment. @param {import('wasmpool').Pool} pool */
async function measure(pool) {
  let best = Infinity;
  for (let i = 0; i < TRIALS; i++) {
    const begun = performance.now();
    await pool.dispatch('grain', TRIAL_ROUNDS, { priority: 'critical' });
    best = Math.min(best, performance.now() - begun);
  }
  return TRIAL_ROUNDS / best;
}

/**
 * Submits 100,000 tasks, in slices between frames.
 * @param {import('wasmpool').Pool} pool
 * @param {import('../live/frames.js').Frames} frames
 */
export async function flood(pool, frames) {
  const perMs = await measure(pool);
  const rounds = Math.max(1, Math.round((perMs * FLOOD_MS * pool.size) / FLOOD_TASKS));
  const expected = await pool.dispatch('grain', rounds);
  const begun = performance.now();
  let right = 0;
  let deepest = 0;
  let settled = 0;
  const over = /** @type {Promise<void>} */ (
    new Promise((resolve) => {
      const count = (/** @type {unknown} */ value) => {
        if (value === expected) right++;
        if (++settled === FLOOD_TASKS) resolve();
      };
      void submit(count);
    })
  );

  /** @param {(value: unknown) => void} count */
  async function submit(count) {
    const breathe = breather();
    for (let i = 0; i < FLOOD_TASKS; i++) {
      pool.dispatch('grain', rounds, { priority: 'low' }).then(count, count);
      if (i % 64 === 0) await breathe();
    }
    deepest = pool.stats().queued;
  }

  await over;
  const ms = performance.now() - begun;
  return `${grouped(right)} of ${grouped(FLOOD_TASKS)} tasks came back right, in ${inSeconds(ms)}; ${grouped(deepest)} waited at once. The slowest frame took ${inMs(frames.slowest(begun))}.`;
}

/**
 * Queues work, then keeps the page from doing anything.
 * @param {import('wasmpool').Pool} pool
 * @param {import('../live/frames.js').Frames} frames
 */
export async function block(pool, frames) {
  const perMs = await measure(pool);
  const count = Math.ceil((BLOCK_MS / BLOCK_TASK_MS) * pool.size * BLOCK_SPARE);
  const tasks = Array.from({ length: count }, () => pool.dispatch('grain', Math.round(perMs * BLOCK_TASK_MS)));
  await nextFrame();
  await nextFrame(); // the button is drawn as pressed by now
  const before = finished(pool);
  const begun = performance.now();
  while (performance.now() < begun + BLOCK_MS);
  const meanwhile = finished(pool) - before;
  frames.excuse(begun, performance.now());
  await Promise.all(tasks);
  return `The page stood still for ${inSeconds(BLOCK_MS)}. The workers finished ${grouped(meanwhile)} tasks meanwhile.`;
}

/** What all threads have finished. @param {import('wasmpool').Pool} pool */
const finished = (pool) => pool.diagnostics().workers.reduce((sum, worker) => sum + worker.finished, 0);
