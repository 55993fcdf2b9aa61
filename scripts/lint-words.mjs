/**
 * What comments and pages name exists: requirement ids (docs/requirements.md, whose rows tests name), files, and the `See` notes of C
 * headers. Prints `file:line: rule: text`.
 *
 * usage: lint-words.mjs [ROOT]      exit code 1 if there are findings
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..');
const REQUIREMENTS = 'docs/requirements.md';
const FOLDERS = ['bench', 'bin', 'demo', 'docs', 'examples', 'js', 'scripts', 'src', 'tests', 'wasm'];
const TEXT = /\.(?:[chs]|def|js|mjs|cjs|ts|md|sh|pml|txt|html)$|\/wasmpool-config$/;
/** Files that programs or others have written. */
const SKIPPED = /(?:^|\/)node_modules\/|^(?:js|wasm|demo)\/dist\/|^js\/generated\//;
/** Files that a build makes: they may be named, although a fresh checkout does not have them. */
const BUILT = /^(?:(?:js|wasm|demo)\/dist|js\/generated)(?:\/|$)/;

const ID = /\b(?:AM|TW|AT|NF|NC|XP|C)-\d\d\b/g;
const RANGE = /\b(AM|TW|AT|NF|NC|XP|C)-(\d\d)\.\.(\d\d)\b/g;
/** A path from the root of the repository, or a name of a file by itself. */
const PATH = new RegExp(`(?<![\\w./@-])(?:${FOLDERS.join('|')})(?:/[\\w.-]+)+/?`, 'g');
const NAME = /(?<![\w./*-])[a-z][a-z0-9_-]*\.(?:c|h|def|js|mjs|pml|md|sh)\b(?![\w/(*])/g;
/** A file in a note: with its path, or by its name. */
const FILE = /(?:[\w-]+\/)*[\w-]+\.(?:c|h|def|js|mjs|pml|md|sh)\b/g;
/** Names of files of users, of the C library or of Emscripten. */
const OTHERS_FILES = new Set(['worker.js', 'worker.mjs', 'tasks.mjs', 'pthread_impl.h', 'thread_mailbox.c']);

let findings = 0;
/** @param {string} file @param {number} line @param {string} rule @param {string} text */
function report(file, line, rule, text) {
  console.log(`${file}:${line}: ${rule}: ${text}`);
  findings++;
}

/** @param {string} directory @returns {string[]} paths from the root, directories too (with a slash at their end) */
function entriesIn(directory) {
  if (!existsSync(join(root, directory))) return [];
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(directory, entry.name);
    if (SKIPPED.test(entry.isDirectory() ? `${path}/` : path)) return [];
    return entry.isDirectory() ? [`${path}/`, ...entriesIn(path)] : [path];
  });
}

const known = new Set([
  ...FOLDERS.flatMap((folder) => [`${folder}/`, ...entriesIn(folder)]),
  ...readdirSync(root).filter((name) => /\.(?:md|json|js)$|^Makefile$/.test(name)),
]);
const names = new Set([...known].map((path) => basename(path)));
const texts = new Map(
  [...known]
    .filter((path) => TEXT.test(path) || path === 'Makefile')
    .map((path) => [path, readFileSync(join(root, path), 'utf8')]),
);

/** @param {string} text @param {number} index */
const lineAt = (text, index) => text.slice(0, index).split('\n').length;

/** @param {string} text @returns {[id: string, index: number][]} */
function idsIn(text) {
  const single = [...text.matchAll(ID)].map((match) => /** @type {[string, number]} */ ([match[0], match.index]));
  const ranged = [...text.matchAll(RANGE)].flatMap(({ 1: kind, 2: low, 3: high, index }) =>
    Array.from({ length: Number(high) - Number(low) + 1 }, (_, i) => {
      return /** @type {[string, number]} */ ([`${kind}-${String(Number(low) + i).padStart(2, '0')}`, index]);
    }),
  );
  return [...single, ...ranged];
}

/** A text with everything but its comments blanked; for a page, with its code blocks blanked. */
function prose(/** @type {string} */ path, /** @type {string} */ text) {
  const blank = (/** @type {string} */ part) => part.replace(/[^\n]/g, ' ');
  if (path.endsWith('.md')) return text.replace(/^```[^]*?^```/gm, blank);
  if (/\.sh$|Makefile$|\.txt$/.test(path)) return text.replace(/^(?!\s*#).*$/gm, blank);
  let end = 0;
  let kept = '';
  const parts = /\/\*[^]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  for (const match of text.matchAll(parts)) {
    kept += blank(text.slice(end, match.index)) + (match[0][0] === '/' ? match[0] : blank(match[0]));
    end = match.index + match[0].length;
  }
  return kept + blank(text.slice(end));
}

checkIds();
checkFiles();
checkSee();
process.exitCode = findings ? 1 : 0;

/** Checks that every id that is named is a row, and that a test names every row. */
function checkIds() {
  const page = texts.get(REQUIREMENTS) ?? '';
  /** @type {Map<string, number>} */
  const rows = new Map();
  for (const { 1: id, index } of page.matchAll(/^\| ([A-Z]{1,2}-\d\d) \|/gm)) {
    if (rows.has(id)) report(REQUIREMENTS, lineAt(page, index), 'ids', `${id} has two rows`);
    rows.set(id, lineAt(page, index));
  }
  const tested = new Set();
  for (const [path, text] of texts) {
    if (path === REQUIREMENTS) continue;
    for (const [id, index] of idsIn(text)) {
      if (path.startsWith('tests/')) tested.add(id);
      if (!rows.has(id)) report(path, lineAt(text, index), 'ids', `${id} is no row of ${REQUIREMENTS}`);
    }
  }
  for (const [id, line] of rows) if (!tested.has(id)) report(REQUIREMENTS, line, 'ids', `no test names ${id}`);
}

/** Checks that every file that a comment or a page names exists. */
function checkFiles() {
  for (const [path, text] of texts) {
    if (path === 'CHANGELOG.md') continue; // names files of earlier versions
    const words = prose(path, text);
    for (const { 0: match, index } of words.matchAll(PATH)) {
      const target = match.replace(/[.-]+$/, '');
      if (BUILT.test(target) || /[A-Z]{3,}(?!.*\.md)/.test(target) || words[index + match.length] === '*') continue;
      if (!known.has(target) && !known.has(`${target}/`) && !known.has(posix.join(dirname(path), target)))
        report(path, lineAt(words, index), 'files', `${target} is not there`);
    }
    // Pages, tests and examples also name files of their readers.
    if (!/^(?:js|src|wasm|scripts|bench)\/|^ARCHITECTURE\.md$/.test(path)) continue;
    for (const { 0: match, index } of words.matchAll(NAME)) {
      if (!names.has(match) && !OTHERS_FILES.has(match))
        report(path, lineAt(words, index), 'files', `there is no file ${match}`);
    }
  }
}

/** Checks that every header of the core has a `See` note whose files are paths from the root, from src/ or from the header's folder. */
function checkSee() {
  for (const [path, text] of texts) {
    if (!/^src\/.*\.h$/.test(path) || /^src\/wasmpool(_\w+)?\.h$/.test(path)) continue; // the public header has no such notes
    const note = /^ \* See {2,}([^]*?)(?=^ \* \w+ {2}|^ \*\/|^ \*\n|\*\/)/m.exec(text);
    if (!note) report(path, 1, 'see', 'no See note');
    const where = lineAt(text, note?.index ?? 0);
    for (const [file] of (note?.[1] ?? '').matchAll(FILE)) {
      if (
        !known.has(file) &&
        !known.has(`src/${file}`) &&
        !known.has(`${file}/`) &&
        !known.has(posix.join(dirname(path), file))
      )
        report(path, where, 'see', `${file} is not there`);
    }
  }
}
