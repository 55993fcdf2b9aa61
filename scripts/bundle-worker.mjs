/**
 * Makes what a worker of Node, Bun or Deno starts with, js/dist/: one file instead of fifty, without what most workers never need.
 *
 * usage: node scripts/bundle-worker.mjs [DIRECTORY]   of the package; default: this one
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { resolve } from 'node:path';
import process from 'node:process';
import { build } from 'esbuild';
import { ownGlueText } from './own-glue.mjs';

const root = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));

/** Modules that most workers do not need at their start, and what they are needed for: each is loaded on first use. */
const LATER = {
  'cbor-x/encode': { file: './boot-node-cbor.cjs', names: ['Encoder'] },
  'node:module': { file: 'node:module', names: ['syncBuiltinESMExports'] },
  'node:v8': { file: 'node:v8', names: ['Serializer', 'Deserializer', 'serialize', 'deserialize'] },
};

const later = {
  name: 'later',
  setup(bundle) {
    bundle.onResolve({ filter: /handlers\/isolated\.js$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './boot-node-isolated.cjs', external: true } : undefined,
    );
    const filter = new RegExp(`^(${Object.keys(LATER).join('|')})$`);
    bundle.onResolve({ filter }, ({ path, namespace }) =>
      namespace === 'later' ? { path, external: true } : { path, namespace: 'later' },
    );
    bundle.onResolve({ filter: /^\.\/boot-node-cbor\.cjs$/ }, ({ path }) => ({ path, external: true }));
    bundle.onLoad({ filter, namespace: 'later' }, ({ path }) => {
      const { file, names } = LATER[path];
      const getter = (name) =>
        `Object.defineProperty(exports,'${name}',{enumerable:true,get:()=>require('${file}').${name}});`;
      return { contents: names.map(getter).join('') };
    });
  },
};

const common = /** @type {const} */ ({
  absWorkingDir: root,
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  logLevel: 'warning',
  minifySyntax: true,
  minifyWhitespace: true, // names stay, so that stacks can be read
});

/** Puts the glue of the package's own core into the bundle. */
const ownGlue = {
  name: 'own-glue',
  setup(bundle) {
    bundle.onLoad({ filter: /[\\/]own-glue\.js$/ }, async () => ({
      contents: await ownGlueText(root, 'node-worker', 'ownGlue'),
      resolveDir: root,
    }));
  },
};

/** Workers do not need the advice in the table of results. */
const noAdvice = {
  name: 'no-advice',
  setup(bundle) {
    bundle.onLoad({ filter: /generated[\\/]status\.js$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replaceAll(/^ *action: .*\n/gm, ''),
    }));
  },
};

/** A function for js/entry/boot-node.js to call. */
const wrapped = {
  banner: { js: '(function(module,require){' },
  footer: { js: '})' },
};

const files = [
  {
    entryPoints: ['js/entry/boot-node.js'],
    outfile: 'js/dist/boot-node.cjs',
    define: { 'import.meta.dirname': '__dirname', 'import.meta.require': 'require' },
  },
  {
    entryPoints: ['js/entry/worker-node.js'],
    outfile: 'js/dist/boot-node-worker.cjs',
    plugins: [later, ownGlue, noAdvice],
    supported: { 'dynamic-import': false }, // see js/entry/boot-node.js
    ...wrapped,
  },
  {
    stdin: { contents: "export { Encoder } from 'cbor-x/encode'", resolveDir: root },
    outfile: 'js/dist/boot-node-cbor.cjs',
  },
  {
    entryPoints: ['js/handlers/isolated.js'],
    outfile: 'js/dist/boot-node-isolated.cjs',
    plugins: [noAdvice],
  },
];
/** Longest code that each worker gets as one text: for a longer one the engine collects garbage first. See docs/decisions/0018-start.md */
const WORKER_BYTES_MOST = 96 * 1024;

// All files or none, since parts of different versions do not fit together.
const built = await Promise.all(files.map((file) => build({ ...common, ...file, write: false })));
const outputs = built.flatMap(({ outputFiles }) => outputFiles);
const tooLong = outputs.find(({ path, contents }) => /worker\.cjs$/.test(path) && contents.length > WORKER_BYTES_MOST);
if (tooLong) throw new Error(`${tooLong.path}: ${tooLong.contents.length} bytes, at most ${WORKER_BYTES_MOST}`);
const directory = resolve(root, 'js/dist');
await mkdir(directory, { recursive: true });
for (const { path, contents } of outputs) await writeFile(path, contents);
