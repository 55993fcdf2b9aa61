/** A worker whose JavaScript heap has become too large asks to be replaced. */

/**
 * @param {import('./boot.js').WorkerHost} host
 * @param {import('../core/core.js').Core} core the worker's
 * @param {number | undefined} limitBytes undefined: none
 * @returns {Promise<(() => void) | undefined>} checks the heap; to be called before each task is finished. undefined: there is no limit
 */
export async function openHeapLimit({ heapMeter }, { exports, pool, self }, limitBytes) {
  if (limitBytes === undefined || !heapMeter) return undefined;
  const heapBytes = await heapMeter();
  return () => heapBytes() > limitBytes && exports._wp_js_want_leave(pool, self);
}
