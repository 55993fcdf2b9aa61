#!/usr/bin/env node
/**
 * The demo: real work over every file of a directory, through the packaged command line; then the same list with three
 * tasks that hang among it. Everything is checked against the system's own tools; exit status 1 if anything differs.
 *
 * usage: node demo/run.mjs [DIR [ROUNDS]]    default: the installed node_modules, 3
 */

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkDigests, checkStatistics, digestsOf, readResults, timeSha256sum, wcOf } from './check.mjs';
import { runWithHangs } from './hangs.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PROGRAM = join(ROOT, 'bin', 'wasmpool.mjs');
const MODULE = 'demo/files.js';

/** Arguments may not be longer than this together (Linux: 2 MiB); longer lists go through --files-from. */
const ARGUMENT_BYTES = 1 << 20;

/** Measured runs with one worker, and as many with all: a single short run says little on a busy machine. */
const ROUNDS = Number(process.argv[3] ?? 3);

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
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
  const bytes = paths.reduce((sum, path) => sum + statSync(join(ROOT, path)).size, 0);
  return { paths, bytes };
}

/**
 * `wasmpool map demo/files.js#TASK --files …`
 * @param {string} task
 * @param {{ paths: string[], workers: number, output: string, quiet?: boolean }} run  quiet: only the figures count
 * @returns {Promise<{ status: number, figures: string }>}  figures: what --stats printed, if quiet
 */
function mapFiles(task, { paths, workers, output, quiet = false }) {
  const length = paths.reduce((sum, path) => sum + Buffer.byteLength(path) + 1, 0);
  const asArguments = length < ARGUMENT_BYTES;
  const which = asArguments ? ['--files'] : ['--files-from', '-', '--null'];
  const options = ['-j', String(workers), '--stats', quiet ? '--no-progress' : '--progress', '-o', output];
  const args = ['map', `${MODULE}#${task}`, ...which, ...options, ...(asArguments ? ['--', ...paths] : [])];
  return new Promise((resolve, reject) => {
    const stdio = [asArguments ? 'ignore' : 'pipe', 'inherit', quiet ? 'pipe' : 'inherit'];
    const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: ROOT, stdio });
    let figures = '';
    child.stderr?.setEncoding('utf8').on('data', (text) => (figures += text));
    child.on('error', reject).on('close', (status) => resolve({ status, figures }));
    child.stdin?.end(paths.join('\0'));
  });
}

/**
 * One task over the whole list: with all workers, before the user's eyes; then with one and with all in turn.
 * @param {string} task
 * @param {{ paths: string[], workers: number, scratch: string }} job
 * @returns {Promise<{ task: string, results: any[], seconds: { one: number, many: number } }>}
 */
async function measure(task, { paths, workers, scratch }) {
  const [first, output] = [join(scratch, `${task}-first`), join(scratch, task)];
  say(`$ wasmpool map ${MODULE}#${task} --files …   (${paths.length} files, ${workers} workers)`);
  const { status } = await mapFiles(task, { paths, workers, output: first });
  check('exit status 0', status === 0 ? [] : [`${status}`]);
  const results = readResults(first);
  const firstWrong = paths.findIndex((path, i) => path !== results[i]?.path);
  const isInOrder = firstWrong < 0 && results.length === paths.length;
  check(
    'one result a file, in input order',
    isInOrder ? [] : [`${results.length} results; the first difference is at ${firstWrong}`],
  );
  const times = { one: [], many: [] };
  const differing = [];
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [name, count] of Object.entries({ one: 1, many: workers })) {
      const { figures } = await mapFiles(task, { paths, workers: count, output, quiet: true });
      times[name].push(Number(/, ([\d.]+) s, /.exec(figures)?.[1]));
      if (!readFileSync(output).equals(readFileSync(first))) differing.push(`round ${round}, ${count} workers`);
    }
  }
  check(`the same output in ${2 * ROUNDS} more runs, with one worker and with ${workers}`, differing);
  return { task, results: results.map(({ result }) => result), seconds: medians(times) };
}

/**
 * The same files through sha256sum, with one process and with as many as there are workers.
 * @param {{ paths: string[], workers: number }} job
 */
async function measureSha256sum({ paths, workers }) {
  const times = { one: [], many: [] };
  for (let round = 1; round <= ROUNDS; round++) {
    times.one.push(await timeSha256sum(paths, ROOT, 1));
    times.many.push(await timeSha256sum(paths, ROOT, workers));
  }
  return { task: `xargs sha256sum`, seconds: medians(times) };
}

/** @param {{ one: number[], many: number[] }} times */
const medians = ({ one, many }) => ({ one: median(one), many: median(many) });

/** @param {number[]} values */
function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/**
 * @param {{ task: string, seconds: { many: number, one: number } }[]} measured
 * @param {{ paths: string[], bytes: number, workers: number }} job
 */
function printFigures(measured, { paths, bytes, workers }) {
  say(
    `\nThroughput: medians of ${ROUNDS} runs on ${availableParallelism()} processors. Of wasmpool: from the first item to the last, with`,
  );
  say(
    'workers that read the files, and a main thread beside them that writes the results. Of sha256sum, which is native code:',
  );
  say(`whole runs of xargs -P1 and -P${workers}; it makes no histogram.`);
  const columns = (cells) => say(`  ${cells.map((cell, i) => (i ? cell.padStart(16) : cell.padEnd(18))).join('')}`);
  columns(['', '1 worker', `${workers} workers`, `${workers} workers`, 'speed-up']);
  for (const { task, seconds } of measured) {
    const rate = (time) => `${(bytes / 1e6 / time).toFixed(1)} MB/s`;
    const files = `${(paths.length / seconds.many).toFixed(0)} files/s`;
    columns([task, rate(seconds.one), rate(seconds.many), files, `${(seconds.one / seconds.many).toFixed(2)} ×`]);
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
    for (const { title, differences } of await runWithHangs(paths, expected, {
      workers,
      cwd: ROOT,
      say,
    })) {
      check(title, differences);
    }
    printFigures([digest, await measureSha256sum(job), statistics], job);
  } finally {
    rmSync(scratch, { recursive: true });
  }
  say(checks.failed ? `\n${checks.failed} checks failed` : '\nAll checks passed');
}

await demo(process.argv[2] ?? join(ROOT, 'node_modules'));
process.exitCode = checks.failed ? 1 : 0;
