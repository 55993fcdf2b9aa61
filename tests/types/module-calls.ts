/** Calls that know the worker module: dispatch, batch, broadcast and map take its names, payloads and results. Only compiled, never run. */
import {
  Box,
  createPool,
  defineWorker,
  MapPromise,
  Pool,
  TaskPromise,
  type Ctx,
  type LeaseOptions,
  type MapOptions,
  type TaskRef,
} from '../../types/index.js';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <_Claim extends true>(): void => undefined;

/** What `typeof import('./worker.js')` is of a module with exports, and of one with defineWorker. */
const exported = {
  add: ({ a, b }: { a: number; b: number }) => a + b,
  load: async (url: string, ctx: Ctx) => `${url} on ${ctx.worker.name}`,
  now: () => 'noon',
  round: (digits?: number) => digits ?? 0,
  size: (bytes: Uint8Array) => bytes.length,
  onStop: () => undefined,
  version: '1.0',
};
const { version, ...functions } = exported;
const declared = { default: defineWorker(functions), version };

export async function dispatching(pool: Pool<typeof exported>, box: Box): Promise<void> {
  const results = [pool.dispatch('add', { a: 1, b: 2 }), pool.dispatch('round'), pool.dispatch('round', 2, { weight: 'light' })];
  same<Same<typeof results, TaskPromise<number>[]>>();
  const loaded = pool.dispatch('load', 'https://example.org/', { priority: 'low' });
  const now = [pool.dispatch('now'), pool.dispatch('now', null, { timeoutMs: 5 })];
  same<Same<[typeof loaded, typeof now], [TaskPromise<string>, TaskPromise<string>[]]>>();
  const lease = pool.dispatch('load', 'https://example.org/', { deliver: 'lease' });
  same<Same<typeof lease, TaskPromise<Box>>>();
  void [pool.dispatch('size', box), pool.tasks.size(box)]; // a leased result is another task's payload
  const byFunction = pool.dispatch(exported.add, { a: 1, b: 2 });
  same<Same<typeof byFunction, TaskPromise<number>>>();
  const toString: string = await pool.dispatch('now');

  // @ts-expect-error the payload is the handler's
  void pool.dispatch('add', { a: '1', b: 2 });
  // @ts-expect-error even if the place of the result would take anything
  const anything: any = pool.dispatch('add', 'both');
  // @ts-expect-error nor does the type of that place make it right
  const sum: TaskPromise<number> = pool.dispatch('add', 'both');
  // @ts-expect-error it needs its payload
  void pool.dispatch('add');
  // @ts-expect-error it has no parameter
  void pool.dispatch('now', 5);
  // @ts-expect-error a name that the module does not have
  void pool.dispatch('subtract', { a: 1, b: 2 });
  // @ts-expect-error no handler
  void pool.dispatch('onStop');
  // @ts-expect-error no function
  void pool.dispatch('version');
  // @ts-expect-error no such option
  void pool.dispatch('round', 2, { timeout: 5 });
  // @ts-expect-error the payload is the function's
  void pool.dispatch(exported.add, 'both');
  // @ts-expect-error the result is the handler's
  const wrong: string = await pool.dispatch('round');

  // A claim goes before the module: for C tasks, modules of others, names that are computed.
  const name: string = 'mandel' + 'brot';
  const claimed = pool.dispatch<Uint8Array>(name, { width: 8 }, { deliver: 'copy' });
  const open = pool.dispatch<unknown>('later', 1);
  const loose = pool.dispatch<any>('add', 'anything');
  same<Same<[typeof claimed, typeof open, typeof loose], [TaskPromise<Uint8Array>, TaskPromise<unknown>, TaskPromise<any>]>>();
  const elsewhere = pool.dispatch({ module: new URL('file:///other.js'), name: 'f' }, 5);
  same<Same<typeof elsewhere, TaskPromise<unknown>>>();
  void [toString, anything, sum, wrong];
}

export async function several(pool: Pool<typeof declared>): Promise<void> {
  const [sum, text, digits] = await pool.batch([
    { task: 'add', payload: { a: 1, b: 2 }, priority: 'high' },
    { task: 'now' },
    { task: 'round', payload: 3 },
  ]);
  same<Same<[typeof sum, typeof text, typeof digits], [number, string, number]>>();
  const sums = await pool.batch([1, 2, 3].map((a) => ({ task: 'add' as const, payload: { a, b: a } })), { timeoutMs: 50 });
  same<Same<typeof sums, number[]>>();
  const claimed = await pool.batch<Date>([{ task: 'anything', payload: 1 }]);
  const leased = await pool.batch([{ task: 'now' }], { deliver: 'lease' });
  same<Same<[typeof claimed, typeof leased], [Date[], Box[]]>>();
  // @ts-expect-error the payload is the handler's
  void pool.batch([{ task: 'add', payload: 'both' }]);
  // @ts-expect-error it needs its payload
  void pool.batch([{ task: 'now' }, { task: 'add' }]);
  // @ts-expect-error a name that the module does not have
  void pool.batch([{ task: 'subtract' }]);

  const everywhere = [await pool.broadcast('round', 2, { sticky: true }), await pool.broadcast('round')];
  const names = await pool.broadcast('now');
  same<Same<[typeof everywhere, typeof names], [number[][], string[]]>>();
  // @ts-expect-error the payload is the handler's
  void pool.broadcast('load', 5);
  // @ts-expect-error it needs its payload
  void pool.broadcast('load');
  // @ts-expect-error a name that the module does not have
  void pool.broadcast('configure');
}

export async function mapping(pool: Pool<typeof declared>, lines: AsyncIterable<string>, how: MapOptions): Promise<void> {
  const sums = pool.map('add', [{ a: 1, b: 2 }], { batchSize: 4 });
  const settled = await pool.map('load', ['a', 'b'], { settle: true });
  const leased = pool.map('load', new Set(['a']), { deliver: 'lease' });
  const both = pool.map('load', ['a'], { deliver: 'lease', settle: true });
  same<Same<[typeof sums, typeof settled], [MapPromise<number>, PromiseSettledResult<string>[]]>>();
  same<Same<[typeof leased, typeof both], [MapPromise<Box>, MapPromise<PromiseSettledResult<Box>>]>>();
  for await (const text of pool.map('load', lines, how)) same<Same<typeof text, string>>();
  const claimed = pool.map<string, Date>('parse', lines);
  same<Same<typeof claimed, MapPromise<Date>>>();
  // @ts-expect-error an item is the handler's payload
  void pool.map('add', ['both']);
  // @ts-expect-error so it is of an asynchronous source
  void pool.map('add', lines);
  // @ts-expect-error a name that the module does not have
  void pool.map('subtract', []);
  // @ts-expect-error no such option
  void pool.map('load', ['a'], { batch: 5 });
}

/** Without the module's type, all names are taken, and a result needs a claim. */
export async function untyped(pool: Pool, task: TaskRef, leased: LeaseOptions): Promise<void> {
  const any = [pool.dispatch('any'), pool.dispatch(task, 5), pool.dispatch(exported.now)];
  const box = pool.dispatch(task, 5, leased);
  same<Same<[typeof any, typeof box], [TaskPromise<unknown>[], TaskPromise<Box>]>>();
  const batch = await pool.batch([{ task: 'any' }, { task, payload: 5 }]);
  const everywhere = await pool.broadcast('any', 5);
  const mapped = await pool.map('any', [1, 'two']);
  same<Same<[typeof batch, typeof everywhere, typeof mapped], [unknown[], unknown[], unknown[]]>>();
  const wide: Pool = await createPool<typeof exported>({ module: './worker.js' });
  void wide;
}

/** Pools can be extended, and passed on by code that does not know their module. */
export class LoggingPool<M> extends Pool<M> {
  logged(): number {
    return this.size;
  }
}
export const passedOn = <M>(pool: Pool<M>): TaskPromise<number> => pool.dispatch<number>('count');

// ---- Handlers without a pool ----

/** A context that a unit test makes itself; the compiler says what a later version adds. */
export const standIn: Ctx = {
  worker: { index: 0, name: 'Worker_test' },
  taskId: 'task-1',
  initData: undefined,
  sharedArgs: undefined,
  isCancelled: false,
  signal: new AbortController().signal,
  heartbeat: () => undefined,
  progress: () => undefined,
  alloc: (bytes) => new Uint8Array(bytes),
  main: async () => undefined,
  move: (value) => value,
};
export const tested: Promise<string> = exported.load('https://example.org/', standIn);

/** A handler may ask for less, and so needs less in its test. */
export function counts(n: number, ctx: Pick<Ctx, 'progress'>): number {
  ctx.progress(n);
  return n;
}
counts(5, { progress: () => undefined });
defineWorker({ counts });
// @ts-expect-error a context has all of its members
export const incomplete: Ctx = { taskId: 'task-1' };
