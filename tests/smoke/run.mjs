/** Runs the smoke suite on Node, on Bun, and in headless Chromium. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('../..', import.meta.url));
const main = join(root, 'tests/smoke/main.js');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** A suite that takes longer hangs; the slowest runtime takes some 15 seconds here. */
const LIMIT_MS = 180_000;

/**
 * @typedef {{ name: string, result: string, detail?: string }} Line
 */

/**
 * @param {string} program
 * @returns {Promise<Line[]>}
 */
async function inProgram(program) {
  const child = spawn(program, [main], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (errors += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  clearTimeout(timer);
  const lines = output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  if (status !== 0)
    lines.push({
      name: 'the program',
      result: 'failed',
      detail: `ended with ${status}: ${errors.trim()}`,
    });
  return lines;
}

const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** Static files with the headers that shared memory needs, as every server can send. */
function serve() {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    readFile(join(root, path)).then(
      (bytes) => {
        const type = TYPES[/** @type {keyof typeof TYPES} */ (extname(path))] ?? 'application/octet-stream';
        response.writeHead(200, {
          'content-type': type,
          'cross-origin-opener-policy': 'same-origin',
          'cross-origin-embedder-policy': 'require-corp',
        });
        response.end(bytes);
      },
      () => response.writeHead(404).end(),
    );
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** @returns {Promise<Line[]>} */
async function inChromium() {
  const server = await serve();
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-sync'],
  });
  try {
    const page = await browser.newPage();
    /** @type {string[]} */
    const errors = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    await page.goto(`http://127.0.0.1:${server.address().port}/tests/smoke/page.html`);
    const lines = await page
      .waitForFunction(() => globalThis.smoke, undefined, { timeout: LIMIT_MS })
      .then((handle) => handle.jsonValue())
      .catch((error) => [{ name: 'the page', result: 'failed', detail: `${error.message}\n${errors.join('\n')}` }]);
    return lines;
  } finally {
    await browser.close();
    server.close();
  }
}

const runtimes = {
  node: () => inProgram(process.execPath),
  bun: () => inProgram(join(root, 'tests/smoke/node_modules/.bin/bun')),
  chromium: inChromium,
};

const counts = { passed: 0, failed: 0, skipped: 0 };
const wanted = process.argv.slice(2);
for (const [runtime, start] of Object.entries(runtimes)) {
  if (wanted.length && !wanted.includes(runtime)) continue;
  if (runtime === 'chromium' && !existsSync(CHROMIUM)) console.log(`${runtime}: ${CHROMIUM} is not installed`);
  const lines = await start().catch((error) => [{ name: 'the start', result: 'failed', detail: String(error) }]);
  for (const { name, result, detail } of lines) {
    counts[/** @type {keyof typeof counts} */ (result)]++;
    console.log(
      `${result === 'failed' ? 'not ok' : 'ok'} ${runtime}: ${name}${result === 'skipped' ? ' # skipped' : ''}${detail ? ` (${detail})` : ''}`,
    );
  }
}
console.log(`smoke: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);
