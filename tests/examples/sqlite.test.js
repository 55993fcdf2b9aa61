import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { packArguments } from '../../js/index.js';
import { directoryFor, killUnderLoad, needs, program, tool, withExample } from './support.js';

const SETUP = `
  CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, cents INTEGER, note TEXT);
  WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5000)
    INSERT INTO orders SELECT n, 'customer ' || (n * 7919 % 61), n * 104729 % 10007, iif(n % 5 = 0, NULL, 'ä€😀 ' || n) FROM r;
  CREATE INDEX by_customer ON orders (customer);`;
/** Each takes less than a tenth of the example's time limit (on an idle machine), so that none reaches it beside the runaway ones. */
const QUERIES = [
  'SELECT count(*), sum(cents), min(customer), max(note) FROM orders',
  'SELECT customer, count(*), sum(cents) FROM orders GROUP BY customer HAVING sum(cents) > 400000 ORDER BY 3 DESC, 1',
  "SELECT * FROM orders WHERE customer = 'customer 17' ORDER BY cents LIMIT 20",
  'SELECT id, cents, rank() OVER (PARTITION BY customer ORDER BY cents DESC) AS place FROM orders ORDER BY id LIMIT 50',
  'SELECT a.id, b.id FROM orders a JOIN orders b ON a.cents = b.cents AND a.id < b.id ORDER BY 1, 2 LIMIT 30',
  "SELECT json_object('id', id, 'note', note) FROM orders WHERE id % 1000 = 0; SELECT upper(hex(note)) FROM orders WHERE id = 3",
  "SELECT printf('%08.3f', cents / 7.0), substr(note, 2, 4), length(note) FROM orders WHERE note LIKE '%€%9' LIMIT 9",
  'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 20000) SELECT sum(n) FROM r',
  'SELECT 1 WHERE 0',
];
const RUNAWAYS = [
  'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r',
  'SELECT count(*) FROM orders a, orders b, orders c, orders d',
  'WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT (n * 7 + 1) % 1000000007 FROM r) SELECT max(n) FROM r',
];

/** @param {import('node:test').TestContext} t */
function databaseFor(t) {
  const file = join(directoryFor(t), 'orders.sqlite');
  const { status, errors } = tool('sqlite3', [file], SETUP);
  assert.equal(status, 0, errors);
  return file;
}

/** @param {string} sql @param {Uint8Array} [database] */
const argument = (sql, database = new Uint8Array()) => packArguments(sql, database);

test('queries answer what they answer in the sqlite3 shell, beside runaway ones', needs('sqlite'), (t) => {
  const file = databaseFor(t);
  const expected = QUERIES.map((sql) => tool('sqlite3', ['-readonly', file, sql]).text).join('');
  const before = readFileSync(file);
  const { status, stdout, stderr } = program('sqlite', [
    file,
    ...QUERIES,
    ...RUNAWAYS.slice(0, 2),
    'DROP TABLE orders',
  ]);
  assert.equal(stdout, expected);
  assert.equal(status, 1);
  const failed = stderr.trim().split('\n');
  assert.equal(failed.length, 3, stderr);
  assert.match(failed[0], /^WITH RECURSIVE .*: TIMEOUT /);
  assert.match(failed[1], /^SELECT count.*: TIMEOUT /);
  assert.match(failed[2], /^DROP TABLE orders: TASK_FAILED attempt to write a readonly database$/);
  assert.deepEqual(readFileSync(file), before);
});

test(
  'wrong SQL, a file that is no database, and queries without a file fail or answer by themselves',
  needs('sqlite'),
  () =>
    withExample('sqlite', { workers: 1, maxTaskBytes: '64mb' }, async (pool) => {
      for (const [bytes, message] of [
        [argument('SELEC 1'), /syntax error/],
        [argument('SELECT * FROM nowhere'), /no such table: nowhere/],
        [argument('SELECT * FROM sqlite_master', new Uint8Array(4096).fill(7)), /not a database/],
        [packArguments('SELECT 1'), /the arguments are/],
        [argument('SELECT length(zeroblob(200000000) || 1)'), /out of memory/],
      ]) {
        await assert.rejects(
          pool.dispatch('query', bytes),
          (error) => error.code === 'TASK_FAILED' && message.test(error.message),
          message.source,
        );
      }
      assert.equal(
        await pool.dispatch('query', argument('CREATE TABLE t (a); INSERT INTO t VALUES (1); SELECT a FROM t')),
        '1\n',
      );
      assert.equal(await pool.dispatch('query', argument('SELECT count(*) FROM sqlite_master')), '0\n');
      assert.equal(pool.diagnostics().kills, 0);
    }),
);

test('killed a thousand times beside queries that end', needs('sqlite'), (t) => {
  const database = readFileSync(databaseFor(t));
  return withExample('sqlite', {}, async (pool) => {
    let hung = 0;
    const query = argument(QUERIES[1], database);
    const expected = await pool.dispatch('query', query);
    await killUnderLoad(
      t,
      pool,
      () => pool.dispatch('query', argument(RUNAWAYS[hung++ % RUNAWAYS.length], database), { timeoutMs: 4 }),
      async () => assert.equal(await pool.dispatch('query', query), expected),
    );
  });
});
