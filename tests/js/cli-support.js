/** Shared by the tests of the command line: a directory with a worker module, and runs of main() in this thread. */

import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { after } from 'node:test';
import { main } from '../../js/cli/cli.js';
import { createPool as open } from '../../js/index.js';

const HANDLERS = `
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
export const double = (x) => x * 2;
export const upper = (line) => line.toUpperCase();
export const size = ({ path, bytes }) => ({ path, size: bytes.length, plain: bytes.constructor.name });
export const odd = (x) => { if (x % 2 === 0) throw new Error('even:\\n' + x); return x; };
export const hangOn3 = (x) => { if (Number(x) === 3) for (;;); return x; };
export const exitOn3 = (x) => { if (x === 3) process.exit(7); return x; };
export const nothing = () => undefined;
export const chatty = (x) => { console.log('a word from the handler'); return x; };
export const cyclic = () => { const a = {}; a.a = a; return a; };
const runs = new Map();
export const failsUntil = ({ id, run }) => {
  runs.set(id, (runs.get(id) ?? 0) + 1);
  if (runs.get(id) < run) throw new Error('run ' + runs.get(id));
  return [id, runs.get(id)];
};
export const aFunction = () => () => 1;
export const gated = async ({ began, open }) => {
  writeFileSync(began, '');
  while (!existsSync(open)) await new Promise((r) => setTimeout(r, 1));
  return 'through';
};
const log = (text) => appendFileSync('started', text + '\\n');
export const thirdFails = (x) => { log(x); if (x % 3 === 0) throw new Error('no'); return x; };
export const firstWaits = async (x) => {
  log(x);
  const wait = async (isOver) => { while (!isOver()) await new Promise((r) => setTimeout(r, 1)); };
  if (x === 1) await wait(() => existsSync('failed'));
  if (x === 2) await wait(() => readFileSync('started', 'utf8').includes('1\\n'));
  if (x === 2) throw new Error('no');
  return x;
};
export const slow = async (x) => { await new Promise((r) => setTimeout(r, 200)); return x; };
export default { triple: (x) => x * 3 };
`;

/** A directory for this test file alone, with the worker module h.mjs. */
export const dir = mkdtempSync(join(tmpdir(), 'wasmpool-cli-'));
writeFileSync(join(dir, 'h.mjs'), HANDLERS);
after(() => rmSync(dir, { recursive: true }));

/** A path in it. */
export const at = (name) => join(dir, name);

/** Writes a file there, and gives its path. */
export function file(name, content) {
  writeFileSync(at(name), content);
  return at(name);
}

export const lines = (text) => text.split('\n').filter(Boolean);

export function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}

/** Settles when all microtasks and immediates that are due have run. */
export async function settle() {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
}

/** Runs main() in this thread. */
export async function run(args, { input = '', createPool = open, stdout = new PassThrough() } = {}) {
  const stderr = new PassThrough();
  const created = [];
  const io = {
    stdin: typeof input === 'string' ? Readable.from([Buffer.from(input)]) : input,
    stdout,
    stderr,
    signals: new EventEmitter(),
    exit: (status) => created.push(`exit ${status}`),
    createPool: (options) => {
      created.push(options);
      return createPool(options);
    },
  };
  const texts = { out: '', err: '' };
  stdout.on('data', (data) => (texts.out += data));
  stderr.on('data', (data) => (texts.err += data));
  const status = await main(args, io);
  await settle();
  return { status, ...texts, created };
}
