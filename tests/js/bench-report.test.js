/** What the benchmarks say about their figures. The figures themselves are not tested. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { behindTable } from '../../bench/behind.mjs';
import { CURVES, emptyCurves, growthOf } from '../../bench/growth.mjs';
import { fill } from '../../bench/pages.mjs';
import { POOLS } from '../../bench/pools/index.mjs';
import { growthTable, tables } from '../../bench/report.mjs';
import { readResults } from '../../bench/results.mjs';
import { exponent, quantile, spread } from '../../bench/stats.mjs';

/** A file of results: by row and pool, the figures of each round. */
const resultsOf = (cells) => ({
  format: 2,
  date: '2026-01-01T00:00:00.000Z',
  quick: false,
  workers: 2,
  machine: { processor: 'p', cores: 2, memoryGb: 1, system: 's', node: '20', load: 0 },
  versions: {},
  cells: Object.fromEntries(
    Object.entries(cells).map(([row, pools]) => [
      row,
      Object.fromEntries(
        Object.entries(pools).map(([pool, rounds]) => [
          pool,
          rounds.map((figures) => (typeof figures === 'string' ? { reason: figures } : { figures })),
        ]),
      ),
    ]),
  ),
});

/** The lines of a pool in all tables. */
const linesOf = (text, pool) => text.split('\n').filter((line) => line.startsWith(`| ${POOLS[pool].title} |`));

test('median, quantiles and the exponent of a curve', () => {
  assert.deepEqual(spread([3, 1, 2]), { median: 2, low: 1, high: 3 });
  assert.equal(spread([1, 2, 3, 10]).median, 2.5);
  const samples = Float64Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.deepEqual([quantile(samples, 0.99), quantile(samples, 1), quantile(samples, 0)], [99.5, 100, 1]);
  const points = [1, 10, 100, 1000].map((size) => ({ size, cost: 7 * size ** 1.5 }));
  assert.ok(Math.abs(exponent(points) - 1.5) < 1e-9);
});

test('every pool can send shared memory; where it has nothing of its own for it, its figure says so', async () => {
  const peers = Object.keys(POOLS).filter((name) => POOLS[name].package);
  assert.equal(peers.length, 7);
  const share = { in: 1, out: 2, both: 3 };
  const text = tables(
    resultsOf({ 'payload-64mb-share': { wasmpool: [share], 'limit-native': [share], piscina: [share], raw: [share] } }),
  );
  for (const pool of ['wasmpool', 'limit-native']) assert.doesNotMatch(linesOf(text, pool)[0], /by hand/);
  for (const pool of ['piscina', 'raw']) assert.equal(linesOf(text, pool)[0].match(/by hand/g)?.length, 3);
});

test('a curve: exponent over all sizes, the steepest step, median and range at the largest size', () => {
  const points = [
    { size: 1, ms: [1] },
    { size: 10, ms: [30, 10, 20] },
    { size: 100, ms: [2000, 1000, 3000] },
  ];
  assert.ok(Math.abs(growthOf(points).e - Math.log10(2000) / 2) < 1e-9);
  assert.deepEqual({ ...growthOf(points).steepest, e: 0 }, { from: 10, to: 100, e: 0 });
  assert.equal(growthOf(points.slice(0, 1)), undefined);
  const curve = { id: 'c', title: 'Curve', sizeTitle: 's', unit: 'MB', unitSize: 10, pools: { raw: { points } } };
  assert.match(
    growthTable({ growth: [curve] }),
    /\| Curve \| \*\*1\.65\*\*, 2\.00 from 10 to 100; 200,000 \(100,000 – 300,000\) µs per MB at 100 \|/,
  );
});

test('the curves are asked for as the goal has it: 64 workers, ten million tasks, 256 MB, 8 readers', () => {
  const curves = emptyCurves(['wasmpool', 'raw', 'tinypool']);
  assert.deepEqual(Object.keys(curves[0].pools), ['wasmpool', 'raw']);
  const ends = Object.fromEntries(CURVES.map(({ id, sizes }) => [id, [sizes[0], sizes.at(-1)]]));
  assert.deepEqual(ends, {
    'growth-start': [2, 64],
    'growth-workers': [2, 64],
    'growth-tasks': [1000, 10_000_000],
    'growth-in': [1, 2 ** 28],
    'growth-out': [1, 2 ** 28],
    'growth-shared': [1, 2 ** 28],
    'growth-readers': [1, 8],
  });
});

test('where other pools are ahead: all of them, whichever way the figure goes, and nobody else', () => {
  const text = behindTable(
    resultsOf({
      flood: { wasmpool: [{ ms: 100 }], piscina: [{ ms: 50 }], tinypool: [{ ms: 99 }], raw: [{ ms: 1 }] },
      blocked: { wasmpool: [{ done: 600 }], piscina: [{ done: 2 }], comlink: [{ done: 730 }] },
      cpu: { wasmpool: [{ efficiency: 0.98 }], piscina: [{ efficiency: 0.94 }] },
    }),
  );
  const lines = text.split('\n').slice(2);
  assert.equal(lines.length, 2);
  assert.match(lines[0], /100,000 tasks submitted at once: ms \| 100 \| piscina 2× \|$/);
  assert.match(lines[1], /\| 600 \| comlink 1.22× \|$/);
});

test('the tables in README.md and docs/benchmarks.md are those of bench/results/published.json', () => {
  const root = new URL('../../', import.meta.url);
  const results = readResults(new URL('bench/results/published.json', root).pathname);
  for (const page of ['README.md', 'docs/benchmarks.md']) {
    const text = readFileSync(new URL(page, root), 'utf8');
    assert.equal(fill(text, results), text, `${page}: run node bench/readme.mjs bench/results/published.json`);
  }
});

test("the README's table has five rows of three figures, and a ratio below 1 where another pool is ahead", () => {
  const root = new URL('../../', import.meta.url);
  const results = readResults(new URL('bench/results/published.json', root).pathname);
  const lines = fill('<!-- bench:short -->\n<!-- /bench:short -->', results).match(/^\| .*/gm) ?? [];
  assert.equal(lines.length, 2 + 5);
  for (const line of lines) assert.equal(line.split('|').length, 6, line);
  const start = lines.find((line) => line.includes('start:'));
  assert.match(start, /\b0\.\d\d× \|$/); // tinypool starts faster
});

// ---- Rows about the pool's own parts ----

test('the rings alone carry tasks: the engine asks nothing of its upper half that they lack', async () => {
  const code = `
    const { measure } = await import(${JSON.stringify(new URL('../../bench/pools/limit-js.mjs', import.meta.url))});
    const { rate } = await measure({ row: { id: 'x', parameters: { depth: 64 } }, workers: 1, quick: true });
    console.log(rate > 0);
    process.exit();`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code]);
  assert.equal(stdout, 'true\n');
});
