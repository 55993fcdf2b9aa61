/** Shared by the tests of the examples with other people's C code. `make examples` builds what they run, and runs them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { createPool } from '../../js/index.js';
import { codeOf, until } from '../js/helpers.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const KILLS = 1000;

/**
 * @param {string} name of the example
 * @returns {{ skip?: string }} options of its tests: they are left out if the sources could not be had, and say why
 */
export function needs(name) {
  const missing = join(ROOT, '.cache/examples', `${name}.missing`);
  return existsSync(missing) ? { skip: `no sources of ${name}: ${readFileSync(missing, 'utf8').trim()}` } : {};
}

/**
 * A pool of the example's module, for as long as `use` runs. Nothing may be held afterwards.
 * @param {string} name
 * @param {object} options
 * @param {(pool: any) => Promise<void>} use
 */
export async function withExample(name, options, use) {
  const wasm = new URL(`../../build/examples/${name}.mjs`, import.meta.url);
  const pool = await createPool({ wasm, isolation: 'worker', workers: 2, ...options });
  try {
    await use(pool);
    await until(() => pool.diagnostics().boxesInUse + pool.diagnostics().tasksInUse === 0);
  } finally {
    await pool.destroy();
  }
}

/**
 * Runs the example's program.
 * @param {string} name
 * @param {string[]} args
 */
export function program(name, args) {
  return spawnSync(process.execPath, [join(ROOT, 'examples', name, 'main.mjs'), ...args], { encoding: 'utf8' });
}

/**
 * Runs another program, which must be there.
 * @param {string} file
 * @param {string[]} args
 * @param {string | Uint8Array} [input]
 */
export function tool(file, args, input) {
  const result = spawnSync(file.includes('/') ? join(ROOT, file) : file, args, {
    input,
    maxBuffer: 1 << 30,
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  if (result.error) throw result.error;
  return {
    status: result.status,
    bytes: result.stdout,
    text: result.stdout.toString(),
    errors: result.stderr.toString(),
  };
}

/**
 * A directory of its own for a test, which goes with the test.
 * @param {import('node:test').TestContext} t
 */
export function directoryFor(t) {
  const directory = mkdtempSync(join(tmpdir(), 'wasmpool-example-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/**
 * A thousand tasks that never end are killed, one after the other, beside tasks that must all be right.
 * @param {import('node:test').TestContext} t
 * @param {any} pool
 * @param {() => Promise<unknown>} hang starts one of the former
 * @param {() => Promise<void>} work one of the latter: runs a task and checks its result
 */
export async function killUnderLoad(t, pool, hang, work) {
  const start = performance.now();
  const before = process.memoryUsage().rss;
  let over = false;
  const killer = (async () => {
    for (let i = 0; i < KILLS; i++) assert.equal(await codeOf(hang()), 'TIMEOUT');
  })().finally(() => (over = true));
  let right = 0;
  const worker = async () => {
    for (; !over; right++) await work();
  };
  await Promise.all([killer, worker(), worker()]);
  const { kills, stops } = pool.diagnostics();
  assert.ok(right > 0);
  assert.equal(pool.stats().errors, KILLS);
  const ms = (performance.now() - start) / KILLS;
  const mb = (process.memoryUsage().rss - before) / 2 ** 20;
  t.diagnostic(
    `${KILLS} killed, ${ms.toFixed(2)} ms each, ${kills} with their threads, ${stops.check.count} at a loop check; ` +
      `${right} right results meanwhile; ${mb.toFixed(0)} MB more resident than before`,
  );
}
