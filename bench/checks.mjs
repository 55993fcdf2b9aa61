/**
 * What loop checks cost: kernels of different kinds without and with them, in the form for the engine that runs this. Builds are
 * interleaved; medians. Runs on Node and on Bun.
 *
 * usage: node bench/checks.mjs MODULE.wasm… [--rounds N] [--json]       (modules: make bench builds them from bench/kernels.c)
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import * as L from '../js/generated/layout.js';
import { instrument } from '../js/instrument/instrument.js';
import { median } from './stats.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '7' }, json: { type: 'boolean' } },
});
const ROUNDS = Number(options.rounds);
const SAMPLE_MS = 40;
const onBun = Boolean(process.versions.bun);
const engine = onBun ? 'jsc' : 'v8';
const check = {
  kind: /** @type {const} */ ('thread'),
  flag: L.STOP_FLAG,
  stop: L.THREAD_STOP,
  tag: L.THREAD_TAG,
  inside: L.THREAD_INSIDE,
};

/** @param {Uint8Array<ArrayBuffer>} bytes */
function instantiate(bytes) {
  const memory = new WebAssembly.Memory({ initial: 16, maximum: 16, shared: true });
  return new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports;
}

/** Milliseconds of one call. */
function time(run, rounds) {
  const start = performance.now();
  run(rounds);
  return performance.now() - start;
}

/** Rounds that take about SAMPLE_MS. */
function calibrate(run) {
  let rounds = 1;
  for (let ms = 0; ms < SAMPLE_MS / 2; rounds *= 2) ms = time(run, rounds);
  return rounds;
}

/** Time with checks over time without, by kernel. */
function compare(bytes) {
  const plain = instantiate(bytes);
  const checked = instantiate(instrument(bytes, { engine, check }).bytes);
  /** @type {Record<string, number>} */
  const ratios = {};
  for (const name of Object.keys(plain)) {
    if (checked[name](3) !== plain[name](3)) throw new Error(`${name}: another result with checks`);
    const rounds = Math.max(calibrate(plain[name]), calibrate(checked[name]));
    const times = { plain: [], checked: [] };
    for (let round = 0; round < ROUNDS; round++) {
      times.plain.push(time(plain[name], rounds));
      times.checked.push(time(checked[name], rounds));
    }
    ratios[name] = median(times.checked) / median(times.plain);
  }
  return ratios;
}

const found = Object.fromEntries(
  positionals.map((path) => [basename(path, '.wasm'), compare(new Uint8Array(readFileSync(path)))]),
);
if (options.json) {
  console.log(JSON.stringify({ engine, found }, null, 2));
} else {
  const builds = Object.keys(found);
  const runtime = onBun ? `Bun ${process.versions.bun}` : `Node ${process.versions.node}`;
  const line = (cells) => console.log(`| ${cells.join(' | ')} |`);
  line([`time with checks / without, ${runtime}, ${engine} form`, ...builds]);
  line(['---', ...builds.map(() => '---')]);
  const kernels = Object.keys(found[builds[0]]);
  for (const kernel of kernels) line([kernel, ...builds.map((build) => found[build][kernel].toFixed(2))]);
  const all = builds.map((build) => kernels.map((kernel) => found[build][kernel]));
  const mean = (ratios) => Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  line(['**geometric mean**', ...all.map((ratios) => `**${mean(ratios).toFixed(3)}**`)]);
  line(['**worst**', ...all.map((ratios) => `**${Math.max(...ratios).toFixed(2)}**`)]);
}
