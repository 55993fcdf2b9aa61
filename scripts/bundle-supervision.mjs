/**
 * Makes js/dist/supervision.js: supervision (src/supervision.h) as a wasm module of its own, as text, so that a supervisor has it at once
 * and pools without actors are not larger. See docs/decisions/0031-supervision.md.
 *
 * usage: node scripts/bundle-supervision.mjs FILE.wasm
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../js/dist/', import.meta.url));
const wasm = await readFile(process.argv[2]);
await mkdir(dist, { recursive: true });
await writeFile(`${dist}supervision.d.ts`, 'export const code: string;\n');
await writeFile(`${dist}supervision.js`, `export const code = '${wasm.toString('base64')}';\n`);
