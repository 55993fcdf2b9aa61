#!/usr/bin/env node
/**
 * The demo: real work over every file of a directory, through the packaged command line; then the same list with three
 * tasks that hang among it. Everything is checked against the system's own tools; exit status 1 if anything differs.
 *
 * usage: node demo/run.mjs [DIR]    default: the installed node_modules
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkDigests, checkStatistics, digestsOf, readResults, wcOf } from './check.mjs';
import { runWithHangs } from './hangs.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PROGRAM = join(ROOT, 'bin', 'wasmpool.mjs');
const MODULE = 'demo/files.js';

/** Arguments may not be longer than this together (Linux: 2 MiB); longer lists go through --files-from. */
const ARGUMENT_BYTES = 1 << 20;

const say = (text = '') => void process.stdout.write(`${text}\n`);
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** What was compared, and whether it was as it should be. */
const checks = { failed: 0 };

/**
 * @param {string} title
 * @param {string[]} differences  none: all is well
 */
function check(title, differences) {
  say(`  ${differences.length ? 'DIFFERS' : 'ok'}: ${title}`);
  for (const text of differences.slice(0, 5)) say(`    ${text}`);
  if (differences.length > 5) say(`    and ${differences.length - 5} more`);
  if (differences.length) checks.failed++;
}

/**
 * Every regular file below a directory.
 * @param {string} directory
 * @returns {{ paths: string[], bytes: number }}
 */
function listFiles(directory) {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
  const bytes = paths.reduce((sum, path) => sum + statSync(join(ROOT, path)).size, 0);
  return { paths, bytes };
}

/**
 * `wasmpool map demo/files.js#TASK --files …`
 * @param {string} task
 * @param {string[]} paths
 * @param {number} workers
 * @param {string} output
 * @returns {Promise<number>} how long it took, in seconds, start and end of the program included
 */
async function mapFiles(task, paths, workers, output) {
  const asArguments = paths.reduce((sum, path) => sum + Buffer.byteLength(path) + 1, 0) < ARGUMENT_BYTES;
  const which = asArguments ? ['--files'] : ['--files-from', '-', '--null'];
  const options = ['-j', String(workers), '--progress', '--stats', '-o', output];
  const args = ['map', `${MODULE}#${task}`, ...which, ...options];
  say(`$ wasmpool ${args.slice(0, 3).join(' ')} … -j ${workers}   (${paths.length} files)`);
  if (asArguments) args.push('--', ...paths);
  const started = performance.now();
  const status = await new Promise((resolve, reject) => {
    const stdio = [asArguments ? 'ignore' : 'pipe', 'inherit', 'inherit'];
    const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: ROOT, stdio });
    child.on('error', reject).on('close', resolve);
    child.stdin?.end(paths.join('\0'));
  });
  check(`exit status of the run with ${workers}`, status === 0 ? [] : [`${status}, expected 0`]);
  return (performance.now() - started) / 1000;
}

/**
 * One task over the whole list with all workers and with one: results, times, and whether the results are the same.
 * @param {string} task
 * @param {{ paths: string[], workers: number, scratch: string }} job
 */
async function measure(task, { paths, workers, scratch }) {
  const [many, one] = [join(scratch, `${task}-many`), join(scratch, `${task}-one`)];
  const seconds = {
    many: await mapFiles(task, paths, workers, many),
    one: await mapFiles(task, paths, 1, one),
  };
  const results = readResults(many);
  const order = results.map(({ path }) => path);
  const firstWrong = paths.findIndex((path, i) => path !== order[i]);
  const isInOrder = firstWrong < 0 && order.length === paths.length;
  check('one result a file, in input order',
    isInOrder ? [] : [`${order.length} results; the first difference is at ${firstWrong}`]);
  const same = JSON.stringify(results) === JSON.stringify(readResults(one));
  check('one worker gives the same results', same ? [] : ['the two outputs differ']);
  return { task, results: results.map(({ result }) => result), seconds };
}

/**
 * @param {{ task: string, seconds: { many: number, one: number } }[]} measured
 * @param {{ paths: string[], bytes: number, workers: number }} job
 */
function printFigures(measured, { paths, bytes, workers }) {
  say('\nThroughput (program start and end included)');
  const columns = (cells) => say(`  ${cells.map((cell, i) => (i ? cell.padStart(18) : cell.padEnd(16))).join('')}`);
  columns(['', '1 worker', `${workers} workers`, 'files/s', 'speed-up']);
  for (const { task, seconds } of measured) {
    const rate = (time) => `${(bytes / 1e6 / time).toFixed(1)} MB/s`;
    const files = (paths.length / seconds.many).toFixed(0);
    const speedUp = `${(seconds.one / seconds.many).toFixed(2)} ×`;
    columns([task, rate(seconds.one), rate(seconds.many), files, speedUp]);
  }
}

/** @param {string} directory */
async function demo(directory) {
  const { paths, bytes } = listFiles(directory);
  const workers = Math.max(2, availableParallelism());
  const scratch = mkdtempSync(join(tmpdir(), 'wasmpool-demo-'));
  say(`${paths.length} files, ${megabytes(bytes)}, below ${relative(ROOT, directory) || '.'}`);
  try {
    const expected = { digests: await digestsOf(paths, ROOT), counts: await wcOf(paths, ROOT) };
    const job = { paths, bytes, workers, scratch };

    say('\nSHA-256 and byte histogram, a C task in WebAssembly (demo/digest.c)');
    const digest = await measure('digest', job);
    check('every digest is what sha256sum prints', checkDigests(digest.results, expected));

    say('\nLine and word statistics, a JavaScript handler (demo/files.js)');
    const statistics = await measure('statistics', job);
    check('every line count is what wc prints', checkStatistics(statistics.results, expected));

    say('\nThe same list, with three tasks that hang among it');
    for (const { title, differences } of await runWithHangs(paths, expected, { workers, cwd: ROOT, say })) {
      check(title, differences);
    }
    printFigures([digest, statistics], job);
  } finally {
    rmSync(scratch, { recursive: true });
  }
  say(checks.failed ? `\n${checks.failed} checks failed` : '\nAll checks passed');
}

await demo(process.argv[2] ?? join(ROOT, 'node_modules'));
process.exitCode = checks.failed ? 1 : 0;
