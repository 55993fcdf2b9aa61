/** The handlers that `wasmpool bench` runs. */

/** @param {number} n */
export const next = (n) => n + 1;

/**
 * Says that it runs, and never ends.
 * @param {unknown} _payload
 * @param {import('../handlers/context.js').Context} context
 */
export function hang(_payload, context) {
  context.progress(true);
  for (;;);
}
