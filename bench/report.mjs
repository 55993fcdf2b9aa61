/** Results as Markdown. */
import { unitCost } from './growth.mjs';
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
 * Median, lowest and highest round, how many times better than the base; or why there is none.
 * @param {ReturnType<typeof summarise>} summary
 * @param {boolean} [isBase]
 * @param {string} [note]
 */
export function cell(summary, isBase, note = '') {
  if (!summary) return '';
  if ('reason' in summary) return `*${summary.reason.replaceAll('|', '\\|')}*`;
  const { median, low, high, rounds, ratio } = summary;
  const around = rounds > 1 && low !== high ? ` (${show(low)} – ${show(high)})` : '';
  const times = ratio === undefined || isBase ? '' : ` ${show(ratio)}×`;
  return `**${show(median)}**${around}${times}${note && ` *${note}*`}`;
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
    line(['exponent; cost at the largest size', ...pools.map((pool) => POOLS[pool].title)]),
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
  const { points, exponent, stopped } = curve.pools[pool];
  const last = points.at(-1);
  const parts = [];
  if (exponent !== undefined) parts.push(`**${exponent.toFixed(2)}**`);
  if (last)
    parts.push(`${show(unitCost(curve, last))} µs per ${curve.unit || 'task'} at ${last.size.toLocaleString('en')}`);
  if (stopped) parts.push(`*${stopped}*`);
  return parts.join('; ');
}

/**
 * Where and how the figures were made.
 * @param {import('./results.mjs').Results} results
 */
export function origin({ date, machine, versions, workers, quick, cells }) {
  const rounds = Math.max(0, ...Object.values(cells).flatMap((row) => Object.values(row).map((all) => all.length)));
  const names = Object.entries(versions).filter(([pool]) => POOLS[pool].package || pool === 'wasmpool');
  return [
    `${date.slice(0, 10)}, Node ${machine.node}, ${workers} workers, ${machine.cores} cores (${machine.processor}),`,
    `${machine.system}, load ${machine.load} before; ${quick ? 'a quick run, ' : ''}${rounds} ${rounds === 1 ? 'round' : 'rounds'}.`,
    `Versions: ${names.map(([pool, version]) => `${pool} ${version}`).join(', ')}.`,
  ].join(' ');
}

/** How to read a cell. */
export const LEGEND = `Median of the rounds (lowest – highest), and how many times better than ${BASE} in the same round.`;
