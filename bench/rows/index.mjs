/**
 * What is measured. A row is one measurement, made in a process of its own; it may give several figures.
 *
 * @typedef {object} Metric
 * @property {string} title with its unit
 * @property {'lower' | 'higher'} better
 *
 * @typedef {object} Bench what a row measures with
 * @property {(more?: object) => Promise<import('../pools/index.mjs').Pool>} open opens the pool, whose workers then all serve
 * @property {number} workers
 * @property {boolean} quick a rough figure will do
 * @property {number} [size] of rows that are measured at several sizes
 * @property {(need: string) => string | undefined} cannot why the pool has no figure for something
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {string} group rows of one table
 * @property {string} [title] the heading of its figures, where they alone do not say it
 * @property {Record<string, Metric>} metrics
 * @property {string[]} [needs] what not every pool has
 * @property {string[]} [own] pools that have something of their own for it; with the others a user makes it by hand
 * @property {boolean} [pinned] all threads on one processor
 * @property {any} [parameters] for pools that measure it in their own way
 * @property {(bench: Bench) => Promise<Record<string, number | string>>} measure figures by metric; text where there is none
 */
import { cpuRows } from './cpu.mjs';
import { failureRows } from './failure.mjs';
import { growthRows } from './growth.mjs';
import { mapRows } from './map.mjs';
import { payloadRows } from './payload.mjs';
import { smallRows } from './small.mjs';
import { startRows } from './start.mjs';

/** Those of the tables. @type {Row[]} */
export const ROWS = [...smallRows, ...mapRows, ...payloadRows, ...cpuRows, ...startRows, ...failureRows];

/**
 * What stands beside a pool's figure.
 * @param {Row} row
 * @param {string} pool
 */
export const noteOf = ({ own }, pool) => (!own || own.includes(pool) ? '' : 'by hand');

/** @param {string} id */
export function findRow(id) {
  const row = [...ROWS, ...growthRows].find((candidate) => candidate.id === id);
  if (!row) throw new Error(`there is no row '${id}'`);
  return row;
}
