/**
 * One measurement, in this process alone. Its outcome is the last line of standard output.
 *
 * usage: node bench/child.mjs '{"pool":…,"row":…,"workers":2,"quick":false}'
 */
import { writeSync } from 'node:fs';
import process from 'node:process';
import { meet, NoFigure, WrongResult } from './measure.mjs';
import { POOLS } from './pools/index.mjs';
import { findRow } from './rows/index.mjs';

const { pool: name, row: id, workers, quick, size } = JSON.parse(process.argv[2]);

/** @returns {Promise<import('./results.mjs').Outcome>} */
async function measure() {
  /** @type {any} an Adapter */
  const adapter = await POOLS[name].load?.();
  const cannot = (/** @type {string} */ need) => adapter.cannot?.[need];
  const row = findRow(id);
  const reason = [id, ...(row.needs ?? [])].map(cannot).find(Boolean);
  if (reason) return { reason };
  const open = async (/** @type {object} */ more) => {
    const config = { workers, ...more };
    const pool = await adapter.open(config);
    await meet(pool, config.workers);
    return pool;
  };
  return { figures: await (adapter.measure ?? row.measure)({ row, open, workers, quick, size, cannot }) };
}

/** @param {any} error */
function explain(error) {
  if (error instanceof NoFigure) return { reason: error.message };
  if (error instanceof WrongResult) return { reason: `wrong result: ${error.message}` };
  return { reason: `failed: ${error?.message ?? error}` };
}

process.on('unhandledRejection', () => undefined); // the rows look at their promises' outcomes
process.on('uncaughtException', () => undefined); // errors that a crashed worker raises on main are part of the measurement
const outcome = await measure().catch(explain);
writeSync(1, `\n${JSON.stringify(outcome)}\n`);
process.exit(); // some pools never settle the promise of their end
