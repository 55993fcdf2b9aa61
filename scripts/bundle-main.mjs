/**
 * Makes what a program gets by the package's name, js/dist/: one file for Node, Bun and Deno, as CommonJS, which ES modules get through
 * small files with the exports' names; one for browsers, an ES module with the core and the worker's start file in it, so that it works in
 * every bundler and from any place.
 *
 * usage: node scripts/bundle-main.mjs [DIRECTORY]   of the package; default: this one. After scripts/bundle-worker.mjs
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { ownGlueText } from './own-glue.mjs';

const root = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));
const dist = resolve(root, 'js/dist');

/** Entry points of the package that main loads: names of the files in js/dist, and sources. */
const ENTRIES = { index: 'js/index.js', 'actor-manager': 'js/compat/actor-manager.js', twin: 'js/compat/twin.js' };

/**
 * Puts other modules in the place of some.
 * @param {Record<string, () => string | Promise<string>>} modules texts by path
 * @returns {import('esbuild').Plugin}
 */
function instead(modules) {
  return {
    name: 'instead',
    setup(bundle) {
      bundle.onLoad({ filter: /\.js$/ }, async ({ path }) => {
        const make = modules[relative(root, path).replaceAll('\\', '/')];
        return make && { contents: await make(), resolveDir: resolve(path, '..') };
      });
    },
  };
}

/**
 * Lets each module find its own URL: `import.meta.url` becomes an expression of where the bundle lies.
 * @param {(path: string) => string} expression of a module's path
 * @returns {import('esbuild').Plugin}
 */
function ownUrls(expression) {
  return {
    name: 'own-urls',
    setup(bundle) {
      bundle.onLoad({ filter: /[\\/]js[\\/].*\.js$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        return text.includes('import.meta.url')
          ? { contents: text.replaceAll('import.meta.url', expression(path)) }
          : undefined;
      });
    },
  };
}

const common = /** @type {const} */ ({
  absWorkingDir: root,
  bundle: true,
  logLevel: 'warning',
  legalComments: 'none',
});

/**
 * The licence of a package that becomes part of a file.
 * @param {string} name
 */
async function licenseOf(name) {
  const text = await readFile(resolve(root, 'node_modules', name, 'LICENSE-MIT'), 'utf8');
  return `/*! Contains ${name}, by its authors, under the MIT licence:\n${text}*/`;
}

// Chunks have other names each time.
for (const file of await readdir(dist)) if (!file.startsWith('boot-node')) await rm(resolve(dist, file));

// ---- Everywhere: what workers load for modules of others ----

await build({
  ...common,
  entryPoints: ['js/foreign/run.js'],
  outfile: 'js/dist/foreign.js',
  platform: 'neutral',
  format: 'esm',
  target: 'es2022',
  minifySyntax: true,
  minifyWhitespace: true,
  banner: { js: await licenseOf('@bjorn3/browser_wasi_shim') },
});

// ---- Node, Bun, Deno ----

/** @param {string} path */
const besideBundle = (path) => `new URL(${JSON.stringify(relative(dist, path).replaceAll('\\', '/'))}, here).href`;

await build({
  ...common,
  stdin: {
    contents: Object.entries(ENTRIES)
      .map(([name, source]) => `export * as ${JSON.stringify(name)} from './${source}';`)
      .join('\n'),
    resolveDir: root,
  },
  outfile: 'js/dist/wasmpool.cjs',
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  banner: { js: '"use strict";const here=require("node:url").pathToFileURL(__filename).href;' },
  plugins: [
    instead({
      'js/host/index.js': () => "export { host } from './node/index.js';",
      'js/entry/own-glue.js': () => ownGlueText(root, 'node-main', 'ownGlue'),
      'js/core/own-core.js': () => `
        import { ownGlue } from '../entry/own-glue.js';
        const url = ${besideBundle(resolve(root, 'wasm/dist/wasmpool.mjs'))};
        export const ownCore = { url, glue: async () => ownGlue(url), wasm: undefined };`,
    }),
    ownUrls(besideBundle),
  ],
});

for (const [name, source] of Object.entries(ENTRIES)) {
  const names = Object.keys(await import(pathToFileURL(resolve(root, source)).href));
  const one = JSON.stringify(name);
  await writeFile(resolve(dist, `${name}.cjs`), `module.exports = require('./wasmpool.cjs')[${one}];\n`);
  await writeFile(
    resolve(dist, `${name}.mjs`),
    `import main from './wasmpool.cjs';\nexport const { ${names.join(', ')} } = main[${one}];\n`,
  );
}

// ---- Browsers ----

/** No bundler is to look for what browsers lack, which the CBOR library asks for. */
const absent = { Buffer: 'undefined', process: 'undefined' };
const browser = /** @type {const} */ ({
  ...common,
  platform: 'browser',
  format: 'esm',
  target: 'es2022',
  define: absent,
});

const { outputFiles } = await build({
  ...browser,
  entryPoints: ['js/entry/boot-browser.js'],
  outfile: 'js/dist/browser-worker.js',
  minify: true, // no other bundler will look into it
  plugins: [instead({ 'js/entry/own-glue.js': () => ownGlueText(root, 'browser-worker', 'ownGlue') })],
  write: false,
});
const worker = outputFiles[0].text;
await writeFile(resolve(dist, 'browser-worker.js'), worker);

const wasm = await readFile(resolve(root, 'wasm/dist/wasmpool.wasm'));
await build({
  ...browser,
  entryPoints: Object.fromEntries(Object.entries(ENTRIES).map(([name, source]) => [`browser-${name}`, source])),
  outdir: 'js/dist',
  splitting: true,
  chunkNames: 'wasmpool-[hash]',
  plugins: [
    instead({
      'js/host/index.js': () => "export { host } from './browser/index.js';",
      'js/host/browser/boot-url.js': () => `
        let url;
        export const bootUrl = () => url ??= new URL(URL.createObjectURL(new Blob([${JSON.stringify(worker)}], { type: 'text/javascript' })));`,
      'js/foreign/code-text.js': async () =>
        `export default ${JSON.stringify(await readFile(resolve(dist, 'foreign.js'), 'utf8'))};`,
      'js/foreign/code-url.js': () => `
        let url;
        const text = async () => (await import('./code-text.js')).default;
        export const codeUrl = async (workerUrl) => workerUrl !== undefined ? new URL('foreign.js', workerUrl).href
          : (url ??= URL.createObjectURL(new Blob([await text()], { type: 'text/javascript' })));`,
      'js/entry/own-glue.js': () => ownGlueText(root, 'browser-main', 'ownGlue'),
      'js/core/own-core.js': () => `
        import { ownGlue } from '../entry/own-glue.js';
        const url = 'wasmpool:/wasm/dist/wasmpool.mjs';
        const wasm = () => Uint8Array.from(atob('${wasm.toString('base64')}'), (c) => c.charCodeAt(0));
        export const ownCore = { url, glue: async () => ownGlue(url), wasm };`,
    }),
    ownUrls((path) => JSON.stringify(`wasmpool:/${relative(root, path).replaceAll('\\', '/')}`)),
  ],
});
