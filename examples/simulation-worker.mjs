/** What the workers of examples/simulation.mjs do: plain functions, testable without a pool. */

/**
 * One step of a slice of bodies, drawn to the wells. A bulk handler: it gets a slice and returns as many results.
 * @param {{ x: number, y: number, vx: number, vy: number }[]} slice
 * @param {{ sharedArgs: any }} context
 */
export function step(slice, { sharedArgs: { wells, seconds } }) {
  return slice.map(({ x, y, vx, vy }) => {
    for (const well of wells) {
      const dx = well.x - x;
      const dy = well.y - y;
      const pull = (well.mass * seconds) / (dx * dx + dy * dy + 1) ** 1.5;
      vx += dx * pull;
      vy += dy * pull;
    }
    return { x: x + vx * seconds, y: y + vy * seconds, vx, vy };
  });
}

/**
 * The shortest way through a grid, by breadth-first search; runs in the background, for several frames.
 * @param {{ grid: string[], from: [number, number], to: [number, number] }} query '#' is a wall; places are [row, column]
 * @param {{ isCancelled: boolean }} context
 * @returns {[number, number][] | undefined} undefined: there is none
 */
export function findPath({ grid, from, to }, context) {
  const key = (/** @type {number[]} */ place) => place.join();
  const before = new Map([[key(from), from]]);
  const queue = [from];
  for (let next = 0; next < queue.length && !context.isCancelled; next++) {
    const here = queue[next];
    if (key(here) === key(to)) return wayBack(before, here, key);
    for (const [row, column] of neighbours(here)) {
      if (grid[row]?.[column] !== '.' || before.has(key([row, column]))) continue;
      before.set(key([row, column]), here);
      queue.push([row, column]);
    }
  }
  return undefined;
}

/** @param {[number, number]} place @returns {[number, number][]} */
const neighbours = ([row, column]) => [
  [row - 1, column],
  [row + 1, column],
  [row, column - 1],
  [row, column + 1],
];

/**
 * @param {Map<string, [number, number]>} before
 * @param {[number, number]} end
 * @param {(place: number[]) => string} key
 */
function wayBack(before, end, key) {
  const path = [end];
  for (let here = end; ;) {
    const earlier = /** @type {[number, number]} */ (before.get(key(here)));
    if (earlier === here) return path.reverse();
    path.push((here = earlier));
  }
}
