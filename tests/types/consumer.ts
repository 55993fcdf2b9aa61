/**
 * AM-57: a strict-mode user of every option, result and event, against the declarations that the package ships. It is only
 * compiled (`make types`), never run. Each @ts-expect-error is a wrong call that the declarations must refuse.
 */
import { ActorManager } from '../../types/compat/actor-manager.js';
import { defineWorker as defineHandlers, type Ctx as WorkerCtx } from '../../types/api/worker.js';
import { createTwin, Twin } from '../../types/compat/twin.js';
import {
  Box,
  createPool,
  defineWorker,
  MapPromise,
  Pool,
  PoolError,
  TaskPromise,
  type AgingOptions,
  type BatchJob,
  type BoxOptions,
  type BulkOptions,
  type Caps,
  type Ctx,
  type Diagnostics,
  type Gauge,
  type GroupStatus,
  type Handle,
  type Handler,
  type LeaseOptions,
  type LivenessOptions,
  type MapOptions,
  type MemoryOptions,
  type Metric,
  type ModuleTask,
  type OutputStream,
  type PoolErrorExtra,
  type PoolEvents,
  type PoolOptions,
  type Priority,
  type Report,
  type RestartOptions,
  type WorkerRange,
  type Rung,
  type RungTimes,
  type Scheduler,
  type Sequence,
  type Stats,
  type Status,
  type Step,
  type Stop,
  type TaskCall,
  type TaskLoad,
  type TaskOptions,
  type TaskProxy,
  type TaskRef,
  type TelemetryOptions,
  type ThresholdName,
  type Trace,
  type TraceEvent,
  type TraceFile,
  type Transferable,
  type WorkerEnd,
  type WorkerEvent,
} from '../../types/index.js';

/** True if both are the same type: neither any nor unknown passes for something else. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <_Claim extends true>(): void => undefined;

// ---- A worker module ----

const handlers = {
  add: ({ a, b }: { a: number; b: number }): number => a + b,
  load: async (url: string, ctx: Ctx): Promise<Uint8Array> => {
    const index: number = ctx.worker.index;
    const name: string = ctx.worker.name;
    const id: string = ctx.taskId;
    if (ctx.isCancelled) throw new Error(`${id} on ${name} ${index}: ${url} is not wanted any more`);
    ctx.heartbeat();
    ctx.progress({ read: 0 });
    const configured: unknown = ctx.initData;
    const common: unknown = ctx.sharedArgs;
    await ctx.main('log', [configured, common]);
    const bytes: Uint8Array = ctx.alloc(1024);
    const moved: Float64Array = ctx.move(new Float64Array(8), [bytes.buffer as ArrayBuffer]);
    // @ts-expect-error the index is a fact, not a setting
    ctx.worker.index = 'first';
    // @ts-expect-error there is no such property
    void ctx.abort;
    // @ts-expect-error a size, not its text
    ctx.alloc('1kb');
    return moved.length ? bytes : bytes.subarray(0, 1);
  },
  version: '1.0', // no handler: it must not appear in pool.tasks
};
type Handlers = typeof handlers;

const declared = defineWorker({ add: handlers.add, load: handlers.load });
same<Same<typeof declared.add, Handlers['add']>>();
// @ts-expect-error handlers are functions
defineWorker({ add: 5 });
same<Same<typeof defineHandlers, typeof defineWorker>>();
same<Same<WorkerCtx, Ctx>>();
// @ts-expect-error an object of handlers is required
defineWorker();

// ---- Options of a pool ----

const restart: RestartOptions = {
  policy: 'on-failure',
  minMs: 200,
  maxMs: 10_000,
  jitter: 0.2,
  max: 10,
  windowMs: 60_000,
};
const range: WorkerRange = { min: 1, max: 'auto', idleMs: 5000 };
const elastic: PoolOptions = { workers: range };
// @ts-expect-error min is not optional
const halfRange: PoolOptions = { workers: { max: 4 } };
const everything: Required<PoolOptions> = {
  module: new URL('file:///worker.js'),
  wasm: './tasks.mjs',
  wasmUrl: new URL('file:///wasmpool.wasm'),
  workerUrl: './boot-node.cjs',
  isolation: 'worker',
  isolated: { hash: { wasm: './hash.wasm', export: 'xxh32', alloc: 0, reuse: true, maxOutputBytes: '1mb' } },
  maxTaskBytes: '64mb',
  loopChecks: true,
  allowFunctions: true,
  liveness: { timeoutMs: 5000, scanMs: 1000, maxRedeliveries: 3 },
  workers: 'auto',
  maxTasksPerWorker: 1000,
  maxHeapBytes: '512mb',
  spares: 1,
  maxQueue: 100,
  taskTimeoutMs: 5000,
  recycleTimeoutMs: 0,
  cancelGraceMs: 50,
  boxes: { count: 16, size: '4mb' },
  leaseMs: 1000,
  memory: { maximum: '512mb' },
  restart,
  aging: { lowSkips: 20, heavySkips: 5 },
  slowMs: 16,
  dispatchBudgetMs: 8,
  maxSliceItems: 64,
  telemetry: { ring: 60, tickMs: 100, thresholds: { depth: [50, 100] } },
  dev: true,
  readyTimeoutMs: 1000,
  workerData: { any: 'thing' },
  env: { GREETING: 'hello', LEVEL: 3, ABSENT: undefined },
  argv: ['--level', 3],
  execArgv: ['--no-warnings'],
  trackUnmanagedFds: false,
  name: 'img',
  stdout: true,
  stderr: false,
  initData: { level: 3 },
  unref: true,
  concurrentTasksPerWorker: 4,
  resourceLimits: { maxOldGenerationSizeMb: 64 },
  main: { log: (line: string) => line.length, later: async () => 1 },
  scheduler: { now: () => 0, setTimeout: (run: () => void, ms: number) => [run, ms], clearTimeout: () => undefined },
  onTaskError: (message, taskId) => {
    same<Same<typeof message, string>>();
    same<Same<typeof taskId, string>>();
  },
  onWorkerError: (message, taskId) => void [message.length, taskId.length],
};
const fewest: PoolOptions = { module: './worker.js', workers: 2, boxes: { size: 1024 }, memory: { maximum: 2 ** 28 } };

// @ts-expect-error 'auto' is the only word
const wrongWorkers: PoolOptions = { module: './worker.js', workers: 'many' };
// @ts-expect-error no such option
const wrongName: PoolOptions = { module: './worker.js', timeout: 5 };
// @ts-expect-error a policy has a name of its own
const wrongPolicy: PoolOptions = { module: './worker.js', restart: { policy: 'sometimes' } };
// @ts-expect-error the bytes of a module are not taken
const wrongModule: PoolOptions = { module: new Uint8Array(4) };
// @ts-expect-error milliseconds are a number
const wrongTime: PoolOptions = { module: './worker.js', taskTimeoutMs: '5s' };
void [elastic, halfRange, wrongWorkers, wrongName, wrongPolicy, wrongModule, wrongTime];
// @ts-expect-error options are required
void new Pool();

// ---- Tasks ----

const priorities: Priority[] = ['critical', 'high', 'normal', 'low', 'background'];
// @ts-expect-error no such priority
const wrongPriority: Priority = 'urgent';

const options: Required<TaskOptions> = {
  weight: 'light',
  priority: priorities[0] ?? wrongPriority,
  timeoutMs: 100,
  deadlineMs: 1000,
  signal: new AbortController().signal,
  onLost: 'requeue',
  deliver: 'copy',
  transfer: [new ArrayBuffer(8)],
  onProgress: (value) => void value,
  cancelGraceMs: 50,
  alone: true,
};

export async function dispatching(): Promise<void> {
  const pool = await createPool<Handlers>(everything);
  same<Same<typeof pool, Pool<Handlers>>>();

  const task = pool.dispatch<number>('add', { a: 1, b: 2 }, options);
  same<Same<typeof task, TaskPromise<number>>>();
  const asPromise: Promise<number> = task;
  const id: string = task.id;
  const cancelled: boolean = task.cancel('no longer needed');
  const terminated: Promise<void> = task.terminate();
  void pool.dispatch<number>(handlers.add, { a: 1, b: 2 });
  // @ts-expect-error a name or a function
  void pool.dispatch(5);
  // @ts-expect-error a result needs a claim about its type before it is used
  (await pool.dispatch('add')).toFixed();
  // @ts-expect-error no such delivery
  void pool.dispatch('add', undefined, { deliver: 'view' });
  // @ts-expect-error no such option
  void pool.dispatch('add', undefined, { timeout: 5 });
  // @ts-expect-error read-only
  task.id = 'mine';

  const sum = pool.tasks.add({ a: 1, b: 2 }, { priority: 'high' });
  same<Same<typeof sum, TaskPromise<number>>>();
  const loaded = pool.tasks.load('https://example.org/', { signal: options.signal });
  same<Same<typeof loaded, TaskPromise<Uint8Array>>>(); // what the handler's promise gives
  // @ts-expect-error the payload is the handler's
  void pool.tasks.add({ a: '1', b: 2 });
  // @ts-expect-error no such handler
  void pool.tasks.subtract;
  // @ts-expect-error no function, so no handler
  void pool.tasks.version;
  // @ts-expect-error a payload that the handler needs
  void pool.tasks.load();

  await Promise.all([asPromise, terminated, sum, loaded]);
  void [id, cancelled];
}

/** What `typeof import('./worker.js')` is of the guide's first worker, with exports beside the default one. */
const worker = {
  default: defineWorker({
    add: ({ a, b }: { a: number; b: number }) => a + b,
    load: async (url: string, _ctx: Ctx) => new TextEncoder().encode(url),
    now: () => 'noon',
    round: (digits?: number) => digits ?? 0,
    anything: (value: unknown) => value,
    both: () => 'the default export has it, too',
    limit: 5 as never,
  }),
  both: (count: number) => count,
  onStop: () => undefined,
  version: '1.0',
};

export async function defaultExport(): Promise<void> {
  const { tasks } = await createPool<typeof worker>({ module: './worker.js' });
  const sum = tasks.add({ a: 1, b: 2 });
  const loaded = tasks.load('https://example.org/', { priority: 'low' });
  same<Same<[typeof sum, typeof loaded], [TaskPromise<number>, TaskPromise<Uint8Array<ArrayBuffer>>]>>();
  const now = [tasks.now(), tasks.now(null, { timeoutMs: 5 }), tasks.now(undefined, {})];
  const rounded = [tasks.round(), tasks.round(2), tasks.round(undefined, { weight: 'light' })];
  same<Same<[typeof now, typeof rounded], [TaskPromise<string>[], TaskPromise<number>[]]>>();
  const leased = tasks.now(null, { deliver: 'lease' });
  const exported = tasks.both(1); // the export goes before the default export's function of that name
  same<Same<[typeof leased, typeof exported], [TaskPromise<Box>, TaskPromise<number>]>>();
  void [tasks.anything(), tasks.anything(5)];
  const one = await createPool<{ default: (count: number) => string }>({ module: './one.js' });
  const alone = one.tasks.default(5);
  same<Same<typeof alone, TaskPromise<string>>>();
  const unknown = await createPool({ module: './unknown.js' });
  void [unknown.tasks.anyName(), unknown.tasks.anyName(5, { priority: 'high' })];
  // @ts-expect-error it needs its payload
  void tasks.add();
  // @ts-expect-error the payload is the handler's
  void tasks.round('2');
  // @ts-expect-error it has no parameter
  void tasks.now(5);
  // @ts-expect-error an object is no handler
  void tasks.default;
  // @ts-expect-error runs at the pool's end, and is no handler
  void tasks.onStop;
  // @ts-expect-error no function
  void tasks.version;
}

export async function several(pool: Pool): Promise<void> {
  const results = await pool.batch<number>(
    [{ task: 'add', payload: { a: 1, b: 2 }, priority: 'low' }, { task: handlers.add }],
    options,
  );
  same<Same<typeof results, number[]>>();
  // @ts-expect-error a job names its task
  void pool.batch([{ payload: 1 }]);
  // @ts-expect-error an array of jobs
  void pool.batch({ task: 'add' });

  const everywhere = await pool.broadcast<string>('configure', { level: 1 }, { sticky: true });
  same<Same<typeof everywhere, string[]>>();
  // @ts-expect-error a broadcast has no priority
  void pool.broadcast('configure', undefined, { priority: 'high' });

  const how: Required<MapOptions> = {
    ...options,
    batchSize: 16,
    settle: false,
    sharedArgs: { level: 1 },
    maxWaitMs: 20,
    onItems: (done, total) => {
      same<Same<typeof done, number>>();
      same<Same<typeof total, number | undefined>>();
    },
  };
  const settled = await pool.map<string, number>('length', ['a', 'b'], { settle: true });
  same<Same<typeof settled, PromiseSettledResult<number>[]>>();
  void pool.dispatch<number>({ module: new URL('file:///tasks.js'), name: 'length' }, 'a');
  void pool.map({ module: './tasks.js' }, [1]);
  // @ts-expect-error a module has an address
  void pool.dispatch({ module: 5 });
  const mapped = pool.map<string, number>('length', ['a', 'b'], how);
  same<Same<typeof mapped, MapPromise<number>>>();
  same<Same<Awaited<typeof mapped>, number[]>>();
  async function* lines(): AsyncGenerator<string> {
    yield 'a line';
  }
  for await (const length of pool.map<string, number>('length', lines())) same<Same<typeof length, number>>();
  await mapped.then((all) => all.length).finally(() => undefined);
  await mapped.catch((error: PoolError) => error.index);
  // @ts-expect-error inputs can be iterated over
  void pool.map('length', 5);
  // @ts-expect-error a number of items
  void pool.map('length', [], { batchSize: 'all' });
}

// ---- Bulk jobs and sequences ----

export async function jobs(pool: Pool): Promise<void> {
  const single: Handle = pool.split('add', { a: 1, b: 2 }, (sum: number) => void sum, options);
  const how: Required<Pick<BulkOptions, 'batchSize' | 'sharedArgs' | 'maxWaitMs' | 'priority'>> = {
    batchSize: 4,
    sharedArgs: 2,
    maxWaitMs: 10,
    priority: 'background',
  };
  const bulk: Handle = pool.bulkSplit('scale', [1, 2, 3], (results: number[]) => void results.length, how);
  const steps: Step[] = [{ task: 'a', payload: 1 }, { task: 'b', payload: (before: unknown) => before, weight: 'heavy' }];
  const chain: Sequence = pool.sequence(steps, (results) => void results);
  const asHandle: Handle = chain;
  asHandle.disconnect();
  const results: unknown[] = await chain;
  for (const handle of [single, bulk, chain]) handle.disconnect();
  // @ts-expect-error a callback is required
  pool.split('add', 1);
  // @ts-expect-error a list of items
  pool.bulkSplit('scale', 5, () => undefined);
  // @ts-expect-error no such weight
  pool.split('add', 1, () => undefined, { weight: 'medium' });

  const telemetry: TelemetryOptions = { ring: 1 };
  const report: Report | undefined = pool.report();
  const colour: 'Green' | 'Yellow' | 'Red' | undefined = report?.Overall;
  const load: TaskLoad | undefined = pool.taskLoad();
  const percent: number[] | undefined = load?.workers;
  const trace: Trace = pool.trace();
  const events: unknown[] = trace.stop().traceEvents;
  pool.inject('clock', { now: () => 0 });
  void [results, telemetry, colour, percent, events];
}

// ---- Leases ----

export async function leasing(pool: Pool, typed: Pool<Handlers>): Promise<void> {
  const box = await pool.dispatch('render', undefined, { deliver: 'lease' }); // a Box, without a claim of ours
  same<Same<typeof box, Box>>();
  const claimed = await pool.dispatch<Box>('render', undefined, { deliver: 'lease' });
  const sums = await typed.tasks.add({ a: 1, b: 2 }, { deliver: 'lease', timeoutMs: 5 });
  const batched = await pool.batch([{ task: 'render' }], { deliver: 'lease' });
  const mapped = pool.map('render', [1], { deliver: 'lease', batchSize: 2 });
  const settled = pool.map('render', [1], { deliver: 'lease', settle: true });
  same<Same<[typeof claimed, typeof sums, typeof batched], [Box, Box, Box[]]>>();
  same<Same<[typeof mapped, typeof settled], [MapPromise<Box>, MapPromise<PromiseSettledResult<Box>>]>>();
  const leased: LeaseOptions = { deliver: 'lease', onLost: 'requeue' };
  same<Same<Awaited<ReturnType<typeof typed.tasks.load>>, Uint8Array>>();
  for await (const one of pool.map('render', [1], leased)) one.release();
  // @ts-expect-error a lease is a Box, not the result
  (await pool.dispatch('render', undefined, { deliver: 'lease' })).toFixed();
  // @ts-expect-error a copy is no Box
  (await typed.tasks.add({ a: 1, b: 2 }, { deliver: 'copy' })).release();
  // @ts-expect-error no such option, of a lease either
  void pool.dispatch('render', undefined, { deliver: 'lease', timeout: 5 });
  // @ts-expect-error the pool's own
  box.startLease();
  // @ts-expect-error the pool's own
  box.share(pool);
  same<Same<typeof box.type, 'json' | 'string' | 'binary' | 'cbor'>>();
  const length: number = box.byteLength;
  const inPlace: Uint8Array = box.raw();
  const copy: Uint8Array = box.binary();
  const text: string = box.string();
  const values: unknown[] = [box.json(), box.cbor()];
  await pool.dispatch('encode', box);
  const nothing: void = box.release();
  // @ts-expect-error bytes are not written through the box
  box.write(copy);
  void [length, inPlace, text, values, nothing];
}

// ---- The pool as a whole ----

export async function wholePool(): Promise<void> {
  const pool = new Pool(fewest);
  await pool.ready;
  const size: number = pool.size;
  const caps: Caps = pool.caps;
  const claims: Record<keyof Caps, boolean> = caps;
  same<
    Same<keyof Caps, 'threads' | 'sharedMemory' | 'killJs' | 'killWasm' | 'confirmedDeath'>
  >();

  const stats = pool.stats();
  const counts: Record<
    'freeWorkers' | 'busyWorkers' | 'totalWorkers' | 'queued' | 'processed' | 'errors',
    number
  > = stats;
  const held: Record<
    'boxesInUse' | 'tasksInUse' | 'heapBytes' | 'memoryBytes' | 'threads' | 'kills',
    number
  > = pool.diagnostics();

  const listeners: (() => void)[] = [
    pool.on('error', (message, taskId) => same<Same<[typeof message, typeof taskId], [string, string]>>()),
    pool.on('drained', () => undefined),
    pool.on('workerUp', (event) => same<Same<typeof event, WorkerEvent>>()),
    pool.on('workerDown', ({ worker, name, index, threadId, exitCode, error, tasks }) => {
      same<Same<[typeof worker, typeof name, typeof index], [string, string, number | undefined]>>();
      same<Same<[typeof threadId, typeof exitCode], [number | undefined, number | undefined]>>();
      same<Same<[typeof error, typeof tasks], [Error, number]>>();
    }),
    pool.on('workerRetired', (event: WorkerEvent & WorkerEnd) => console.error(event.worker, event.error)),
    pool.on('message', ({ worker, message }) => console.log(worker, message)),
  ];
  same<Same<keyof PoolEvents, 'error' | 'drained' | 'workerUp' | 'workerDown' | 'workerLeft' | 'workerRetired' | 'lockBroken' | 'message'>>();
  // @ts-expect-error no such event
  pool.on('ready', () => undefined);
  // @ts-expect-error nor in another case
  pool.on('workerdown', () => undefined);
  // @ts-expect-error a listener is a function
  pool.on('error');
  // @ts-expect-error this event has no arguments
  pool.on('drained', (count: number) => void count);
  // @ts-expect-error a message is text
  pool.on('error', (message: number) => void message);
  // @ts-expect-error no property of this event
  pool.on('workerUp', ({ exitCode }) => void exitCode);
  for (const off of listeners) off();

  pool.pause();
  pool.resume();
  await pool.drain();
  await pool.destroy();
  // @ts-expect-error it is a fact about the pool
  pool.size = 3;
  void [size, claims, counts, held];
}

// ---- Every type that a signature names has a name here ----

export type Named = [
  AgingOptions,
  BatchJob,
  BoxOptions,
  LivenessOptions,
  MemoryOptions,
  ModuleTask,
  PoolErrorExtra,
  Scheduler,
  ThresholdName,
  TraceEvent,
  Transferable,
];
export async function named(pool: Pool<Handlers>): Promise<void> {
  const stats: Stats = pool.stats();
  const { stops, recentStops }: Diagnostics = pool.diagnostics();
  const times: Record<Rung, RungTimes> = stops;
  const latest: Stop[] = recentStops;
  const output: OutputStream | null = pool.stdout;
  const tasks: TaskProxy<Handlers> = pool.tasks;
  const add: TaskCall<{ a: number; b: number }, number> = tasks.add;
  const handler: Handler = handlers.load;
  const task: TaskRef = handler;
  const file: TraceFile = pool.trace().stop();
  const gauge: Gauge | undefined = pool.report()?.Pools.Node;
  const metric: Metric | undefined = pool.report()?.Queues.Light;
  const grades: [Status | undefined, GroupStatus | undefined] = [metric?.Status, pool.report()?.Overall];
  void [stats, times, latest, output, add, task, file, gauge, grades];
}

// ---- Errors ----

export function explain(reason: unknown): string {
  if (!(reason instanceof PoolError)) return String(reason);
  const asError: Error = reason;
  const code: string = reason.code;
  const details: (string | undefined)[] = [reason.taskId, reason.worker];
  const index: number | undefined = reason.index;
  const cause: unknown = reason.cause;
  return [asError.message, code, ...details, index, cause].join(' ');
}

void new PoolError('TIMEOUT', 'too slow', { taskId: 'task-1.1', worker: 'Worker_1', cause: new Error('why') });
// @ts-expect-error codes are text
void new PoolError(5);

// ---- Entry points for users of other systems ----

export async function actorManager(): Promise<void> {
  const manager = new ActorManager({ workerModule: './worker.js', workerCount: 2, taskTimeout: 1.5 });
  await manager.Dispatch('add', { a: 1, b: 2 }, { priority: 'CRITICAL' });
  const { Disconnect } = manager.onError.Connect((message: string, taskId: string) => console.error(message, taskId));
  Disconnect();
  await manager.Destroy();
}

export function twin(): void {
  const own = createTwin({ TELEMETRY_ENABLED: true });
  const handle = own.Split('./jobs.js', 'score', 1, (score: number) => void score, { ____Weight: 'light' });
  own.BulkSplit('./jobs.js', 'assess', [1], (results: number[]) => void results, { MaxWaitTime: 0.01 });
  Twin.Sequence([{ ____Module: './jobs.js', ____FunctionName: 'rank' }], (results: unknown[]) => void results);
  handle.Disconnect();
  // @ts-expect-error no such weight
  own.Split('./jobs.js', 'score', 1, () => undefined, { Weight: 'medium' });
}
