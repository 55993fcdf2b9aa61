/** Whatever a host can refuse is refused: each growth of the memory, each start of a thread, until all is granted. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { host } from '../../js/host/index.js';
import { createPool, Pool } from '../../js/index.js';
import { C_MODULE, codeOf, MODULE, until } from './helpers.js';

const MB = 1 << 20;
const PAGE_BYTES = 65536;
const quick = { minMs: 1, maxMs: 1, jitter: 0, max: -1 };

/** Runs tasks that need memory in every way there is, and gives their codes; results are checked. */
async function hungry(pool) {
  const long = 'x'.repeat(3 * MB);
  const bytes = new Uint8Array(6 * MB).fill(1);
  const expect = async (promise, check) => assert.ok(check(await promise));
  const work = [
    expect(pool.dispatch('echo', long), (value) => value === long),
    expect(pool.dispatch('c_sum', bytes), (value) => value === bytes.length),
    expect(pool.dispatch('alloc', 5 * MB), (value) => value.length === 5 * MB && value.at(-1) === 3),
    expect(pool.dispatch('progress', [long, long]), (value) => value === 'end'),
    expect(pool.map('echo', Array(20_000).fill({ a: [1, 2, 3] })), (value) => value.length === 20_000),
    expect(pool.dispatch('echo', bytes, { deliver: 'lease' }), (box) => {
      const right = box.raw().length === bytes.length;
      box.release();
      return right;
    }),
  ];
  return Promise.all(work.map(codeOf));
}

/** Checks that small tasks succeed, a hung one is killed, and nothing is held. */
async function works(pool) {
  assert.deepEqual(await pool.map('echo', [1, 2, 3]), [1, 2, 3]);
  assert.equal(await codeOf(pool.dispatch('spin', 0, { timeoutMs: 20 })), 'TIMEOUT');
  assert.deepEqual(await pool.broadcast('echo', 4), [4, 4]);
  await until(() => pool.diagnostics().tasksInUse === 0 && pool.diagnostics().boxesInUse === 0);
  await until(() => pool.stats().freeWorkers === 2);
}

test('with every ceiling of the memory each task has its result or NO_MEMORY, and the pool goes on [XP-16, NF-87]', async () => {
  const refused = new Set();
  let granted = false;
  for (let pages = 256; !granted; pages += 24) {
    const pool = await createPool({
      module: MODULE,
      wasm: C_MODULE,
      workers: 2,
      recycleTimeoutMs: 0,
      memory: { maximum: pages * PAGE_BYTES },
    });
    try {
      const codes = await hungry(pool);
      for (const [i, code] of codes.entries()) {
        assert.ok(code === 'fulfilled' || code === 'NO_MEMORY', `${pages} pages, task ${i}: ${code}`);
        if (code === 'NO_MEMORY') refused.add(i);
      }
      granted = codes.every((code) => code === 'fulfilled');
      await works(pool);
    } finally {
      await pool.destroy();
    }
  }
  // Not all tasks fail: results of handlers arrive by message when there is no shared memory.
  assert.ok(refused.size >= 2, `only ${[...refused]} were ever refused`);
});

/** Runs `use` while the nth thread is refused; gives whether so many threads were asked for. */
async function refusingStart(n, use) {
  const { createThread } = host;
  let asked = 0;
  host.createThread = (...args) => {
    if (++asked === n) throw new Error('no more threads');
    return createThread(...args);
  };
  try {
    await use();
  } finally {
    host.createThread = createThread;
  }
  return asked >= n;
}

test('whichever start of a thread the host refuses: a clear error, or another start, and every task settles [XP-16]', async () => {
  const outcomes = new Set();
  for (let n = 1, refused = true; refused; n++) {
    refused = await refusingStart(n, async () => {
      const options = { module: MODULE, workers: 2, spares: 1, recycleTimeoutMs: 0, restart: quick };
      const opening = createPool(options);
      const code = await codeOf(opening);
      outcomes.add(code);
      if (code !== 'fulfilled') {
        assert.equal(code, 'START_FAILED');
        return;
      }
      const pool = await opening;
      try {
        await works(pool);
        await works(pool);
        await until(() => pool.diagnostics().threads === 3);
      } finally {
        await pool.destroy();
      }
    });
  }
  assert.deepEqual([...outcomes].sort(), ['START_FAILED', 'fulfilled']); // a thread that is refused early is asked for again
});

/** The least memory that a pool may have: enough stacks for fewer threads than these options ask for. */
const tight = { module: MODULE, memory: { maximum: 16 * MB }, restart: { ...quick, max: 3, windowMs: 0 } };

test('no memory for the stacks of all workers: the pool does not open, and says why [XP-16]', async () => {
  assert.equal(await codeOf(createPool({ ...tight, workers: 30 })), 'NO_MEMORY');
});

test('no memory for the stacks of all spares: the pool opens without them, and says so [XP-16]', async () => {
  const pool = new Pool({ ...tight, workers: 2, spares: 30 });
  const codes = [];
  pool.on('workerDown', ({ worker, error }) => worker.startsWith('Spare_') && codes.push(error.code));
  await pool.ready;
  try {
    assert.ok(codes.length > 0);
    assert.deepEqual([...new Set(codes)], ['NO_MEMORY']);
    const { threads } = pool.diagnostics();
    assert.ok(threads >= 2 && threads < 32, `${threads}`);
  } finally {
    await pool.destroy();
  }
});

test('no memory for a group: its batch or bulk job is refused as a whole, the other groups are as they were [XP-16]', async () => {
  const pool = await createPool({ ...tight, workers: 1 });
  const reports = [];
  pool.on('error', (text) => reports.push(text));
  try {
    await Promise.all(Array.from({ length: 1500 }, () => pool.dispatch('echo'))); // groups cannot have these records
    pool.pause();
    const early = pool.batch([1, 2, 3].map((payload) => ({ task: 'echo', payload })));
    const cancel = new AbortController();
    const waits = (task) => Promise.race([codeOf(task), new Promise((resolve) => setTimeout(resolve, 0, 'waits'))]);
    const fill = (size) => waits(pool.dispatch('echo', new Uint8Array(size), { signal: cancel.signal }));
    for (let size = 8 * MB; size > 64; size /= 2) while ((await fill(size)) === 'waits');
    const small = () => waits(pool.batch([{ task: 'echo' }], { signal: cancel.signal }));
    const ends = await Promise.all(Array.from({ length: 1400 }, small));
    assert.deepEqual([ends[0], ends.at(-1)], ['waits', 'NO_MEMORY']);
    let results;
    pool.bulkSplit('echo', [1, 2, 3], (values) => (results = [...values]));
    await until(() => results);
    assert.deepEqual(results, Array(3).fill(undefined));
    assert.match(reports.at(-1), /memory is exhausted/);
    assert.equal(await small(), 'NO_MEMORY', 'no other group has ended');
    cancel.abort();
    pool.resume();
    assert.deepEqual(await early, [1, 2, 3]);
    await until(() => pool.diagnostics().tasksInUse === 0 && pool.diagnostics().boxesInUse === 0);
  } finally {
    await pool.destroy();
  }
});
