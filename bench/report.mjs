/** Rounds, medians and tables. */

/** @param {number[]} values */
export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** @param {number} value */
const show = (value) => (value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3));

/** @param {number[]} values */
const cell = (values) => `${show(median(values))} (${show(Math.min(...values))} – ${show(Math.max(...values))})`;

/**
 * Measures every row on every pool, interleaved: each round opens each pool once.
 * @param {Record<string, () => Promise<import('./pools/index.mjs').Pool> | import('./pools/index.mjs').Pool>} pools
 * @param {Record<string, (pool: any) => Promise<number>>} rows
 * @param {number} rounds
 * @param {(pool: any) => Promise<unknown>} warm
 * @returns {Promise<Record<string, Record<string, number[]>>>} by row and pool
 */
export async function measureAll(pools, rows, rounds, warm) {
  /** @type {Record<string, Record<string, number[]>>} */
  const found = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, open] of Object.entries(pools)) {
      const pool = await open();
      await warm(pool);
      for (const [row, measure] of Object.entries(rows)) ((found[row] ??= {})[name] ??= []).push(await measure(pool));
      await pool.close();
    }
  }
  return found;
}

/**
 * A Markdown table: medians, with the lowest and the highest round.
 * @param {string} title
 * @param {Record<string, Record<string, number[]>>} found
 */
export function table(title, found) {
  const columns = Object.keys(Object.values(found)[0]);
  const lines = [`| ${title} | ${columns.join(' | ')} |`, `|---|${'---|'.repeat(columns.length)}`];
  for (const [row, by] of Object.entries(found))
    lines.push(`| ${row} | ${columns.map((column) => cell(by[column])).join(' | ')} |`);
  return lines.join('\n');
}
