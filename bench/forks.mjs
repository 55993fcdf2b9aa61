/**
 * Fork and join in wasm beside the same source natively (bench/forks.c): in turns, two workers each. Prints medians and the ratio.
 *
 * usage: forks.mjs [ROUNDS]
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createPool } from '../js/index.js';
import { median } from './stats.mjs';

const TURNS = 3;
const rounds = Math.max(1, Math.ceil(Number(process.argv[2] ?? 9) / TURNS));
const program = fileURLToPath(new URL('../build/bench/native', import.meta.url));

/** @typedef {Record<string, number[]>} Times a task's name to milliseconds */

/** @returns {Times} */
function runNatively() {
  const { status, stdout, stderr } = spawnSync(program, ['forks', String(rounds)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/**
 * @param {import('../js/index.js').Pool} pool
 * @param {string} name
 */
async function runOnce(pool, name) {
  const start = performance.now();
  await pool.dispatch(name);
  return performance.now() - start;
}

const pool = await createPool({
  wasm: new URL('../build/bench/forks.mjs', import.meta.url),
  isolation: 'none',
  workers: 2,
});
await pool.ready;
/** @type {Times} */
const natively = {};
/** @type {Times} */
const inWasm = {};
for (let turn = 0; turn < TURNS; turn++)
  for (const [name, times] of Object.entries(runNatively())) {
    (natively[name] ??= []).push(...times);
    await runOnce(pool, name); // warms up
    for (let round = 0; round < rounds; round++) (inWasm[name] ??= []).push(await runOnce(pool, name));
  }
await pool.destroy();

console.log('\n| task of bench/forks.c | native, ms | wasm, ms | ratio |\n| --- | ---: | ---: | ---: |');
for (const [name, times] of Object.entries(natively)) {
  const [native, wasm] = [median(times), median(inWasm[name] ?? [])];
  console.log(`| ${name} | ${native.toFixed(2)} | ${wasm.toFixed(2)} | ${(wasm / native).toFixed(2)} |`);
}
