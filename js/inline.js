/**
 * `wasmpool/inline`: everything in one file, the core and what workers start with included (scripts/bundle-main.mjs). Bundles of servers
 * get it by the package's other names, too.
 */
export * from './index.js';
export * as actorManager from './compat/actor-manager.js';
