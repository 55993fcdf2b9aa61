/**
 * `wasmpool/worker`: the entry point of worker modules. It brings what they need of the package and nothing of the pool, whose files
 * every worker would load before it starts.
 */
export { defineWorker } from '../handlers/handlers.js';

/** @typedef {import('../handlers/context.js').Context} Ctx a handler's second argument */
