/**
 * Kill points (src/base/point.h): every atomic write of the core has a WP_POINT of its own right before it, or says why not. Prints
 * `file:line: point: text`; exit status 1 when there is any.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** At most so many lines of code may lie between a point and its write: a load, an `if`, the start of a loop. */
const LINES_MAX = 3;

/** Points without an atomic write of their own, and how often each occurs: before a plain store, or between two steps. */
const PLAIN = new Map(
  Object.entries({
    'argument.replace': 1,
    'box.forget': 1,
    'box.placed': 1,
    'box.pooled': 1,
    'box.release': 1,
    'chores.taken': 1,
    'critical.listed': 2,
    'gate.left': 1,
    'gate.park': 1,
    'heap.bin': 1,
    'heap.insert': 1,
    'heap.previous': 2,
    'heap.remove': 1,
    'lane.age': 1,
    'lane.counts': 1,
    'lane.last': 1,
    'lane.take': 1,
    'line.last': 1,
    'result.drop': 1,
    'result.name': 1,
    'stop.look': 1,
    'store.carve': 1,
    'store.carved': 1,
    'store.chain': 1,
    'store.chunk': 1,
    'store.collect': 1,
    'store.collected': 1,
    'store.cut': 1,
    'store.fetched': 1,
    'store.limbo': 1,
    'store.link': 1,
    'store.push': 1,
    'store.retire': 1,
    'store.tail': 1,
    'store.take': 1,
    'store.taken': 1,
    'store.unchain': 1,
    'table.grown': 1,
    'task.again': 1,
    'task.ungroup': 1,
  }),
);

const EVENT = /WP_POINT\("([^"]+)"\)|wp_atomic_(?:store|exchange|cas|fetch)_\w+\(/g;

let findings = 0;
/** @type {Map<string, number>} */
const seen = new Map();

/**
 * @param {string} file
 * @param {number} line
 * @param {string} text
 */
function report(file, line, text) {
  console.log(`${file}:${line}: point: ${text}`);
  findings++;
}

/**
 * The lines of a file in two parts: code and comments.
 * @param {string} text
 * @returns {{ code: string[], comments: string[] }}
 */
function split(text) {
  const blank = (/** @type {string} */ part) => part.replace(/[^\n]/g, ' ');
  const comment = /\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  let comments = '';
  let end = 0;
  for (const match of text.matchAll(comment)) {
    comments += blank(text.slice(end, match.index)) + match[0];
    end = match.index + match[0].length;
  }
  comments += blank(text.slice(end));
  return { code: text.replace(comment, blank).split('\n'), comments: comments.split('\n') };
}

/**
 * Whether the comment that ends right above line `at` excepts the whole function that begins there.
 * @param {string[]} code
 * @param {string[]} comments
 * @param {number} at
 */
function isExcepted(code, comments, at) {
  let text = '';
  for (let above = at - 1; above >= 0 && !code[above].trim() && comments[above].trim(); above--) {
    text = `${comments[above].replace(/^ \*(?!\/)/, '')} ${text}`;
  }
  return /\bNo points: \w/.test(text.replace(/\s+/g, ' '));
}

/**
 * One file, function by function.
 * @param {string} file
 */
function check(file) {
  const { code, comments } = split(readFileSync(join(root, file), 'utf8'));
  /** @type {{ name: string, line: number, since: number } | undefined} */
  let point;
  let excepted = false;
  const drop = () => {
    if (point && !PLAIN.has(point.name)) report(file, point.line, `${point.name} stands before no atomic write`);
    point = undefined;
  };
  code.forEach((line, index) => {
    if (/^\w.*\(/.test(line)) excepted = isExcepted(code, comments, index);
    if (/^\}/.test(line)) drop();
    for (const [text, name] of line.matchAll(EVENT)) {
      if (name) {
        drop();
        if (excepted && !PLAIN.has(name)) report(file, index + 1, `${name} in a function that says it has none`);
        point = { name, line: index + 1, since: 0 };
        seen.set(name, (seen.get(name) ?? 0) + 1);
      } else if (
        excepted ||
        /\bno point: \w/.test(comments[index] + (code[index - 1]?.trim() ? '' : comments[index - 1]))
      ) {
        continue;
      } else if (!point || PLAIN.has(point.name) || point.since > LINES_MAX) {
        report(file, index + 1, `no WP_POINT right before ${text})`);
      } else {
        point = undefined;
      }
    }
    if (point && line.trim()) point.since++;
  });
}

const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
for (const file of files.sort()) {
  if (/\.[ch]$/.test(file) && !file.startsWith('base')) check(`src/${file}`);
}
for (const [name, count] of PLAIN) {
  if (seen.get(name) !== count) report('src', 1, `${name} is there ${seen.get(name) ?? 0} times, not ${count}`);
}
process.exitCode = findings ? 1 : 0;
