/**
 * The rules of this project that no general linter knows. Prints `file:line: rule: text`; exit status 1 when there is any.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const LINES_MAX = 400;
/** Files of tests may be longer, since they are lists. */
const TEST_LINES_MAX = 600;

let findings = 0;

/**
 * @param {string} file
 * @param {number} line
 * @param {string} rule
 * @param {string} text
 */
function report(file, line, rule, text) {
  console.log(`${file}:${line}: ${rule}: ${text}`);
  findings++;
}

/**
 * The files below a directory, by their path in the project.
 * @param {string} directory
 * @param {RegExp} pattern
 * @returns {string[]}
 */
function files(directory, pattern) {
  if (!existsSync(join(root, directory))) return [];
  return readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
    .map((name) => `${directory}/${name}`)
    .filter((path) => pattern.test(path) && !path.includes('node_modules/'))
    .sort();
}

/**
 * A file's lines, with comments and text in quotes blanked so that only code can break a rule; what is imported stays.
 * @param {string} file
 * @returns {string[]}
 */
function codeLines(file) {
  const blank = (/** @type {string} */ text) => (/^.node:/.test(text) ? text : text.replace(/[^\n]/g, ' '));
  return readFileSync(join(root, file), 'utf8')
    .replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, blank)
    .split('\n');
}

/**
 * Reports every line of code in `where` that matches.
 * @param {string} rule
 * @param {string[]} where
 * @param {RegExp} pattern
 * @param {string} text
 */
function forbid(rule, where, pattern, text) {
  for (const file of where) {
    codeLines(file).forEach((code, index) => {
      if (pattern.test(code)) report(file, index + 1, rule, text);
    });
  }
}

const core = files('src', /\.[ch]$/);
const shim = files('js', /\.js$/).filter((file) => !/^js\/(?:generated|dist)\//.test(file));
const not = (/** @type {RegExp} */ pattern) => (/** @type {string} */ file) => !pattern.test(file);

forbid(
  'atomics',
  core.filter(not(/^src\/base\/atomic\.h$/)),
  /\b(?:atomic_\w+|__atomic_\w+|__sync_\w+|_Atomic\b|memory_order_\w+)/,
  'atomics only through base/atomic.h, where the order is part of the name',
);

forbid(
  'host',
  core.filter(not(/^src\/port\//)),
  /^\s*#\s*(?:if|ifdef|ifndef|elif)\b.*\b(?:__EMSCRIPTEN__|__wasm\w*|__linux__|__APPLE__|_WIN32|__unix__|__wasi__)/,
  'only src/port/ knows its host',
);
forbid(
  'host',
  core.filter(not(/^src\/(?:port\/|bindings\/|embed\/locks\.c)/)),
  /^\s*#\s*include\s*<(?:emscripten\b.*|unistd\.h|pthread\.h|sys\/.*|linux\/.*|time\.h|threads\.h)/,
  'only src/port/, src/bindings/ and src/embed/locks.c include what a host offers',
);

forbid(
  'host',
  shim.filter(not(/^js\/(?:host|entry|serve|cli)\//)),
  /\bimport\b.*['"]node:|\bfrom ['"]node:|\b(?:process|Bun|Deno)\.\w/,
  'only js/host/, js/entry/, js/serve/ and js/cli/ know their runtime',
);

forbid(
  'wait',
  shim.filter(not(/^js\/(?:worker\/|actor\/worker\/|host\/|foreign\/run)/)),
  /\bAtomics\.wait\(/,
  'only a worker may block',
);

forbid(
  'views',
  shim.filter(not(/^js\/(?:core\/memory\.js$|foreign\/)/)), // js/foreign/ has to do with memories of others, and keeps no views
  /\bnew \w+(?:Array|View)\(.*\bmemory\.buffer\b/,
  'views of the heap only in js/core/memory.js, which renews them when memory has grown',
);

forbid(
  'terminate',
  // js/cli/input/module.js loads a user's module in a worker that belongs to no pool; js/actor/ and js/serve/ have tasks and
  // actors, but no workers.
  shim.filter(not(/^js\/(?:host\/|actor\/|serve\/|cli\/input\/module\.js)/)),
  /\.terminate\(/,
  "workers are ended by js/host/ only, so that nobody goes around the kill gate's handshake",
);

checkSizes();
checkExports();
process.exitCode = findings ? 1 : 0;

/** A file longer than the cap should be split. */
function checkSizes() {
  const code = ['src', 'js', 'bin', 'wasm', 'scripts', 'tests', 'demo', 'bench'].flatMap((directory) =>
    files(directory, /\.(?:[ch]|m?js|ts|sh)$/),
  );
  for (const file of code.filter(not(/^(?:js\/generated|(?:js|wasm|demo)\/dist)\//))) {
    const count = readFileSync(join(root, file), 'utf8').split('\n').length - 1;
    const most = file.startsWith('tests/') ? TEST_LINES_MAX : LINES_MAX;
    if (count > most) report(file, count, 'size', `${count} lines, at most ${most}`);
  }
}

/** Functions that JavaScript may call must be declared, and documented, in a header. */
function checkExports() {
  const headers = core.filter((file) => file.endsWith('.h'));
  const declared = headers.map((file) => codeLines(file).join('\n')).join('\n');
  for (const list of ['wasm/exports.txt', 'wasm/host-exports.txt']) checkList(list, declared);
}

/** @param {string} list @param {string} declared text of all headers */
function checkList(list, declared) {
  const seen = new Set();
  if (!existsSync(join(root, list))) return;
  readFileSync(join(root, list), 'utf8')
    .trimEnd()
    .split('\n')
    .forEach((entry, index) => {
      if (entry.startsWith('#')) return;
      if (!/^_\w+$/.test(entry)) report(list, index + 1, 'exports', 'one _name a line, # begins a comment line');
      else if (seen.has(entry)) report(list, index + 1, 'exports', `${entry} is listed twice`);
      else if (!new RegExp(`\\b${entry.slice(1)}\\(`).test(declared)) {
        report(list, index + 1, 'exports', `${entry.slice(1)} is not declared in any header of src/`);
      }
      seen.add(entry);
    });
}
