/** scripts/lint-words.mjs: what comments and pages name must exist. Each fault alone is found, and a tree without faults has none. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../scripts/lint-words.mjs', import.meta.url));
/** Put together, so that the rules do not see them here. */
const [ONE, TWO] = ['XP', 'XP'].map((kind, i) => `${kind}-9${i}`);
const GOOD = {
  'docs/requirements.md': `| ${ONE} | one |\n`,
  'tests/unit/a_test.c': `/* ${ONE} */\n`,
  'src/a.h': '/*\n * Purpose  p\n * See      tests/unit/a_test.c, b.h\n */\n',
  'src/b.h': '/*\n * See      a.h\n */\n',
  'js/a.js': '/** As in src/a.h and b.h; a string is no comment: */ const x = "src/none.h";\n',
  'docs/page.md': 'See `src/a.h`.\n\n```js\n// src/none.js is in a block of code\n```\n',
};

/**
 * What the script says about a tree.
 * @param {Record<string, string>} files
 */
function lint(files) {
  const root = mkdtempSync(join(tmpdir(), 'words-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, root], { encoding: 'utf8' });
    assert.equal(stderr, '');
    return { status, lines: stdout.trim().split('\n').filter(Boolean) };
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('a tree in which all names exist has no finding', () => {
  assert.deepEqual(lint(GOOD), { status: 0, lines: [] });
});

for (const [what, changes, expected] of [
  ['an id without a row', { 'js/a.js': `// ${TWO}\n` }, `js/a.js:1: ids: ${TWO} is no row of docs/requirements.md`],
  [
    'a row that no test names',
    { 'docs/requirements.md': `| ${ONE} | one |\n| ${TWO} | two |\n` },
    `docs/requirements.md:2: ids: no test names ${TWO}`,
  ],
  [
    'two rows of an id',
    { 'docs/requirements.md': `| ${ONE} | one |\n| ${ONE} | two |\n` },
    `docs/requirements.md:2: ids: ${ONE} has two rows`,
  ],
  ['a See note', { 'src/b.h': '/*\n * See      c.h\n */\n' }, 'src/b.h:2: see: c.h is not there'],
  ['no See note', { 'src/b.h': '/*\n * Purpose  p\n */\n' }, 'src/b.h:1: see: no See note'],
  ['a path in a comment', { 'js/a.js': '\n// as in src/c.h\n' }, 'js/a.js:2: files: src/c.h is not there'],
  ['a name in a comment', { 'js/a.js': '// as in c.h\n' }, 'js/a.js:1: files: there is no file c.h'],
  ['a path in a page', { 'docs/page.md': 'See `src/c.h`.\n' }, 'docs/page.md:1: files: src/c.h is not there'],
]) {
  test(`${what} is found`, () => {
    const { status, lines } = lint({ ...GOOD, ...changes });
    assert.equal(status, 1);
    assert.ok(lines.includes(expected), lines.join('\n'));
  });
}
