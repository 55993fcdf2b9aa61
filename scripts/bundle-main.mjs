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

/** An entry point that Node loads as a file of its own, beside the main one: most programs do without it. */
const APART = { future: 'js/compat/future.js' };
/** The same, but no page has it. */
const SERVERS = { serve: 'js/serve/index.js' };
/** What files of APART take from the main one, so that there is one class and one table of each. */
const SHARED = /[\\/]js[\\/](?:index\.js$|(?:api|base|codec|core|generated|host|task)[\\/])/;

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

/** Paths of modules that files of APART take from the main one. @type {Set<string>} */
const shared = new Set();

/** @type {import('esbuild').Plugin} */
const fromMain = {
  name: 'from-main',
  setup(bundle) {
    bundle.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir, namespace }) => {
      const found = resolve(resolveDir, path);
      return namespace === 'file' && SHARED.test(found) ? { path: found, namespace: 'main' } : undefined;
    });
    bundle.onLoad({ filter: /./, namespace: 'main' }, ({ path }) => {
      const name = relative(root, path).replaceAll('\\', '/');
      shared.add(name);
      return { contents: `module.exports = require('./wasmpool.cjs')[${JSON.stringify(name)}];` };
    });
  },
};

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
for (const file of await readdir(dist))
  if (!/^(?:boot-node|cbor|command-line|supervision|LIC)/.test(file)) await rm(resolve(dist, file));

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

/** A name: no such file exists. With a drive, because functions of Node on Windows refuse file URLs without one. */
const inside = (/** @type {string} */ path) => `file:///C:/wasmpool/${relative(root, path).replaceAll('\\', '/')}`;
const bootFiles = (await readdir(dist)).filter((file) => file.startsWith('boot-node'));
const bootTexts = Object.fromEntries(
  await Promise.all(bootFiles.map(async (file) => [file, await readFile(resolve(dist, file), 'utf8')])),
);
const wasm = await readFile(resolve(root, 'wasm/dist/wasmpool.wasm'));

/** For where the files are not beside the bundle: it has become a part of another one. */
await writeFile(
  resolve(dist, 'inside.cjs'),
  `module.exports = ${JSON.stringify({ bootTexts, wasm: wasm.toString('base64') })};\n`,
);

const node = /** @type {const} */ ({ ...common, platform: 'node', target: 'node20' });

/** Where this file lies. Bundlers of servers leave __filename, which an ES module does not have. */
const here = (/** @type {string} */ name) =>
  `"use strict";const here=typeof __filename==="string"?require("node:url").pathToFileURL(__filename).href:"${inside(dist)}/${name}";`;

for (const [name, source] of Object.entries({ ...APART, ...SERVERS }))
  await build({
    ...node,
    entryPoints: [source],
    outfile: `js/dist/${name}.cjs`,
    format: 'cjs',
    banner: { js: here(`${name}.cjs`) },
    external: ['./wasmpool.cjs'],
    plugins: [
      instead({
        'js/actor/main/worker-url.js': () => "export const actorWorkerUrl = () => new URL('actor-worker.js', here);",
      }),
      fromMain,
      ownUrls(besideBundle),
    ],
  });

// What an actor's thread loads.
await build({
  ...common,
  entryPoints: ['js/actor/worker/actor.js'],
  outfile: 'js/dist/actor-worker.js',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  plugins: [
    instead({
      'js/entry/cbor-encoder.js': async () =>
        (await readFile(resolve(root, 'js/entry/cbor-encoder.js'), 'utf8')).replace('../dist/', './'),
    }),
  ],
});

await build({
  ...node,
  stdin: {
    contents: [...Object.entries(ENTRIES), ...[...shared].sort().map((path) => [path, path])]
      .map(([name, source]) => `export * as ${JSON.stringify(name)} from './${source}';`)
      .join('\n'),
    resolveDir: root,
  },
  outfile: 'js/dist/wasmpool.cjs',
  format: 'cjs',
  banner: { js: here('wasmpool.cjs') },
  external: ['./inside.cjs'],
  plugins: [
    instead({
      'js/host/index.js': () => "export { host } from './node/index.js';",
      'js/host/node/boot-file.js': () => `
        import { existsSync } from 'node:fs';
        const url = ${besideBundle(resolve(dist, 'boot-node.cjs'))};
        export const bootUrl = () => new URL(url);
        function isBeside() {
          try {
            return existsSync(bootUrl());
          } catch {
            return true; // Deno, without the permission to read: the pool says so
          }
        }
        export const contents = isBeside() ? undefined : require('./inside.cjs');
        export const bootTexts = contents?.bootTexts;`,
      'js/entry/own-glue.js': () => ownGlueText(root, 'node-main', 'ownGlue'),
      'js/core/own-core.js': () => `
        import { ownGlue } from '../entry/own-glue.js';
        import { contents } from '../host/node/boot-file.js';
        const url = ${besideBundle(resolve(root, 'wasm/dist/wasmpool.mjs'))};
        const wasm = contents && (() => new Uint8Array(Buffer.from(contents.wasm, 'base64')));
        export const ownCore = { url, glue: async () => ownGlue(url), wasm };`,
    }),
    ownUrls(besideBundle),
  ],
});

/** @type {Record<string, string>} by entry point: its names, for a destructuring assignment */
const exported = {};
for (const [name, source] of Object.entries(ENTRIES)) {
  exported[name] = Object.keys(await import(pathToFileURL(resolve(root, source)).href)).join(', ');
  const one = JSON.stringify(name);
  await writeFile(resolve(dist, `${name}.cjs`), `module.exports = require('./wasmpool.cjs')[${one}];\n`);
  await writeFile(
    resolve(dist, `${name}.mjs`),
    `import main from './wasmpool.cjs';\nexport const { ${exported[name]} } = main[${one}];\n`,
  );
}

for (const [name, source] of Object.entries({ ...APART, ...SERVERS })) {
  const names = Object.keys(await import(pathToFileURL(resolve(root, source)).href)).join(', ');
  await writeFile(
    resolve(dist, `${name}.mjs`),
    `import main from './${name}.cjs';\nexport const { ${names} } = main;\n`,
  );
}

await build({ ...node, entryPoints: ['js/api/worker.js'], outfile: 'js/dist/worker.cjs', format: 'cjs' });

// The shared registry: a file of its own, so that workers which use it do not load main's half.
const registry = await readFile(resolve(root, 'wasm/dist/registry.wasm'));
await build({
  ...node,
  entryPoints: ['js/compat/workers.js'],
  outfile: 'js/dist/workers.cjs',
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true,
  plugins: [
    instead({
      'js/host/node/registry/bytes.js': () =>
        `export const registryBytes = () => Buffer.from('${registry.toString('base64')}', 'base64');`,
    }),
  ],
});
const registryNames = Object.keys(await import(pathToFileURL(resolve(root, 'js/compat/workers.js')).href)).join(', ');
await writeFile(
  resolve(dist, 'workers.mjs'),
  `import main from './workers.cjs';\nexport const { ${registryNames} } = main;\n`,
);

// ---- Everything in one file: for bundles of servers, and wasmpool/inline ----

/** Modules that the glue requires. A single file has no `require` if it is an ES module. */
const BUILTINS = ['fs', 'path', 'url', 'worker_threads'];

const glueUrl = JSON.stringify(inside(resolve(root, 'wasm/dist/wasmpool.mjs')));
for (const [format, file] of /** @type {const} */ ([
  ['esm', 'inline.mjs'],
  ['cjs', 'inline.cjs'],
]))
  // prettier-ignore
  await build({
    ...node,
    entryPoints: ['js/inline.js'],
    outfile: `js/dist/${file}`,
    format,
    plugins: [
      instead({
        'js/host/index.js': () => "export { host } from './node/index.js';",
        'js/host/node/boot-file.js': () => `
          export const bootUrl = () => new URL(${JSON.stringify(inside(resolve(dist, 'boot-node.cjs')))});
          export const bootTexts = ${JSON.stringify(bootTexts)};`,
        'js/entry/own-glue.js': async () => `
          ${BUILTINS.map((name) => `import * as ${name} from 'node:${name}';`).join('')}
          const modules = { ${BUILTINS.join(', ')} };
          const builtin = (name) => modules[name];
          ${(await ownGlueText(root, 'node-main', 'ownGlue')).replaceAll('require(', 'builtin(')}`,
        'js/core/own-core.js': () => `
          import { ownGlue } from '../entry/own-glue.js';
          const wasm = () => new Uint8Array(Buffer.from('${wasm.toString('base64')}', 'base64'));
          export const ownCore = { url: ${glueUrl}, glue: async () => ownGlue(${glueUrl}), wasm };`,
      }),
      ownUrls((path) => JSON.stringify(inside(path))),
    ],
  });

await writeFile(
  resolve(dist, 'inline-actor-manager.mjs'),
  `import { actorManager } from './inline.mjs';\nexport const { ${exported['actor-manager']} } = actorManager;\n`,
);

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

/**
 * A script that runs in workers, as text.
 * @param {string} source
 */
async function workerText(source) {
  const { outputFiles } = await build({
    ...browser,
    entryPoints: [source],
    minify: true, // no other bundler will look into it
    plugins: [
      instead({
        'js/entry/own-glue.js': () => ownGlueText(root, 'browser-worker', 'ownGlue'),
        'js/entry/cbor-encoder.js': () => `
          import { Encoder } from '../dist/cbor.js';
          export const encoderClass = () => Encoder;`,
      }),
    ],
    write: false,
  });
  return outputFiles[0].text;
}
const worker = await workerText('js/entry/boot-browser.js');
await writeFile(resolve(dist, 'browser-worker.js'), worker);

/**
 * A function that makes a URL of a script when it is first called.
 * @param {string} name
 * @param {string} text
 */
const urlOf = (name, text) => `
  let url;
  export const ${name} = () => url ??= new URL(URL.createObjectURL(new Blob([${JSON.stringify(text)}], { type: 'text/javascript' })));`;

const page = {
  ...browser,
  outdir: 'js/dist',
  plugins: [
    instead({
      'js/host/index.js': () => "export { host } from './browser/index.js';",
      'js/host/browser/boot-url.js': () => urlOf('bootUrl', worker),
      'js/compat/twin-worker-url.js': async () => urlOf('twinWorkerUrl', await workerText('js/compat/twin-worker.js')),
      'js/actor/main/worker-url.js': async () => urlOf('actorWorkerUrl', await workerText('js/actor/worker/actor.js')),
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
};
await build({
  ...page,
  entryPoints: Object.fromEntries(
    Object.entries({ ...ENTRIES, ...APART }).map(([name, source]) => [`browser-${name}`, source]),
  ),
  splitting: true,
  chunkNames: 'wasmpool-[hash]',
});
await build({ ...page, entryPoints: { 'browser-inline': 'js/inline.js' } });
