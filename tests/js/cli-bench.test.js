/** `wasmpool bench`: figures of this machine beside bare threads. The figures themselves are not tested. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PassThrough } from 'node:stream';
import { runBench, table } from '../../js/cli/bench.js';
import { createPool } from '../../js/index.js';

const SHORT = 0.1; // one kill for each pool, windows of 35 ms

/** Runs the command; `created` has the pools' options, and how many workers of each were killed. */
async function bench(flags, open = createPool) {
  const created = [];
  const io = {
    stdout: new PassThrough({ encoding: 'utf8' }),
    stderr: new PassThrough({ encoding: 'utf8' }),
    createPool: async (options) => {
      const pool = await open(options);
      const destroy = pool.destroy.bind(pool);
      pool.destroy = async () => {
        created.push({ ...options, kills: pool.diagnostics?.().kills });
        await destroy();
      };
      return pool;
    },
  };
  const status = await runBench(flags, io, SHORT);
  return { status, created, out: io.stdout.read() ?? '', err: io.stderr.read() ?? '' };
}

test('the pool and bare threads are measured, hung tasks are killed, every pool is destroyed', async () => {
  const { status, created, out, err } = await bench({ workers: 2, json: true });
  assert.deepEqual([status, err], [0, '']);
  const { runtime, workers, figures } = JSON.parse(out);
  assert.equal(runtime, `node ${process.versions.node}`);
  assert.equal(workers, 2);
  assert.deepEqual(
    figures.map(({ name, better }) => [name, better]),
    [
      ['round trip of one task', 'lower'],
      ['tasks a second, 64 in flight', 'higher'],
      ['tasks a second, 1,024 in flight', 'higher'],
      ['a hung task is killed, all workers serve', 'lower'],
      ['the same, with a warm spare', 'lower'],
    ],
  );
  for (const { name, better, wasmpool, limit, speedup } of figures) {
    assert.ok(wasmpool > 0 && limit > 0, name);
    assert.equal(speedup, better === 'higher' ? wasmpool / limit : limit / wasmpool, name);
  }
  assert.deepEqual(
    created.map(({ spares, kills }) => [spares, kills]),
    [
      [undefined, 0],
      [0, 1],
      [1, 1],
    ],
  );
});

test('as text, each row says which way is better, and how many times as fast the pool is', () => {
  const machine = { wasmpool: '1.2.3', runtime: 'node 1', platform: 'p', parallelism: 4, workers: 2 };
  const lines = table(machine, [
    {
      name: 'a time',
      unit: 'ms',
      better: 'lower',
      wasmpool: 2,
      limit: 5,
      speedup: 2.5,
      range: { wasmpool: [1, 3], limit: [4, 6] },
    },
    {
      name: 'a rate',
      unit: '/s',
      better: 'higher',
      wasmpool: 1234567,
      limit: 2469134,
      speedup: 0.5,
      range: { wasmpool: [1e6, 2e6], limit: [2e6, 3e6] },
    },
  ]).split('\n');
  assert.equal(lines[0], 'wasmpool 1.2.3, node 1, p, 2 workers on 4 processors');
  assert.match(lines[2], /^ +wasmpool +bare threads +wasmpool is$/);
  assert.match(lines[3], /^a time +lower is better +2 ms \(1 – 3\) +5 ms \(4 – 6\) +2\.5 × as fast$/);
  assert.match(
    lines[4],
    /^a rate +higher is better +1,230,000 \/s \(1,000,000 – 2,000,000\) +2,470,000 \/s \(2,000,000 – 3,000,000\) +0\.5 × as fast$/,
  );
});

test('no pool, or one that gives wrong results: one line on stderr, status 1, nothing left running', async () => {
  const none = await bench({ json: true }, async () => {
    throw new Error('no threads\nhere');
  });
  assert.deepEqual([none.status, none.out], [1, '']);
  assert.equal(none.err, 'wasmpool: no figures: no threads here\n');
  const wrong = await bench({ workers: 1, json: true }, async () => ({
    dispatch: async (_task, n) => n + 2,
    destroy: async () => {},
  }));
  assert.deepEqual([wrong.status, wrong.out], [1, '']);
  assert.equal(wrong.err, 'wasmpool: no figures: a task gave 2 instead of 1\n');
  assert.equal(wrong.created.length, 1);
});
