/** Finds the function for MODULE#EXPORT: a JS handler of a worker module, or a C task of a module built by emcc. */

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { UsageError, describe, oneLine } from '../fault.js';
import { compileInline } from './inline.js';

/**
 * @typedef {object} Target
 * @property {string} name  as the user gave it: MODULE#EXPORT, or the code
 * @property {string} task
 * @property {'js' | 'c'} kind
 * @property {URL} [module]
 * @property {URL} [wasm]
 */

/** The same as a pool's default for `readyTimeoutMs`. */
const PROBE_MS = 10_000;

/** Texts that only the glue of C tasks contains: our exports and, where they are linked with the core, Emscripten's name for its workers. */
const GLUE_MARKS = [['em-pthread', '_wp_'], ['_wp_isolated_run']];

/**
 * @param {string | undefined} spec  MODULE#EXPORT; undefined if there is code
 * @param {{ wasm?: string, eval?: string, initData?: unknown }} flags  wasm: a module built by emcc whose C tasks may be meant as well
 * @returns {Promise<Target>}
 * @throws {UsageError} if there is no such module or export, or it cannot be loaded
 */
export async function resolveTarget(spec, { wasm, eval: code, initData }) {
  if (code !== undefined) return resolveCode(code, initData);
  if (spec === undefined) throw new UsageError("missing required argument 'MODULE#EXPORT' (or -e CODE)");
  const at = spec.lastIndexOf('#');
  const [name, task] = at < 0 ? [spec, ''] : [spec.slice(0, at), spec.slice(at + 1)];
  if (!name || !task) throw new UsageError(`'${spec}' is not MODULE#EXPORT`);
  const module = locate(name);
  const source = read(module, name);
  const wasmUrl = wasm === undefined ? undefined : locate(wasm);
  if (wasmUrl) read(wasmUrl, String(wasm));
  if (GLUE_MARKS.some((marks) => marks.every((mark) => source.includes(mark))))
    return { name: spec, task, kind: 'c', wasm: module };
  const found = await probe({ module: module.href, initData }, name);
  const named = found.wasm ? new URL(found.wasm, module) : undefined;
  const target = { name: spec, task, module, wasm: wasmUrl ?? named };
  if (found.names.includes(task)) return { ...target, kind: 'js' };
  if (!target.wasm) throw new UsageError(missing(name, task, found.names));
  read(target.wasm, fileURLToPath(target.wasm));
  return { ...target, kind: 'c' };
}

/**
 * @param {string} code  an expression that is a function
 * @param {unknown} initData
 * @returns {Promise<Target>}
 */
async function resolveCode(code, initData) {
  try {
    compileInline(code);
  } catch (error) {
    throw new UsageError(`-e: ${/** @type {Error} */ (error).name}: ${describe(error)}`);
  }
  await probe({ code, initData }, '-e');
  return { name: `-e ${oneLine(code)}`, task: 'code', kind: 'js' };
}

/**
 * @param {string} name
 * @param {string} task
 * @param {string[]} [names]  names that exist
 */
export function missing(name, task, names = []) {
  const others = names.length ? ` (it has ${names.slice(0, 8).join(', ')})` : '';
  return `${name}: has no handler or C task '${task}'${others}`;
}

/** @param {string} name  a path or a file: URL */
function locate(name) {
  try {
    return name.startsWith('file:') ? new URL(name) : pathToFileURL(resolve(name));
  } catch (error) {
    throw new UsageError(`${name}: ${describe(error)}`);
  }
}

/**
 * @param {URL} url
 * @param {string} name
 */
function read(url, name) {
  if (url.pathname.endsWith('.wasm')) {
    throw new UsageError(`${name}: give the .mjs that emcc wrote beside it`);
  }
  try {
    return readFileSync(url, 'latin1');
  } catch (error) {
    throw new UsageError(`${name}: ${describe(error)}`);
  }
}

/**
 * Loads a worker module in a thread of its own to get its exports, so that nothing it does while it loads (print, hang, exit) affects
 * this thread.
 * @param {{ module?: string, code?: string, initData: unknown }} what
 * @param {string} name
 * @returns {Promise<{ names: string[], wasm?: string }>}
 */
async function probe(what, name) {
  const options = { workerData: what, stdout: true, stderr: true };
  const worker = new Worker(new URL('../probe.js', import.meta.url), options);
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  try {
    const answer = await new Promise((done, fail) => {
      worker.once('message', done);
      worker.once('error', fail);
      worker.once('exit', (code) => fail(new Error(`it ended the worker (exit status ${code})`)));
      timer = setTimeout(() => fail(new Error(`not loaded after ${PROBE_MS} ms`)), PROBE_MS);
    });
    if (answer.error) throw new Error(answer.error + (answer.placed ? '' : await syntaxPlace(String(what.module))));
    return answer;
  } catch (error) {
    throw new UsageError(`${name}: cannot be loaded: ${oneLine(describe(error))}`);
  } finally {
    clearTimeout(timer);
    void worker.terminate();
  }
}

/**
 * Finds where a module, or one that it imports, cannot be parsed. The error does not contain that; Node reports it only when the error ends
 * the program. No code of the module runs, because parsing comes first.
 * @param {string} module  URL
 * @returns {Promise<string>} ` (file:…:LINE)`, or '' if it is not known
 */
async function syntaxPlace(module) {
  const code = `await import(${JSON.stringify(module)})`;
  const args = ['--input-type=module', '-e', code];
  const text = await new Promise((done) => {
    execFile(process.execPath, args, { timeout: PROBE_MS }, (_error, _stdout, stderr) => done(stderr));
  });
  const place = /^file:\/\/\S+:\d+$/m.exec(text);
  return place ? ` (${place[0]})` : '';
}
