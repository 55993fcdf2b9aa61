/** What the soak does, each with a weight: `[operation, weight, when it fits]`. An operation ends when all that it began has settled. */

const LATE = ['TIMEOUT'];
const GIVEN_UP = ['CANCELLED'];
const RUNS_MAX = 4; // the first run and three redeliveries

/** @param {any} value */
const same = (value) => (/** @type {any} */ other) => JSON.stringify(other) === JSON.stringify(value);

/** Values of all sizes. */
function someValue(run) {
  const kinds = [
    () => run.below(1e6),
    () => 'x'.repeat(run.below(3000)),
    () => ({ a: run.below(100), list: [1, 2, { deep: true }] }),
    () => new Array(run.below(500)).fill('item'),
  ];
  return kinds[run.below(kinds.length)]();
}

/** @param {string} name @param {object} [options] */
const simple = (name, options) => (run) => {
  const value = someValue(run);
  const priority = ['critical', 'high', 'normal', 'low'][run.below(4)];
  return run.expect(run.pool.dispatch(name, { number: run.number(), value }, { priority, ...options }), same(value));
};

async function sumInC(run) {
  const bytes = new Uint8Array(run.below(50_000)).fill(1);
  await run.expect(run.pool.dispatch('c_sum', bytes), (sum) => sum === bytes.length);
}

async function memory(run) {
  const number = run.number();
  const bytes = 1 + run.below(100_000);
  const isRight = (value) => value.length === bytes && value[bytes - 1] === (number & 0xff);
  await run.expect(run.pool.dispatch('fill', { number, bytes }), isRight);
}

async function progress(run) {
  const count = run.below(20);
  const seen = [];
  const task = run.pool.dispatch(
    'report',
    { number: run.number(), count },
    { onProgress: (value) => seen.push(value) },
  );
  await run.expect(task, (value) => value === count && seen.every((one, i) => one === i) && seen.length === count);
}

/** A leased result, kept for a while. */
async function lease(run) {
  const number = run.number();
  const bytes = 1 + run.below(20_000);
  let held;
  const task = run.pool.dispatch('fill', { number, bytes }, { deliver: 'lease' });
  await run.expect(task, (box) => {
    held = box;
    return box.byteLength === bytes && box.raw()[0] === (number & 0xff);
  });
  if (!held) return;
  if (run.random() < 0.5 || run.boxes.size > 20) held.release();
  else run.boxes.add(held);
}

async function batch(run) {
  const jobs = [1, 2, 3].map((value) => ({ task: 'echo', payload: { number: run.number(), value } }));
  if (run.random() < 0.5) {
    await run.expect(run.pool.batch(jobs), same([1, 2, 3]));
    return;
  }
  jobs.splice(run.below(3), 0, { task: 'fail', payload: { number: run.number(), value: 0 } });
  await run.expect(run.pool.batch(jobs), () => false, ['TASK_FAILED']);
}

async function map(run) {
  const items = Array.from({ length: 1 + run.below(60) }, (_, value) => ({ number: run.number(), value }));
  const batchSize = 1 + run.below(4);
  await run.expect(run.pool.map('echo', items, { batchSize }), same(items.map(({ value }) => value)));
}

async function cancel(run) {
  const task = run.pool.dispatch('later', { number: run.number(), value: 1 });
  const ended = run.expect(task, same(1), GIVEN_UP);
  if (run.random() < 0.5) await turns(run.below(4));
  task.cancel();
  await ended;
}

async function pause(run) {
  run.pool.pause();
  const ended = simple('echo')(run);
  await turns(run.below(3));
  run.pool.resume();
  await ended;
}

async function requeue(run) {
  const payload = { number: run.number(RUNS_MAX), value: 7 };
  await run.expect(run.pool.dispatch('echo', payload, { onLost: 'requeue' }), same(7));
}

/**
 * A callback as a promise: settles with what it got, or with nothing in a later turn when it was disconnected. A second call is an error.
 * @param {(callback: (value: any) => void) => { disconnect: () => void }} start
 * @param {number} [disconnectAfter] turns
 */
function called(start, disconnectAfter) {
  return new Promise((resolve, reject) => {
    let calls = 0;
    let connected = true;
    const handle = start((value) => {
      if (++calls > 1 || !connected) reject(new Error('a callback ran twice, or after its end'));
      else resolve(Array.isArray(value) ? [...value] : value);
    });
    if (disconnectAfter === undefined) return;
    void turns(disconnectAfter).then(() => {
      handle.disconnect();
      handle.disconnect();
      connected = false;
      if (calls === 0) resolve('disconnected');
    });
  });
}

async function split(run) {
  const weight = ['light', 'heavy'][run.below(2)];
  const payload = { number: run.number(RUNS_MAX), value: 3 };
  const after = run.random() < 0.3 ? run.below(4) : undefined;
  const promise = called((callback) => run.pool.split('later', payload, callback, { weight }), after);
  const lost = run.wild ? [undefined] : [];
  await run.expect(
    promise,
    (value) => value === 3 || (after !== undefined && value === 'disconnected') || lost.includes(value),
  );
}

/** Slices of which one may hang until its time limit; it leaves a gap, and the others have their results. */
async function bulk(run) {
  const hung = run.random() < 0.2 ? run.below(12) : -1;
  const items = Array.from({ length: 12 }, (_, value) => ({
    number: run.number(RUNS_MAX),
    value,
    hangs: value === hung,
  }));
  const after = run.random() < 0.2 ? run.below(6) : undefined;
  const options = {
    batchSize: 1 + run.below(4),
    priority: ['critical', 'normal', 'background'][run.below(3)],
    maxWaitMs: run.below(3),
    ...(hung >= 0 && { timeoutMs: 3 }),
  };
  const promise = called((callback) => run.pool.bulkSplit('slice', items, callback, options), after);
  await run.expect(promise, (values) => {
    if (values === 'disconnected') return after !== undefined;
    const fits = (/** @type {any} */ value, /** @type {number} */ i) =>
      value === i || (value === undefined && (hung >= 0 || run.wild));
    return values.length === 12 && values.every(fits) && (hung < 0 || values[hung] === undefined);
  });
}

async function sequence(run) {
  const step = (/** @type {number} */ value) => ({ task: 'echo', payload: { number: run.number(RUNS_MAX), value } });
  const last = run.number(RUNS_MAX);
  const steps = [step(1), step(2), { task: 'echo', payload: (value) => ({ number: last, value }) }];
  await run.expect(run.pool.sequence(steps), (values) =>
    values.every((value, i) => value === [1, 2, 2][i] || (run.wild && value === undefined)),
  );
}

/** A task that hangs, and its time limit. */
const hangs = (name) => (run) =>
  run.expect(run.pool.dispatch(name, { number: run.number() }, { timeoutMs: 1 + run.below(8) }), () => false, LATE);

/** A task that hangs, and is stopped by its caller after a moment. */
const stopped = (name, by) => async (run) => {
  const controller = new AbortController();
  const task = run.pool.dispatch(name, { number: run.number() }, { signal: controller.signal });
  const ended = run.expect(task, () => false, GIVEN_UP);
  await turns(run.below(30));
  if (by === 'abort') controller.abort();
  else await task.terminate();
  await ended;
};

/** A task that ends by itself, or is stopped just before. */
async function raced(run) {
  const task = run.pool.dispatch('later', { number: run.number(), value: 1 });
  const ended = run.expect(task, same(1), GIVEN_UP);
  await turns(run.below(10));
  await task.terminate();
  await ended;
}

async function crash(run) {
  run.crashes++;
  const options = run.random() < 0.3 ? { onLost: 'requeue' } : {};
  const runs = options.onLost ? RUNS_MAX : 1;
  const codes = ['WORKER_LOST', 'POISON_JOB'];
  await run.expect(run.pool.dispatch('exit', { number: run.number(runs) }, options), () => false, codes);
}

async function bomb(run) {
  run.crashes++;
  await run.expect(run.pool.dispatch('bomb', { number: run.number(), value: 5 }), same(5));
}

/** @param {number} count turns of the event loop */
async function turns(count) {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** @type {[operation: (run: any) => Promise<unknown>, weight: number, when?: (run: any) => boolean][]} */
export const operations = [
  [simple('echo'), 12],
  [simple('later'), 8],
  [simple('echo', { timeoutMs: 60_000 }), 4],
  [sumInC, 8],
  [memory, 6],
  [progress, 6],
  [lease, 6],
  [batch, 3],
  [map, 3],
  [cancel, 4],
  [pause, 1],
  [requeue, 3],
  [raced, 4],
  [split, 4],
  [bulk, 3],
  [sequence, 2],
  [hangs('spin'), 1],
  [hangs('wait'), 1],
  [hangs('polite'), 1],
  [hangs('hoard'), 0.5],
  [hangs('c_spin'), 2],
  [hangs('c_malloc'), 2],
  [hangs('c_recurse'), 1],
  [hangs('c_wait'), 0.5],
  [stopped('spin', 'terminate'), 1],
  [stopped('spin', 'abort'), 0.5],
  [stopped('hoard', 'terminate'), 0.5],
  [stopped('c_spin', 'terminate'), 2],
  [stopped('c_malloc', 'abort'), 2],
  [stopped('c_wait', 'terminate'), 0.5],
  [crash, 1],
  [bomb, 1, (run) => run.bombs],
];
