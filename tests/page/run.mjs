/**
 * Tests the page: what its buttons do (inside.js, in each browser), and how it presents itself (look.mjs, in Chromium).
 *
 * usage: run.mjs [BROWSER… | all]      default: chromium
 */
import process from 'node:process';
import { isBrowser, missing, runPage, ALL } from '../runtimes/runtimes.mjs';
import { serve } from '../runtimes/serve.mjs';
import { look } from './look.mjs';

/** A claim that takes longer hangs. */
const LIMIT_MS = 120_000;

const named = process.argv.slice(2);
const browsers = named.includes('all') ? ALL.filter(isBrowser) : named.length > 0 ? named : ['chromium'];
const counts = { passed: 0, failed: 0 };

/** @param {string} browser @param {{ name: string, result: string, detail?: string }} line */
function print(browser, { name, result, detail }) {
  counts[/** @type {keyof typeof counts} */ (result)]++;
  console.log(`${result === 'failed' ? 'not ok' : 'ok'} ${browser}: ${name}${detail ? ` (${detail})` : ''}`);
}

const server = await serve();
for (const browser of browsers) {
  const onReport = (/** @type {any} */ line) => print(browser, line);
  const failure =
    missing(browser) ?? (await runPage(browser, server, 'tests/page/inside.html', { limitMs: LIMIT_MS, onReport }));
  if (failure) print(browser, { name: 'the run', result: 'failed', detail: failure });
}
server.close();
if (browsers.includes('chromium')) await look((line) => print('chromium', line));
console.log(`page: ${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);
