/**
 * Untrusted JavaScript: runs scripts side by side, and prints what each printed, or why it did not end. Without names it makes 200
 * scripts of its own, of which every tenth never ends.
 *
 * usage: node examples/quickjs/main.mjs [SCRIPT…]      `make examples` builds the module; by hand, see docs/guide.md
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createPool } from 'wasmpool';

const TIME_LIMIT_MS = 1000;

/** @param {number} i */
const sample = (i) =>
  i % 10 === 9
    ? 'for (;;) ;'
    : `const words = Array.from({ length: ${i} }, (_, n) => (n * n).toString(36)); print(words.sort().join(' '));`;

const names = process.argv.slice(2);
const scripts =
  names.length > 0
    ? names.map((name) => ({ name, text: readFileSync(name, 'utf8') }))
    : Array.from({ length: 200 }, (_, i) => ({ name: `sample ${i}`, text: sample(i) }));

const pool = await createPool({
  wasm: new URL('../../build/examples/quickjs.mjs', import.meta.url),
  isolation: 'worker',
  maxTaskBytes: '64mb',
});
const start = performance.now();
const ends = await Promise.allSettled(
  scripts.map(({ text }) => pool.dispatch('run', text, { timeoutMs: TIME_LIMIT_MS })),
);
const seconds = (performance.now() - start) / 1000;

/** @type {Record<string, number>} */
const counts = {};
for (const [i, end] of ends.entries()) {
  const code = end.status === 'fulfilled' ? 'OK' : end.reason.code;
  counts[code] = (counts[code] ?? 0) + 1;
  process.stdout.write(`== ${scripts[i].name}: ${code}\n`);
  if (end.status === 'fulfilled') process.stdout.write(end.value);
  else console.error(`${scripts[i].name}: ${end.reason.message}`);
}
console.error(`${scripts.length} scripts in ${seconds.toFixed(2)} s:`, counts);
await pool.destroy();
