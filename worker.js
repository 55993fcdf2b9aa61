/** The entry point `wasmpool/worker` for tools that do not read "exports" in package.json. */
export { defineWorker } from './js/api/worker.js';
