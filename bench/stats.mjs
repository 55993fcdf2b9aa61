/** What is said about a few rounds of the same measurement. */
import { linearRegression, median as middle, quantileSorted } from 'simple-statistics';

/** @param {number[]} values */
export const median = (values) => middle(values);

/**
 * @param {Float64Array} samples gets sorted
 * @param {number} share 0 to 1
 */
export const quantile = (samples, share) => quantileSorted(/** @type {any} */ (samples.sort()), share);

/**
 * @param {number[]} values of the rounds
 * @returns {{ median: number, low: number, high: number }}
 */
export const spread = (values) => ({ median: median(values), low: Math.min(...values), high: Math.max(...values) });

/**
 * The exponent e of cost ~ size^e: the slope of a line through the points on logarithmic axes.
 * @param {{ size: number, cost: number }[]} points
 */
export const exponent = (points) =>
  linearRegression(points.map(({ size, cost }) => [Math.log(size), Math.log(cost)])).m;
