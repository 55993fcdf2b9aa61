/**
 * Thumbnails of images that strangers uploaded: IMAGE.png in DIRECTORY for each IMAGE, at most 128 pixels wide and high.
 *
 * usage: node examples/thumbnails/main.mjs DIRECTORY IMAGE…      `make examples` builds the module; by hand, see docs/guide.md
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import process from 'node:process';
import { createPool } from 'wasmpool';

const TIME_LIMIT_MS = 5000;

const [directory, ...images] = process.argv.slice(2);
if (!directory || images.length === 0) {
  console.error('usage: main.mjs DIRECTORY IMAGE…');
  process.exit(2);
}
mkdirSync(directory, { recursive: true });

const pool = await createPool({
  wasm: new URL('../../build/examples/thumbnails.mjs', import.meta.url),
  isolation: 'worker',
  maxTaskBytes: '256mb',
});
await Promise.all(
  images.map(async (image) => {
    try {
      const png = await pool.dispatch('thumbnail', readFileSync(image), { timeoutMs: TIME_LIMIT_MS });
      writeFileSync(join(directory, `${basename(image)}.png`), png);
    } catch (error) {
      console.error(`${image}: ${error.code} ${error.message}`);
      process.exitCode = 1;
    }
  }),
);
await pool.destroy();
