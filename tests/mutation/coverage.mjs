/**
 * Which test files reach which mutants.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, copy, runTest } from './copies.mjs';
import { keyOf, root, tracked, work } from './faults.mjs';

/** @typedef {{ ms: number, reaches: string[] }} Coverage of a test file: its time, and the keys of the mutants that it reaches */

const isTest = (/** @type {string} */ file) => /^tests\/js\/.*\.test\.js$/.test(file);
const LIMIT_MS = 600_000;

/** @param {string[]} files */
function digest(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\n`).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

/**
 * Lets an instrumented source note the mutants whose code runs, in whatever thread, process and runtime that is: the first time in
 * each thread, and at once, since many of these threads are killed. No setting has to travel there, so that none can get lost.
 * @param {string} content
 * @param {string} notes the file
 */
function noting(content, notes) {
  if (!content.includes('stryCov_9fa48')) return content;
  const found = /function stryCov_9fa48\(\) \{[\s\S]*?\n\}\n/.exec(content);
  if (!found) throw new Error('the instrumenter writes another stryCov');
  const helper = `function stryCov_9fa48(...ids) {
  const fresh = ids.filter((id) => !(id in (stryCov_9fa48.seen ??= { __proto__: null })));
  if (!fresh.length) return;
  for (const id of fresh) stryCov_9fa48.seen[id] = 1;
  try {
    process.getBuiltinModule('node:fs').appendFileSync(${JSON.stringify(notes)}, fresh.join('\\n') + '\\n');
  } catch {}
}
`;
  return content.replace(found[0], () => helper);
}

/**
 * Kept in build/mutation/ for each test file, until it or a source changes.
 * @param {{ mutants: import('./faults.mjs').Mutant[], files: { name: string, content: string }[] }} instrumented
 * @returns {Promise<Record<string, Coverage>>}
 */
export async function measureCoverage({ mutants, files }) {
  const tests = tracked.filter(isTest);
  const common = digest(tracked.filter((file) => /^(js|src|wasm|bin|tests\/js)\//.test(file) && !isTest(file)));
  const cache = join(work, 'coverage.json');
  /** @type {Record<string, Coverage & { version: string }>} */
  const kept = existsSync(cache) && !process.env.FRESH ? JSON.parse(readFileSync(cache, 'utf8')) : {};
  const notes = join(work, 'notes.txt');
  let directory = '';
  for (const [n, test] of tests.entries()) {
    const version = common + digest([test]);
    if (kept[test]?.version === version) continue;
    if (!directory) {
      directory = copy('instrumented');
      for (const { name, content } of files) writeFileSync(join(directory, name), noting(content, notes));
      bundle(directory);
    }
    writeFileSync(notes, '');
    const { ms, passed, failure } = await runTest(directory, test, { limitMs: LIMIT_MS, toEnd: true });
    const ids = new Set(readFileSync(notes, 'utf8').trim().split('\n'));
    const reaches = mutants.filter(({ id }) => ids.has(id)).map(keyOf);
    kept[test] = { version, ms, reaches };
    writeFileSync(cache, JSON.stringify(kept));
    const end = passed ? '' : `, fails in the instrumented copy: ${failure}`;
    console.log(`# ${n + 1}/${tests.length} ${test} reaches ${reaches.length}, ${Math.round(ms)} ms${end}`);
  }
  return Object.fromEntries(tests.map((test) => [test, kept[test]]));
}
