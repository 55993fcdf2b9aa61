/** The documentation against the code: whatever it names exists, and whatever exists is named. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { Context } from '../../js/handlers/context.js';
import * as wasmpool from '../../js/index.js';
import { Handle } from '../../js/jobs/callback.js';
import { Sequence } from '../../js/jobs/sequence.js';
import { Trace } from '../../js/telemetry/trace.js';

const ROOT = new URL('../../', import.meta.url);
const read = (/** @type {string} */ path) => readFileSync(new URL(path, ROOT), 'utf8');

/** README.md, ARCHITECTURE.md, CHANGELOG.md and docs/: paths from the root. */
const pages = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(new URL('docs/', ROOT), { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/**
 * A page without its code blocks: brackets there are no links, and hashes no headings.
 * @param {string} path
 */
const prose = (path) => read(path).replace(/^```[^]*?^```/gm, '');

/**
 * The anchor that a heading gets: lower case, no punctuation, hyphens for spaces.
 * @param {string} heading
 */
const slug = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');

/** @param {string} path */
const anchors = (path) => [...prose(path).matchAll(/^#+ (.+)$/gm)].map((match) => slug(match[1]));

/**
 * The text from a heading of level 2 to the next one.
 * @param {string} path
 * @param {string} heading
 */
function section(path, heading) {
  const found = read(path)
    .split(/^## /m)
    .find((part) => part.startsWith(`${heading}\n`));
  assert.ok(found, `${path} has no section '${heading}'`);
  return found;
}

/** The codes of src/status.def, except OK, each with the text of the row of that name. */
const codes = [...read('src/status.def').matchAll(/^X\((\w+), \d+, "\1", "([^"]*)"/gm)]
  .map(([, code, text]) => ({ code, text }))
  .filter(({ code }) => code !== 'OK');

/**
 * What a page links to, in each of the ways that Markdown has.
 * @param {string} text
 */
const targets = (text) =>
  [/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g, /^\[[^\]]+\]:\s*(\S+)/gm, /\b(?:href|src)="([^"]+)"/g].flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => match[1]),
  );

test('introduction, installation, reasons and API reference are there, and the README leads to each [AM-59]', () => {
  const linked = targets(prose('README.md'));
  for (const [page, heading] of [
    ['docs/introduction.md', /^# .*\S/m],
    ['docs/installation.md', /^```sh\nnpm install wasmpool$/m],
    ['docs/why.md', /^# Why/m],
    ['docs/api.md', /^## `createPool\(/m],
    ['docs/actor-manager.md', /^# Coming from ActorManager$/m],
    ['docs/twin.md', /^# Coming from Twin$/m],
  ]) {
    assert.match(read(page), heading, page);
    assert.ok(linked.includes(page), `README.md does not link to ${page}`);
  }
});

test('links of every form are seen [AM-59]', () => {
  const text = '[a](b.md) [c](d.md "title")\n[e]: f.md\n<a href="g.md"><img src="h.png">';
  assert.deepEqual(targets(text), ['b.md', 'd.md', 'f.md', 'g.md', 'h.png']);
});

test('links between the pages resolve, their anchors too [AM-59]', () => {
  let links = 0;
  for (const page of pages) {
    for (const target of targets(prose(page))) {
      if (/^[a-z][a-z0-9+.-]*:/i.test(target)) continue; // of another site
      const [path, anchor] = target.split('#');
      const url = path ? new URL(path, new URL(page, ROOT)) : new URL(page, ROOT);
      assert.ok(existsSync(url), `${page}: ${target} is not there`);
      const file = decodeURIComponent(url.pathname).slice(decodeURIComponent(ROOT.pathname).length);
      if (anchor) assert.ok(anchors(file).includes(anchor), `${page}: ${target} has no such heading`);
      links++;
    }
  }
  assert.ok(links > 0, 'no link was found: the test reads nothing');
});

test('every error code is in the table of the guide, with its text, and no other [AM-59]', () => {
  const rows = [...section('docs/guide.md', 'Errors').matchAll(/^\| `(\w+)` \| ([^|]+) \|/gm)];
  assert.deepEqual(
    rows.map(([, code, text]) => ({ code, text: text.trim() })),
    codes,
  );
  assert.ok(codes.length > 0);
});

test('every export is named in a heading of docs/api.md [AM-59]', () => {
  const headings = [...read('docs/api.md').matchAll(/^## `(\w+)/gm)].map((match) => match[1]);
  for (const name of Object.keys(wasmpool)) assert.ok(headings.includes(name), `docs/api.md: ${name} is missing`);
});

test('every public type is named in a heading of docs/api.md, or in its table of other types [AM-59]', () => {
  const headings = [...read('docs/api.md').matchAll(/^##+ `(\w+)/gm)].map((match) => match[1]);
  const types = [...read('js/index.js').matchAll(/@typedef \{[^}]+\} (\w+)/g)].map((match) => match[1]);
  const others = section('docs/api.md', 'Other types').matchAll(/`(\w+)`/g);
  headings.push(...[...others].map((match) => match[1]));
  const elsewhere = new Map([['Priority', 'TaskOptions']]); // a type that one option has
  assert.ok(types.length > 0);
  for (const name of types)
    assert.ok(headings.includes(elsewhere.get(name) ?? name), `docs/api.md: ${name} is missing`);
});

test('every type that docs/api.md names can be imported from the package [AM-59]', () => {
  const exported = [...read('js/index.js').matchAll(/@typedef \{[^}]+\} (\w+)/g)].map((match) => match[1]);
  exported.push(...Object.keys(wasmpool));
  // Names from TypeScript and Node, and names of DOMExceptions. Other foreign names are global.
  const foreign = new Set(['Record', 'Readable', 'DataCloneError', 'TimeoutError']);
  const named = new Set();
  for (const [, code] of prose('docs/api.md').matchAll(/`([^`]+)`/g)) {
    const types = code.replace(/'[^']*'/g, '').replace(/[\w.]+\.\w+/g, '');
    for (const [name] of types.matchAll(/\b[A-Z][a-z]\w*\b/g)) named.add(name);
  }
  assert.ok(named.has('LivenessOptions') && named.has('PoolErrorExtra'), 'the test reads nothing');
  for (const name of named)
    assert.ok(exported.includes(name) || foreign.has(name) || name in globalThis, `docs/api.md names ${name}`);
});

test('every member of a public class is in its section of docs/api.md: none is for the engine alone [AM-59]', () => {
  const { Pool, TaskPromise, MapPromise, Box } = wasmpool;
  const classes = { Pool, TaskPromise, MapPromise, Box, Handle, Sequence, Trace, Ctx: Context };
  for (const [name, { prototype }] of Object.entries(classes)) {
    const text = section('docs/api.md', `\`${name}\``);
    for (const key of Object.getOwnPropertyNames(prototype)) {
      if (key === 'constructor') continue;
      // The first cell of a table of members may name several, with or without (parameters).
      assert.match(text, new RegExp(`\`${key}[\`(]`), `docs/api.md: ${name}.${key} is missing`);
    }
  }
});

test('files that the comments of the code refer to are there [AM-59]', () => {
  for (const folder of ['js', 'src']) {
    for (const entry of readdirSync(new URL(`${folder}/`, ROOT), { recursive: true }).map(String)) {
      if (!/\.(?:js|h|c)$/.test(entry)) continue;
      for (const [path] of read(`${folder}/${entry}`).matchAll(/\bdocs\/[\w./-]+\.md|\bARCHITECTURE\.md/g))
        assert.ok(existsSync(new URL(path, ROOT)), `${folder}/${entry}: ${path} is not there`);
    }
  }
});
