/** Worker modules in TypeScript: where the runtime strips types, they are modules like others. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { createPool } from '../../js/index.js';

const { versions } = process;
const { typescript } = /** @type {any} */ (process.features);
const loadsTypeScript = 'bun' in versions || 'deno' in versions || Boolean(typescript);
const module = new URL('./fixtures/typed.ts', import.meta.url);

test('a worker module in TypeScript runs where the runtime strips types; elsewhere the start fails with what to do', async () => {
  const opening = createPool({ module, workers: 1 });
  if (loadsTypeScript) {
    const pool = await opening;
    assert.deepEqual([await pool.dispatch('add', { a: 1, b: 2 }), await pool.dispatch('where')], [3, 0]);
    return pool.destroy();
  }
  const error = await opening.then(assert.fail, (reason) => reason);
  assert.equal(error.code, 'START_FAILED');
  assert.equal(error.cause.code, 'ERR_UNKNOWN_FILE_EXTENSION');
  assert.match(
    error.message,
    /^Worker_1: TypeError.*typed\.ts\. This runtime does not load \.ts files: compile it, and name the compiled file; or use Node 22\.18 or later, Deno or Bun$/,
  );
});

test('the advice names the file that is TypeScript, also where a module in JavaScript imports it', async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), 'wasmpool-typescript-'));
  t.after(() => rmSync(scratch, { recursive: true }));
  writeFileSync(join(scratch, 'part.tsx'), 'export const one = () => 1;');
  writeFileSync(join(scratch, 'worker.mjs'), "export * from './part.tsx';");
  const opening = createPool({ module: join(scratch, 'worker.mjs'), workers: 1 });
  if ('bun' in versions || 'deno' in versions) return (await opening).destroy();
  await assert.rejects(opening, {
    code: 'START_FAILED',
    message: /part\.tsx\. This runtime does not load \.tsx files: compile it, .*; or use Deno or Bun$/,
  });
});

test('a module of another unknown kind gets no advice about TypeScript', async (t) => {
  const scratch = mkdtempSync(join(tmpdir(), 'wasmpool-typescript-'));
  t.after(() => rmSync(scratch, { recursive: true }));
  writeFileSync(join(scratch, 'worker.coffee'), 'export one = -> 1');
  const opening = createPool({ module: join(scratch, 'worker.coffee'), workers: 1 });
  const error = await opening.then(assert.fail, (reason) => reason);
  assert.equal(error.code, 'START_FAILED');
  assert.doesNotMatch(error.message, /compile/);
});
