/** What `make install` puts down, and how CMake, pkg-config and Meson find it: examples/c is built by each of them, and run. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { createPool } from '../../js/index.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TOOLS = join(ROOT, '.toolchain', 'bin');
const EXAMPLE = join(ROOT, 'examples', 'c');
/** 8 times the primes below 1,000, and the run that takes too long. */
const OUTPUT = '1344 primes, 1 killed\n';
const scratch = mkdtempSync(join(tmpdir(), 'wasmpool build '));
const prefix = join(scratch, 'a prefix');
after(() => rmSync(scratch, { recursive: true }));

const ENV = {
  ...process.env,
  PATH: `${TOOLS}:${process.env.PATH}`,
  WASMPOOL_CACHE: join(ROOT, 'build', 'sdk'),
  PKG_CONFIG_PATH: join(prefix, 'lib', 'pkgconfig'),
};

/** @param {string} command @param {string[]} args @param {object} [env] */
function tryTo(command, args, env) {
  return spawnSync(command, args, { encoding: 'utf8', cwd: ROOT, env: { ...ENV, ...env } });
}

/** @param {string} command @param {string[]} args @param {object} [env] @returns {string} what it printed */
function run(command, args, env) {
  const { status, stdout, stderr, error } = tryTo(command, args, env);
  assert.equal(status, 0, `${command} ${args.join(' ')}: ${error ?? ''}\n${stdout}\n${stderr}`);
  return stdout;
}

/** @param {string} tool @returns {string | false} why a test with this tool is skipped */
const without = (tool) =>
  tryTo(tool, ['--version']).error ? `there is no ${tool} here (scripts/packages.sh test)` : false;

before(() => run('make', ['install', `PREFIX=${prefix}`]));

/** @param {string} name of the build directory @param {string[]} options @param {string} [source] */
function cmake(name, options, source = EXAMPLE) {
  const directory = join(scratch, name);
  run('cmake', ['-S', source, '-B', directory, ...options]);
  run('cmake', ['--build', directory]);
  return directory;
}

test('make install puts files under DESTDIR for a life under PREFIX; the shared library has a version, and only public names', () => {
  const stage = join(scratch, 'stage');
  run('make', ['install', 'PREFIX=/opt/pool', `DESTDIR=${stage}`]);
  const library = join(stage, 'opt', 'pool', 'lib');
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const soname = `libwasmpool.so.${version.replace(/\.\d+$/, '')}`;
  assert.equal(readlinkSync(join(library, 'libwasmpool.so')), soname);
  assert.equal(readlinkSync(join(library, soname)), `libwasmpool.so.${version}`);
  assert.match(
    run('readelf', ['-d', join(library, soname)]),
    new RegExp(`SONAME.*\\[${soname.replaceAll('.', '\\.')}\\]`),
  );
  const pc = readFileSync(join(library, 'pkgconfig', 'wasmpool.pc'), 'utf8');
  assert.match(pc, new RegExp(`^prefix=/opt/pool$[^]*^Version: ${version}$`, 'm'));
  assert.ok(!pc.includes(stage));
  const header = readFileSync(join(stage, 'opt', 'pool', 'include', 'wasmpool.h'), 'utf8');
  const names = run('nm', ['-D', '--defined-only', join(library, soname)]).matchAll(/ T (\w+)/g);
  const exported = [...names].map(([, name]) => name);
  assert.ok(
    exported.includes('wp_pool_create_sized') &&
      exported.includes('wp_submit') &&
      exported.includes('wp_task_result_alloc'),
  );
  // and what takes the place of the C library's locks
  const wraps = readFileSync(join(ROOT, 'src', 'embed', 'wraps.txt'), 'utf8');
  for (const name of exported)
    assert.ok(
      new RegExp(`\\b${name}\\(`).test(header) || wraps.includes(`--wrap=${name.replace('__wrap_', '')}\n`),
      name,
    );
  assert.match(run(join(stage, 'opt', 'pool', 'bin', 'wasmpool-config'), ['--version']), new RegExp(version));
});

for (const shared of ['OFF', 'ON'])
  test(`CMake finds the installed library, BUILD_SHARED_LIBS=${shared}`, { skip: without('cmake') }, () => {
    const directory = cmake(`native ${shared}`, [`-DCMAKE_PREFIX_PATH=${prefix}`, `-DBUILD_SHARED_LIBS=${shared}`]);
    assert.equal(run(join(directory, 'primes'), []), OUTPUT);
    assert.equal(run('ldd', [join(directory, 'primes')]).includes('libwasmpool.so'), shared === 'ON');
  });

test('CMake compiles the library where the package is not installed', { skip: without('cmake') }, () => {
  const place = run(join(ROOT, 'bin', 'wasmpool-config'), ['--cmake', '--lines']).trim();
  assert.equal(run(join(cmake('from the package', [`-Dwasmpool_DIR=${place}`]), 'primes'), []), OUTPUT);
});

for (const [name, place] of [
  ['installed', join(prefix, 'lib', 'cmake', 'wasmpool')],
  ['of the package', join(ROOT, 'cmake')],
])
  test(
    `CMake with Emscripten's toolchain file builds a module, by the files ${name}`,
    { skip: without('cmake') },
    async () => {
      const root = run('em-config', ['EMSCRIPTEN_ROOT']).trim();
      const config = run('em-config', ['EM_CONFIG']).trim();
      const options = [
        `-DCMAKE_TOOLCHAIN_FILE=${join(root, 'cmake', 'Modules', 'Platform', 'Emscripten.cmake')}`,
        `-Dwasmpool_DIR=${place}`,
      ];
      const directory = join(scratch, `module ${name}`);
      run('cmake', ['-S', EXAMPLE, '-B', directory, ...options], { EM_CONFIG: config });
      run('cmake', ['--build', directory], { EM_CONFIG: config });
      const pool = await createPool({
        wasm: pathToFileURL(join(directory, 'tasks.mjs')),
        workers: 1,
        isolation: 'worker',
      });
      try {
        assert.equal(await pool.dispatch('primes', 1000), 168);
      } finally {
        await pool.destroy();
      }
    },
  );

test('find_package asks for a version: of the same series only', { skip: without('cmake') }, () => {
  const source = join(scratch, 'versions');
  mkdirSync(source);
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const [major, minor] = version.split('.').map(Number);
  const find = (wanted) => {
    const text = `cmake_minimum_required(VERSION 3.22)\nproject(x C)\nfind_package(wasmpool ${wanted} REQUIRED)\n`;
    writeFileSync(join(source, 'CMakeLists.txt'), text);
    return tryTo('cmake', ['-S', source, '-B', join(scratch, `v${wanted}`), `-DCMAKE_PREFIX_PATH=${prefix}`]);
  };
  for (const wanted of [version, `${major}.${minor}`]) assert.equal(find(wanted).status, 0, wanted);
  const { status, stderr } = find(`${major}.${minor + 1}`);
  assert.notEqual(status, 0);
  assert.match(stderr, /requested\s+version/);
});

/** Compiles the example by what pkg-config says. @param {string} name @param {string} [include] @returns {string} the program */
function byPkgConfig(name, include) {
  const program = join(scratch, name);
  const flags = '$(pkg-config --cflags --libs wasmpool)';
  const line = `eval cc ${include ? '-I"$HEADER"' : ''} '"$SOURCES"'/main.c '"$SOURCES"'/tasks.c ${flags} '-o "$PROGRAM"'`;
  run('sh', ['-c', line.replace('-I"$HEADER"', `'-I"$HEADER"'`)], {
    SOURCES: EXAMPLE,
    PROGRAM: program,
    HEADER: include,
  });
  return program;
}

test('pkg-config says how to compile and link, below a path with spaces', { skip: without('pkg-config') }, () => {
  const program = byPkgConfig('by-pkg-config');
  assert.equal(run(program, [], { LD_LIBRARY_PATH: join(prefix, 'lib') }), OUTPUT);
});

test(
  'a program that was compiled with the header of another version gets no pool',
  { skip: without('pkg-config') },
  () => {
    const include = join(scratch, 'newer');
    mkdirSync(include);
    const header = readFileSync(join(prefix, 'include', 'wasmpool.h'), 'utf8');
    const newer = header.replace(
      'typedef struct wp_config {',
      'typedef struct wp_config {\n  uint64_t of_a_later_version;',
    );
    assert.notEqual(newer, header);
    writeFileSync(join(include, 'wasmpool.h'), newer);
    const { status, stdout, stderr } = tryTo(byPkgConfig('of-another-version', include), [], {
      LD_LIBRARY_PATH: join(prefix, 'lib'),
    });
    assert.deepEqual([status, stdout, stderr], [1, '', 'no pool: this runtime cannot do that\n']);
  },
);

test('Meson finds it through pkg-config', { skip: without('meson') || without('pkg-config') }, () => {
  const source = join(scratch, 'for meson'); // it takes no directory that CMake has built in
  cpSync(EXAMPLE, source, { recursive: true });
  const directory = join(scratch, 'by meson');
  run('meson', ['setup', directory, source]);
  run('meson', ['compile', '-C', directory]);
  assert.equal(run(join(directory, 'primes'), [], { LD_LIBRARY_PATH: join(prefix, 'lib') }), OUTPUT);
});
