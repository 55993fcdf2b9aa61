/**
 * The faults (mutants) that StrykerJS's instrumenter can plant in js/, and those of them that change nothing.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createInstrumenter } from '@stryker-mutator/instrumenter';
import { createInjector } from 'typed-inject';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const work = join(root, 'build/mutation');

/** Error texts are not part of the contract, and most strings are texts. */
const EXCLUDED = ['StringLiteral'];
/** Files that are generated, or only measure. */
const LEFT_OUT = /^js\/(generated|dist)\/|^js\/cli\/bench/;

/**
 * @typedef {{ id: string, fileName: string, mutatorName: string, replacement: string,
 *   location: { start: { line: number, column: number }, end: { line: number, column: number } } }} Mutant
 */

/** @param {string} command @param {string[]} parts */
const output = (command, ...parts) => execFileSync(command, parts, { cwd: root, encoding: 'utf8' });

export const tracked = output('git', 'ls-files').trim().split('\n');
export const commit = output('git', 'rev-parse', '--short', 'HEAD').trim();
const sources = tracked.filter((file) => /^js\/.*\.js$/.test(file) && !LEFT_OUT.test(file));
/** @type {Map<string, string>} */
const texts = new Map(sources.map((file) => [file, readFileSync(join(root, file), 'utf8')]));

/**
 * All mutants, and the sources with switches and coverage notes.
 * @returns {Promise<{ mutants: Mutant[], files: { name: string, content: string }[] }>}
 */
export async function instrument() {
  const quiet = () => {};
  const log = { isDebugEnabled: () => false, debug: quiet, info: quiet, warn: quiet, error: quiet, trace: quiet };
  const instrumenter = createInjector().provideValue('logger', log).injectFunction(createInstrumenter);
  const files = sources.map((name) => ({ name, content: texts.get(name), mutate: true }));
  const options = { plugins: null, excludedMutations: EXCLUDED, ignorers: [], noHeader: false };
  const { mutants, files: switched } = await instrumenter.instrument(files, options);
  return { mutants: mutants.filter(({ status }) => status !== 'Ignored'), files: switched };
}

/** @param {string} text @param {{ line: number, column: number }} position from 0 */
function offset(text, { line, column }) {
  let at = 0;
  for (let n = 0; n < line; n++) at = text.indexOf('\n', at) + 1;
  return at + column;
}

/** A mutant's own piece of code. @param {Mutant} mutant */
export function pieceOf({ fileName, location }) {
  const text = texts.get(fileName) ?? '';
  const from = offset(text, location.start);
  const to = offset(text, location.end);
  return { text, from, to, original: text.slice(from, to) };
}

/** What a mutant is known by from run to run. @param {Mutant} mutant */
export function keyOf({ fileName, mutatorName, location, replacement }) {
  const { start, end } = location;
  return `${fileName}:${start.line}:${start.column}-${end.line}:${end.column} ${mutatorName} ${replacement}`;
}

/**
 * A mutant as equivalent.json names it: by text, so that it is found again when lines or files have moved. The line tells apart
 * equal pieces of code in one file.
 * @param {Mutant} mutant
 */
export function textOf(mutant) {
  const { original } = pieceOf(mutant);
  const line = (texts.get(mutant.fileName) ?? '').split('\n')[mutant.location.start.line].trim();
  return { file: basename(mutant.fileName), line, code: original, replacement: mutant.replacement };
}

/** @type {{ file: string, line: string, code: string, replacement: string, reason: string }[]} */
const equivalent = JSON.parse(readFileSync(new URL('./equivalent.json', import.meta.url), 'utf8'));

/** Why a mutant changes nothing that can be noticed. @param {Mutant} mutant */
export function excuse(mutant) {
  const { file, line, code, replacement } = textOf(mutant);
  return equivalent.find(
    (entry) => entry.file === file && entry.line === line && entry.code === code && entry.replacement === replacement,
  )?.reason;
}

/** @param {Mutant} mutant */
export function describe(mutant) {
  const { original } = pieceOf(mutant);
  const short = (/** @type {string} */ text) => JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text);
  return `${mutant.fileName}:${mutant.location.start.line + 1} ${mutant.mutatorName}\n    - ${short(original)}\n    + ${short(mutant.replacement)}`;
}
