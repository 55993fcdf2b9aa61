/** What `npm install` of the packed package brings, and how large it is in an application. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { publint } from 'publint';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');
const work = mkdtempSync(join(tmpdir(), 'wasmpool-package-'));
const app = join(work, 'app');
after(() => rmSync(work, { recursive: true, force: true }));

/** @param {string} program @param {string[]} args @param {string} cwd */
const run = (program, args, cwd) => execFileSync(program, args, { cwd, encoding: 'utf8', stdio: 'pipe' });

/** Files that a page serves as they are: nobody imports them. */
const SERVED = ['browser-worker.js', 'foreign.js', 'wasmpool.wasm'];

const [{ filename }] = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', work], root));
const tarball = join(work, filename);
mkdirSync(app);
writeFileSync(join(app, 'package.json'), '{ "private": true, "type": "module" }\n');
const installation = run('sh', ['-c', `npm install --offline --no-audit --no-fund ${tarball} 2>&1`], app);

test('publint has nothing to remark on the package', async () => {
  const bytes = readFileSync(tarball);
  const { messages } = await publint({
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) },
    strict: true,
  });
  assert.deepEqual(messages, []);
});

test('arethetypeswrong finds the right types for import, require and old resolvers', () => {
  const program = join(here, 'node_modules/.bin/attw');
  const text = run(program, [tarball, '--exclude-entrypoints', ...SERVED, '--format', 'json'], work);
  const { analysis } = JSON.parse(text);
  assert.deepEqual(Object.keys(analysis.entrypoints).length, 9, 'it has seen every entry point');
  assert.deepEqual(analysis.problems, []);
});

test('an installation adds one package, warns of nothing, runs no script', () => {
  assert.match(installation, /^\s*added 1 package in \S+\s*$/);
  const { scripts } = JSON.parse(readFileSync(join(app, 'node_modules/wasmpool/package.json'), 'utf8'));
  assert.deepEqual(
    Object.keys(scripts).filter((name) => /install|^prepare$/.test(name)),
    [],
  );
});

test('each entry point of a package that was installed can be imported and required, with the same names', () => {
  for (const entry of [
    'wasmpool',
    ...['inline', 'worker', 'actor-manager', 'twin', 'future', 'workers', 'serve'].map((name) => `wasmpool/${name}`),
  ]) {
    const names = (/** @type {string} */ load) =>
      run(process.execPath, ['--input-type=module', '-e', `
        import { createRequire } from 'node:module';
        const require = createRequire(import.meta.url);
        console.log(Object.keys(${load}('${entry}')).filter((name) => name !== 'default').sort().join());
      `], app); // prettier-ignore
    assert.equal(names('await import'), names('require'), entry);
    assert.match(names('require'), /\w/);
  }
});

test('the installed program runs, and loads no other package', () => {
  assert.match(run('npx', ['wasmpool', 'info'], app), /^wasmpool +\d/);
});

// ---- Sizes ----

const page = readFileSync(join(root, 'docs/installation.md'), 'utf8');
/** Rows of the table of sizes: code, where it runs, and KB at most, minified and gzipped. @type {[string, string, number][]} */
const BUDGETS = [
  ...page.matchAll(/^\| `(import [^`]+)` (in a page|in a worker|on a server)[^|]*\| (\d+) KB \|$/gm),
].map(([, code, where, kb]) => [code, where, Number(kb)]);

test('the documentation states sizes for pages, workers and servers', () => {
  assert.deepEqual(BUDGETS.map(([code, where]) => `${/'(.*)'/.exec(code)?.[1]} ${where}`).sort(), [
    'wasmpool in a page',
    'wasmpool on a server',
    'wasmpool/inline in a page',
    'wasmpool/worker in a worker',
  ]);
});

for (const [code, where, kb] of BUDGETS) {
  test(`${code} ${where} stays below ${kb} KB, minified and gzipped`, async () => {
    const name = /import (.*) from/.exec(code)?.[1].replace(/[{}]/g, '');
    const { outputFiles } = await build({
      absWorkingDir: app,
      stdin: { contents: `${code}; console.log(${name});`, resolveDir: app },
      outdir: 'out',
      platform: where === 'on a server' ? 'node' : 'browser',
      ...{ bundle: true, minify: true, splitting: true, format: 'esm', write: false, logLevel: 'error' },
    });
    const bytes = outputFiles.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
    console.log(`# ${code} ${where}: ${(bytes / 1000).toFixed(1)} KB`);
    assert.ok(bytes < kb * 1000, `${bytes} bytes`);
  });
}

test('the core, wasm/dist/wasmpool.wasm, stays below the size that the documentation states', () => {
  const most = Number(/core alone[^|]*\| (\d+) KB \|/.exec(page)?.[1]);
  const { length } = gzipSync(readFileSync(join(root, 'wasm/dist/wasmpool.wasm')), { level: 9 });
  console.log(`# wasm: ${(length / 1000).toFixed(1)} KB`);
  assert.ok(length < most * 1000, `${length} bytes`);
});
