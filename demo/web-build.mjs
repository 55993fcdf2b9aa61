/**
 * Puts the page together in demo/dist: what a server of static files needs, and nothing else. All URLs are relative, so the folder can be
 * published under any path.
 *
 * usage: web-build.mjs      after `make wasm` and build/web/paint.mjs
 */
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import wabt from 'wabt';

const root = fileURLToPath(new URL('..', import.meta.url));
const from = (/** @type {string} */ path) => join(root, path);
const to = (/** @type {string} */ path) => join(root, 'demo/dist', path);

rmSync(to(''), { recursive: true, force: true });
mkdirSync(to('tasks'), { recursive: true });
for (const name of ['index.html', 'style.css', 'icon.svg', 'sw.js', 'app', 'tasks/worker.js'])
  cpSync(from(`demo/web/${name}`), to(name), { recursive: true });
for (const name of ['paint.mjs', 'paint.wasm']) cpSync(from(`build/web/${name}`), to(`tasks/${name}`));
cpSync(
  from('demo/web/node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2'),
  to('fonts/inter.woff2'),
);
cpSync(from('demo/web/node_modules/@fontsource-variable/inter/LICENSE'), to('fonts/LICENSE'));

// The package, as browsers get it by its name.
for (const name of readdirSync(from('js/dist')))
  if (/^(?:browser-index|wasmpool-\w+)\.js$/.test(name)) cpSync(from(`js/dist/${name}`), to(`wasmpool/${name}`));

const { parseWat } = await wabt();
const guest = parseWat('guest.wat', readFileSync(from('demo/web/tasks/guest.wat'), 'utf8'));
writeFileSync(to('tasks/guest.wasm'), guest.toBinary({}).buffer);
