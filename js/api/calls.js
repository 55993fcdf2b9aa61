/**
 * Types of the pool's calls. A pool of a known worker module (`Pool<typeof import('./worker.js')>`) takes the module's names, with the
 * payloads of their handlers. A pool whose module's type is unknown takes every name. Both take a claim: `dispatch<number>(…)`. They are
 * not written as overloads in pool.js, because JSDoc has none whose parameters are a tuple.
 */

/**
 * @typedef {import('../base/task-name.js').TaskRef} TaskRef
 * @typedef {import('../base/task-name.js').ModuleTask} ModuleTask
 * @typedef {import('../options/options.js').Priority} Priority
 * @typedef {import('../options/task-options.js').TaskOptions} TaskOptions
 * @typedef {import('../options/task-options.js').MapOptions} MapOptions
 * @typedef {import('../options/task-options.js').LeaseOptions} LeaseOptions
 * @typedef {import('../options/task-options.js').BatchJob} BatchJob
 * @typedef {import('../task/box.js').Box} Box
 */
/** @template R @typedef {import('../task/task.js').TaskPromise<R>} TaskPromise */
/** @template R @typedef {import('../jobs/map.js').MapPromise<R>} MapPromise */
/** @template M @typedef {import('../task/task.js').TaskProxy<M>} TaskProxy */
/** @template F @typedef {import('../task/task.js').HandlerCall<F>} HandlerCall */
/** @template T @typedef {Iterable<T> | AsyncIterable<T>} Items */

/** The task of a call that claims R as the type of its result; without a claim R is never, and nothing fits. @template R @typedef {[R] extends [never] ? never : TaskRef} Claimed */
/** R itself; but the compiler does not infer it from where the result goes, so that only a claim gives it. @template R @typedef {[R][R extends any ? 0 : never]} Claim */
/** Tasks of whose handlers no type is known (M is any if the module's type is not). @template M @typedef {0 extends 1 & M ? TaskRef : ModuleTask} Untyped */
/** Names of a module's handlers. @template M @typedef {0 extends 1 & M ? never : keyof TaskProxy<M> & string} NameOf */
/** Tasks whose types are known. @template M @typedef {0 extends 1 & M ? never : NameOf<M> | ((...parts: any) => any)} Typed */
/** @template M, T @typedef {T extends keyof TaskProxy<M> ? TaskProxy<M>[T] : HandlerCall<T>} CallOf */
/** Payload and options. @template M, T @typedef {CallOf<M, T> extends (...parts: infer P) => any ? P : never} PartsOf */
/** @template M, T @typedef {PartsOf<M, T>[0]} PayloadOf */
/** @template M, T @typedef {CallOf<M, T> extends (...parts: any) => TaskPromise<infer R> ? R : never} ResultOf */

/** @typedef {{ sticky?: boolean }} BroadcastOptions sticky: workers that start later run it too, before they become free */
/**
 * Payload and options of a broadcast.
 * @template M, T
 * @typedef {undefined extends PayloadOf<M, T> ? [payload?: PayloadOf<M, T>, options?: BroadcastOptions]
 *   : [payload: PayloadOf<M, T>, options?: BroadcastOptions]} BroadcastParts
 */

/**
 * A member of a batch of a module's handlers.
 * @template M
 * @typedef {{ [K in NameOf<M>]: undefined extends PayloadOf<M, K> ? { task: K, payload?: PayloadOf<M, K>, priority?: Priority }
 *   : { task: K, payload: PayloadOf<M, K>, priority?: Priority } }[NameOf<M>]} TypedJob
 */
/**
 * The results of a batch, each with the type of its handler's.
 * @template M, J
 * @typedef {{ -readonly [I in keyof J]: J[I] extends { task: infer T } ? ResultOf<M, T> : never }} BatchResults
 */

/**
 * The calls of a pool that know its worker module.
 * @template M
 * @typedef {object} Calls
 * @property {TaskProxy<M>} tasks calls with the handlers' own names: `pool.tasks.add({ a: 1, b: 2 })`
 * @property {Dispatch<M>} dispatch runs a handler on the next free worker; never throws, rejects with PoolError
 * @property {Batch<M>} batch runs several tasks; all or nothing: the first failure rejects, and members that have not started never do;
 *   the error has the failing `index`
 * @property {Broadcast<M>} broadcast runs a task once on every worker; a busy one runs it as soon as it is free, before anything else.
 *   Results are in the order of the workers' indexes
 * @property {MapItems<M>} map runs a handler over many inputs. Await it for an array; `for await` gives results in input order, with
 *   bounded memory
 */

/**
 * @template M
 * @typedef {{
 *   <R = never>(task: Claimed<R>, payload?: unknown, options?: TaskOptions): TaskPromise<Claim<R>>,
 *   (task: Untyped<M>, payload: unknown, options: LeaseOptions): TaskPromise<Box>,
 *   <R>(task: Untyped<M>, payload?: unknown, options?: TaskOptions): TaskPromise<R>,
 *   <T extends Typed<M>>(task: T, payload: PayloadOf<M, T>, options: LeaseOptions): TaskPromise<Box>,
 *   <T extends Typed<M>>(task: T, ...parts: PartsOf<M, T>): TaskPromise<ResultOf<M, T>>,
 * }} Dispatch
 */

/**
 * @template M
 * @typedef {{
 *   <R = never>(jobs: [R] extends [never] ? never : readonly BatchJob[], options?: TaskOptions): Promise<Claim<R>[]>,
 *   (jobs: 0 extends 1 & M ? readonly BatchJob[] : never, options: LeaseOptions): Promise<Box[]>,
 *   <R>(jobs: 0 extends 1 & M ? readonly BatchJob[] : never, options?: TaskOptions): Promise<R[]>,
 *   (jobs: readonly TypedJob<M>[], options: LeaseOptions): Promise<Box[]>,
 *   <J extends readonly TypedJob<M>[] | []>(jobs: J, options?: TaskOptions): Promise<BatchResults<M, J>>,
 * }} Batch
 */

/**
 * @template M
 * @typedef {{
 *   <R = never>(task: Claimed<R>, payload?: unknown, options?: BroadcastOptions): Promise<Claim<R>[]>,
 *   <R>(task: Untyped<M>, payload?: unknown, options?: BroadcastOptions): Promise<R[]>,
 *   <T extends Typed<M>>(task: T, ...parts: BroadcastParts<M, T>): Promise<ResultOf<M, T>[]>,
 * }} Broadcast
 */

/**
 * @template M
 * @typedef {{
 *   <T = never, R = never>(task: Claimed<R>, items: Items<T>, options: MapOptions & { settle: true }): MapPromise<PromiseSettledResult<Claim<R>>>,
 *   <T = never, R = never>(task: Claimed<R>, items: Items<T>, options?: MapOptions): MapPromise<Claim<R>>,
 *   (task: Untyped<M>, items: Items<unknown>, options: MapOptions & LeaseOptions & { settle: true }): MapPromise<PromiseSettledResult<Box>>,
 *   (task: Untyped<M>, items: Items<unknown>, options: MapOptions & LeaseOptions): MapPromise<Box>,
 *   <R>(task: Untyped<M>, items: Items<unknown>, options: MapOptions & { settle: true }): MapPromise<PromiseSettledResult<R>>,
 *   <R>(task: Untyped<M>, items: Items<unknown>, options?: MapOptions): MapPromise<R>,
 *   <T extends Typed<M>>(task: T, items: Items<PayloadOf<M, T>>, options: MapOptions & LeaseOptions & { settle: true }): MapPromise<PromiseSettledResult<Box>>,
 *   <T extends Typed<M>>(task: T, items: Items<PayloadOf<M, T>>, options: MapOptions & LeaseOptions): MapPromise<Box>,
 *   <T extends Typed<M>>(task: T, items: Items<PayloadOf<M, T>>, options: MapOptions & { settle: true }): MapPromise<PromiseSettledResult<ResultOf<M, T>>>,
 *   <T extends Typed<M>>(task: T, items: Items<PayloadOf<M, T>>, options?: MapOptions): MapPromise<ResultOf<M, T>>,
 * }} MapItems
 */

export {};
