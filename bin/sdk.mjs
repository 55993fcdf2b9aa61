/** Finds Emscripten, and compiles the pool's core for it: once, and kept for later builds. Used by wasmpool-config. */
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism, homedir, tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** The first Emscripten that all tests have passed with. */
const LEAST = '3.1.69';
const run = promisify(execFile);

/**
 * @typedef {object} Emscripten
 * @property {string} emcc path of the compiler
 * @property {string} root where its own files are
 * @property {string} version
 */

/**
 * The emcc that will be used: $EMCC, or the first on PATH.
 * @returns {Emscripten}
 * @throws {Error} if there is none, or if it is too old
 */
export function findEmscripten() {
  const named = process.env.EMCC;
  const places =
    named && basename(named) !== named
      ? [named]
      : (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, named || 'emcc'));
  const emcc = places.find((place) => existsSync(place));
  if (!emcc) throw new Error(`there is no emcc ${named ? `at ${named}` : 'on PATH'}`);
  const root = rootOf(emcc);
  const version = versionIn(root);
  if (version && isOlder(version, LEAST)) {
    throw new Error(
      `Emscripten ${version} (${emcc}) is too old: ${LEAST} or newer is needed. The package of Debian 12 is 3.1.6; ` +
        `emsdk has newer ones (https://emscripten.org/docs/getting_started/downloads.html). EMCC=PATH names another emcc`,
    );
  }
  return { emcc, root, version: version ?? 'of unknown version' };
}

/**
 * The native compiler, or a clang: $CC, or this one.
 * @param {string} usual
 * @returns {Emscripten}
 * @throws {Error} if there is none
 */
export function findCompiler(usual) {
  const emcc = process.env.CC || usual;
  try {
    const version = execFileSync(emcc, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return { emcc, root: '/', version: version.split('\n')[0] };
  } catch (cause) {
    throw new Error(`there is no C compiler ${emcc}; CC=PATH names one`, { cause });
  }
}

/** @param {string} emcc `em-config` beside it says where Emscripten's files are; a checkout has them beside emcc itself */
function rootOf(emcc) {
  const tool = join(dirname(emcc), 'em-config');
  if (existsSync(tool)) return execFileSync(tool, ['EMSCRIPTEN_ROOT'], { encoding: 'utf8' }).trim();
  return dirname(realpathSync(emcc));
}

/** @param {string} root @returns {string | undefined} */
function versionIn(root) {
  const path = join(root, 'emscripten-version.txt');
  return existsSync(path) ? /\d+\.\d+\.\d+/.exec(readFileSync(path, 'utf8'))?.[0] : undefined;
}

/** @param {string} version @param {string} least */
function isOlder(version, least) {
  const [a, b] = [version, least].map((text) => text.split('.').map(Number));
  const at = a.findIndex((part, i) => part !== b[i]);
  return at >= 0 && a[at] < b[at];
}

/**
 * What to compile.
 * @typedef {object} Core
 * @property {string} name of the object file
 * @property {string} root the package
 * @property {string[]} sources relative to it
 * @property {string[]} headers relative to it; a change of one is a change of the core
 * @property {string[]} flags
 * @property {string[]} [link] flags for putting its objects together
 */

/**
 * The directory that has the core as an object file, compiled by this Emscripten from these sources.
 * @param {Emscripten} emscripten
 * @param {Core} core
 * @returns {Promise<string>}
 */
export async function compiledCore(emscripten, core) {
  const flags = core.flags.map((flag) => flag.replaceAll(core.root, '')); // copies of the package share what they have compiled
  const hash = createHash('sha256').update(JSON.stringify([emscripten.version, realpathSync(emscripten.root), flags]));
  for (const path of [...core.sources, ...core.headers])
    hash.update(`${path}\0`).update(readFileSync(join(core.root, path)));
  const cache = cacheDirectory();
  const place = join(cache, `${core.name}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(join(place, `${core.name}.o`))) return place;
  process.stderr.write(
    `wasmpool-config: compiling the pool's part of C programs (${core.name}) for ${compilerOf(emscripten)}, once\n`,
  );
  const fresh = mkdtempSync(join(cache, 'new-'));
  try {
    await compile(emscripten.emcc, core, fresh);
    renameSync(fresh, place);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(join(place, `${core.name}.o`))) throw error; // else another one was faster
  }
  return place;
}

/** @param {Emscripten} compiler */
function compilerOf({ root, version }) {
  return root === '/' ? version : `Emscripten ${version}`;
}

/**
 * @param {string} emcc
 * @param {Core} core
 * @param {string} directory
 */
async function compile(emcc, { name, root, sources, flags, link = [] }, directory) {
  const left = [...sources.entries()];
  /** @type {string[]} */
  const objects = sources.map((_, i) => join(directory, `${i}.o`));
  const work = async () => {
    for (let next = left.shift(); next; next = left.shift())
      await emscriptens(emcc, [...flags, '-c', join(root, next[1]), '-o', objects[next[0]]]);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  await emscriptens(emcc, [...link, '-r', ...objects, '-o', join(directory, `${name}.o`)]);
  for (const object of objects) rmSync(object);
}

/** @param {string} emcc @param {string[]} args */
async function emscriptens(emcc, args) {
  // What the user sets for a link of their own must not reach the core.
  const env = { ...process.env, EMCC_CFLAGS: '' };
  try {
    await run(emcc, args, { env });
  } catch (error) {
    throw new Error(`the pool's core does not compile:\n${/** @type {any} */ (error).stderr ?? error}`, {
      cause: error,
    });
  }
}

/** @returns {string} a directory that nobody else can write to: $WASMPOOL_CACHE, or where caches of this user are kept */
function cacheDirectory() {
  const { WASMPOOL_CACHE, XDG_CACHE_HOME } = process.env;
  const user = process.getuid?.() ?? 'user';
  const places = WASMPOOL_CACHE
    ? [WASMPOOL_CACHE]
    : [join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'wasmpool'), join(tmpdir(), `wasmpool-${user}`)];
  for (const place of places) {
    try {
      mkdirSync(place, { recursive: true, mode: 0o700 });
      const stat = lstatSync(place);
      if (process.getuid && (stat.uid !== process.getuid() || (stat.mode & 0o022) !== 0)) continue;
      rmSync(mkdtempSync(join(place, 'try-')), { recursive: true });
      return place;
    } catch {
      // The next one.
    }
  }
  throw new Error(`none of these directories can be written to by this user alone: ${places.join(', ')}`);
}
