/**
 * Ratios against piscina, in under a minute: so that a change that makes the pool slower shows. Printed, never a failure.
 *
 * usage: node bench/ci.mjs
 */
import process from 'node:process';

const POOL = 'wasmpool';
const ROUNDS = 2;
const LIMIT_S = 10;
/** No measurement begins after that. */
const BUDGET_MS = 45_000;
const ROWS = [
  'roundtrip-pinned',
  'throughput-number-64',
  'throughput-number-1024',
  'throughput-object-1024',
  'payload-64mb-copy',
  'start',
  'kill',
  'blocked',
];

/** @returns {Promise<string>} a table, as far as the time went */
async function compare() {
  // Imported here, so that a suite that cannot be loaded (because no package of bench/ is installed, for example) is no failure either.
  const { measureApart } = await import('./processes.mjs');
  const { BASE } = await import('./pools/index.mjs');
  const { cell, line } = await import('./report.mjs');
  const { emptyResults, summarise } = await import('./results.mjs');
  const { findRow } = await import('./rows/index.mjs');
  const rows = ROWS.map(findRow);
  const results = emptyResults({ quick: true, workers: 2 }, [POOL, BASE]);
  const end = performance.now() + BUDGET_MS;
  for (let round = 0; round < ROUNDS; round++) {
    for (const row of rows) {
      for (const pool of [POOL, BASE]) {
        if (performance.now() > end) break;
        const order = { pool, row: row.id, workers: 2, quick: true };
        const outcome = await measureApart(order, { limitS: LIMIT_S, pinned: row.pinned });
        ((results.cells[row.id] ??= {})[pool] ??= []).push(outcome);
      }
    }
  }
  const lines = rows.flatMap((row) =>
    Object.entries(row.metrics).map(([metric, { title, better }]) => {
      const of = (/** @type {string} */ pool) => summarise(results, row.id, metric, better, pool);
      const name = [row.group, row.title, title].filter(Boolean).join(': ');
      return line([name, cell(of(POOL)), cell(of(BASE), true)]);
    }),
  );
  return [
    `Median (lowest – highest), times better than ${BASE}. Short runs: read them as orders of magnitude.\n`,
    line(['', POOL, BASE]),
    line(['---', '---', '---']),
    ...lines,
  ].join('\n');
}

try {
  console.log(await compare());
} catch (error) {
  console.log(`No figures: ${error instanceof Error ? error.message : error}`);
}
process.exitCode = 0;
