import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { packArguments } from '../../js/index.js';
import { directoryFor, killUnderLoad, needs, program, tool, withExample } from './support.js';

const LOG = Array.from({ length: 2000 }, (_, i) =>
  [
    `10.0.${i % 7}.${i % 251} GET /item/${(i * 7919) % 1000}?page=${i % 10} ${i % 11 === 0 ? 500 : 200}`,
    `user${i % 40}@example.com wrote "äöü€ ${'ab'.repeat(i % 6)}"`,
    `${i}: ${'x'.repeat(i % 9)}=${'x'.repeat((i * 5) % 9)};`,
    '',
  ].join('\n'),
).join('');
const PATTERNS = [
  '^10\\.0\\.3\\.\\d+ .* 500$',
  '(?<=item/)(\\d)\\d?\\1(?=\\?)',
  '^\\d+: (x*)=\\1;$',
  '"\\p{L}+€ (ab){3,}"$',
  '(?i)USER(?:1[0-9]|3)@(?!other)',
  '^(?<first>\\d)\\d*\\k<first>:',
  '^(?>x|\\d)++: =',
  'nowhere at all',
  '€ (?:(?:ab)(?R)?|")',
];
const LINE = `${'a'.repeat(40)}!`;
/** Each takes some 2^40 steps on that line. */
const CATASTROPHES = ['^(a+)+$', '^(a|aa)+$', '^(\\w+\\s?)*$', '(a*)*[^!]$'];

test('patterns find the lines that grep -P finds, beside those that take for ever', needs('pcre2'), (t) => {
  const file = join(directoryFor(t), 'access.log');
  writeFileSync(file, `${LOG}${LINE}\n`);
  const expected = PATTERNS.map((pattern) => tool('grep', ['-P', '-e', pattern, file]).text);
  assert.equal(expected.filter((text) => text !== '').length, PATTERNS.length - 1, 'all but one find something');
  const { stdout, stderr } = program('pcre2', [file, ...PATTERNS, ...CATASTROPHES]);
  assert.equal(stdout, expected.join(''));
  const failed = stderr.trim().split('\n');
  assert.equal(failed.length, CATASTROPHES.length, stderr);
  for (const [i, pattern] of CATASTROPHES.entries()) assert.ok(failed[i].startsWith(`${pattern}: TIMEOUT `), failed[i]);
});

test(
  'a pattern that needs more steps than grep -P allows is answered, and one that is wrong says why',
  needs('pcre2'),
  () =>
    withExample('pcre2', { workers: 1 }, async (pool) => {
      const many = `${'a'.repeat(25)}!`;
      const { status, errors } = tool('grep', ['-P', '^(a+)+$'], many);
      assert.equal(status, 2);
      assert.match(errors, /backtracking limit/);
      assert.equal(await pool.dispatch('grep', packArguments('^(a+)+$', many)), '');
      assert.equal(await pool.dispatch('grep', packArguments('^(a+)+$', `${many}\naaa`)), 'aaa\n');
      for (const [bytes, message] of [
        [packArguments('(a', ''), /missing closing parenthesis/],
        [packArguments('a'), /the arguments are/],
        [packArguments('ä', new Uint8Array([0xc3])), /UTF-8/],
      ])
        await assert.rejects(
          pool.dispatch('grep', bytes),
          (error) => error.code === 'TASK_FAILED' && message.test(error.message),
        );
    }),
);

test('killed a thousand times beside patterns that end', needs('pcre2'), (t) =>
  withExample('pcre2', {}, async (pool) => {
    let hung = 0;
    const good = packArguments(PATTERNS[2], LOG);
    const expected = await pool.dispatch('grep', good);
    await killUnderLoad(
      t,
      pool,
      () => pool.dispatch('grep', packArguments(CATASTROPHES[hung++ % CATASTROPHES.length], LINE), { timeoutMs: 2 }),
      async () => assert.equal(await pool.dispatch('grep', good), expected),
    );
  }),
);
