/** What users compile and link with: em++, their own flags, exceptions, static libraries; in both kinds of modules. */

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createPool, packArguments } from '../../js/index.js';
import { codeOf } from './helpers.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TOOLS = join(ROOT, '.toolchain', 'bin');
const TASKS = join(ROOT, 'tests', 'js', 'fixtures', 'sdk', 'tasks.cc');
const ENV = { ...process.env, EMCC: join(TOOLS, 'emcc'), WASMPOOL_CACHE: join(ROOT, 'build', 'sdk') };
const MODES = /** @type {const} */ (['--isolated', '--emscripten']);
const scratch = mkdtempSync(join(tmpdir(), 'wasmpool-sdk-'));
after(() => rmSync(scratch, { recursive: true }));

/** @param {...string} questions @returns {string[]} the words of wasmpool-config */
function config(...questions) {
  const words = execFileSync(process.execPath, [join(ROOT, 'bin', 'wasmpool-config'), ...questions, '--lines'], {
    env: ENV,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return words.trim().split('\n');
}

/** @param {string} tool @param {string[]} args @returns {string} what it said; it must have succeeded */
function run(tool, args) {
  const { status, stderr } = spawnSync(join(TOOLS, tool), args, { env: ENV, encoding: 'utf8', cwd: scratch });
  assert.equal(status, 0, stderr);
  return stderr;
}

let builds = 0;
/** @returns {string} path of a module that nobody has */
const freshPath = () => join(scratch, `module-${builds++}.mjs`);

/**
 * Links a module as a user does: their words stand first.
 * @param {string} mode
 * @param {string[]} words
 * @param {string} [tool]
 */
function build(mode, words, tool = 'em++') {
  const path = freshPath();
  run(tool, [...words, ...config(mode), '-o', path]);
  return path;
}

/** @param {string} path @param {(pool: any) => Promise<void>} use */
async function withModule(path, use) {
  const pool = await createPool({ wasm: pathToFileURL(path), workers: 1 });
  try {
    await use(pool);
  } finally {
    await pool.destroy();
  }
}

/** @param {string} name @param {string} text @returns {string} path of a source file */
function source(name, text) {
  const path = join(scratch, name);
  writeFileSync(path, text);
  return path;
}

// ---- Languages and flags ----

/** Flags of users, and whether they catch exceptions. @type {[string[], boolean][]} */
const FLAGS = [
  [['-O2', '-std=c++20', '-Wall', '-Wextra', '-Wpedantic', '-Werror'], false],
  [['-O1', '-fwasm-exceptions'], true],
  [['-O3', '-fexceptions'], true],
  [['-O0', '-g'], false],
  [['-O2', '-sSTRICT'], false],
  [['-O2', '-sSINGLE_FILE', '-fwasm-exceptions'], true],
  [['-O2', '-sEXPORTED_FUNCTIONS=_malloc', '-sEXPORTED_RUNTIME_METHODS=ccall'], false],
];
for (const mode of MODES)
  for (const [flags, catches] of FLAGS)
    test(`em++ ${flags.join(' ')} ${mode}: tasks run, exceptions reject with their what(), and the flags count`, async () => {
      const path = build(mode, [...flags, TASKS]);
      assert.equal(existsSync(path.replace('.mjs', '.wasm')), !flags.includes('-sSINGLE_FILE'));
      await withModule(path, async (pool) => {
        assert.equal(await pool.dispatch('total', 'abc'), 294);
        assert.equal(await pool.dispatch('status_text'), "the pool's memory is exhausted");
        assert.equal(await pool.dispatch('is_optimised'), flags.includes('-O0') ? 0 : 1);
        const failure = (name) =>
          pool.dispatch(name, 'ä').then(assert.fail, ({ code, message }) => `${code} ${message}`);
        const advice = catches ? '' : '; build with -fwasm-exceptions to catch exceptions';
        assert.equal(await failure('throw_standard'), `TASK_FAILED what: ä${advice}`);
        assert.match(await failure('throw_own'), catches ? /^TASK_FAILED own: ä$/ : /OwnError/);
        assert.match(await failure('throw_number'), catches ? /no std::exception/ : /its type is i,/);
        assert.equal(await pool.dispatch('total', 'a'), 97);
      });
    });

test('what comes first is not overridden: a limit of memory', () =>
  withModule(
    build(
      '--isolated',
      [
        '-O2',
        '-sMAXIMUM_MEMORY=32MB',
        source(
          'grow.c',
          `#include <stdlib.h>
          #include <wasmpool.h>
          void *volatile kept;
          WP_TASK(grow) { return (kept = malloc(64u << 20)) ? wp_task_result(task, WP_TYPE_UNDEFINED, NULL, 0) : WP_E_NO_MEMORY; }`,
        ),
      ],
      'emcc',
    ),
    async (pool) => assert.equal(await codeOf(pool.dispatch('grow')), 'NO_MEMORY'),
  ));

const REFUSED = {
  '-sMAIN_MODULE': [MODES, /wasmpool: .*dynamic linking/],
  '-sASYNCIFY': [MODES, /wasmpool: .*event loop/],
  '-pthread': [['--isolated'], /wasmpool: .*one thread: build without -pthread/],
  '-sSAFE_HEAP': [['--emscripten'], /wasmpool: -sSAFE_HEAP.*natively/],
  '-fsanitize=address': [MODES, /ASan/],
};
for (const [flag, [modes, text]] of Object.entries(REFUSED))
  for (const mode of modes)
    test(`${flag} ${mode} is refused, with the reason`, () => {
      const args = ['-O1', flag, TASKS, ...config(mode), '-o', freshPath()];
      const { status, stderr } = spawnSync(join(TOOLS, 'em++'), args, { env: ENV, encoding: 'utf8', cwd: scratch });
      assert.notEqual(status, 0);
      assert.match(stderr, text);
    });

test('-sSAFE_HEAP finds a bad store in an isolated task', () => {
  const file = source(
    'bad.c',
    `#include <wasmpool.h>
    WP_TASK(bad) { *(volatile int *)0 = 1; return wp_task_result(task, WP_TYPE_UNDEFINED, NULL, 0); }`,
  );
  return withModule(build('--isolated', ['-O1', '-sSAFE_HEAP', file], 'emcc'), async (pool) => {
    await assert.rejects(pool.dispatch('bad'), { code: 'TASK_FAILED', message: /segmentation fault/ });
  });
});

for (const mode of MODES)
  test(`system() ${mode} runs no shell, and says that there is none`, () => {
    const file = source(
      'shell.c',
      `#include <stdlib.h>
      #include <wasmpool.h>
      WP_TASK(shell) {
        const char *command = wp_task_text(task);
        double status = system(command);
        return wp_task_result(task, WP_TYPE_NUMBER, &status, sizeof status);
      }`,
    );
    const made = join(scratch, `made${mode}`);
    return withModule(build(mode, ['-O2', file], 'emcc'), async (pool) => {
      assert.equal(await pool.dispatch('shell', `echo > "${made}"`), -1);
      assert.ok(!existsSync(made));
      assert.equal(await pool.dispatch('shell'), 0);
    });
  });

// ---- Static libraries, names ----

const LIBRARY = source(
  'in_library.c',
  '#include <wasmpool.h>\nWP_TASK(far_away) { return wp_task_result(task, WP_TYPE_STRING, "here", 4); }',
);
const USER = source(
  'user.c',
  '#include <wasmpool.h>\nWP_USE(far_away)\nWP_TASK(near) { return wp_task_result(task, WP_TYPE_STRING, "near", 4); }',
);
const OTHER = source(
  'other.c',
  '#include <wasmpool.h>\nWP_TASK(other) { return wp_task_result(task, WP_TYPE_STRING, "other", 5); }',
);

for (const mode of MODES)
  test(`a task in a static library ${mode} is linked by WP_USE, by --export or by --whole-archive`, async () => {
    const object = join(scratch, `far${mode}.o`);
    const library = join(scratch, `libfar${mode}.a`);
    run('emcc', [
      '-O2',
      '-c',
      LIBRARY,
      ...(mode === '--isolated' ? config(mode, '--compile') : config('--compile')),
      '-o',
      object,
    ]);
    run('emar', ['rcs', library, object]);
    const ways = [
      [USER, library],
      [OTHER, library, '-Wl,--export=wp_task_named_far_away'],
      [OTHER, '-Wl,--whole-archive', library, '-Wl,--no-whole-archive'],
    ];
    for (const words of ways)
      await withModule(build(mode, ['-O2', ...words], 'emcc'), async (pool) =>
        assert.equal(await pool.dispatch('far_away'), 'here'),
      );
    await withModule(build(mode, ['-O2', OTHER, library], 'emcc'), async (pool) =>
      assert.equal(await codeOf(pool.dispatch('far_away')), 'UNKNOWN_TASK', 'why the other ways are needed'),
    );
  });

for (const mode of MODES)
  test(`two tasks of one name ${mode} do not link`, () => {
    const twin = source('twin.c', '#include <wasmpool.h>\nWP_TASK(other) { (void)task; return WP_OK; }');
    const args = ['-O1', OTHER, twin, ...config(mode), '-o', freshPath()];
    const { status, stderr } = spawnSync(join(TOOLS, 'emcc'), args, { env: ENV, encoding: 'utf8', cwd: scratch });
    assert.notEqual(status, 0);
    assert.match(stderr, /duplicate symbol: wp_task_named_other/);
  });

test('two tasks of one name that were registered by hand stop the start', async () => {
  const file = source(
    'by_hand.c',
    `#include <wasmpool.h>
    static wp_status run(wp_task *task) { (void)task; return WP_OK; }
    static wp_task_entry one = {"same", run, NULL}, two = {"same", run, NULL};
    __attribute__((constructor)) static void start(void) { wp_task_register(&one); wp_task_register(&two); }`,
  );
  await assert.rejects(createPool({ wasm: pathToFileURL(build('--emscripten', ['-O1', file], 'emcc')), workers: 1 }), {
    code: 'START_FAILED',
    message: /two C tasks have the name same/,
  });
});

// ---- What runs before tasks ----

const SETS_UP = `#include <wasmpool.h>
  #include <stdlib.h>
  static int *squares, runs;
  WP_INIT(squares) {
    runs++;
    squares = malloc(1000 * sizeof *squares);
    for (int i = 0; i < 1000; i++) squares[i] = i * i;
  }
  WP_TASK(square) {
    double number = 0;
    wp_task_number(task, &number);
    double result = runs == 1 ? squares[(int)number] : -1;
    return wp_task_result(task, WP_TYPE_NUMBER, &result, sizeof result);
  }
  WP_TASK(hang) {
    volatile int *mine = malloc(4000);
    for (int i = 0;; i = (i + 1) % 1000) mine[i] = 7;
    return WP_OK;
  }`;

for (const mode of MODES) {
  test(`WP_INIT runs once before all tasks ${mode}, and what it allocates outlives killed tasks`, () =>
    withModule(build(mode, ['-O2', source('init.c', SETS_UP)], 'emcc'), async (pool) => {
      for (let i = 0; i < 5; i++) {
        assert.equal(await pool.dispatch('square', 999 - i), (999 - i) ** 2);
        await assert.rejects(pool.dispatch('hang', 0, { timeoutMs: 5 }), { code: 'TIMEOUT' });
      }
      assert.equal(await pool.dispatch('square', 31), 961);
    }));

  for (const end of ['abort();', '__builtin_trap();', 'exit(3);'])
    test(`a pool whose WP_INIT ends with ${end} does not start ${mode}`, async () => {
      const text = `#include <wasmpool.h>\n#include <stdlib.h>\nWP_INIT(ends) { ${end} }\nWP_TASK(idle) { (void)task; return WP_OK; }`;
      const path = build(mode, ['-O1', source('ends.c', text)], 'emcc');
      await assert.rejects(
        withModule(path, async (pool) => void (await pool.dispatch('idle'))),
        { code: 'START_FAILED' },
      );
    });
}

// ---- Arguments ----

const ARGUMENTS = join(ROOT, 'tests', 'js', 'fixtures', 'sdk', 'arguments.c');

for (const mode of MODES)
  test(`helpers read text, a number, several values ${mode}; an argument of another form is none`, () =>
    withModule(build(mode, ['-O2', ARGUMENTS], 'emcc'), async (pool) => {
      const failure = (name, value) => pool.dispatch(name, value).then(assert.fail, ({ message }) => message);
      assert.equal(await pool.dispatch('shout', 'ä'), 'ä!');
      assert.equal(await pool.dispatch('shout', ''), '!');
      assert.equal(await pool.dispatch('shout', { a: 1 }), '{"a":1}!');
      for (const value of [undefined, 5, 'a\0b']) assert.equal(await failure('shout', value), 'no text');
      assert.equal(await pool.dispatch('half', 5), 2.5);
      for (const value of [undefined, '5', new Uint8Array(8)]) assert.equal(await failure('half', value), 'no number');

      const packed = packArguments(
        1.5,
        'ä',
        '',
        new Uint8Array([1, 2, 3]),
        new Float64Array(1).buffer,
        { a: [null] },
        undefined,
        true,
      );
      const listed = '5:8=1.5;2:2=ä;2:0=;1:3;1:8;3:12={"a":[null]};0:0;3:4=true;';
      assert.equal(await pool.dispatch('list', packed), listed);
      assert.equal(await pool.dispatch('list', packArguments('x'.repeat(900))), `2:900=${'x'.repeat(900)};`);
      for (const value of [packArguments(), undefined, 'text', new Uint8Array(40), new Uint8Array(3)])
        assert.equal(await pool.dispatch('list', value), '');
      for (let length = 0; length < packed.length; length++) {
        const found = await pool.dispatch('list', packed.slice(0, length));
        assert.ok(listed.startsWith(found) && found !== listed, `cut off at ${length}: ${found}`);
      }
      for (const word of [1, 2, 3, 4]) {
        const wrong = packed.slice();
        new DataView(wrong.buffer).setUint32(4 * word, 0xfffffff8, true);
        await pool.dispatch('list', wrong); // no address outside is read: it would trap
      }
    }));

test('packArguments refuses by number what it cannot carry', () => {
  for (const [value, text] of [
    [new Map(), /^argument 1 is a Map/],
    [() => 1, /^argument 1 is a function/],
    [1n, /^argument 1: /],
  ])
    assert.throws(() => packArguments('x', value), { code: 'NOT_SERIALIZABLE', message: text });
});

const JSMN = '/usr/include/jsmn.h';
test(
  'examples/c/json.c reads JSON',
  { skip: existsSync(JSMN) ? false : 'there is no jsmn.h here (scripts/packages.sh test)' },
  () => {
    copyFileSync(JSMN, join(scratch, 'jsmn.h'));
    const path = build('--isolated', ['-O2', '-Wall', `-I${scratch}`, join(ROOT, 'examples', 'c', 'json.c')], 'emcc');
    return withModule(path, async (pool) => {
      const items = [
        { name: 'pen', more: { price: 99, list: [1, [2]] }, price: 2.5, count: 4 },
        { price: 1e3, name: 'a "Ä"', count: 2 },
        { name: 'ink', price: 5, count: 1 },
      ];
      assert.deepEqual(await pool.dispatch('bill', { of: 'May', items }), { name: 'a "Ä"', total: 2000 });
      assert.deepEqual(await pool.dispatch('bill', { items: items.slice(0, 1) }), { name: 'pen', total: 10 });
      for (const [value, text] of [
        [5, /is an object/],
        ['{"items"', /is no JSON/],
        ['', /is no JSON/],
        [{ items: 3 }, /no items/],
        [{ items: [{ price: 1 }] }, /costs anything/],
        [[], /no items/],
      ])
        await assert.rejects(pool.dispatch('bill', value), { code: 'TASK_FAILED', message: text });
    });
  },
);

// ---- Debugging ----

const NATIVE = { ...ENV, CC: 'gcc' };

/** @param {string[]} words compiler and flags @returns {string} program that runs one task */
function debugProgram(words) {
  const path = join(scratch, `debug-${builds++}`);
  const [compiler, ...flags] = [...words, ...config('--debug'), '-o', path];
  const { status, stderr } = spawnSync(compiler, flags, { env: NATIVE, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return path;
}

test('a task runs natively by itself: AddressSanitizer sees its overrun, and results and errors are printed', () => {
  const program = debugProgram(['gcc', '-g', '-fsanitize=address,undefined', ARGUMENTS]);
  const start = (args, input = '') => spawnSync(program, args, { input, encoding: 'utf8', env: NATIVE });
  const say = ({ status, stdout, stderr }) => [status, stdout, stderr];
  assert.deepEqual(say(start(['shout', '--text', 'ä'])), [0, 'ä!\n', '']);
  assert.deepEqual(say(start(['shout'], 'from a file')), [0, 'from a file!\n', '']);
  assert.deepEqual(say(start(['half', '--number', '5'])), [0, '2.5\n', '']);
  assert.deepEqual(say(start(['half', '--json', '[1]'])), [1, '', 'TASK_FAILED: no number\n']);
  assert.match(start(['nobody']).stderr, /^usage: [^]*Tasks: list shout half overrun\n$/);
  const { status, stderr } = start(['overrun', '--text', '']);
  assert.notEqual(status, 0);
  assert.match(stderr, /heap-buffer-overflow[^]*arguments\.c/);
});

test(
  'gdb stops in a task, at its line',
  { skip: spawnSync('gdb', ['--version']).error ? 'there is no gdb here' : false },
  () => {
    const program = debugProgram(['gcc', '-g', ARGUMENTS]);
    const commands = ['break wp_task_body_half', 'run', 'backtrace 1'].flatMap((text) => ['-ex', text]);
    const { stdout } = spawnSync('gdb', ['-batch', '-nx', ...commands, '--args', program, 'half', '--number', '5'], {
      encoding: 'utf8',
      env: { ...NATIVE, DEBUGINFOD_URLS: '' },
    });
    assert.match(stdout, /#0 +wp_task_body_half \(task=.*arguments\.c:\d+/);
  },
);

test('an exception of a C++ task is printed, natively', () => {
  const program = debugProgram(['g++', '-std=c++20', '-g', TASKS]);
  const { status, stderr } = spawnSync(program, ['throw_own', '--text', 'x'], { encoding: 'utf8' });
  assert.deepEqual([status, stderr], [1, 'TASK_FAILED: own: x\n']);
});
