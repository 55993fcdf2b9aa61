import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import test from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** The blocks of JavaScript in a text. @param {string} text */
const blocks = (text) => [...text.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);

/** What a program would import, in this checkout. @param {string} _all @param {string} [path] behind the package's name */
function entryOf(_all, path) {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return JSON.stringify(new URL(exports[`.${path ?? ''}`].default.default, pathToFileURL(ROOT)));
}

/**
 * Runs a program and its worker module in a folder of their own, as a newcomer would.
 * @param {string} program
 * @param {Record<string, string>} others by file name
 */
function run(program, others) {
  const scratch = mkdtempSync(join(tmpdir(), 'wasmpool-'));
  try {
    for (const [name, text] of Object.entries({ ...others, 'main.mjs': program }))
      writeFileSync(join(scratch, name), text.replaceAll(/'wasmpool(\/[\w-]+)?'/g, entryOf));
    const options = { cwd: scratch, encoding: /** @type {const} */ ('utf8'), timeout: 60_000 };
    const { stdout, stderr, status } = spawnSync(process.execPath, ['main.mjs'], options);
    assert.equal(status, 0, stderr);
    return stdout.trim().split('\n');
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

for (const page of ['README.md', 'docs/introduction.md']) {
  test(`the example of ${page} prints what its comments say [AM-59]`, () => {
    const code = blocks(readFileSync(join(ROOT, page), 'utf8'));
    const find = (/** @type {string} */ name) => code.find((block) => block.startsWith(`// ${name}`)) ?? '';
    const [program, worker] = [find('main.mjs'), find('worker.mjs')];
    const expected = [...program.matchAll(/console\.log.*\/\/ ([^;\n]*)/g)].map(([, text]) => text);
    assert.ok(expected.length > 1, 'no comment says what is printed');
    const npmInit = '{ "type": "commonjs" }'; // as `npm init` makes it
    assert.deepEqual(run(program, { 'worker.mjs': worker, 'package.json': npmInit }), expected);
  });
}

test('the first examples of the guide run one after the other, as they stand [AM-59]', () => {
  const [worker, open, dispatch] = blocks(readFileSync(join(ROOT, 'docs/guide.md'), 'utf8')).filter((code) =>
    /defineWorker\(|^import \{ createPool|^const sum/.test(code),
  );
  const program = `${open}\n${dispatch}\nconsole.log(sum, same);\nawait pool.destroy();\n`;
  assert.deepEqual(run(program, { 'worker.js': worker, 'package.json': '{ "type": "module" }' }), ['3 3']);
});

test("the guide's loader of TypeScript finds what its first worker defines [AM-59]", () => {
  const code = blocks(readFileSync(join(ROOT, 'docs/guide.md'), 'utf8'));
  const worker = code.find((block) => /defineWorker\(/.test(block)) ?? '';
  const recipe = code.find((block) => /'tsx\/esm\/api'/.test(block)) ?? '';
  assert.match(recipe, /\.ts'/);
  const open = code.find((block) => block.startsWith('import { createPool')) ?? '';
  const program = `${open}\nconsole.log(await pool.dispatch('add', { a: 1, b: 2 }));\nawait pool.destroy();\n`;
  // Like tsx, it gives the module's namespace; the types are stripped already.
  const tsx =
    'export const tsImport = (path, parent) => import(new URL(path.replace(/ts$/, "typed.js"), parent).href);';
  const recipeHere = recipe.replace("'tsx/esm/api'", "'./tsx.js'");
  const files = {
    'worker.js': recipeHere,
    'worker.typed.js': worker,
    'tsx.js': tsx,
    'package.json': '{ "type": "module" }',
  };
  assert.deepEqual(run(program, files), ['3']);
});

test('require and import give the same classes; a pool of the built package works, and kills [AM-59, XP-13]', () => {
  const program = `
    import { createRequire } from 'node:module';
    import { mkdir, symlink } from 'node:fs/promises';
    await mkdir('node_modules');
    await symlink(${JSON.stringify(ROOT)}, 'node_modules/wasmpool', 'dir');
    const required = createRequire(import.meta.url)('./required.cjs');
    for (const entry of ['', '/twin', '/actor-manager']) {
      const imported = await import('wasm' + 'pool' + entry);
      const names = Object.keys(imported).filter((name) => imported[name] !== required[entry][name]);
      console.log(JSON.stringify([entry, Object.keys(imported).length > 0, names]));
    }
    const { createPool, PoolError } = required[''];
    const pool = await createPool({ module: new URL('./handlers.mjs', import.meta.url), workers: 1 });
    console.log(await pool.dispatch('add', [20, 22]));
    const error = await pool.dispatch('hang', 0, { timeoutMs: 50 }).catch((reason) => reason);
    console.log(error instanceof PoolError && error.code);
    console.log(/dist.wasmpool/.test(error.stack));
    await pool.destroy();`;
  const files = {
    'required.cjs': `module.exports = {
      '': require('wasm' + 'pool'), '/twin': require('wasm' + 'pool/twin'), '/actor-manager': require('wasm' + 'pool/actor-manager') };`,
    'handlers.mjs': `import { defineWorker } from 'wasmpool/worker';
      defineWorker({ add: ([a, b]) => a + b, hang() { for (;;); } });`, // nothing is exported: the call registers them
  };
  const lines = run(program, files);
  const entries = ['', '/twin', '/actor-manager'].map((entry) => JSON.stringify([entry, true, []]));
  assert.deepEqual(lines, [...entries, '42', 'TIMEOUT', 'false']);
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
      if (/^[a-z][a-z0-9+.-]*:/i.test(target)) continue; // of another site
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
