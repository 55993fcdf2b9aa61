/**
 * Installs the packed package into an empty application, builds that with each bundler as its own documentation says, without any
 * configuration for wasmpool, serves the result, and runs it in headless Chromium: tasks, and a kill.
 *
 * usage: run.mjs [firefox] [PART…]   only those whose names contain one of these; firefox: in headless Firefox
 */
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { ISOLATED } from '../../demo/web-serve.mjs';
import { missing, runPage } from '../runtimes/runtimes.mjs';
import { serve } from '../runtimes/serve.mjs';
import { serverWays } from './servers.mjs';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const EXPECTED = { sum: 42, mapped: [2, 4], code: 'TIMEOUT', isPoolError: true };
const NOT_ISOLATED = { 'cross-origin-opener-policy': 'unsafe-none', 'cross-origin-embedder-policy': 'unsafe-none' };
const LIMIT_MS = 60_000;
const BY_PATH = './wasmpool/js/dist/browser-index.js';
const INLINE = './wasmpool/js/dist/browser-inline.js';
const PAGE = readFileSync(join(here, 'app/index.html'), 'utf8');

/** An empty application with the packed package installed. */
const work = mkdtempSync(join(tmpdir(), 'wasmpool-bundlers-'));
const app = join(work, 'app');

function install() {
  cpSync(join(here, 'app'), app, { recursive: true });
  writeFileSync(join(app, 'package.json'), `${JSON.stringify({ name: 'app', private: true, type: 'module' })}\n`);
  const [tarball] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], {
      cwd: root,
      encoding: 'utf8',
    }),
  );
  const home = join(app, 'node_modules/wasmpool');
  mkdirSync(home, { recursive: true });
  execFileSync('tar', ['-xzf', join(work, tarball.filename), '-C', home, '--strip-components=1']);
}

/** @param {string} name @param {string[]} args of the bundler's program */
function build(name, args) {
  const program =
    name === 'bun' ? join(root, 'tests/smoke/node_modules/.bin/bun') : join(here, 'node_modules/.bin', name);
  execFileSync(program, args, { cwd: app, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Vite's development server. */
async function serveVite() {
  const served = await serve({ folder: app });
  const { close } = served;
  const server = { headers: ISOLATED, proxy: { '/report': served.url } };
  writeFileSync(join(app, 'vite.config.js'), `export default { server: ${JSON.stringify(server)} };\n`);
  const child = spawn(join(here, 'node_modules/.bin/vite'), ['--host', '127.0.0.1', '--port', '0'], { cwd: app });
  return new Promise((resolve, reject) => {
    let text = '';
    const look = (chunk) => {
      text += chunk;
      const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(text.replaceAll(/\x1b\[\d+m/g, ''))?.[0]; // eslint-disable-line no-control-regex
      if (url) resolve(Object.assign(served, { url, close: () => [close(), child.kill()] }));
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.once('exit', () => reject(new Error(text)));
  });
}

/** The page that loads a script. @param {string} folder @param {string} script */
function page(folder, script) {
  mkdirSync(join(app, folder), { recursive: true });
  writeFileSync(join(app, folder, 'index.html'), PAGE.replace('./main.js', `./${script}`));
}

/** @param {string} script @param {string} folder */
function viteBuild(script, folder) {
  writeFileSync(join(app, 'index.html'), PAGE.replace('main.js', script));
  build('vite', ['build', '--outDir', folder]);
  writeFileSync(join(app, 'index.html'), PAGE);
  return serve({ folder: join(app, folder) });
}

/** What a page without a bundler serves. @param {string} name of the folder @param {string} script */
function unbundled(name, script) {
  const folder = join(app, name);
  cpSync(join(app, 'node_modules/wasmpool'), join(folder, 'wasmpool'), { recursive: true });
  for (const file of ['main-plain.js', 'main-files.js', 'plain-worker.js', 'check.js'])
    cpSync(join(app, file), join(folder, file));
  page(name, script);
  return folder;
}

/** @param {string} file @param {string} text @param {string} other in its place */
function edit(file, text, other) {
  writeFileSync(file, readFileSync(file, 'utf8').replace(text, other));
}

/** An inline import map would need a hash in the policy. @param {string} folder @param {string} [path] of the package's file */
function byPath(folder, path = BY_PATH) {
  edit(join(folder, 'check.js'), "'wasmpool'", `'${path}'`);
  return folder;
}

/** @param {string} workers where they may come from */
function policyOf(workers) {
  const policy = `default-src 'self'; img-src data:; script-src 'self' 'wasm-unsafe-eval'; worker-src ${workers}`;
  return { 'content-security-policy': policy };
}

/** @type {Record<string, () => any>} by name: builds, and serves the result */
const WAYS = {
  'vite, a worker without imports': () => viteBuild('main-plain.js', 'out-vite-plain'),
  'vite, a worker that imports': () => viteBuild('main-vite.js', 'out-vite'),
  'vite, development server': serveVite,
  'webpack, a worker without imports': () => {
    execFileSync(process.execPath, ['--input-type=module', '-e', runWebpack()], { cwd: app, stdio: 'pipe' });
    page('out-webpack', 'main.js');
    return serve({ folder: join(app, 'out-webpack') });
  },
  rollup: () => {
    const plugin = `${join(here, 'node_modules/@rollup/plugin-node-resolve/dist/es/index.js')}={browser:true}`;
    build('rollup', ['main.js', 'worker.js', '--dir', 'out-rollup', '--format', 'es', '-p', plugin]);
    page('out-rollup', 'main.js');
    return serve({ folder: join(app, 'out-rollup') });
  },
  parcel: () => {
    build('parcel', [
      'build',
      'index.html',
      '--dist-dir',
      'out-parcel',
      '--no-cache',
      '--no-autoinstall',
      '--public-url',
      './',
    ]);
    return serve({ folder: join(app, 'out-parcel') });
  },
  esbuild: () => {
    build('esbuild', ['main.js', 'worker.js', '--bundle', '--format=esm', '--minify', '--outdir=out-esbuild']);
    page('out-esbuild', 'main.js');
    return serve({ folder: join(app, 'out-esbuild') });
  },
  'esbuild, a worker in TypeScript': () => {
    const args = ['--bundle', '--format=esm', '--target=es2022', '--outdir=out-typed'];
    build('esbuild', ['main-typed.js', 'typed-worker.ts', ...args]);
    page('out-typed', 'main-typed.js');
    return serve({ folder: join(app, 'out-typed') });
  },
  'esbuild, wasmpool/twin': () => {
    build('esbuild', ['main-twin.js', '--bundle', '--format=esm', '--minify', '--outdir=out-twin']);
    cpSync(join(app, 'plain-worker.js'), join(app, 'out-twin/plain-worker.js'));
    page('out-twin', 'main-twin.js');
    return serve({ folder: join(app, 'out-twin') });
  },
  bun: () => {
    build('bun', ['build', 'main.js', 'worker.js', '--target=browser', '--outdir=out-bun']);
    page('out-bun', 'main.js');
    return serve({ folder: join(app, 'out-bun') });
  },
  'no bundler, an import map': () => {
    const folder = unbundled('out-map', 'main-plain.js');
    const map = `<script type="importmap">{ "imports": { "wasmpool": "${BY_PATH}" } }</script>`;
    edit(join(folder, 'index.html'), '<script', `${map}\n    <script`);
    return serve({ folder });
  },
  "no bundler, the documentation's service worker where the server sends no headers": () => {
    const folder = byPath(unbundled('out-recipe', 'main-recipe.js'));
    const recipe = readFileSync(join(root, 'docs/installation.md'), 'utf8');
    const [, script] = /```js\n(\/\/ sw\.js\n[^]*?)```/.exec(recipe) ?? [];
    const [, inPage] = /```js\n(\/\/ in the page, [^]*?)```/.exec(recipe) ?? [];
    writeFileSync(join(folder, 'sw.js'), script);
    writeFileSync(join(folder, 'main-recipe.js'), `${inPage}\nawait import('./main-plain.js');\n`);
    return serve({ folder, headers: NOT_ISOLATED });
  },
  'no bundler, the package from another origin': async () => {
    const headers = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };
    const other = await serve({ folder: join(app, 'node_modules'), headers });
    const served = await serve({
      folder: byPath(unbundled('out-cdn', 'main-plain.js'), new URL(BY_PATH, other.url).href),
    });
    const { close } = served;
    return Object.assign(served, { close: () => [close(), other.close()] });
  },
  'no bundler, wasmpool/inline by its path': () =>
    serve({ folder: byPath(unbundled('out-inline', 'main-plain.js'), INLINE) }),
  'no bundler, by its path, where only workers from blob URLs are allowed': () =>
    serve({ folder: byPath(unbundled('out-blob', 'main-plain.js')), headers: policyOf('blob:') }),
  "no bundler, by its path, where only workers from the page's own files are allowed": () =>
    serve({ folder: byPath(unbundled('out-self', 'main-files.js')), headers: policyOf("'self'") }),
};

/** webpack's program is a package of its own, which asks for its installation; the API is not. */
function runWebpack() {
  return `
    import webpack from ${JSON.stringify(join(here, 'node_modules/webpack/lib/index.js'))};
    const context = process.cwd();
    const output = { path: context + '/out-webpack', filename: 'main.js' };
    webpack({ mode: 'production', context, entry: './main-plain.js', output }, (error, stats) => {
      if (error || stats.hasErrors()) { console.error(error ?? stats.toString()); process.exitCode = 1; }
    });`;
}

/** @param {import('../runtimes/serve.mjs').Served} server */
async function inFirefox(server) {
  let shown;
  const failure = await runPage('firefox', server, '', { limitMs: LIMIT_MS, onReport: (report) => (shown = report) });
  if (failure || shown.error) throw new Error(failure || shown.error);
  return shown.result;
}

/** @param {import('playwright-core').Browser} browser @param {string} url */
async function inChromium(browser, url) {
  const tab = await browser.newPage();
  /** @type {string[]} */
  const errors = [];
  tab.on('pageerror', (error) => errors.push(String(error)));
  tab.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
  tab.on('requestfailed', (request) => errors.push(`failed: ${request.url()}`));
  tab.on('response', (response) => response.status() === 404 && errors.push(`not found: ${response.url()}`));
  await tab.goto(url);
  const shown = await tab
    .waitForFunction(() => globalThis.result, undefined, { timeout: LIMIT_MS })
    .then((handle) => handle.jsonValue())
    .catch((error) => ({ error: error.message }));
  await tab.close();
  if (shown.error || errors.length > 0)
    throw new Error([shown.error ?? JSON.stringify(shown.result), ...errors].join('\n'));
  return shown.result;
}

const isFirefox = process.argv[2] === 'firefox';
const wanted = process.argv.slice(isFirefox ? 3 : 2);
const problem = missing(isFirefox ? 'firefox' : 'chromium');
if (problem) {
  console.log(`bundlers: ${problem}`);
  process.exit(1);
}
install();
const browser = isFirefox
  ? undefined
  : await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu', '--disable-quic'] });
let failed = 0;
/** @type {Record<string, () => any>} */
const all = {
  ...(isFirefox ? {} : serverWays(app, build, join(work, 'away'))),
  ...Object.fromEntries(
    Object.entries(WAYS).map(([name, start]) => [
      name,
      async () => {
        const server = await start();
        try {
          return await (browser ? inChromium(browser, server.url) : inFirefox(server));
        } finally {
          server.close();
        }
      },
    ]),
  ),
};
for (const [name, way] of Object.entries(all)) {
  if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
  try {
    const result = JSON.stringify(await way());
    if (result !== JSON.stringify(EXPECTED)) throw new Error(result);
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(`not ok ${name}: ${error.message}\n${error.stderr ?? ''}${error.stdout ?? ''}`.slice(0, 4000));
  }
}
await browser?.close();
rmSync(work, { recursive: true, force: true });
console.log(`bundlers: ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
