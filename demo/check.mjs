/** What the demo's results are compared with: the system's own sha256sum and wc. */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * @typedef {object} Expected  by index of the file
 * @property {string[]} digests  of sha256sum, in hexadecimal
 * @property {{ lines: number, bytes: number }[]} counts  of wc
 */

/** The histogram's place for the byte that ends a line. */
const LF = 0x0a;

/**
 * Digests by the system's sha256sum.
 * @param {string[]} paths
 * @param {string} cwd
 * @returns {Promise<string[]>}
 */
export async function digestsOf(paths, cwd) {
  const text = await output('xargs', ['-0', 'sha256sum', '-z', '--'], paths, cwd);
  return text
    .split('\0')
    .filter(Boolean)
    .map((record) => record.slice(0, 64));
}

/**
 * How long the system's sha256sum takes for the same files, by `xargs -P`.
 * @param {string[]} paths
 * @param {string} cwd
 * @param {number} processes  at once
 * @returns {Promise<number>} seconds
 */
export async function timeSha256sum(paths, cwd, processes) {
  const perProcess = Math.ceil(paths.length / (8 * processes)); // several turns, so that none is left with the large files
  const args = ['-0', '-P', String(processes), '-n', String(perProcess), 'sha256sum', '-z', '--'];
  const start = performance.now();
  await output('xargs', args, paths, cwd);
  return (performance.now() - start) / 1000;
}

/**
 * Line and byte counts by the system's wc.
 * @param {string[]} paths
 * @param {string} cwd
 * @returns {Promise<{ lines: number, bytes: number }[]>}
 */
export async function wcOf(paths, cwd) {
  const text = await output('wc', ['-lc', '--files0-from=-'], paths, cwd);
  const rows = text.split('\n').slice(0, paths.length); // without the total
  return rows.map((row) => {
    const [lines, bytes] = row.trim().split(/\s+/, 2).map(Number);
    return { lines, bytes };
  });
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {string[]} paths  for its standard input, ended by NUL
 * @param {string} cwd
 * @returns {Promise<string>}
 */
function output(program, args, paths, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, stdio: ['pipe', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (piece) => (text += piece));
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve(text);
      else reject(new Error(`${program} ended with status ${status}`));
    });
    child.stdin.end(paths.map((path) => `${path}\0`).join(''));
  });
}

/**
 * @param {string} file  NDJSON that wasmpool wrote
 * @returns {{ path: string, result: any }[]}
 */
export function readResults(file) {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/**
 * Compares the C task's results: digests, sizes, and that the histogram is one of these bytes.
 * @param {{ sha256: string, bytes: number, histogram: number[] }[]} results
 * @param {Expected} expected
 * @returns {string[]} the differences
 */
export function checkDigests(results, { digests, counts }) {
  return differences(results, digests.length, (result, i) => {
    const { bytes, lines } = counts[i];
    const sum = result.histogram.reduce((total, count) => total + count, 0);
    const got = [result.sha256, result.bytes, sum, result.histogram.length, result.histogram[LF]];
    return [got, [digests[i], bytes, bytes, 256, lines]];
  });
}

/**
 * Compares the JavaScript handler's results.
 * @param {{ lines: number, bytes: number }[]} results
 * @param {Expected} expected
 * @returns {string[]} the differences
 */
export function checkStatistics(results, { counts }) {
  return differences(results, counts.length, (result, i) => [
    [result.lines, result.bytes],
    [counts[i].lines, counts[i].bytes],
  ]);
}

/**
 * @template T
 * @param {T[]} results
 * @param {number} count
 * @param {(result: T, index: number) => [unknown[], unknown[]]} compare  what it is, what it should be
 * @returns {string[]}
 */
function differences(results, count, compare) {
  const found = [];
  if (results.length !== count) found.push(`${results.length} results, expected ${count}`);
  results.slice(0, count).forEach((result, i) => {
    const [got, wanted] = compare(result, i).map(String);
    if (got !== wanted) found.push(`file ${i}: ${got}, expected ${wanted}`);
  });
  return found;
}
