/**
 * Servers whose bundle contains the package: builds one with each tool, moves it to where no node_modules is in reach, and runs it on Node.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

/** The server, and its worker module, which is an entry point of its own. */
const SERVER = `
import { pathToFileURL } from 'node:url';
import { run } from './check.js';

run(MODULE).then((result) => console.log(JSON.stringify(result)));
`;
/** Where the worker module lies, in the bundle's own terms. */
const MODULES = {
  url: "new URL('./worker.mjs', import.meta.url)",
  beside: "new URL('worker.mjs', pathToFileURL(process.argv[1]))",
  directory: "require('node:url').pathToFileURL(require('node:path').join(__dirname, 'worker.mjs'))",
};

/**
 * @param {string} app folder of the application
 * @param {(name: string, args: string[]) => void} build runs a bundler's program there
 * @param {string} away a folder outside
 * @returns {Record<string, () => object>} by name: builds and runs it, and returns the result
 */
export function serverWays(app, build, away) {
  /**
   * @param {string} source @param {string} module expression of the worker module's URL
   * @param {(source: string, folder: string) => void} bundle
   */
  const way = (source, module, bundle) => () => {
    const folder = `out-${source}`;
    writeFileSync(join(app, source), SERVER.replace('MODULE', module));
    bundle(source, folder);
    const home = join(away, folder);
    cpSync(join(app, folder), home, { recursive: true });
    const file = readdirSync(home).find((name) => /^(?:server|index)\./.test(name)) ?? '';
    return JSON.parse(execFileSync(process.execPath, [file], { cwd: home, encoding: 'utf8' }));
  };
  /** @param {string} folder */
  const buildWorker = (folder) =>
    build('esbuild', ['worker.js', '--bundle', '--format=esm', '--platform=node', `--outfile=${folder}/worker.mjs`]);
  /** @param {string} format @param {string} file */
  const esbuild = (format, file) => (/** @type {string} */ source, /** @type {string} */ folder) => {
    build('esbuild', [source, '--bundle', `--format=${format}`, '--platform=node', `--outfile=${folder}/${file}`]);
    buildWorker(folder);
  };
  const ncc = (/** @type {string} */ source, /** @type {string} */ folder) =>
    build('ncc', ['build', source, '--out', folder, '--quiet']);
  return {
    'esbuild, a server as an ES module': way('server-esm.mjs', MODULES.url, esbuild('esm', 'server.mjs')),
    'esbuild, a server in CommonJS': way('server-cjs.js', MODULES.directory, esbuild('cjs', 'server.cjs')),
    'ncc, a server whose worker imports nothing': way('server-ncc.mjs', MODULES.url, (source, folder) => {
      cpSync(join(app, 'plain-worker.js'), join(app, 'worker.mjs'));
      ncc(source, folder);
    }),
    'ncc, a server whose worker is an entry point': way('server-ncc-entry.mjs', MODULES.beside, (source, folder) => {
      ncc(source, folder);
      buildWorker(folder);
    }),
  };
}
