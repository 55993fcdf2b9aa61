import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';

const HERE = new URL('./', import.meta.url);
const SKIPPING = new RegExp(String.raw`\btest\.(skip|todo)\(|\b(skip|todo): true`);

test('AM-55: fixtures echo, add, fail and slow exist, and no test is skipped without a reason', async () => {
  const fixtures = await import('./fixtures/handlers.js');
  for (const name of ['echo', 'add', 'fail', 'slow']) assert.equal(typeof fixtures[name], 'function');
  for (const file of readdirSync(HERE).filter((name) => name.endsWith('.test.js'))) {
    assert.doesNotMatch(readFileSync(new URL(file, HERE), 'utf8'), SKIPPING, file);
  }
});
