/**
 * `wasmpool/workers`: state that all threads of a process share by name, and the process's shutdown signal; the same on main and in
 * workers. docs/shared.md
 */
export { configureRegistry, registryUsage } from '../registry/core.js';
export { callFromC } from '../registry/c-tasks.js'; // for C tasks that are linked with the core, not for programs
export { Counter, counter } from '../registry/counter.js';
export { SharedMap, sharedMap } from '../registry/map.js';
export { shared } from '../registry/shared.js';
export { requestShutdown, shutdownSignal } from '../registry/signal.js';
export { registerSharable, sharableTypes } from '../registry/types.js';
