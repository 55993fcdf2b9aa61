/**
 * Layers of js/: a file imports from its own folder and from folders below it, never from above. Imports in JSDoc count: a type that
 * lower code needs belongs down there.
 *
 * usage: lint-layers.mjs      exit code 1 if there are findings
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The lowest layer comes first. ARCHITECTURE.md says what each is for. */
const LAYERS = [
  'generated',
  'base',
  'values',
  'codec',
  'protocol',
  'wasm-binary',
  'instrument',
  'host',
  'core',
  'registry',
  'time',
  'handlers',
  'foreign',
  'worker',
  'entry',
  'options',
  'threads',
  'task',
  'engine',
  'submit',
  'jobs',
  'telemetry',
  'api',
  'actor',
  'compat',
  'index.js',
  'serve',
  'inline.js',
  'cli',
];
/** A folder with more files than this should be two. */
const FILES_MAX = 12;
/** Static and dynamic imports, and types in JSDoc; `module.js` and so on in examples of documentation are not relative to the file. */
const IMPORT = /(?:\bfrom\s+|\bimport\s+|\bimport\(\s*)['"](\.[^'"]+)['"]/g;

let findings = 0;
/** @param {string} file @param {string} text */
function report(file, text) {
  console.error(`${file}: layers: ${text}`);
  findings++;
}

/** @param {string} directory @returns {string[]} paths from the root */
function filesIn(directory) {
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(directory, entry.name);
    if (entry.isDirectory()) return path === 'js/dist' ? [] : filesIn(path);
    return path.endsWith('.js') ? [path] : [];
  });
}

/** A file's layer: its folder below js/, whatever is below that. @param {string} file */
const layerOf = (file) => LAYERS.indexOf(file.split('/')[1] ?? '');

const files = filesIn('js');
const known = new Set(files);
/** @type {Map<string, number>} */
const counts = new Map();
for (const file of files) {
  const folder = dirname(file);
  counts.set(folder, (counts.get(folder) ?? 0) + 1);
  const layer = layerOf(file);
  if (layer < 0) {
    report(file, 'is in no layer: only index.js and inline.js stand at the root of js/');
    continue;
  }
  for (const [, specifier] of readFileSync(join(root, file), 'utf8').matchAll(IMPORT)) {
    const target = relative('.', posix.join(folder, specifier));
    if (known.has(target) && layerOf(target) > layer) report(file, `imports ${target}, which is above it`);
  }
}
for (const [folder, count] of counts)
  if (count > FILES_MAX) report(folder, `${count} files, at most ${FILES_MAX}: split it`);
process.exitCode = findings ? 1 : 0;
