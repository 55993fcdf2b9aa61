/** Cost as work grows: the same measurement at sizes that double or more, in each round, and what is said about the curve. */
import os from 'node:os';
import { measureApart } from './processes.mjs';
import { exponent, median, spread } from './stats.mjs';

/**
 * @typedef {object} Point
 * @property {number} size
 * @property {number[]} ms that all of it takes, one a round
 *
 * @typedef {object} Curve
 * @property {string} id
 * @property {string} title
 * @property {string} sizeTitle
 * @property {string} unit what the cost is divided by: 'worker', 'task', 'MB', 'reader'; '': `ms` is one task's already
 * @property {number} unitSize how much of the size a unit is
 * @property {Record<string, { points: Point[], stopped?: string }>} pools `stopped`: why there is no larger size
 */

const LIMIT_S = 60;
/** The pools to compare with; the others are in the tables. */
const COMPARED = ['wasmpool', 'wasmpool-c', 'piscina', 'raw'];

const powers = (/** @type {number} */ base, /** @type {number} */ from, /** @type {number} */ to) =>
  Array.from({ length: to - from + 1 }, (_, i) => base ** (from + i));

const WORKERS = { sizeTitle: 'workers', unit: 'worker', unitSize: 1, sizes: powers(2, 1, 6), quick: [2, 8, 16] };
const BYTES = { sizeTitle: 'bytes', unit: 'MB', unitSize: 2 ** 20, sizes: powers(16, 0, 7), quick: powers(16, 0, 5) };

/** What is measured at which sizes; `quick`: in a quick run. */
export const CURVES = [
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
  {
    id: 'growth-readers',
    title: 'Tasks that read the same 64 MB in shared memory',
    sizeTitle: 'readers',
    unit: 'reader',
    unitSize: 1,
    sizes: powers(2, 0, 3),
    quick: powers(2, 0, 3),
  },
];

/**
 * The curves without points.
 * @param {string[]} pools
 * @returns {Curve[]}
 */
export const emptyCurves = (pools) =>
  CURVES.map(({ id, title, sizeTitle, unit, unitSize }) => ({
    ...{ id, title, sizeTitle, unit, unitSize },
    pools: Object.fromEntries(COMPARED.filter((pool) => pools.includes(pool)).map((pool) => [pool, { points: [] }])),
  }));

/**
 * One more round of all points: size by size, another pool first in each round.
 * @param {Curve[]} curves gets the figures
 * @param {{ round: number, quick: boolean, say: (text: string) => void }} run
 */
export async function measureGrowth(curves, { round, quick, say }) {
  for (const curve of curves) {
    const plan = CURVES.find(({ id }) => id === curve.id);
    const pools = Object.keys(curve.pools);
    for (const size of (quick ? plan?.quick : plan?.sizes) ?? []) {
      for (const pool of pools.map((_, i) => pools[(i + round) % pools.length])) {
        if (isPast(curve.pools[pool], size, round)) continue;
        const outcome = await measurePoint(curve.id, pool, size, quick);
        addTo(curve.pools[pool], size, outcome);
        say(`${round + 1} ${curve.id} ${size} ${pool} ${JSON.stringify(outcome)}`);
      }
    }
  }
}

/**
 * Whether the pool has failed at this size or a smaller one.
 * @param {Curve['pools'][string]} found
 * @param {number} size
 * @param {number} round
 */
const isPast = ({ points, stopped }, size, round) =>
  stopped !== undefined && (round === 0 || !points.some((point) => point.size === size));

/**
 * @param {Curve['pools'][string]} found
 * @param {number} size
 * @param {import('./results.mjs').Outcome} outcome
 */
function addTo(found, size, outcome) {
  if ('reason' in outcome) {
    found.stopped = `${outcome.reason} (${size.toLocaleString('en')})`;
    found.points = found.points.filter((point) => point.size < size); // no median if rounds failed
    return;
  }
  const ms = Number(outcome.figures.ms);
  const point = found.points.find((candidate) => candidate.size === size);
  if (point) point.ms.push(ms);
  else found.points.push({ size, ms: [ms] });
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
 * What a unit costs, in microseconds: median, lowest and highest round.
 * @param {Curve} curve
 * @param {Point} point
 */
export function unitCost({ unit, unitSize }, { size, ms }) {
  const factor = 1000 / (unit ? size / unitSize : 1);
  return spread(ms.map((value) => value * factor));
}

/**
 * How cost grows: the exponent over all points, and the step from one size to the next with the greatest one.
 * @param {Point[]} points
 */
export function growthOf(points) {
  const medians = points.map(({ size, ms }) => ({ size, cost: median(ms) }));
  if (medians.length < 2) return undefined;
  const steps = medians
    .slice(1)
    .map((to, i) => ({ from: medians[i].size, to: to.size, e: exponent([medians[i], to]) }));
  return { e: exponent(medians), steepest: steps.reduce((most, step) => (step.e > most.e ? step : most)) };
}
