/**
 * Finishes types/: removes declarations that no entry point leads to, and copies the others for programs that `require` the package.
 * TypeScript takes a declaration for one of an ES module, or not, by the "type" in the nearest package.json.
 */
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const types = resolve(root, 'types');
const { exports } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'));

/** Comments have examples, which import modules of users. */
const withoutComments = (/** @type {string} */ text) => text.replace(/\/\*[^]*?\*\//g, '');

/** Absolute paths. */
const reached = new Set(Object.values(exports).flatMap((entry) => entry.default?.types ?? []).map((path) => resolve(root, path))); // prettier-ignore
for (const path of reached)
  for (const [, name] of withoutComments(readFileSync(path, 'utf8')).matchAll(
    /(?:\bfrom |\bimport\()["'](\.[^"']+)\.js["']/g,
  ))
    if (!name.includes('/dist/')) reached.add(resolve(path, '..', `${name}.d.ts`));

for (const entry of readdirSync(types, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (entry.isFile() && !reached.has(path)) rmSync(path);
}

const copy = resolve(root, 'build/types-cjs');
rmSync(copy, { recursive: true, force: true });
cpSync(types, copy, { recursive: true });
writeFileSync(resolve(copy, 'package.json'), '{ "type": "commonjs" }\n');
renameSync(copy, resolve(types, 'cjs'));
