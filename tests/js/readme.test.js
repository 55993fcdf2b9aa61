import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

test('AM-59: the example of the README prints what its comments say', () => {
  const [program, worker] = [...README.matchAll(/```js\n([\s\S]*?)```/g)].map(([, text]) => text);
  const scratch = mkdtempSync(join(tmpdir(), 'wasmpool-'));
  try {
    const entry = JSON.stringify(new URL('../../js/index.js', import.meta.url));
    writeFileSync(join(scratch, 'main.mjs'), program.replace("'wasmpool'", entry));
    writeFileSync(join(scratch, 'worker.mjs'), worker);
    writeFileSync(join(scratch, 'package.json'), '{ "type": "commonjs" }'); // as `npm init` makes it
    const { stdout, stderr, status } = spawnSync(process.execPath, ['main.mjs'], {
      cwd: scratch,
      encoding: 'utf8',
      timeout: 60_000,
    });
    const expected = [...program.matchAll(/console\.log.*\/\/ (.*)/g)].map(([, text]) => text);
    assert.deepEqual([status, stdout.trim().split('\n')], [0, expected], stderr);
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

/** What the packed package holds. */
function packed() {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { stdout, stderr, status } = spawnSync('npm', args, { cwd: ROOT, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return new Set(JSON.parse(stdout)[0].files.map(({ path }) => path));
}

test('every page and file that a page of the package links to is in the package', () => {
  const files = packed();
  let links = 0;
  for (const page of [...files].filter((path) => path.endsWith('.md'))) {
    const prose = readFileSync(join(ROOT, page), 'utf8').replace(/^```[^]*?^```/gm, '');
    for (const [, target] of prose.matchAll(/\]\(([^)\s#]+)/g)) {
      if (/^[a-z][a-z0-9+.-]*:/i.test(target)) continue; // another site's
      const path = posix.normalize(posix.join(posix.dirname(page), target));
      assert.ok(
        [...files].some((file) => file === path || file.startsWith(path)),
        `${page} links to ${target}`,
      );
      links++;
    }
  }
  assert.ok(files.has('docs/guide.md') && links > 20);
});

test('commands of the README are found after a local install: by npx', () => {
  for (const [, block] of README.matchAll(/```sh\n([^]*?)```/g)) {
    for (const [line] of block.matchAll(/^.*\bwasmpool(?:-config)? (?:map|bench|info|instrument|--\w+).*$/gm)) {
      assert.match(line, /\bnpx wasmpool/);
    }
  }
});
