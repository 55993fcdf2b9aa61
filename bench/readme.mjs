/**
 * Puts a file of results into the pages: tables between markers, plots beside them.
 *
 * usage: node bench/readme.mjs RESULTS.json
 *
 * A page says where something goes by two lines, `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`; NAME is a key of `PARTS`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { behindTable } from './behind.mjs';
import { fileName, plotAll } from './plot.mjs';
import { BASE, POOLS } from './pools/index.mjs';
import { groups, growthTable, LEGEND, line, origin, range, tables } from './report.mjs';
import { readResults, summarise } from './results.mjs';
import { findRow, noteOf } from './rows/index.mjs';

const ROOT = new URL('../', import.meta.url);
const PAGES = ['README.md', 'docs/benchmarks.md'];
const PLOTS = 'docs/benchmarks/';
const LIMITS = ['limit-js', 'limit-native'];
const OWN = ['wasmpool', 'wasmpool-c'];

/** @typedef {import('./results.mjs').Results} Results */

/**
 * A line of the short table: one figure. Of several rows, each pool shows the one that it is best at.
 * @type {{ title: string, rows: Record<string, string>, metric: string }[]}
 */
const SHORT = [
  { title: 'round trip of a task, one core, µs', rows: { 'roundtrip-pinned': '' }, metric: 'median' },
  { title: 'tasks/s, a number, 64 in flight', rows: { 'throughput-number-64': '' }, metric: 'rate' },
  { title: 'tasks/s, a number, 1,024 in flight', rows: { 'throughput-number-1024': '' }, metric: 'rate' },
  { title: 'tasks/s, a small object, 1,024 in flight', rows: { 'throughput-object-1024': '' }, metric: 'rate' },
  { title: '100,000 tasks at once, ms', rows: { flood: '' }, metric: 'ms' },
  { title: '1,000,000 queued, s', rows: { queued: '' }, metric: 'seconds' },
  { title: '1,000,000 queued, peak GB', rows: { queued: '' }, metric: 'peakGb' },
  { title: 'a result of 64 MB, ms', rows: waysOf('payload-64mb'), metric: 'out' },
  { title: '64 MB read by two tasks, ms', rows: { 'readers-copy': 'copied', 'readers-share': 'shared' }, metric: 'ms' },
  { title: 'CPU-bound efficiency', rows: { cpu: '' }, metric: 'efficiency' },
  { title: 'start, ms', rows: { start: '' }, metric: 'ms' },
  { title: 'a hung task is aborted, both workers serve, ms', rows: { kill: '' }, metric: 'serving' },
  { title: '… with a warm spare, ms', rows: { 'kill-spare': '' }, metric: 'serving' },
  { title: 'tasks of 1 ms done while main is busy for 500 ms', rows: { blocked: '' }, metric: 'done' },
];

/** @param {string} row */
function waysOf(row) {
  return { [`${row}-copy`]: 'copied', [`${row}-move`]: 'moved', [`${row}-share`]: 'shared' };
}

/**
 * The best figure that any of these pools has in any of these rows; or why there is none.
 * @param {Results} results
 * @param {(typeof SHORT)[number]} figure
 * @param {string[]} pools
 */
function best(results, { rows, metric }, pools) {
  const found = [];
  let reason = 'not measured';
  for (const pool of pools) {
    for (const [row, way] of Object.entries(rows)) {
      const { better } = findRow(row).metrics[metric];
      const summary = summarise(results, row, metric, better, pool);
      if (summary && 'median' in summary)
        found.push({ ...summary, pool, way: [way, noteOf(findRow(row), pool)].filter(Boolean).join(' '), better });
      else if (summary) reason = summary.reason;
    }
  }
  found.sort((a, b) => (a.better === 'higher' ? b.median - a.median : a.median - b.median));
  return found[0] ?? { reason };
}

/**
 * @param {ReturnType<typeof best>} figure
 * @param {boolean} [named] with the pool's name
 */
function shortCell(figure, named) {
  if ('reason' in figure) return `*${figure.reason}*`;
  const { way, pool } = figure;
  const notes = [named ? POOLS[pool].title : '', way].filter(Boolean).join(', ');
  return `${range(figure)}${notes ? `, ${notes}` : ''}`;
}

/** @param {Results} results */
function shortTable(results) {
  const peers = Object.keys(POOLS).filter((name) => POOLS[name].package && name !== BASE);
  const columns = [...OWN.map((pool) => [pool]), [BASE], peers, ['raw'], LIMITS];
  const head = ['', ...OWN.map((pool) => POOLS[pool].title), BASE, 'best other pool', POOLS.raw.title, 'limit'];
  const measured = SHORT.filter(({ rows }) => Object.keys(rows).some((row) => results.cells[row]));
  const lines = measured.map((figure) =>
    line([
      figure.title,
      ...columns.map((pools) => shortCell(best(results, figure, pools), pools === peers || pools === LIMITS)),
    ]),
  );
  return [line(head), line(head.map(() => '---')), ...lines].join('\n');
}

/** @param {Results} results */
function plots(results) {
  const images = [...groups(results).keys()].map((group) => `![${group}](benchmarks/${fileName(group)}.svg)`);
  return images.join('\n\n');
}

/** @param {Results} results */
function growthPlots({ growth = [] }) {
  return growth.map(({ id, title }) => `![${title}](benchmarks/${id}.svg)`).join('\n\n');
}

/** What can stand between markers. @type {Record<string, (results: Results) => string>} */
const PARTS = {
  behind: behindTable,
  short: (results) => `${origin(results)} Median (lowest – highest).\n\n${shortTable(results)}`,
  full: (results) =>
    [
      `## Results\n\n${origin(results)}\n\n${LEGEND} *In italics*: why there is no figure.`,
      tables(results, '###'),
      plots(results),
      growthTable(results, '###'),
      growthPlots(results),
    ].join('\n\n'),
};

/**
 * @param {string} page its text
 * @param {Results} results
 */
function fill(page, results) {
  return page.replace(
    /(<!-- bench:(\w+) -->\n)[^]*?(<!-- \/bench:\2 -->)/g,
    (_all, before, name, after) => `${before}\n${PARTS[name](results).trimEnd()}\n\n${after}`,
  );
}

const [path] = process.argv.slice(2);
if (!path) {
  process.stderr.write('usage: node bench/readme.mjs RESULTS.json\n');
  process.exit(2);
}
const results = readResults(path);
for (const name of PAGES) {
  const page = new URL(name, ROOT);
  writeFileSync(page, fill(readFileSync(page, 'utf8'), results));
}
const files = await plotAll(results, new URL(PLOTS, ROOT).pathname);
process.stdout.write(`${PAGES.join(', ')}; ${files.length} plots in ${PLOTS}\n`);
