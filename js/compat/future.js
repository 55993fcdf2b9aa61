/**
 * `wasmpool/future`: actors, each in a thread of its own, with supervision and shared memory. The names are those of @nilejs/future, whose
 * programs run with nothing but the import changed; docs/actors.md.
 */
export { createSupervisor, Supervisor, ActorGroup } from '../actor/main/supervisor.js';
export { ActorRef } from '../actor/main/actor-ref.js';
export { matchAll, println } from '../actor/match.js';
export { ok as Ok, err as Err } from '../actor/result.js';
export { PoolError } from '../base/errors.js';

/**
 * @typedef {import('../actor/main/supervisor.js').SupervisorOptions} SupervisorOptions
 * @typedef {import('../actor/config/options.js').GroupOptions} GroupOptions
 * @typedef {import('../actor/config/options.js').ActorOptions} ActorOptions
 * @typedef {import('../actor/config/options.js').RetryOptions} RetryOptions
 * @typedef {import('../actor/config/options.js').Strategy} Strategy
 * @typedef {import('../actor/config/resources.js').Resources} Resources
 * @typedef {import('../actor/config/resources.js').Schema} Schema
 * @typedef {import('../actor/config/diagnostics.js').DiagnosticsOptions} DiagnosticsOptions
 * @typedef {import('../actor/main/actor.js').ActorDiagnostics} ActorDiagnostics
 * @typedef {import('../actor/source.js').Callback} Callback
 * @typedef {import('../actor/source.js').ActorFunction} ActorFunction
 * @typedef {import('../actor/source.js').Self} Self
 * @typedef {import('../actor/source.js').ActorContext} ActorContext
 * @typedef {import('../actor/main/actor-ref.js').Down} Down
 */
/** @template {Record<string, any>} [M=any] @typedef {import('../actor/main/actor-ref.js').Message<M>} Message */
/** @template T, [E=string] @typedef {import('../actor/result.js').Result<T, E>} Result */
