/** What each bundler builds: tasks, and a kill. */
import { createPool, PoolError } from 'wasmpool';

/** @param {string | URL} module @param {object} [options] of the pool */
export async function run(module, options = {}) {
  const pool = await createPool({ module, workers: 2, ...options });
  const sum = await pool.dispatch('add', [20, 22]);
  const failure = await pool.dispatch('hang', undefined, { timeoutMs: 100 }).catch((error) => error);
  const mapped = await pool.map('add', [
    [1, 1],
    [2, 2],
  ]);
  await pool.destroy();
  return { sum, mapped: [...mapped], code: failure.code, isPoolError: failure instanceof PoolError };
}

/** @param {string | URL} module @param {object} [options] of the pool */
export function check(module, options) {
  run(module, options).then(
    (result) => tell({ result }),
    (error) => tell({ error: `${error.stack}\n${error.cause?.stack ?? ''}` }),
  );
}

/** To a driver, and to the server of a browser that has none. @param {object} outcome */
export async function tell(outcome) {
  for (const report of [outcome, { end: true }])
    await fetch('/report', { method: 'POST', body: JSON.stringify(report) });
  globalThis.result = outcome;
}
