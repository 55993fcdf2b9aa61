/** Worker modules in TypeScript: where the runtime strips types, they are modules like others. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { createPool } from '../../js/index.js';
import { run } from './cli-support.js';

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

test('a task of a module in TypeScript runs, or fails with the same advice; the worker lives on', async (t) => {
  const pool = await createPool({ module: new URL('./fixtures/handlers.js', import.meta.url), workers: 1 });
  t.after(() => pool.destroy());
  const task = pool.dispatch({ module, name: 'add' }, { a: 1, b: 2 });
  if (loadsTypeScript) assert.equal(await task, 3);
  else {
    await assert.rejects(task, {
      code: 'TASK_FAILED',
      message: /typed\.ts\. This runtime does not load \.ts files: compile/,
    });
  }
  assert.equal(await pool.dispatch('add', { a: 2, b: 2 }), 4);
});

test('the command line takes handlers of a module in TypeScript, or gives the same advice', async () => {
  const { status, out, err } = await run(['map', `${fileURLToPath(module)}#add`], { input: '{"a":1,"b":2}\n' });
  assert.equal(status, loadsTypeScript ? 0 : 2);
  if (loadsTypeScript) assert.equal(out, '3\n');
  else assert.match(err, /typed\.ts\. This runtime does not load \.ts files: compile it/);
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
