/** Where other pools are ahead: derived from the results, so that none can be forgotten. */
import { POOLS } from './pools/index.mjs';
import { groups, line, show } from './report.mjs';
import { summarise } from './results.mjs';

const OWN = 'wasmpool';
/** A smaller lead is noise on this machine. */
const FROM = 1.05;

/**
 * The pools that are ahead in one figure, and how many times, the best first.
 * @param {import('./results.mjs').Results} results
 * @param {import('./report.mjs').Column} column
 */
function ahead(results, { row, metric, better }) {
  const figure = (/** @type {string} */ pool) => {
    const summary = summarise(results, row.id, metric, better, pool);
    return summary && 'median' in summary ? summary.median : undefined;
  };
  const own = figure(OWN);
  if (own === undefined) return { own, pools: [] };
  const pools = Object.keys(POOLS)
    .filter((pool) => POOLS[pool].package)
    .flatMap((pool) => {
      const value = figure(pool);
      if (value === undefined) return [];
      return [{ title: POOLS[pool].title, times: better === 'higher' ? value / own : own / value }];
    })
    .filter(({ times }) => times >= FROM)
    .sort((a, b) => b.times - a.times);
  return { own, pools };
}

/**
 * A line for each figure in which another pool is ahead.
 * @param {import('./results.mjs').Results} results
 */
export function behindTable(results) {
  const lines = [];
  for (const [group, columns] of groups(results)) {
    for (const column of columns) {
      const { own, pools } = ahead(results, column);
      if (own === undefined || pools.length === 0) continue;
      const others = pools.map(({ title, times }) => `${title} ${show(times)}×`).join(', ');
      lines.push(line([`${group}: ${column.title}`, show(own), others]));
    }
  }
  return [line(['', OWN, 'ahead by']), line(['---', '---', '---']), ...lines].join('\n');
}
