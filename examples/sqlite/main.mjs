/**
 * SQL that somebody else wrote, over a database file: each query has a copy of the file, a time limit and a limit to its memory.
 *
 * usage: node examples/sqlite/main.mjs FILE SQL…      `make examples` builds the module; by hand, see docs/guide.md
 *        node examples/sqlite/main.mjs db.sqlite 'SELECT count(*) FROM t' \
 *          'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r'
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createPool, packArguments } from 'wasmpool';

const TIME_LIMIT_MS = 1000;

const [file, ...queries] = process.argv.slice(2);
if (!file || queries.length === 0) {
  console.error('usage: main.mjs FILE SQL…');
  process.exit(2);
}
const database = readFileSync(file);

const pool = await createPool({
  wasm: new URL('../../build/examples/sqlite.mjs', import.meta.url),
  isolation: 'worker',
  maxTaskBytes: '128mb',
});
const ends = await Promise.allSettled(
  queries.map((sql) => pool.dispatch('query', packArguments(sql, database), { timeoutMs: TIME_LIMIT_MS })),
);
for (const [i, end] of ends.entries()) {
  if (end.status === 'fulfilled') process.stdout.write(end.value);
  else console.error(`${queries[i]}: ${end.reason.code} ${end.reason.message}`);
}
if (ends.some(({ status }) => status === 'rejected')) process.exitCode = 1;
await pool.destroy();
