/**
 * The benchmark suite: every row on every pool, each measurement in a process of its own, rounds interleaved. Results go to a JSON
 * file, plots beside it, tables to standard output, progress to standard error.
 *
 * usage: node bench/run.mjs [--pools a,b] [--rows a,b] [--rounds N] [--workers N] [--quick] [--out FILE.json] [--list]
 *   --rows    beginnings of names of rows: 'throughput' is all rows of throughput; 'growth' the curves
 *   --quick   one round of short measurements: to see whether it runs, not for comparisons
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { emptyCurves, measureGrowth } from './growth.mjs';
import { plotAll } from './plot.mjs';
import { POOLS } from './pools/index.mjs';
import { measureApart } from './processes.mjs';
import { growthTable, LEGEND, origin, show, tables } from './report.mjs';
import { emptyResults } from './results.mjs';
import { ROWS } from './rows/index.mjs';

/** A measurement that takes longer is not waited for; one that takes longer than LONG_S is not repeated. */
const LIMIT_S = 60;
const LONG_S = 20;

const { values: flags } = parseArgs({
  options: {
    pools: { type: 'string' },
    rows: { type: 'string' },
    rounds: { type: 'string' },
    workers: { type: 'string', default: '2' },
    quick: { type: 'boolean', default: false },
    out: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
});

/**
 * @param {string} text
 * @returns {never}
 */
function misuse(text) {
  process.stderr.write(`bench: ${text}\n`);
  process.exit(2);
}

/** @param {string | undefined} list */
const names = (list) => list?.split(',').map((name) => name.trim());

/** @param {string | undefined} text */
function wholeNumber(text, otherwise) {
  const value = text === undefined ? otherwise : Number(text);
  return Number.isSafeInteger(value) && value > 0 ? value : misuse(`'${text}' is not a whole number from 1`);
}

const pools = names(flags.pools) ?? Object.keys(POOLS);
for (const pool of pools) if (!POOLS[pool]) misuse(`there is no pool '${pool}': ${Object.keys(POOLS).join(', ')}`);
const wanted = names(flags.rows) ?? ['', 'growth'];
for (const name of wanted)
  if (name !== 'growth' && !ROWS.some(({ id }) => id.startsWith(name))) misuse(`there is no row '${name}': see --list`);
const rows = ROWS.filter(({ id }) => wanted.some((name) => id.startsWith(name)));
const rounds = wholeNumber(flags.rounds, flags.quick ? 1 : 5);
const workers = wholeNumber(flags.workers, 2);
const { quick } = flags;

if (flags.list) {
  for (const { id, group, title } of ROWS) console.log(`${id.padEnd(24)}${group}${title ? `: ${title}` : ''}`);
  console.log(`${'growth'.padEnd(24)}Cost as work grows\n\n${Object.keys(POOLS).join(' ')}`);
  process.exit();
}

const results = emptyResults({ quick, workers }, pools);
const out = resolve(
  flags.out ?? fileURLToPath(new URL(`results/${results.date.slice(0, 16).replaceAll(':', '')}.json`, import.meta.url)),
);
mkdirSync(dirname(out), { recursive: true });
const save = () => writeFileSync(out, `${JSON.stringify(results, null, 1)}\n`);
const say = (/** @type {string} */ text) => process.stderr.write(`${text}\n`);

/** Measurements that are not repeated: `row pool`. @type {Set<string>} */
const settled = new Set();

/**
 * @param {import('./rows/index.mjs').Row} row
 * @param {string} pool
 * @param {number} round
 */
async function measureCell(row, pool, round) {
  const name = `${row.id} ${pool}`;
  if (settled.has(name)) return;
  const start = performance.now();
  const outcome = await measureApart({ pool, row: row.id, workers, quick }, { limitS: LIMIT_S, pinned: row.pinned });
  ((results.cells[row.id] ??= {})[pool] ??= []).push(outcome);
  if ('reason' in outcome || performance.now() - start > LONG_S * 1000) settled.add(name);
  say(`${round + 1}/${rounds} ${row.id.padEnd(24)} ${pool.padEnd(15)} ${summary(outcome)}`);
}

/** @param {import('./results.mjs').Outcome} outcome */
function summary(outcome) {
  if ('reason' in outcome) return outcome.reason;
  const figures = Object.entries(outcome.figures);
  return figures
    .map(([metric, figure]) => `${metric} ${typeof figure === 'number' ? show(figure) : figure}`)
    .join(', ');
}

if (wanted.includes('growth')) results.growth = emptyCurves(pools);
for (let round = 0; round < rounds; round++) {
  // Another pool begins in each round: what comes first after a pause has the machine cooler.
  const order = pools.map((_, i) => pools[(i + round) % pools.length]);
  for (const row of rows) {
    for (const pool of order) await measureCell(row, pool, round);
    save();
  }
  if (results.growth) await measureGrowth(results.growth, { round, quick, say });
  save();
}
const plots = await plotAll(results, out.replace(/\.json$/, ''));
console.log(`${origin(results)}\n\n${LEGEND}\n\n${tables(results)}\n${growthTable(results)}`);
say([out, ...plots].join('\n'));
