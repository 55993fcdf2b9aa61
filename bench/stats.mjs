/** What is said about a few rounds of the same measurement. */

/** @param {number[]} values */
export const median = (values) => quantile(Float64Array.from(values), 0.5);

/**
 * Between two samples: the mean of both.
 * @param {Float64Array} samples gets sorted
 * @param {number} share 0 to 1
 */
export function quantile(samples, share) {
  samples.sort();
  const place = samples.length * share;
  const last = samples.length - 1;
  const at = (/** @type {number} */ index) => samples[Math.max(0, Math.min(last, index))];
  return Number.isInteger(place) ? (at(place - 1) + at(place)) / 2 : at(Math.floor(place));
}

/**
 * @param {number[]} values of the rounds
 * @returns {{ median: number, low: number, high: number }}
 */
export const spread = (values) => ({ median: median(values), low: Math.min(...values), high: Math.max(...values) });

/**
 * The exponent e of cost ~ size^e: the slope of the line of least squares through the points on logarithmic axes.
 * @param {{ size: number, cost: number }[]} points
 */
export function exponent(points) {
  const mean = (/** @type {(point: { size: number, cost: number }) => number} */ of) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean(({ size }) => Math.log(size)), mean(({ cost }) => Math.log(cost))];
  return (
    mean(({ size, cost }) => (Math.log(size) - x) * (Math.log(cost) - y)) /
    mean(({ size }) => (Math.log(size) - x) ** 2)
  );
}
