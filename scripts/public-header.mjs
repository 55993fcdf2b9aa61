/**
 * Prints include/wasmpool.h: src/wasmpool.h with what it includes of ours put in, so that one file is the whole interface.
 *
 * usage: node scripts/public-header.mjs >include/wasmpool.h
 */
import { readFileSync } from 'node:fs';

const read = (name) => readFileSync(new URL(`../src/${name}`, import.meta.url), 'utf8');
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** The enumerators of the table of results, as src/status.h makes them. */
function statuses() {
  const rows = [...read('status.def').matchAll(/^X\((\w+), (\d+), "\w+", "([^"]*)"/gm)];
  if (rows.length === 0) throw new Error('src/status.def has no rows');
  return rows.map(([, name, number, text]) => `  WP_E_${name} = -${number}, /* ${text} */`).join('\n');
}

const X_MACRO = /#define X\(name[^\n]*\n#include "status\.def"\n#undef X/;
const status = read('status.h')
  .replace(X_MACRO, statuses)
  .replace(/^\/\*[^]*?\*\/\n/, '');
const argumentsPart = read('arguments.h').replace(/^\/\*[^]*?\*\/\n/, '');
/** What is between the include guard of a part and its end. */
const partOf = (name) => /#define WASMPOOL_\w+_H\n([^]*)#endif/.exec(read(name))?.[1].trim() ?? '';
const header = read('wasmpool.h')
  .replace('#include "status.h"\n', () => `${status.trim()}\n`)
  .replace(/#include "(wasmpool_\w+\.h)"\n/g, (line, name) => `${partOf(name)}\n`)
  .replace('#include "arguments.h"\n', () => `${argumentsPart.trim()}\n`);
if (/#include "/.test(header)) throw new Error('src/wasmpool.h includes what users do not have');
process.stdout.write(`/* wasmpool ${version}. Made from src/wasmpool.h. */\n${header}`);
