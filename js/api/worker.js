/**
 * `wasmpool/worker`: the entry point of worker modules. It contains only what they need, because every worker loads it before it starts.
 */
export { defineWorker } from '../handlers/handlers.js';

/** @typedef {import('../handlers/context.js').Ctx} Ctx a handler's second argument */
