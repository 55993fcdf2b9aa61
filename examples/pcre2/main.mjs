/**
 * Regular expressions that somebody else wrote: prints the lines that match, as `grep -P` does, and ends a pattern that takes for ever.
 * PCRE2's own limits are lifted, so a pattern that needs many steps and ends in time is answered.
 *
 * usage: node examples/pcre2/main.mjs FILE PATTERN…      `make examples` builds the module; by hand, see docs/guide.md
 *        node examples/pcre2/main.mjs access.log 'GET /\w+' '^(\w+)+$'
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createPool, packArguments } from 'wasmpool';

const TIME_LIMIT_MS = 1000;

const [file, ...patterns] = process.argv.slice(2);
if (!file || patterns.length === 0) {
  console.error('usage: main.mjs FILE PATTERN…');
  process.exit(2);
}
const text = readFileSync(file);

const pool = await createPool({
  wasm: new URL('../../build/examples/pcre2.mjs', import.meta.url),
  isolation: 'worker',
  maxTaskBytes: '128mb',
});
const ends = await Promise.allSettled(
  patterns.map((pattern) => pool.dispatch('grep', packArguments(pattern, text), { timeoutMs: TIME_LIMIT_MS })),
);
for (const [i, end] of ends.entries()) {
  if (end.status === 'fulfilled') process.stdout.write(end.value);
  else console.error(`${patterns[i]}: ${end.reason.code} ${end.reason.message}`);
}
if (ends.some(({ status }) => status === 'rejected')) process.exitCode = 1;
await pool.destroy();
