/** The parts of the pages that are made from a file of results: README.md's short table, docs/benchmarks.md's tables and plots. */
import { behindTable } from './behind.mjs';
import { BASE, POOLS } from './pools/index.mjs';
import { fileName, groups, growthTable, LEGEND, line, origin, range, show, tables } from './report.mjs';
import { ratioOf, summarise } from './results.mjs';
import { findRow, noteOf } from './rows/index.mjs';

const LIMITS = ['limit-js', 'limit-native'];
const OWN = ['wasmpool', 'wasmpool-c'];

/** @typedef {import('./results.mjs').Results} Results */

/**
 * A line of a table: one figure. Of several rows, each pool shows the one that it is best at.
 * @typedef {{ title: string, rows: Record<string, string>, metric: string }} Line
 */

/** README.md: what a user notices first, won or lost. @type {Line[]} */
const SHORT = [
  { title: 'one task at a time, on one core: round trip, µs', rows: { 'roundtrip-pinned': '' }, metric: 'median' },
  { title: 'small objects, 1,024 in flight: tasks a second', rows: { 'throughput-object-1024': '' }, metric: 'rate' },
  {
    title: 'a hung task is killed: until all workers serve again, ms',
    rows: { kill: '', 'kill-spare': 'with a spare' },
    metric: 'serving',
  },
  { title: 'main is busy for 500 ms: tasks of 1 ms done meanwhile', rows: { blocked: '' }, metric: 'done' },
  { title: 'start: until both workers serve, ms', rows: { start: '' }, metric: 'ms' },
];

/** docs/benchmarks.md: one line for each thing that is measured. @type {Line[]} */
const OVERVIEW = [
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
 * @param {Line} figure
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
        found.push({ ...summary, pool, row, way: [way, noteOf(findRow(row), pool)].filter(Boolean).join(' '), better });
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
function overviewCell(figure, named) {
  if ('reason' in figure) return `*${figure.reason}*`;
  const { way, pool } = figure;
  const notes = [named ? POOLS[pool].title : '', way].filter(Boolean).join(', ');
  return `${range(figure)}${notes ? `, ${notes}` : ''}`;
}

/** @param {Results} results */
function overviewTable(results) {
  const peers = Object.keys(POOLS).filter((name) => POOLS[name].package && name !== BASE);
  const columns = [...OWN.map((pool) => [pool]), [BASE], peers, ['raw'], LIMITS];
  const head = ['', ...OWN.map((pool) => POOLS[pool].title), BASE, 'best other pool', POOLS.raw.title, 'limit'];
  const measured = OVERVIEW.filter(({ rows }) => Object.keys(rows).some((row) => results.cells[row]));
  const lines = measured.map((figure) =>
    line([
      figure.title,
      ...columns.map((pools) => overviewCell(best(results, figure, pools), pools === peers || pools === LIMITS)),
    ]),
  );
  return [line(head), line(head.map(() => '---')), ...lines].join('\n');
}

/**
 * Our figure, that of the best other pool, and how many times better ours is: the median of the rounds' ratios.
 * @param {Results} results
 */
function shortTable(results) {
  const peers = Object.keys(POOLS).filter((name) => POOLS[name].package);
  const lines = SHORT.map((figure) => {
    const ours = best(results, figure, ['wasmpool']);
    const other = best(results, figure, peers);
    if ('reason' in ours || 'reason' in other) throw new Error(`${figure.title}: not measured`);
    const ratio = ratioOf(results, figure.metric, ours, other);
    if (ratio === undefined) throw new Error(`${figure.title}: no round with a figure of both`);
    const own = [show(ours.median), ours.way].filter(Boolean).join(', ');
    return line([figure.title, own, `${show(other.median)}, ${POOLS[other.pool].title}`, `${ratio.toFixed(2)}×`]);
  });
  return [line(['', 'wasmpool', 'best other pool', 'ratio']), line(['---', '--:', '--:', '--:']), ...lines].join('\n');
}

/** @param {Results} results */
const shortOrigin = ({ date, machine, workers }) =>
  `Measured on ${date.slice(0, 10)}: Node ${machine.node}, ${workers} workers, ${machine.cores} cores (${machine.processor}). A ratio above 1 means that wasmpool is ahead.`;

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
  short: (results) => `${shortOrigin(results)}\n\n${shortTable(results)}`,
  overview: (results) => `Median (lowest – highest).\n\n${overviewTable(results)}`,
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
 * A page with its parts made anew: they stand between two lines, `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`.
 * @param {string} page its text
 * @param {Results} results
 */
export const fill = (page, results) =>
  page.replace(
    /(<!-- bench:(\w+) -->\n)[^]*?(<!-- \/bench:\2 -->)/g,
    (_all, before, name, after) => `${before}\n${PARTS[name](results).trimEnd()}\n\n${after}`,
  );
