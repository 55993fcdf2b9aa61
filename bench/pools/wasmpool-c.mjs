/** wasmpool with tasks in C (bench/tasks.c). */
import { createPool } from '../../js/index.js';
import { adapt } from './wasmpool.mjs';

const WASM = new URL('../../build/bench/tasks.mjs', import.meta.url);

export const cannot = { move: 'a C task has nothing that moves' };

/**
 * @param {import('./index.mjs').Config} config
 * @returns {Promise<import('./index.mjs').Pool>}
 */
export async function open(config) {
  const pool = await createPool({ wasm: WASM, ...config });
  const adapted = adapt(pool, 'make', 'remake');
  return {
    ...adapted,
    run: (task, value, options) => (task === 'hang' ? hang(pool, value, options) : adapted.run(task, value, options)),
    mapBatched: (_task, items, size) => mapBatched(pool, items, size),
    meet: (count) => Promise.all(Array.from({ length: count }, () => pool.dispatch('meet', count))),
  };
}

/** C cannot see a word of JavaScript, so it tells by progress that it runs. */
const hang = (pool, started, options) =>
  pool.dispatch('hang', undefined, { signal: options?.signal, onProgress: () => Atomics.store(started, 0, 1) });

/** Numbers for C: an array of doubles. */
async function mapBatched(pool, items, size) {
  const numbers = Float64Array.from(items);
  const batches = [];
  for (let from = 0; from < items.length; from += size) batches.push(numbers.subarray(from, from + size));
  const results = [];
  for (const bytes of await Promise.all(batches.map((batch) => pool.dispatch('incAll', batch))))
    results.push(...new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8));
  return results;
}
