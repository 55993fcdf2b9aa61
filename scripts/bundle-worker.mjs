/**
 * Makes what a worker of Node, Bun or Deno starts with, js/dist/: one file instead of fifty, without what most workers never need.
 *
 * usage: node scripts/bundle-worker.mjs [DIRECTORY]   of the package; default: this one
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { resolve } from 'node:path';
import process from 'node:process';
import { build, transform } from 'esbuild';
import { ownGlueText } from './own-glue.mjs';

const root = resolve(process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url)));

/** Modules that most workers do not need at their start, and what they are needed for: each is loaded on first use. */
const LATER = {
  '../dist/cbor.js': { file: './boot-node-cbor.cjs', names: ['Encoder'] },
  '../registry/c-tasks.js': { file: './workers.cjs', names: ['callFromC'] },
  'node:module': { file: 'node:module', names: ['syncBuiltinESMExports'] },
  'node:v8': { file: 'node:v8', names: ['Serializer', 'Deserializer', 'serialize', 'deserialize'] },
};

const later = {
  name: 'later',
  setup(bundle) {
    bundle.onResolve({ filter: /handlers\/isolated\.js$/ }, ({ kind }) =>
      kind === 'dynamic-import' ? { path: './boot-node-isolated.cjs', external: true } : undefined,
    );
    const filter = new RegExp(`^(${Object.keys(LATER).join('|').replaceAll('.', '\\.')})$`);
    bundle.onResolve({ filter }, ({ path, namespace }) =>
      namespace === 'later' ? { path, external: true } : { path, namespace: 'later' },
    );
    bundle.onResolve({ filter: /^\.\/(?:boot-node-cbor|workers)\.cjs$/ }, ({ path }) => ({ path, external: true }));
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

/**
 * The CBOR library, for sources and bundles alike, so that an installation brings no other package: cbor-x has an optional native part with
 * an install script. It tries `new Function`, which pages with a Content-Security-Policy report; where there is none, it does without.
 */
const cbor = {
  ...common,
  stdin: { contents: "export { Encoder } from 'cbor-x/encode'", resolveDir: root },
  plugins: [
    {
      name: 'no-function',
      setup(bundle) {
        bundle.onLoad({ filter: /cbor-x[\\/]decode\.js$/ }, async ({ path }) => ({
          contents: (await transform(await readFile(path, 'utf8'), { define: { Function: 'undefined' } })).code,
        }));
      },
    },
  ],
};

/** What the command line takes from other packages. */
const COMMAND_LINE = `
export { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
export { SingleBar } from 'cli-progress';
`;

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
  { ...cbor, outfile: 'js/dist/boot-node-cbor.cjs' },
  { ...cbor, outfile: 'js/dist/cbor.js', format: 'esm', platform: 'neutral' },
  {
    stdin: { contents: COMMAND_LINE, resolveDir: root },
    outfile: 'js/dist/command-line.cjs',
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
const built = await Promise.all(files.map((file) => build({ ...common, ...file, write: false, metafile: true })));
const outputs = built.flatMap(({ outputFiles }) => outputFiles);
const tooLong = outputs.find(({ path, contents }) => /worker\.cjs$/.test(path) && contents.length > WORKER_BYTES_MOST);
if (tooLong) throw new Error(`${tooLong.path}: ${tooLong.contents.length} bytes, at most ${WORKER_BYTES_MOST}`);
const directory = resolve(root, 'js/dist');
await mkdir(directory, { recursive: true });
for (const { path, contents } of outputs) await writeFile(path, contents);

// Types for `make types`, and the licences of what is inside.
await writeFile(resolve(directory, 'cbor.d.ts'), cbor.stdin.contents);
await writeFile(resolve(directory, 'command-line.d.cts'), COMMAND_LINE);
const inputs = built.flatMap(({ metafile }) => Object.keys(metafile.inputs)).join('\n');
const packages = new Set(inputs.match(/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/g));
const licences = [...packages].sort().map(async (path) => {
  const file = (await readdir(resolve(root, path))).find((name) => /^licen[cs]e/i.test(name));
  if (!file) throw new Error(`${path} has no licence file`);
  return `${path.slice('node_modules/'.length)}\n\n${await readFile(resolve(root, path, file), 'utf8')}`;
});
await writeFile(resolve(directory, 'LICENSES.txt'), (await Promise.all(licences)).join(`\n${'-'.repeat(72)}\n\n`));
