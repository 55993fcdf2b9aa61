/**
 * Finds the syntax error that keeps a module from being imported. Node reports its place only if the error ends the program, so another
 * process is made to end by it. No code of the module runs there.
 */
import { execFile } from 'node:child_process';

const LIMIT_MS = 5000;

/** Parses a module and those that it imports by relative names, until one cannot be parsed. */
const PROGRAM = `
const { SourceTextModule } = require('node:vm');
const { readFileSync } = require('node:fs');
const todo = new Set([process.argv[1]]);
for (const url of todo) {
  const identifier = url;
  let source = '';
  try { source = readFileSync(new URL(url), 'utf8'); } catch {}
  const read = new SourceTextModule(source, { identifier });
  const names = read.moduleRequests?.map(({ specifier }) => specifier) ?? read.dependencySpecifiers;
  for (const name of names)
    if (/^(\\.{1,2}\\/|\\/|file:).*\\.m?js$/.test(name)) todo.add(new URL(name, url).href);
}`;

/** Pending answers by module, because several workers fail at once. @type {Map<string, Promise<string | undefined>>} */
const pending = new Map();

/**
 * @param {string | undefined} module URL
 * @param {string} message of the error
 * @returns {Promise<string | undefined>} for instance `file:///srv/worker.js:12`
 */
export function findSyntaxError(module, message) {
  if (!module?.startsWith('file:')) return Promise.resolve(undefined);
  const found = pending.get(module) ?? ask(module, message).finally(() => pending.delete(module));
  pending.set(module, found);
  return found;
}

/**
 * @param {string} module
 * @param {string} message
 * @returns {Promise<string | undefined>}
 */
function ask(module, message) {
  const flags = ['--experimental-vm-modules', '--no-warnings', '-e', PROGRAM, module];
  return new Promise((resolve) =>
    execFile(process.execPath, flags, { timeout: LIMIT_MS }, (_error, _stdout, stderr) =>
      resolve(stderr.includes(message) ? /^(\S+:\d+)$/m.exec(stderr)?.[1] : undefined),
    ),
  );
}
