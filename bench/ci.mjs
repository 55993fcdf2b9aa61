/**
 * Ratios against piscina, in under a minute: so that a change that makes the pool slower shows. Printed, never a failure.
 *
 * usage: node bench/ci.mjs
 */
import process from 'node:process';
import { measureApart } from './processes.mjs';
import { BASE } from './pools/index.mjs';
import { cell, line } from './report.mjs';
import { emptyResults, summarise } from './results.mjs';
import { findRow } from './rows/index.mjs';

const POOL = 'wasmpool';
const ROUNDS = 2;
const LIMIT_S = 10;
/** No measurement is begun after that. */
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
].map(findRow);

/** @returns {Promise<string>} a table, as far as the time went */
async function compare() {
  const results = emptyResults({ quick: true, workers: 2 }, [POOL, BASE]);
  const end = performance.now() + BUDGET_MS;
  for (let round = 0; round < ROUNDS; round++) {
    for (const row of ROWS) {
      for (const pool of [POOL, BASE]) {
        if (performance.now() > end) break;
        const order = { pool, row: row.id, workers: 2, quick: true };
        const outcome = await measureApart(order, { limitS: LIMIT_S, pinned: row.pinned });
        ((results.cells[row.id] ??= {})[pool] ??= []).push(outcome);
      }
    }
  }
  const lines = ROWS.flatMap((row) =>
    Object.entries(row.metrics).map(([metric, { title, better }]) => {
      const of = (/** @type {string} */ pool) => summarise(results, row.id, metric, better, pool);
      const name = [row.group, row.title, title].filter(Boolean).join(': ');
      return line([name, cell(of(POOL)), cell(of(BASE), true)]);
    }),
  );
  return [line(['', POOL, BASE]), line(['---', '---', '---']), ...lines].join('\n');
}

try {
  console.log(`Median (lowest – highest), times better than ${BASE}. Short runs: read them as orders of magnitude.\n`);
  console.log(await compare());
} catch (error) {
  console.log(`No figures: ${error instanceof Error ? error.message : error}`);
}
process.exitCode = 0;
