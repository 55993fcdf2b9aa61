/** Results as Markdown. */
import { growthOf, unitCost } from './growth.mjs';
import { BASE, POOLS } from './pools/index.mjs';
import { summarise } from './results.mjs';
import { noteOf, ROWS } from './rows/index.mjs';

/**
 * @typedef {object} Column one figure
 * @property {import('./rows/index.mjs').Row} row
 * @property {string} metric
 * @property {'lower' | 'higher'} better
 * @property {string} title
 */

/** A number with three digits that count. @param {number} value */
export function show(value) {
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(1);
  if (Math.abs(value) < 1000) return Number(value.toPrecision(3)).toString();
  return Number(value.toPrecision(3)).toLocaleString('en');
}

/**
 * @param {number} low
 * @param {number} high
 */
const around = (low, high) => (low === high ? '' : ` (${show(low)} – ${show(high)})`);

/**
 * Median, lowest and highest round.
 * @param {{ median: number, low: number, high: number }} spread
 */
export const range = ({ median, low, high }) => `${show(median)}${around(low, high)}`;

/**
 * Median, lowest and highest round, how many times better than the base; or why there is none.
 * @param {ReturnType<typeof summarise>} summary
 * @param {boolean} [isBase]
 * @param {string} [note]
 */
export function cell(summary, isBase, note = '') {
  if (!summary) return '';
  if ('reason' in summary) return `*${summary.reason.replaceAll('|', '\\|')}*`;
  const { median, low, high, ratio } = summary;
  const times = ratio === undefined || isBase ? '' : ` ${show(ratio)}×`;
  return `**${show(median)}**${around(low, high)}${times}${note && ` *${note}*`}`;
}

/**
 * The columns of each table, by its heading.
 * @param {import('./results.mjs').Results} results
 * @returns {Map<string, Column[]>}
 */
export function groups(results) {
  const found = new Map();
  for (const row of ROWS) {
    if (!results.cells[row.id]) continue;
    const columns = Object.entries(row.metrics).map(([metric, { title, better }]) => ({
      row,
      metric,
      better,
      title: [row.title, title].filter(Boolean).join(': '),
    }));
    found.set(row.group, [...(found.get(row.group) ?? []), ...columns]);
  }
  return found;
}

/** A group's plot: the name of its file. @param {string} group */
export const fileName = (group) =>
  group
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

/** @param {import('./results.mjs').Results} results */
export const poolsOf = (results) =>
  Object.keys(POOLS).filter((pool) => Object.values(results.cells).some((cells) => cells[pool]));

/**
 * @param {string[]} cells
 * @returns {string}
 */
export const line = (cells) => `| ${cells.join(' | ')} |`;

/**
 * All tables.
 * @param {import('./results.mjs').Results} results
 * @param {string} [level] of their headings
 */
export function tables(results, level = '##') {
  const parts = [];
  for (const [group, columns] of groups(results)) {
    parts.push(
      `${level} ${group}\n`,
      line(['', ...columns.map(({ title }) => title)]),
      line(['---', ...columns.map(() => '---')]),
      ...poolsOf(results).map((pool) => tableLine(results, columns, pool)),
      '',
    );
  }
  return parts.join('\n');
}

/**
 * @param {import('./results.mjs').Results} results
 * @param {Column[]} columns
 * @param {string} pool
 */
function tableLine(results, columns, pool) {
  const cells = columns.map(({ row, metric, better }) =>
    cell(summarise(results, row.id, metric, better, pool), pool === BASE, noteOf(row, pool)),
  );
  return line([POOLS[pool].title, ...cells]);
}

/**
 * How cost grows: a line for each curve.
 * @param {import('./results.mjs').Results} results
 * @param {string} [level] of the heading
 */
export function growthTable({ growth = [] }, level = '##') {
  if (!growth.length) return '';
  const pools = Object.keys(growth[0].pools);
  return [
    `${level} Cost as work grows\n`,
    line(['exponent, that of the steepest step; cost at the largest size', ...pools.map((pool) => POOLS[pool].title)]),
    line(['---', ...pools.map(() => '---')]),
    ...growth.map((curve) => line([curve.title, ...pools.map((pool) => curveCell(curve, pool))])),
    '',
  ].join('\n');
}

/**
 * @param {import('./growth.mjs').Curve} curve
 * @param {string} pool
 */
function curveCell(curve, pool) {
  const { points, stopped } = curve.pools[pool];
  const growth = growthOf(points);
  const last = points.at(-1);
  const parts = [];
  if (growth) {
    const { e, steepest } = growth;
    parts.push(`**${slope(e)}**, ${slope(steepest.e)} from ${whole(steepest.from)} to ${whole(steepest.to)}`);
  }
  if (last) parts.push(`${range(unitCost(curve, last))} µs per ${curve.unit || 'task'} at ${whole(last.size)}`);
  if (stopped) parts.push(`*${stopped}*`);
  return parts.join('; ');
}

/** Two digits, and no -0. @param {number} e */
const slope = (e) => (Math.round(e * 100) / 100 + 0).toFixed(2);

/** @param {number} value */
const whole = (value) => value.toLocaleString('en');

/**
 * Where and how the figures were made.
 * @param {import('./results.mjs').Results} results
 */
export function origin({ date, machine, versions, workers, quick, cells, growth = [] }) {
  const inRows = Object.values(cells).flatMap((row) => Object.values(row).map((all) => all.length));
  const inCurves = growth.flatMap(({ pools }) =>
    Object.values(pools).flatMap(({ points }) => points.map(({ ms }) => ms.length)),
  );
  const rounds = Math.max(0, ...inRows, ...inCurves);
  const names = Object.entries(versions).filter(([pool]) => POOLS[pool].package || pool === 'wasmpool');
  return [
    `${date.slice(0, 10)}, Node ${machine.node}, ${workers} workers, ${machine.cores} cores (${machine.processor}),`,
    `${machine.system}, load ${machine.load} before; ${quick ? 'a quick run, ' : ''}${rounds} ${rounds === 1 ? 'round' : 'rounds'}.`,
    `Versions: ${names.map(([pool, version]) => `${pool} ${version}`).join(', ')}.`,
  ].join(' ');
}

/** How to read a cell. */
export const LEGEND = `Median of the rounds (lowest – highest), and how many times better than ${BASE} in the same round.`;
