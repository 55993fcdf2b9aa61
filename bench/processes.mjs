/** Each measurement runs in a process of its own, which is ended if it takes too long. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { POOLS } from './pools/index.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url));
const CORE = '0';

const hasTaskset = spawnSync('taskset', ['-c', CORE, 'true']).status === 0;

/**
 * @typedef {object} Order what a process is to measure
 * @property {string} pool
 * @property {string} row
 * @property {number} workers
 * @property {boolean} quick
 * @property {number} [size] of rows that are measured at several sizes
 */

/**
 * @param {Order} order
 * @param {{ limitS: number, pinned?: boolean, heapMb?: number }} how
 * @returns {Promise<import('./results.mjs').Outcome>}
 */
export async function measureApart(order, { limitS, pinned = false, heapMb }) {
  if (pinned && !hasTaskset) return { reason: 'no taskset here' };
  const { program } = POOLS[order.pool];
  if (program && !existsSync(`${ROOT}${program}`)) return { reason: 'not built' };
  let command = program ? [`./${program}`, order.row, ...(order.quick ? ['quick'] : [])] : nodeWith(order);
  if (pinned) command = ['taskset', '-c', CORE, ...command];
  const env = heapMb ? { ...process.env, NODE_OPTIONS: `--max-old-space-size=${heapMb}` } : process.env;
  return run(command, env, limitS);
}

/** @param {Order} order */
const nodeWith = (order) => [process.execPath, CHILD, JSON.stringify(order)];

/**
 * @param {string[]} command
 * @param {NodeJS.ProcessEnv} env
 * @param {number} limitS
 * @returns {Promise<import('./results.mjs').Outcome>}
 */
function run([file, ...args], env, limitS) {
  const child = spawn(file, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ part) => (text.stdout += part));
  child.stderr.setEncoding('utf8').on('data', (/** @type {string} */ part) => (text.stderr += part));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, limitS * 1000);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      const last = text.stdout.trimEnd().split('\n').at(-1) ?? '';
      if (late) resolve({ reason: `not finished after ${limitS} s` });
      else if (last.startsWith('{')) resolve(JSON.parse(last));
      else resolve({ reason: `ended with ${signal ?? status}: ${firstError(text.stderr)}` });
    });
  });
}

/** @param {string} stderr */
const firstError = (stderr) => /^.*(?:Error|FATAL|fatal|error).*$/m.exec(stderr)?.[0].slice(0, 120) ?? 'no message';
