/**
 * Puts a file of results into the pages: tables between markers (`bench/pages.mjs`), plots beside them.
 *
 * usage: node bench/readme.mjs RESULTS.json
 */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { fill } from './pages.mjs';
import { plotAll } from './plot.mjs';
import { readResults } from './results.mjs';

const ROOT = new URL('../', import.meta.url);
const PAGES = ['README.md', 'docs/benchmarks.md'];
const PLOTS = 'docs/benchmarks/';

const [path] = process.argv.slice(2);
if (!path) {
  process.stderr.write('usage: node bench/readme.mjs RESULTS.json\n');
  process.exit(2);
}
const results = readResults(path);
for (const name of PAGES) {
  const page = new URL(name, ROOT);
  writeFileSync(page, fill(readFileSync(page, 'utf8'), results));
}
const files = await plotAll(results, new URL(PLOTS, ROOT).pathname);
process.stdout.write(`${PAGES.join(', ')}; ${files.length} plots in ${PLOTS}\n`);
