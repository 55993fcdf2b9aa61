/** The suite itself: fixtures that other tests rely on, and that no test is silently left out. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { codeOf, withPool } from './helpers.js';

const TESTS = new URL('../', import.meta.url);
/** A test that is skipped, or the only one, without a reason that is printed. */
const SILENT = new RegExp(
  String.raw`\b(test|it|describe|suite)\.(skip|todo|only)\b|\b(skip|todo|only): true\b|\.(skip|todo)\(\)`,
);
/** A title that begins with an id: ids stand in brackets at the end. */
const ID_FIRST = /\b(?:test|it|describe)\(\s*['"`](?:AM|TW|AT|NF|NC|XP|C)-\d\d/;

test('the fixtures echo, add, fail and slow do what their names say [AM-55]', () =>
  withPool({ workers: 1 }, async (pool) => {
    assert.deepEqual(await pool.dispatch('echo', { a: [1] }), { a: [1] });
    assert.equal(await pool.dispatch('add', { a: 1, b: 2 }), 3);
    assert.equal(await codeOf(pool.dispatch('fail', 'why')), 'TASK_FAILED');
    assert.equal(await pool.dispatch('slow', 1), 1);
  }));

test('what would skip a test without a reason is recognised, and what says its reason is not', () => {
  const left = ['test', 'it', 'describe'].flatMap((name) => ['skip', 'todo', 'only'].map((how) => `${name}.${how}(`));
  for (const how of ['skip', 'todo', 'only']) left.push(`{ ${how}: ${true} }`);
  for (const how of ['skip', 'todo']) left.push(`t.${how}()`);
  for (const text of left) assert.match(text, SILENT);
  for (const text of ["{ skip: 'why' }", "t.skip('why')", 'skipped()']) assert.doesNotMatch(text, SILENT);
});

const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' }).filter(
  (name) => /\.m?js$/.test(name) && !/(?:^|[\\/])node_modules[\\/]/.test(name),
);

test('no test is skipped without a reason [AM-55]', () => {
  assert.ok(files.includes('js/suite.test.js') && files.length > 50, `${files.length} files`);
  for (const file of files) assert.doesNotMatch(readFileSync(new URL(file, TESTS), 'utf8'), SILENT, file);
});

test('titles begin with their claim, not with the ids of requirements', () => {
  for (const file of files) assert.doesNotMatch(readFileSync(new URL(file, TESTS), 'utf8'), ID_FIRST, file);
});
