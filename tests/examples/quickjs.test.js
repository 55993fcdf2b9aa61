import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { directoryFor, killUnderLoad, needs, program, tool, withExample } from './support.js';

const HANGS = [
  'for (;;) ;',
  "while (true) JSON.parse('[1, 2, {}]');",
  "let text = 'x'; for (;;) text = (text + Math.random()).slice(-1000);",
  'const words = []; for (;;) { words.push({}); if (words.length > 1000) words.length = 0; }',
  "/^(a+)+$/.test('a'.repeat(40) + '!');",
];
const WORKS = [
  (n) => `const f = (n) => (n < 2 ? n : f(n - 1) + f(n - 2)); print('fib', f(${n % 18}));`,
  (n) => `print([${n}, 3, 20].sort(), JSON.stringify({ n: ${n}, list: [1, null, 'ä€😀'] }));`,
  (n) => `class A { #x = ${n}n; get x() { return this.#x ** 20n; } } print(new A().x);`,
  (n) => `print('${n}-abc'.replace(/(\\d+)-(?<rest>\\w+)/u, '$<rest>$1'), new Date(${n}e9).toISOString());`,
  (n) => `try { null.field } catch (error) { print(error.name, ${n / 7}, (${n}).toString(3)); }`,
  (n) => `function* up() { for (let i = 0; i < ${n % 9}; i++) yield i; } print(...up());`,
];
const SCRIPTS = Array.from({ length: 200 }, (_, i) =>
  i % 10 === 9 ? HANGS[Math.floor(i / 10) % HANGS.length] : WORKS[i % WORKS.length](i),
);

test(
  'of 200 scripts the 20 that never end are TIMEOUT, and the others print what they print in qjs',
  needs('quickjs'),
  async (t) => {
    const directory = directoryFor(t);
    const files = SCRIPTS.map((text, i) => {
      const file = join(directory, `${i}.js`);
      writeFileSync(file, text);
      return file;
    });
    const expected = files.map((file, i) => {
      if (i % 10 === 9) return `== ${file}: TIMEOUT\n`;
      const { status, text } = tool('build/examples/qjs', [file]);
      assert.equal(status, 0, SCRIPTS[i]);
      return `== ${file}: OK\n${text}`;
    });
    const { status, stdout, stderr } = program('quickjs', files);
    assert.equal(status, 0, stderr);
    assert.equal(stdout, expected.join(''));
    t.diagnostic(stderr.trim().split('\n').at(-1) ?? '');
  },
);

test('a script that throws, that is none, or that wants too much memory or stack fails alone', needs('quickjs'), () =>
  withExample('quickjs', { workers: 1, maxTaskBytes: '64mb' }, async (pool) => {
    for (const [script, message] of [
      ["throw new TypeError('no')", /^TypeError: no$/],
      ['let let', /^SyntaxError: /],
      ['std.exit()', /^ReferenceError: /],
      ["let text = 'x'; for (;;) text += text;", /string too long|out of memory/],
      ['const all = []; for (;;) all.push(new Array(1000).fill(0));', /out of memory/],
      ['const deeper = () => deeper() + 1; deeper();', /stack/i],
    ]) {
      await assert.rejects(
        pool.dispatch('run', script),
        (error) => error.code === 'TASK_FAILED' && message.test(error.message),
        script,
      );
      assert.equal(await pool.dispatch('run', 'print(1 + 1)'), '2\n');
    }
    assert.equal(await pool.dispatch('run', 'globalThis.kept = 1'), '');
    assert.equal(
      await pool.dispatch('run', 'print(globalThis.kept)'),
      'undefined\n',
      'nothing stays for the next script',
    );
    assert.equal(pool.diagnostics().kills, 0);
  }),
);

test('killed a thousand times beside scripts that end', needs('quickjs'), (t) =>
  withExample('quickjs', {}, async (pool) => {
    let hung = 0;
    let next = 0;
    await killUnderLoad(
      t,
      pool,
      () => pool.dispatch('run', HANGS[hung++ % HANGS.length], { timeoutMs: 2 }),
      async () => {
        const n = next++;
        assert.equal(await pool.dispatch('run', `print(${n} * 3)`), `${n * 3}\n`);
      },
    );
  }),
);
