/** Cost as work grows: the same measurement at sizes that double or more, and the exponent of the curve. */
import os from 'node:os';
import { measureApart } from './processes.mjs';
import { exponent } from './stats.mjs';

/**
 * @typedef {object} Point
 * @property {number} size
 * @property {number} ms that all of it takes
 *
 * @typedef {object} Curve
 * @property {string} id
 * @property {string} title
 * @property {string} sizeTitle
 * @property {string} unit what the cost is divided by: 'worker', 'task', 'MB'; '': `ms` is one task's already
 * @property {number} unitSize how much of the size a unit is
 * @property {Record<string, { points: Point[], exponent?: number, stopped?: string }>} pools `stopped`: why there is no larger size
 */

const LIMIT_S = 60;
/** Beside these; the others are in the tables. */
const COMPARED = ['wasmpool', 'wasmpool-c', 'piscina', 'raw'];

const powers = (/** @type {number} */ base, /** @type {number} */ from, /** @type {number} */ to) =>
  Array.from({ length: to - from + 1 }, (_, i) => base ** (from + i));

const WORKERS = { sizeTitle: 'workers', unit: 'worker', unitSize: 1, sizes: powers(2, 1, 6), quick: [2, 8, 16] };
const BYTES = { sizeTitle: 'bytes', unit: 'MB', unitSize: 2 ** 20, sizes: powers(4, 0, 14), quick: powers(16, 0, 5) };

const CURVES = [
  { ...WORKERS, id: 'growth-start', title: 'Start of a pool until all workers serve' },
  { ...WORKERS, id: 'growth-workers', title: 'One of 1,024 tasks in flight, by workers', unit: '' },
  {
    id: 'growth-tasks',
    title: 'Tasks submitted at once',
    sizeTitle: 'tasks',
    unit: 'task',
    unitSize: 1,
    sizes: powers(10, 3, 7),
    quick: powers(10, 3, 5),
  },
  { ...BYTES, id: 'growth-in', title: 'Bytes to a task, copied' },
  { ...BYTES, id: 'growth-out', title: 'Bytes from a task, copied' },
  { ...BYTES, id: 'growth-shared', title: 'Bytes from a task, in shared memory' },
];

/**
 * @param {{ pools: string[], quick: boolean, say: (text: string) => void }} run
 * @returns {Promise<Curve[]>}
 */
export async function measureGrowth({ pools, quick, say }) {
  const compared = pools.filter((pool) => COMPARED.includes(pool));
  const curves = [];
  for (const { sizes, quick: few, ...curve } of CURVES) {
    /** @type {Curve['pools']} */
    const found = Object.fromEntries(compared.map((pool) => [pool, { points: [] }]));
    for (const size of quick ? few : sizes) {
      for (const pool of compared) {
        if (found[pool].stopped) continue;
        const outcome = await measurePoint(curve.id, pool, size, quick);
        if ('reason' in outcome) found[pool].stopped = `${outcome.reason} (${size.toLocaleString('en')})`;
        else found[pool].points.push({ size, ms: Number(outcome.figures.ms) });
        say(`${curve.id} ${size} ${pool} ${JSON.stringify(outcome)}`);
      }
    }
    for (const all of Object.values(found)) all.exponent = largerHalf(all.points);
    curves.push({ ...curve, pools: found });
  }
  return curves;
}

/**
 * @param {string} row
 * @param {string} pool
 * @param {number} size
 * @param {boolean} quick
 */
function measurePoint(row, pool, size, quick) {
  const heapMb = Math.min(16384, Math.round((os.totalmem() / 2 ** 20) * 0.7));
  return measureApart({ pool, row, workers: 2, quick, size }, { limitS: quick ? 15 : LIMIT_S, heapMb });
}

/**
 * The exponent over the larger half of the sizes: with the small ones, what every task costs hides what its size does.
 * @param {Point[]} points
 */
function largerHalf(points) {
  const half = points.slice(points.length >> 1);
  return half.length > 1 ? exponent(half.map(({ size, ms }) => ({ size, cost: ms }))) : undefined;
}

/**
 * What a unit costs, in microseconds.
 * @param {Curve} curve
 * @param {Point} point
 */
export const unitCost = ({ unit, unitSize }, { size, ms }) => (ms * 1000) / (unit ? size / unitSize : 1);
