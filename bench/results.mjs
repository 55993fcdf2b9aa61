/**
 * A file of results, and what is said about it. The file holds what each measurement gave; medians and ratios are made from it.
 *
 * @typedef {{ figures: Record<string, number | string> } | { reason: string }} Outcome of one measurement; text: no figure, and why
 *
 * @typedef {object} Results
 * @property {number} format
 * @property {string} date
 * @property {boolean} quick
 * @property {number} workers
 * @property {Record<string, string | number>} machine
 * @property {Record<string, string>} versions of the pools
 * @property {Record<string, Record<string, Outcome[]>>} cells by row and pool, one a round
 * @property {import('./growth.mjs').Curve[]} [growth]
 *
 * @typedef {object} Summary
 * @property {number} median
 * @property {number} low
 * @property {number} high
 * @property {number} rounds
 * @property {number} [ratio] how many times better than the base: the median of the rounds' ratios
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { BASE, POOLS } from './pools/index.mjs';
import { median, spread } from './stats.mjs';

export const FORMAT = 2;

/**
 * @param {{ quick: boolean, workers: number }} run
 * @param {string[]} pools
 * @returns {Results}
 */
export const emptyResults = ({ quick, workers }, pools) => ({
  format: FORMAT,
  date: new Date().toISOString(),
  quick,
  workers,
  machine: describeMachine(),
  versions: Object.fromEntries(pools.map((name) => [name, versionOf(POOLS[name].package)])),
  cells: {},
});

function describeMachine() {
  return {
    processor: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()}`,
    node: process.versions.node,
    load: Number(os.loadavg()[0].toFixed(2)),
  };
}

/** @param {string} [name] of a package; none: this one */
function versionOf(name) {
  const file = new URL(name ? `node_modules/${name}/package.json` : '../package.json', import.meta.url);
  return name
    ? JSON.parse(readFileSync(file, 'utf8')).version
    : `${JSON.parse(readFileSync(file, 'utf8')).version}${commit()}`;
}

function commit() {
  try {
    const describe = ['describe', '--always', '--dirty', '--exclude', '*'];
    return ` (${execFileSync('git', describe, { cwd: import.meta.dirname, encoding: 'utf8', stdio: 'pipe' }).trim()})`;
  } catch {
    return ''; // not a checkout
  }
}

/**
 * @param {string} path
 * @returns {Results}
 */
export function readResults(path) {
  const results = JSON.parse(readFileSync(path, 'utf8'));
  if (results.format !== FORMAT) throw new Error(`${path}: not a file of results of this version`);
  return results;
}

/**
 * @param {Results} results
 * @param {string} row
 * @param {string} metric
 * @param {'lower' | 'higher'} better
 * @param {string} pool
 * @returns {Summary | { reason: string } | undefined} undefined: not measured
 */
export function summarise(results, row, metric, better, pool) {
  const outcomes = results.cells[row]?.[pool];
  if (!outcomes?.length) return undefined;
  const figures = outcomes.map((outcome) => figureOf(outcome, metric));
  const numbers = figures.filter((figure) => typeof figure === 'number');
  if (numbers.length < figures.length) return { reason: String(figures.find((figure) => typeof figure !== 'number')) };
  const ratio = ratioOf(results, metric, { row, pool, better }, { row, pool: BASE });
  return { ...spread(numbers), rounds: numbers.length, ratio };
}

/**
 * How many times better one pool is than another: the median of the ratios within the rounds.
 * @param {Results} results
 * @param {string} metric
 * @param {{ row: string, pool: string, better: 'lower' | 'higher' }} ours
 * @param {{ row: string, pool: string }} other
 * @returns {number | undefined} undefined: there is no round with a figure of both
 */
export function ratioOf(results, metric, ours, other) {
  const ratios = (results.cells[ours.row]?.[ours.pool] ?? []).flatMap((outcome, round) => {
    const figure = figureOf(outcome, metric);
    const base = figureOf(results.cells[other.row]?.[other.pool]?.[round], metric);
    if (typeof figure !== 'number' || typeof base !== 'number' || base === 0 || figure === 0) return [];
    return ours.better === 'higher' ? figure / base : base / figure;
  });
  return ratios.length ? median(ratios) : undefined;
}

/**
 * @param {Outcome | undefined} outcome
 * @param {string} metric
 */
function figureOf(outcome, metric) {
  if (!outcome) return undefined;
  return 'figures' in outcome ? outcome.figures[metric] : outcome.reason;
}
