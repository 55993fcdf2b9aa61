/** Results as plots, SVG. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vega from 'vega';
import { compile } from 'vega-lite';
import { growthOf, unitCost } from './growth.mjs';
import { POOLS } from './pools/index.mjs';
import { fileName, groups, poolsOf } from './report.mjs';
import { summarise } from './results.mjs';

const OWN = '#d1495b';
const OTHER = '#6c7a89';
const CONFIG = {
  font: 'system-ui, sans-serif',
  axis: { labelFontSize: 11, titleFontSize: 11, titleFontWeight: 'normal', gridColor: '#eee', labelLimit: 260 },
  legend: { labelLimit: 260 },
  title: { fontSize: 14, anchor: 'start', offset: 12 },
  view: { stroke: null },
};

/**
 * Writes all plots of a file of results.
 * @param {import('./results.mjs').Results} results
 * @param {string} directory
 * @returns {Promise<string[]>} the files
 */
export async function plotAll(results, directory) {
  mkdirSync(directory, { recursive: true });
  const files = [];
  const write = async (/** @type {string} */ name, /** @type {object} */ spec) => {
    const path = join(directory, `${name}.svg`);
    writeFileSync(path, `${await draw(spec)}\n`);
    files.push(path);
  };
  for (const [group, columns] of groups(results)) await write(fileName(group), dots(results, group, columns));
  for (const curve of results.growth ?? []) await write(curve.id, lines(curve));
  return files;
}

/** @param {object} spec of vega-lite */
function draw(spec) {
  const compiled = compile(/** @type {any} */ ({ background: 'white', config: CONFIG, ...spec })).spec;
  return new vega.View(vega.parse(compiled), { renderer: 'none' }).toSVG();
}

/**
 * A logarithmic axis with labels at 1, 10, 100, and at 2 and 5 if it is short. 10k, but 0.01 and not 10m: the unit stands in a title.
 * @param {number[]} values that it shows
 * @param {string | null} title
 */
function logAxis(values, title) {
  const digits = Math.max(...values) / Math.min(...values) > 8 ? '1' : '125';
  const first = "substring(format(datum.value, 'e'), 0, 1)";
  const label = "format(datum.value, datum.value < 1000 ? '~g' : '~s')";
  return { title, labelExpr: `indexof('${digits}', ${first}) < 0 ? '' : ${label}`, labelOverlap: false };
}

/**
 * A dot with the range of the rounds for each pool; one panel a figure.
 * @param {import('./results.mjs').Results} results
 * @param {string} group
 * @param {import('./report.mjs').Column[]} columns
 */
function dots(results, group, columns) {
  const panels = columns.map((column) => panel(column, valuesOf(results, column))).filter(Boolean);
  return { title: group, columns: Math.min(3, panels.length), concat: panels };
}

/**
 * @param {import('./results.mjs').Results} results
 * @param {import('./report.mjs').Column} column
 */
function valuesOf(results, { row, metric, better }) {
  return poolsOf(results).flatMap((pool) => {
    const summary = summarise(results, row.id, metric, better, pool);
    if (!summary || 'reason' in summary || summary.low <= 0) return [];
    return [{ pool: POOLS[pool].title, own: pool.startsWith('wasmpool'), ...summary }];
  });
}

/**
 * @param {import('./report.mjs').Column} column
 * @param {{ pool: string, own: boolean, median: number, low: number, high: number }[]} values
 */
function panel({ title, better }, values) {
  if (!values.length) return undefined;
  const scale = { type: 'log', nice: true };
  const axis = logAxis(
    values.flatMap(({ low, high }) => [low, high]),
    null,
  );
  const y = { field: 'pool', type: 'nominal', sort: null, title: null };
  const color = { field: 'own', type: 'nominal', legend: null, scale: { domain: [true, false], range: [OWN, OTHER] } };
  return {
    title: {
      text: title,
      frame: 'group',
      fontSize: 12,
      fontWeight: 'normal',
      subtitle: `${better} is better`,
      offset: 4,
    },
    width: 220,
    height: { step: 17 },
    data: { values },
    encoding: { y, color },
    layer: [
      {
        mark: { type: 'rule', strokeWidth: 2, opacity: 0.5 },
        encoding: { x: { field: 'low', type: 'quantitative', scale, axis }, x2: { field: 'high' } },
      },
      {
        mark: { type: 'point', filled: true, size: 55, opacity: 1 },
        encoding: { x: { field: 'median', type: 'quantitative', scale, axis } },
      },
    ],
  };
}

/**
 * Time a unit by size, both axes logarithmic: a line through the medians, and the range of the rounds.
 * @param {import('./growth.mjs').Curve} curve
 */
function lines(curve) {
  const values = Object.entries(curve.pools).flatMap(([pool, { points }]) => {
    const growth = growthOf(points);
    const name = `${POOLS[pool].title}${growth ? `: size^${growth.e.toFixed(2)}` : ''}`;
    return points.map((point) => ({ pool: name, size: point.size, ...unitCost(curve, point) }));
  });
  const scale = { type: 'log' };
  const costs = values.flatMap(({ low, high }) => [low, high]);
  const sizes = values.map(({ size }) => size);
  const axis = logAxis(costs, `µs per ${curve.unit || 'task'}`);
  return {
    title: curve.title,
    width: 420,
    height: 260,
    data: { values },
    encoding: {
      x: { field: 'size', type: 'quantitative', scale, axis: logAxis(sizes, curve.sizeTitle) },
      color: { field: 'pool', type: 'nominal', sort: null, title: 'all of it costs' },
    },
    layer: [
      {
        mark: { type: 'rule', strokeWidth: 2, opacity: 0.5 },
        encoding: { y: { field: 'low', type: 'quantitative', scale, axis }, y2: { field: 'high' } },
      },
      {
        mark: { type: 'line', point: true },
        encoding: { y: { field: 'median', type: 'quantitative', scale, axis } },
      },
    ],
  };
}
