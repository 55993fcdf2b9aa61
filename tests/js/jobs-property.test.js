/**
 * Random mixes of all kinds of jobs, with cancels, disconnects, time limits, hangs and failures. SEED= repeats a run's decisions, but
 * not the timing of threads; SCALE= makes it longer.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { liveness, randomFrom, rounds, seed, until } from './helpers.js';
import { upTo, withJobs, words } from './jobs-support.js';

const LEVELS = ['critical', 'high', undefined, 'normal', 'low', 'background'];
const RUNS_MAX = 4; // the first run and three redeliveries
const OPEN_MAX = 60;

const CONFIGURATIONS = [
  { name: 'plain', options: { workers: 2 } },
  { name: 'small budget, no ageing', options: { workers: 3, dispatchBudgetMs: 1, aging: false } },
  { name: 'spares, small slices, telemetry', options: { workers: 2, spares: 1, maxSliceItems: 7, telemetry: true } },
];

/** The run of one pool: what was begun, and how it ended. */
class Run {
  counts = { begun: 0, ended: 0, disconnected: 0, hangs: 0 };
  /** What has not ended and was not disconnected. @type {Set<{ what: string, ends: number, isGone: boolean }>} */
  open = new Set();
  /** Disconnects one of those. @type {(() => void)[]} */
  handles = [];
  /** @type {unknown} the first thing that was wrong: the pool only logs what callbacks throw */
  failure;

  constructor(pool, random) {
    this.pool = pool;
    this.random = random;
  }

  below(count) {
    return Math.floor(this.random() * count);
  }

  chance(part) {
    return this.random() < part;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  options() {
    return { priority: this.pick(LEVELS), weight: this.pick(['light', 'heavy', undefined]) };
  }

  check(condition, text) {
    if (!condition) this.failure ??= new Error(text);
  }

  /**
   * Expects that something ends once, or not at all if it is disconnected before.
   * @param {string} what
   * @param {(value: any) => boolean} isRight
   */
  expect(what, isRight) {
    const entry = { what, ends: 0, isGone: false };
    this.counts.begun++;
    this.open.add(entry);
    const end = (value) => {
      this.check(!entry.isGone, `${what}: called back after it was disconnected`);
      this.check(++entry.ends === 1, `${what}: ended twice`);
      this.check(isRight(value), `${what}: ${JSON.stringify(value)}`);
      this.open.delete(entry);
      this.counts.ended++;
      if (this.chance(0.05)) this.disconnectSome(); // from inside a callback
    };
    /** Whatever is kept may be disconnected at any time. @param {{ disconnect(): void }} handle */
    const keep = (handle) => {
      const disconnect = () => {
        handle.disconnect();
        if (!this.open.delete(entry)) return;
        entry.isGone = true;
        this.counts.disconnected++;
      };
      if (this.chance(0.1)) disconnect();
      else if (this.chance(0.4)) this.handles.push(disconnect);
    };
    return { end, keep };
  }

  disconnectSome() {
    for (let count = this.below(4); count > 0 && this.handles.length > 0; count--)
      this.handles.splice(this.below(this.handles.length), 1)[0]();
  }

  /** An argument for a handler that hangs once or always; each time costs a worker. */
  hang() {
    this.counts.hangs++;
    const always = this.chance(0.2);
    return { always, runs: words(1), hangs: always ? RUNS_MAX : 1 };
  }

  /** Checks that everything that was begun has ended, and that the pool holds nothing. */
  async atRest(heapBytes) {
    await this.pool.drain();
    assert.equal(this.failure, undefined, String(this.failure));
    assert.deepEqual(
      [...this.open].map(({ what }) => what),
      [],
      'never ended',
    );
    await until(() => {
      const { freeWorkers, totalWorkers } = this.pool.stats();
      const { tasksInUse, boxesInUse } = this.pool.diagnostics();
      return freeWorkers === totalWorkers && tasksInUse + boxesInUse === 0;
    });
    assert.equal(this.pool.stats().queued, 0);
    const now = this.pool.diagnostics().heapBytes;
    assert.ok(now <= (heapBytes ?? now) + (4 << 20), `${now} bytes in use, ${heapBytes} at the first look`);
    return heapBytes ?? now;
  }
}

// ---- Operations ----

function split(run) {
  const value = run.below(1e6);
  const right = {
    echo: (result) => result === value,
    double: (result) => result === value * 2,
    moveBytes: (result) => result.length === value % 3000,
    fail: (result) => result === undefined,
    nobody: (result) => result === undefined,
  };
  const task = run.pick(['echo', 'double', 'moveBytes', 'echo', 'double', 'moveBytes', 'fail', 'nobody']);
  const payload = task === 'moveBytes' ? value % 3000 : value;
  const { end, keep } = run.expect(`split ${task}`, right[task]);
  keep(run.pool.split(task, payload, end, run.options()));
}

function abortedSplit(run) {
  const abort = new AbortController();
  const { end, keep } = run.expect('aborted split', (result) => result === undefined || result === 2);
  keep(run.pool.split('double', 1, end, { signal: abort.signal, ...run.options() }));
  if (run.chance(0.5)) abort.abort();
  else setImmediate(() => abort.abort());
}

function bulkSplit(run) {
  const count = run.pick([0, 1, 2, 5, 30, 300, 1500]);
  const batchSize = 1 + run.below(Math.min(count, 40));
  const items = upTo(count).map((value) => ({ value, how: 0 }));
  const isRight = (results) => results.length === count && results.every((result, i) => result === i);
  const { end, keep } = run.expect(`bulkSplit of ${count} by ${batchSize}`, isRight);
  const maxWaitMs = run.pick([undefined, 0, 5, Infinity]);
  keep(run.pool.bulkSplit('misfit', items, end, { priority: run.pick(LEVELS), batchSize, maxWaitMs }));
}

function partlyFailingBulk(run) {
  const items = upTo(1 + run.below(30)).map((value) => ({ value, how: run.chance(0.2) ? 'throw' : 0 }));
  const isRight = (results) => items.every(({ value, how }) => results[value] === (how ? undefined : value));
  const { end, keep } = run.expect('bulkSplit with failures', isRight);
  keep(run.pool.bulkSplit('misfit', items, end, { priority: run.pick(LEVELS), batchSize: 1 }));
}

function sequence(run) {
  const length = 1 + run.below(6);
  const failing = run.chance(0.3) ? run.below(length) : -1;
  const steps = upTo(length).map((i) => ({
    task: i === failing ? 'fail' : 'double',
    payload: (previous) => (previous ?? 1) + i,
    ...run.options(),
  }));
  const expected = [];
  for (const i of steps.keys()) expected.push(i === failing ? undefined : ((expected[i - 1] ?? 1) + i) * 2);
  const isRight = (results) => JSON.stringify(results) === JSON.stringify(expected);
  const { end, keep } = run.expect(`sequence of ${length}`, isRight);
  const settled = run.expect('promise of a sequence', (code) => code === 'fulfilled' || code === 'CANCELLED');
  const chain = run.pool.sequence(steps, end);
  chain.then(
    () => settled.end('fulfilled'),
    ({ code }) => settled.end(code),
  );
  keep(chain);
}

function brokenSequence(run) {
  const broken = () => {
    throw new Error('no payload');
  };
  const steps = [
    { task: 'double', payload: 1 },
    { task: 'double', payload: broken },
  ];
  const { end } = run.expect('broken sequence', (error) => error.message === 'no payload');
  run.pool.sequence(steps, () => run.check(false, 'a broken sequence was called back')).then(end, end);
}

function dispatch(run) {
  const value = run.below(1e6);
  const { end } = run.expect('dispatch', (result) => result === value || result.code === 'CANCELLED');
  const promise = run.pool.dispatch('echo', value, { ...run.options(), onLost: 'requeue' });
  promise.then(end, end);
  const fate = run.random();
  if (fate < 0.3) promise.cancel();
  else if (fate < 0.5) run.handles.push(() => promise.cancel());
}

function hangingSplit(run) {
  const { always, runs, hangs } = run.hang();
  const isRight = (result) => result === (always ? undefined : 'done') && runs[0] <= RUNS_MAX;
  const { end, keep } = run.expect('split that hangs', isRight);
  keep(run.pool.split('hangFirst', { words: runs, at: 0, hangs, value: 'done' }, end, run.options()));
}

function hangingBulk(run) {
  const { always, runs, hangs } = run.hang();
  const at = run.below(8);
  const items = upTo(8).map((value) => ({ words: runs, at: 0, hangs: value === at ? hangs : 0, value }));
  const isRight = (results) => results.every((result, i) => result === (always && i === at ? undefined : i));
  const { end, keep } = run.expect('bulkSplit that hangs', isRight);
  keep(run.pool.bulkSplit('hangIfAsked', items, end, { batchSize: 1 }));
}

function timedOut(run) {
  run.counts.hangs++;
  const { end, keep } = run.expect('split with a time limit', (result) => result === undefined);
  keep(run.pool.split('spin', 0, end, { timeoutMs: 5, ...run.options() }));
}

/** The operations, each with a weight. */
const operations = [
  [8, split],
  [1, abortedSplit],
  [3, bulkSplit],
  [1, partlyFailingBulk],
  [3, sequence],
  [0.3, brokenSequence],
  [4, dispatch],
  [0.08, hangingSplit],
  [0.08, hangingBulk],
  [0.15, timedOut],
];

function nextOperation(run) {
  let at = run.random() * operations.reduce((sum, [weight]) => sum + weight, 0);
  return (operations.find(([weight]) => (at -= weight) < 0) ?? operations[0])[1];
}

/** Operations in bursts, some while earlier ones run; now and then everything must come to rest. */
async function drive(run, count) {
  let heapBytes;
  for (let done = 0; done < count;) {
    for (let burst = run.below(12); burst >= 0; burst--, done++) nextOperation(run)(run);
    if (run.chance(0.3)) run.disconnectSome();
    if (run.chance(0.1)) run.pool.pause();
    if (run.chance(0.7)) await turn();
    run.pool.resume();
    await until(() => run.open.size < OPEN_MAX || run.failure !== undefined);
    if (run.failure) break;
    if (run.chance(0.02)) heapBytes = await run.atRest(heapBytes);
  }
  await run.atRest(heapBytes);
}

for (const { name, options } of CONFIGURATIONS) {
  const title = `random jobs of all kinds end once, rightly, and leave nothing (${name}, SEED=${seed})`;
  test(`${title} [TW-16, TW-29, TW-30, TW-57, TW-58]`, { timeout: 240_000 }, (context) =>
    withJobs({ liveness, recycleTimeoutMs: 5, ...options }, async (pool) => {
      const run = new Run(pool, randomFrom(seed));
      await drive(run, rounds(1500));
      const { kills, interventions } = pool.diagnostics();
      context.diagnostic(JSON.stringify({ ...run.counts, kills, interventions }));
      assert.equal(run.counts.ended + run.counts.disconnected, run.counts.begun);
    }),
  );
}
